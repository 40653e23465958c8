"""How a chain is put together: the underlying, the class, the contracts of one expiry, and a look at each."""

import math
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Annotated

import msgspec
import trio

from ibactors.actors.contracts import ContractsRef
from ibactors.actors.lookup import MOST_CANDIDATES
from ibactors.actors.site import Site
from ibactors.errors import ContractAmbiguous, ContractNotFound, IbactorsError, InvalidRequest, NoMarketData
from ibactors.model.contracts import ContractDetails, OptionClass, OptionLeg
from ibactors.model.instruments import ContractInfo, Instrument, SecType
from ibactors.model.quotes import Quote
from ibactors.model.times import whole
from ibactors.web.contract.queries import Code, InstrumentQuery, SymbolInPath, instrument_of

MOST_LEGS = 400
"""Options of one answer: some ten seconds at IB's pace."""
FEW_LEGS = 60
"""So many have their open interest asked for without being told to."""
QUOTE_WAIT = 1.0
"""Seconds for which a chain that is complete waits for the quote of the underlying."""
_NAMES = ("con_id", "symbol", "sec_type", "exchange", "primary_exchange", "currency", "local_symbol", "expiry", "long_name")


class UnderlyingQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the options are on, and which of them."""

    symbol: SymbolInPath
    sec_type: (
        Annotated[SecType, msgspec.Meta(description="Of the underlying; a stock, or the index of that symbol if there is none.")] | None
    ) = None
    currency: Annotated[str, msgspec.Meta(pattern=whole("[A-Za-z]{3}"), description="Three letters.")] = "USD"
    con_id: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1, description="Of the underlying, in place of all else about it.")] = 0
    future: (
        Annotated[str, msgspec.Meta(pattern=whole("[0-9]{6}([0-9]{2})?"), description="Expiry of a future that is the underlying.")] | None
    ) = None
    exchange: Annotated[Code, msgspec.Meta(description="Of the options.")] | None = None
    trading_class: (
        Annotated[str, msgspec.Meta(pattern=whole("[A-Za-z0-9 ._-]{1,20}"), description="Of the options, such as SPXW.")] | None
    ) = None


class ExpiryQuery(UnderlyingQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One expiry of one class."""

    expiry: Annotated[str, msgspec.Meta(pattern=whole("[0-9]{8}"), description="One of the class's expirations, yyyymmdd.")]
    strikes_around: (
        Annotated[int, msgspec.Meta(ge=1, le=50, description="So many strikes below the underlying's price and as many above.")] | None
    ) = None
    min_strike: Annotated[float, msgspec.Meta(ge=0, description="The lowest strike.")] | None = None
    max_strike: Annotated[float, msgspec.Meta(ge=0, description="The highest strike.")] | None = None
    right: Annotated[str, msgspec.Meta(pattern=whole("[CPcp]"), description="C or P; both if not given.")] | None = None
    greeks: Annotated[bool, msgspec.Meta(description="Whether to wait for what IB's model says.")] = True
    open_interest: (
        Annotated[bool, msgspec.Meta(description="Takes twice the time; if not given, asked for where at most 60 options are shown.")]
        | None
    ) = None


class ChainRow(msgspec.Struct, frozen=True, kw_only=True):
    """One strike; null for what is not listed, or was not asked for."""

    strike: float
    trading_class: str
    call: OptionLeg | None
    """The right to buy."""
    put: OptionLeg | None
    """The right to sell."""


class ExpiryChain(msgspec.Struct, frozen=True, kw_only=True):
    """One expiry of one class, by strike."""

    symbol: str
    under_con_id: int
    expiry: str
    trading_class: str
    exchange: str
    """Of the options."""
    multiplier: str
    underlying: Quote | None
    """Null if there is none at the moment."""
    rows: tuple[ChainRow, ...]
    """The lowest strike first."""
    missing: tuple[float, ...]
    """Strikes of the class in the range of the answer that IB does not list for this expiry."""


async def underlying_of(contracts: ContractsRef, query: UnderlyingQuery, caller: str) -> ContractDetails:
    """The one underlying. Raises ContractNotFound, ContractAmbiguous."""
    kind = query.sec_type or (SecType.FUT if query.future else None)
    given = InstrumentQuery(sec_type=kind, currency=query.currency, expiry=query.future, con_id=query.con_id)
    asked = instrument_of(query.symbol, given)
    found = await contracts.details(asked, caller=caller)
    if len(found) > 1:
        raise ContractAmbiguous(f"{len(found)} contracts fit {asked.name}.", extra={"candidates": _candidates(found[:MOST_CANDIDATES])})
    return found[0]


async def classes_of(contracts: ContractsRef, under: ContractDetails, query: UnderlyingQuery, caller: str) -> tuple[OptionClass, ...]:
    """Its option classes, of the exchange and class that are asked for. Raises ContractNotFound."""
    try:
        known = await contracts.option_classes(under, caller=caller)
    except ContractNotFound:
        known = ()
    if not known:
        raise ContractNotFound(f"The gateway knows no options on {under.name}.")
    exchange, trading_class = (query.exchange or "").upper(), (query.trading_class or "").upper()
    found = tuple(
        row for row in known if row.exchange == (exchange or row.exchange) and row.trading_class == (trading_class or row.trading_class)
    )
    if not found:
        classes, exchanges = _names(row.trading_class for row in known), _names(row.exchange for row in known)
        raise ContractNotFound(f"There are options on {under.symbol}, but of the classes {classes} at {exchanges}.")
    return found


