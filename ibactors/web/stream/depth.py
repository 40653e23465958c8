"""The channel of books: the whole book of an instrument whenever it changes, or what has changed in it; the newest only."""

from contextlib import ExitStack
from functools import partial
from typing import Annotated, Any

import msgspec

from ibactors.actors.depth import DepthRef, change
from ibactors.actors.site import Site
from ibactors.kernel.topic import Topic
from ibactors.keys import Scope
from ibactors.model.depth import Depth, DepthDelta, DepthReset, DepthStale
from ibactors.model.instruments import Instrument
from ibactors.web.contract.books import RowCount, Smart
from ibactors.web.contract.queries import named_instruments
from ibactors.web.stream.channel import Channel
from ibactors.web.stream.quotes import QuotesParameters
from ibactors.web.stream.source import Source
from ibactors.web.system import System


class DepthParameters(QuotesParameters, frozen=True, kw_only=True):
    """Which books, and how much of them."""

    rows: RowCount = 5
    smart: Smart | None = None
    delta: Annotated[
        bool, msgspec.Meta(description="Of books: whether a whole book is followed by what changes in it, while that is shorter.")
    ] = False


def _sources(system: System, parameters: DepthParameters) -> list[Source]:
    symbols = [*([parameters.symbol] if parameters.symbol else []), *(parameters.symbols or [])]
    instruments = named_instruments(symbols, parameters.con_ids or (), parameters)
    site = system.site
    return [_source(symbol, instrument, parameters, site) for symbol, instrument in instruments.items()]


def _source(symbol: str, instrument: Instrument, wanted: DepthParameters, site: Site) -> Source:
    found: list[DepthRef] = []

    async def open_book(holder: str, until_stopped: ExitStack) -> Topic[Any]:
        ref = await site.books.book(instrument, smart=wanted.smart, caller=holder)
        until_stopped.enter_context(ref.held(holder))
        found.append(ref)
        return ref.view(wanted.rows)

    return Source(
        key=(instrument, wanted.smart),
        symbol=symbol,
        names=lambda: found[0].names if found else {},
        site=site,
        at=partial(_source, symbol, instrument, wanted),
        open=open_book,
        change=change if wanted.delta else None,
    )


DEPTH = Channel(
    name="depth",
    summary="the newest book of each symbol, rows of both sides",
    scope=Scope.STREAM,
    parameters=DepthParameters,
    sources=_sources,
    messages={
        "depth": (
            Depth,
            "A whole book of the channel `depth`: at once if it is known, then when it has changed, 20 times per second at most.",
        ),
        "depth_delta": (DepthDelta, "What has changed since the book that was sent before; for who asked for it."),
        "depth_reset": (DepthReset, "IB has thrown a book away (317); it comes anew."),
        "depth_stale": (DepthStale, "A book stopped."),
    },
)
