"""The channel of ticks: each trade, quote or midpoint of an instrument, none left out."""

from collections.abc import Iterable
from contextlib import ExitStack
from functools import partial
from typing import Annotated, Any

import msgspec

from ibactors.actors.site import Site
from ibactors.actors.ticks import TicksRef
from ibactors.kernel.topic import Topic
from ibactors.keys import Scope
from ibactors.model.encoded import Encoded
from ibactors.model.instruments import Instrument
from ibactors.model.ticks import LiveKind, LiveTick
from ibactors.web.contract.queries import named_instruments
from ibactors.web.stream.channel import Channel
from ibactors.web.stream.quotes import NumberedParameters
from ibactors.web.stream.source import Source
from ibactors.web.system import System


class TicksParameters(NumberedParameters, frozen=True, kw_only=True):
    """Which instruments, and what of them."""

    kind: Annotated[LiveKind, msgspec.Meta(description=f"Which ticks, in the channel `ticks`: {', '.join(LiveKind)}.")] = LiveKind.LAST


def _sources(system: System, parameters: TicksParameters) -> list[Source]:
    symbols = [*([parameters.symbol] if parameters.symbol else []), *(parameters.symbols or [])]
    instruments = named_instruments(symbols, parameters.con_ids or (), parameters)
    site, after = system.site, parameters.after_sequence
    return [_source(symbol, instrument, parameters.kind, site, after) for symbol, instrument in instruments.items()]


def _source(symbol: str, instrument: Instrument, of: LiveKind, site: Site, after: int | None) -> Source:
    found: list[TicksRef] = []

    async def open_ticks(holder: str, until_stopped: ExitStack) -> Topic[Any]:
        ref = await site.tickers.ticks(instrument, of, caller=holder)
        until_stopped.enter_context(ref.held(holder))
        found.append(ref)
        return ref.updates

    def first(_topic: Topic[Any]) -> Iterable[Encoded[Any]]:
        return found[0].tape.since(after) if after is not None else ()

    return Source(
        key=(instrument, of),
        symbol=symbol,
        names=lambda: found[0].names if found else {},
        site=site,
        at=lambda other: _source(symbol, instrument, of, other, after),
        open=open_ticks,
        kind=of,
        first=first,
        moved=lambda since: [found[0].tape.taken_up(since)],
        position=f"ticks/{symbol}/{of}",
        resumed=partial(_source, symbol, instrument, of, site),
    )


TICKS = Channel(
    name="ticks",
    summary="each trade, quote or midpoint by itself, none left out",
    scope=Scope.STREAM,
    parameters=TicksParameters,
    sources=_sources,
    messages={"tick": (LiveTick, "One tick of the channel `ticks`, or one that was missed in a break (`backfill`).")},
    conflated=False,
)