def class_of(known: Sequence[OptionClass], query: ExpiryQuery) -> OptionClass:
    """The class that expires on the day, at SMART if it is there. Raises ContractNotFound, ContractAmbiguous."""
    fitting = [row for row in known if query.expiry in row.expirations]
    if not fitting:
        days = sorted({day for row in known for day in row.expirations}, key=lambda day: (abs(int(day) - int(query.expiry)), day))[:6]
        raise ContractNotFound(f"No option of {query.symbol.upper()} expires on {query.expiry}; the next days are {_names(days)}.")
    classes = sorted({row.trading_class for row in fitting})
    if len(classes) > 1:
        raise ContractAmbiguous(
            f"Options of the classes {', '.join(classes)} expire on {query.expiry}; name one as trading_class.",
            extra={"candidates": [{"trading_class": name, "expiry": query.expiry} for name in classes]},
        )
    return next((row for row in fitting if row.exchange == "SMART"), fitting[0])


async def chain_of(site: Site, under: ContractDetails, found: OptionClass, query: ExpiryQuery, caller: str) -> ExpiryChain:
    """The contracts of the day, and a look at each that is asked for."""
    options = await site.contracts.options(under, found, query.expiry, caller=caller)
    right = (query.right or "").upper()
    options = tuple(sorted((o for o in options if o.right == (right or o.right)), key=lambda option: (option.strike, option.right)))
    quote = None if query.strikes_around is None else await site.market.quote(Instrument.of_id(under.con_id), caller=caller)
    options, missing = _window(options, found, query, None if quote is None else _spot(quote.value))
    if len(options) > MOST_LEGS:
        raise InvalidRequest(
            f"{len(options)} options are more than {MOST_LEGS}.",
            field="strikes_around",
            remedy="Name strikes_around, or min_strike and max_strike, or one right.",
        )
    legs, underlying = await _look(site, under, options, query, caller)
    return ExpiryChain(
        symbol=under.symbol,
        under_con_id=under.con_id,
        expiry=query.expiry,
        trading_class=found.trading_class,
        exchange=found.exchange,
        multiplier=found.multiplier,
        underlying=underlying,
        rows=_rows(options, legs),
        missing=missing,
    )


async def _look(
    site: Site, under: ContractDetails, options: tuple[ContractInfo, ...], query: ExpiryQuery, caller: str
) -> tuple[tuple[OptionLeg, ...], Quote | None]:
    """The legs, and at the same time the quote of the underlying, of which there may be none. Raises what `ChainsRef.look` raises."""
    interest = len(options) <= FEW_LEGS if query.open_interest is None else query.open_interest
    legs: tuple[OptionLeg, ...] = ()
    quotes: list[Quote] = []
    problem: IbactorsError | None = None

    async def quote() -> None:
        with suppress(IbactorsError):
            quotes.append((await site.market.quote(Instrument.of_id(under.con_id), caller=caller)).value)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(quote)
        try:
            legs = await site.chains.look(options, greeks=query.greeks, open_interest=interest, caller=caller)
            nursery.cancel_scope.deadline = trio.current_time() + QUOTE_WAIT
        except IbactorsError as exc:
            problem = exc
            nursery.cancel_scope.cancel(reason="there is no chain")
    if problem is not None:
        raise problem
    return legs, quotes[0] if quotes else None


def _window(
    options: tuple[ContractInfo, ...], found: OptionClass, query: ExpiryQuery, spot: float | None
) -> tuple[tuple[ContractInfo, ...], tuple[float, ...]]:
    """The options whose strikes are asked for, and the strikes of the class among these that none of them has."""
    listed = sorted({option.strike for option in options})
    low = 0.0 if query.min_strike is None else query.min_strike
    high = math.inf if query.max_strike is None else query.max_strike
    if spot is not None and query.strikes_around is not None:
        inside = [strike for strike in listed if low <= strike <= high]
        below = [strike for strike in inside if strike < spot][-query.strikes_around :]
        above = [strike for strike in inside if strike >= spot][: query.strikes_around]
        low, high = min([*below, *above], default=low), max([*below, *above], default=high)
    missing = sorted({strike for strike in found.strikes if low <= strike <= high} - set(listed))
    return tuple(option for option in options if low <= option.strike <= high), tuple(missing)


def _rows(options: tuple[ContractInfo, ...], legs: tuple[OptionLeg, ...]) -> tuple[ChainRow, ...]:
    by_strike: dict[float, dict[str, OptionLeg]] = {}
    classes = {option.strike: option.trading_class for option in options}
    for option, leg in zip(options, legs, strict=True):
        by_strike.setdefault(option.strike, {})[option.right] = leg
    return tuple(
        ChainRow(strike=strike, trading_class=classes[strike], call=found.get("C"), put=found.get("P"))
        for strike, found in by_strike.items()
    )


def _spot(quote: Quote) -> float:
    """Between bid and ask, else the last price, else that of the day before. Raises NoMarketData."""
    if quote.bid is not None and quote.ask is not None:
        return (quote.bid + quote.ask) / 2
    price = quote.last if quote.last is not None else quote.close
    if price is None:
        raise NoMarketData(f"{quote.symbol} has no price, so that no strikes are around it; name min_strike and max_strike.")
    return price


def _candidates(found: Iterable[ContractDetails]) -> list[dict[str, object]]:
    return [{name: value for name, value in msgspec.to_builtins(row).items() if name in _NAMES} for row in found]


def _names(values: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(values))
