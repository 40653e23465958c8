"""An actor for one profit and loss: that of an account, or of one of its positions."""

from typing import Any

from ibactors.actors.connection import ConnectionRef
from ibactors.actors.feed import FedActor, FedRef, Feed
from ibactors.actors.subscriber import Directory
from ibactors.bridge.profits import ProfitLine
from ibactors.bridge.subscriptions import Subscription
from ibactors.model.accounts import Profit, ProfitKey
from ibactors.model.instruments import Instrument


class ProfitRef(FedRef):
    """One profit and loss. Listeners of `updates` are told each `Profit`, or the error that stands in its place."""

    def __init__(self, key: ProfitKey, instrument: Instrument | None) -> None:
        super().__init__(f"pnl:{key}", key)
        self.of = key
        self.instrument = instrument
        """Of a position; None for an account, whose figures depend on the data of all it holds."""

    async def profit(self, within: float) -> Profit:
        """The newest figures; waits up to *within* seconds for the first ones. Raises what `newest` raises."""
        profit: Profit = await self.newest("send profit and loss", within=within)
        return profit


class ProfitActor(FedActor[Profit]):
    """One incarnation."""

    def __init__(self, ref: ProfitRef, connection: ConnectionRef, directory: Directory, *, idle_seconds: float) -> None:
        super().__init__(ref, connection, directory, idle_seconds=idle_seconds)
        self._me = ref

    async def subscription(self, feed: Feed) -> Subscription[Any]:
        return ProfitLine(self._me.of, self._me.instrument, feed)
