"""The channel of live bars: a bar while it forms, and each once as final."""

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from functools import partial
from typing import Annotated, Any

import msgspec

from ibactors.actors.bars import BarsRef, Series
from ibactors.actors.site import Site
from ibactors.errors import InvalidRequest
from ibactors.kernel.topic import Topic
from ibactors.keys import Scope
from ibactors.model.bars import BarSize, BarsStale, LiveBar, What
from ibactors.model.encoded import Encoded
from ibactors.model.instruments import names_of
from ibactors.web.contract.queries import named_instruments
from ibactors.web.stream.channel import Channel
from ibactors.web.stream.quotes import NumberedParameters
from ibactors.web.stream.source import Source
from ibactors.web.system import System

_KINDS = (What.TRADES, What.MIDPOINT, What.BID, What.ASK)


class BarsParameters(NumberedParameters, frozen=True, kw_only=True):
    """Which series, of which instruments."""

    bar: Annotated[BarSize, msgspec.Meta(description="How long a bar is: 5s to 1mo. Those of 5s come when they are over.")] = BarSize.M1
    what: Annotated[What, msgspec.Meta(description="What a bar is made of: trades, midpoint, bid or ask.")] = What.TRADES
    rth: Annotated[bool, msgspec.Meta(description="Whether of regular trading hours only.")] = True


def _sources(system: System, parameters: BarsParameters) -> list[Source]:
    if parameters.bar is BarSize.S1:
        raise InvalidRequest("IB keeps no bars of one second up to date.", field="bar", remedy="5s is the shortest.")
    if parameters.what not in _KINDS:
        raise InvalidRequest(f"There are no live bars of {parameters.what}.", field="what", remedy=f"Accepted: {', '.join(_KINDS)}.")
    symbols = [*([parameters.symbol] if parameters.symbol else []), *(parameters.symbols or [])]
    named = named_instruments(symbols, parameters.con_ids or (), parameters)
    series = partial(Series, bar=parameters.bar, what=parameters.what, rth=parameters.rth)
    site, after = system.site, parameters.after_sequence
    return [_source(symbol, series(instrument=instrument), site, after) for symbol, instrument in named.items()]


def _source(symbol: str, series: Series, site: Site, after: int | None) -> Source:
    return Source(
        key=series,
        symbol=symbol,
        names=partial(_names, site, series),
        site=site,
        at=lambda other: _source(symbol, series, other, after),
        open=partial(_open, site, series),
        kind=series.bar,
        first=partial(_first, site, series, after),
        moved=partial(_moved, site, series),
        position=f"bars/{symbol}/{series.bar}/{series.what}/{series.rth}",
        resumed=partial(_source, symbol, series, site),
    )


def _names(site: Site, series: Series) -> Mapping[str, Any]:
    ref = site.bars.running.get(series)
    return names_of(series.instrument) if ref is None else ref.names


async def _open(site: Site, series: Series, holder: str, until_stopped: ExitStack) -> Topic[Any]:
    ref = await site.bars.of(series, caller=holder)
    until_stopped.enter_context(ref.held(holder))
    return ref.updates


def _first(site: Site, series: Series, after: int | None, _topic: Topic[Any]) -> Iterable[Encoded[Any]]:
    """The present bar, if there is one that may be shown, after what was missed."""
    ref: BarsRef | None = site.bars.running.get(series)
    return () if ref is None else ref.since(after, current=site.session.current)


def _moved(site: Site, series: Series, since: str) -> Iterable[Encoded[Any]]:
    """A gap, as a bar may have ended meanwhile, and the present bar."""
    ref: BarsRef | None = site.bars.running.get(series)
    return () if ref is None else [ref.tape.taken_up(since), *ref.since(None, current=site.session.current)]


BARS = Channel(
    name="bars",
    summary="live bars of each symbol, of any size from 5s on",
    scope=Scope.STREAM,
    parameters=BarsParameters,
    sources=_sources,
    messages={
        "bar": (LiveBar, "A bar: with each change while it forms, then once as final, or once as backfill if its time was missed."),
        "bars_stale": (BarsStale, "A series of bars stopped."),
    },
    conflated=False,
)
