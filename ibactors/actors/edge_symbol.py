"""A symbol of an edge: the same as where the gateway is, but that its contract and its line come from the session's holder."""

from ibactors.actors.edge import EdgeRef
from ibactors.actors.lookup import Found
from ibactors.actors.symbol import Feed, SymbolRef
from ibactors.actors.symbol_actor import Market, SymbolActor
from ibactors.bus import wire
from ibactors.model.instruments import ContractInfo


class EdgeSymbol(SymbolActor):
    """One incarnation."""

    def __init__(self, ref: SymbolRef, edge: EdgeRef, market: Market, *, idle_seconds: float) -> None:
        super().__init__(ref, edge, market, idle_seconds=idle_seconds)
        self._edge = edge

    async def find(self, known: Found | None) -> Found:  # noqa: ARG002  # the holder remembers
        return await self._edge.find(self._me.instrument, caller=self._me.holder)

    async def subscribe(self, contract: ContractInfo, feed: Feed) -> None:  # noqa: ARG002  # the holder knows it
        question = wire.Open(self._me.reading, self._me.holder[:200], frozenset(self._me.fields))
        await self._edge.open(self._me, question, feed)
