"""The channels of live headlines and of running scans."""

from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from typing import Any

from ibactors.actors.news import NewsKey
from ibactors.bridge.scans import ScanTerms
from ibactors.kernel.topic import Topic
from ibactors.keys import Scope
from ibactors.model.instruments import names_of
from ibactors.model.news import Headline, Scan, ScanStale
from ibactors.web.contract.providers import Providers, joined
from ibactors.web.contract.queries import named_instruments
from ibactors.web.contract.scans import ScanParameters, terms_of
from ibactors.web.stream.channel import Channel, Source
from ibactors.web.stream.quotes import QuotesParameters
from ibactors.web.system import System


class NewsParameters(QuotesParameters, frozen=True, kw_only=True):
    """Headlines about which instruments, and who writes them."""

    providers: Providers | None = None


def _of_news(system: System, parameters: NewsParameters) -> list[Source]:
    symbols = [*([parameters.symbol] if parameters.symbol else []), *(parameters.symbols or [])]
    named = named_instruments(symbols, parameters.con_ids or (), parameters)
    keys = {symbol: NewsKey(instrument=instrument, providers=joined(parameters.providers)) for symbol, instrument in named.items()}
    return [
        Source(key=key, symbol=symbol, names=partial(_names, system, key), open=partial(_open_news, system, key))
        for symbol, key in keys.items()
    ]


def _names(system: System, key: NewsKey) -> Mapping[str, Any]:
    ref = system.site.news.running.get(key)
    return names_of(key.instrument) if ref is None else ref.names


async def _open_news(system: System, key: NewsKey, holder: str, until_stopped: ExitStack) -> Topic[Any]:
    ref = await system.site.news.of(key, caller=holder)
    until_stopped.enter_context(ref.held(holder))
    return ref.updates


def _of_scans(system: System, parameters: ScanParameters) -> list[Source]:
    terms = terms_of(parameters)
    current = partial(_is_current, system)
    return [Source(key=terms, open=partial(_open_scan, system, terms), is_current=current)]


async def _open_scan(system: System, terms: ScanTerms, holder: str, until_stopped: ExitStack) -> Topic[Any]:
    ref = await system.site.scans.of(terms, caller=holder)
    until_stopped.enter_context(ref.held(holder))
    return ref.updates


def _is_current(system: System, _value: Any) -> bool:
    return system.site.connection.sessions.value.current


NEWS = Channel(
    name="news",
    summary="headlines about each symbol",
    scope=Scope.STREAM,
    parameters=NewsParameters,
    sources=_of_news,
    messages={"headline": (Headline, "A headline, as it comes in.")},
    conflated=False,
)
SCANNER = Channel(
    name="scanner",
    summary="a market scan that IB repeats every half minute",
    scope=Scope.STREAM,
    parameters=ScanParameters,
    sources=_of_scans,
    messages={
        "scan": (Scan, "The whole of a scan: at once, and each time that IB repeats it."),
        "scan_stale": (ScanStale, "A scan stopped."),
    },
)
