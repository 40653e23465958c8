"""The channels of live headlines, of bulletins and of running scans."""

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from functools import partial
from typing import Any

import msgspec
import trio

from ibactors.actors.news import NewsKey
from ibactors.actors.site import Site
from ibactors.bridge.scans import ScanTerms
from ibactors.kernel.topic import Topic
from ibactors.keys import Scope
from ibactors.model.encoded import Encoded
from ibactors.model.instruments import names_of
from ibactors.model.news import Bulletin, Headline, Scan, ScanStale
from ibactors.web.contract.providers import Providers, joined
from ibactors.web.contract.queries import named_instruments
from ibactors.web.contract.scans import ScanParameters, terms_of
from ibactors.web.stream.channel import Channel
from ibactors.web.stream.quotes import AfterSequence, NumberedParameters
from ibactors.web.stream.source import Source
from ibactors.web.system import System


class NewsParameters(NumberedParameters, frozen=True, kw_only=True):
    """Headlines about which instruments, and who writes them."""

    providers: Providers | None = None


def _of_news(system: System, parameters: NewsParameters) -> list[Source]:
    symbols = [*([parameters.symbol] if parameters.symbol else []), *(parameters.symbols or [])]
    named = named_instruments(symbols, parameters.con_ids or (), parameters)
    keys = {symbol: NewsKey(instrument=instrument, providers=joined(parameters.providers)) for symbol, instrument in named.items()}
    site, after = system.site, parameters.after_sequence
    return [_news_source(symbol, key, site, after) for symbol, key in keys.items()]


def _news_source(symbol: str, key: NewsKey, site: Site, after: int | None) -> Source:
    def first(_topic: Topic[Any]) -> Iterable[Encoded[Any]]:
        ref = site.news.running.get(key)
        return ref.tape.since(after) if ref is not None and after is not None else ()

    def moved(since: str) -> Iterable[Encoded[Any]]:
        ref = site.news.running.get(key)
        return () if ref is None else [ref.tape.taken_up(since)]

    return Source(
        key=key,
        symbol=symbol,
        names=partial(_names, site, key),
        site=site,
        at=lambda other: _news_source(symbol, key, other, after),
        moved=moved,
        open=partial(_open_news, site, key),
        first=first,
        position=f"news/{symbol}/{key.providers}",
        resumed=partial(_news_source, symbol, key, site),
    )


def _names(site: Site, key: NewsKey) -> Mapping[str, Any]:
    ref = site.news.running.get(key)
    return names_of(key.instrument) if ref is None else ref.names


async def _open_news(site: Site, key: NewsKey, holder: str, until_stopped: ExitStack) -> Topic[Any]:
    ref = await site.news.of(key, caller=holder)
    until_stopped.enter_context(ref.held(holder))
    return ref.updates


class BulletinsParameters(msgspec.Struct, frozen=True, kw_only=True):
    """From where on."""

    after_sequence: AfterSequence = None


def _of_bulletins(system: System, parameters: BulletinsParameters) -> list[Source]:
    return [_bulletins_source(system.site, parameters.after_sequence)]


def _bulletins_source(site: Site, after: int | None) -> Source:
    tape, updates = site.bulletins.tape, site.bulletins.updates

    async def open_bulletins(_holder: str, _until_stopped: ExitStack) -> Topic[Any]:
        await trio.lowlevel.checkpoint()
        return updates

    def first(_topic: Topic[Any]) -> Iterable[Encoded[Any]]:
        return tape.newest() if after is None else tape.since(after)

    return Source(
        key="bulletins",
        open=open_bulletins,
        first=first,
        position="bulletins",
        resumed=partial(_bulletins_source, site),
    )


def _of_scans(system: System, parameters: ScanParameters) -> list[Source]:
    return [_scan_source(terms_of(parameters), system.site)]


def _scan_source(terms: ScanTerms, site: Site) -> Source:
    current = partial(_is_current, site)
    return Source(key=terms, site=site, at=partial(_scan_source, terms), open=partial(_open_scan, site, terms), is_current=current)


async def _open_scan(site: Site, terms: ScanTerms, holder: str, until_stopped: ExitStack) -> Topic[Any]:
    ref = await site.scans.of(terms, caller=holder)
    until_stopped.enter_context(ref.held(holder))
    return ref.updates


def _is_current(site: Site, _value: Any) -> bool:
    return site.session.current


NEWS = Channel(
    name="news",
    summary="headlines about each symbol",
    scope=Scope.STREAM,
    parameters=NewsParameters,
    sources=_of_news,
    messages={"headline": (Headline, "A headline, as it comes in.")},
    conflated=False,
)
BULLETINS = Channel(
    name="bulletins",
    summary="what IB tells everybody",
    scope=Scope.STREAM,
    parameters=BulletinsParameters,
    sources=_of_bulletins,
    messages={"bulletin": (Bulletin, "A bulletin: those that are known at once, then each as it comes in.")},
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
