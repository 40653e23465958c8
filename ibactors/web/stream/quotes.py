"""The channel of quotes: the newest of each symbol, or why there is none."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from contextlib import ExitStack
from functools import partial
from typing import Annotated, Any

import msgspec

from ibactors.actors.site import Site
from ibactors.actors.symbol import Update
from ibactors.kernel.topic import Topic
from ibactors.keys import Scope
from ibactors.model.instruments import Instrument, names_of
from ibactors.model.quotes import Quote, Stale
from ibactors.web.contract.queries import MAX_SYMBOLS, CombinableQuery, ContractId, FieldNames, SymbolText, fields_of, named_instruments
from ibactors.web.stream.channel import Channel
from ibactors.web.stream.source import Source
from ibactors.web.system import System


class QuotesParameters(CombinableQuery, frozen=True, kw_only=True):
    """Which instruments."""

    symbol: SymbolText | None = None
    symbols: Annotated[list[SymbolText], msgspec.Meta(min_length=1, max_length=MAX_SYMBOLS)] | None = None
    con_ids: Annotated[list[ContractId], msgspec.Meta(min_length=1, max_length=MAX_SYMBOLS)] | None = None


_AFTER = "The number of the last message that the client has got of `ticks`, `bars`, `news` or `bulletins`; what came since is sent."
AfterSequence = Annotated[int, msgspec.Meta(ge=0, le=2**53, description=_AFTER)] | None


class NumberedParameters(QuotesParameters, frozen=True, kw_only=True):
    """Which instruments, of a channel whose messages have numbers."""

    after_sequence: AfterSequence = None


class QuotesWanted(QuotesParameters, frozen=True, kw_only=True):
    """Which instruments, and what of them."""

    fields: FieldNames | None = None


def sources_of(system: System, instruments: Mapping[str, Instrument], fields: AbstractSet[str]) -> list[Source]:
    """The quotes of some instruments, by how their client names them, with *fields* besides."""
    site = system.site
    return [_source(symbol, instrument, fields, site) for symbol, instrument in instruments.items()]


def _source(symbol: str, instrument: Instrument, fields: AbstractSet[str], site: Site) -> Source:
    return Source(
        key=instrument,
        symbol=symbol,
        names=partial(_names, site, instrument),
        site=site,
        at=partial(_source, symbol, instrument, fields),
        open=partial(_open, site, instrument, fields),
    )


def _sources(system: System, parameters: QuotesWanted) -> list[Source]:
    symbols = [*([parameters.symbol] if parameters.symbol else []), *(parameters.symbols or [])]
    return sources_of(system, named_instruments(symbols, parameters.con_ids or (), parameters), fields_of(parameters.fields))


def _names(site: Site, instrument: Instrument) -> Mapping[str, Any]:
    ref = site.market.find(instrument)
    return names_of(instrument) if ref is None else ref.names


async def _open(
    site: Site, instrument: Instrument, fields: AbstractSet[str], holder: str, until_stopped: ExitStack
) -> Topic[Update | None]:
    ref = await site.market.open(instrument, caller=holder, stream=True)
    until_stopped.enter_context(ref.held(holder))
    ref.want(fields)
    return ref.updates


QUOTES = Channel(
    name="quotes",
    summary="the newest quote of each symbol",
    scope=Scope.STREAM,
    parameters=QuotesWanted,
    sources=_sources,
    kept_on_edges=True,
    messages={
        "quote": (Quote, "The newest quote of a symbol: at once after subscribing, and with each change."),
        "stale": (Stale, "A symbol's data stopped."),
    },
)
