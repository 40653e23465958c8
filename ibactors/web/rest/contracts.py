"""Contracts over REST: search, details, price steps and hours, from the memory of the contracts actor."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import msgspec

from ibactors.errors import (
    ActorDown,
    ContractNotFound,
    GatewayDisconnected,
    GatewayRefused,
    GatewayTimeout,
    InvalidRequest,
    MailboxFull,
    TooManyContracts,
)
from ibactors.keys import Scope
from ibactors.model.contracts import ContractDetails, FoundContract, PriceIncrement
from ibactors.model.hours import Hours, parse_hours, utc, zone_of
from ibactors.model.instruments import Instrument, SecType
from ibactors.model.times import whole
from ibactors.web.contract.queries import Code, InstrumentQuery, SymbolText, instrument_of
from ibactors.web.contract.tables import Rows
from ibactors.web.operation import Call, Nothing, Operation, reference_data

PROBLEMS = (
    ContractNotFound,
    TooManyContracts,
    GatewayDisconnected,
    GatewayRefused,
    GatewayTimeout,
    ActorDown,
    MailboxFull,
    InvalidRequest,
)
_OPTIONS = frozenset({SecType.OPT, SecType.FOP})

ConId = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1, description="IB's contract id.")]


class SearchQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to look for."""

    q: Annotated[
        str,
        msgspec.Meta(
            pattern=whole(r"[^\x00-\x1f\x7f]{1,64}"), description="The beginning of a symbol, or part of a name; 1 to 64 characters."
        ),
    ]
    sec_type: Annotated[SecType, msgspec.Meta(description="Only contracts of this kind, or with derivatives of it.")] | None = None


class FoundContracts(msgspec.Struct, frozen=True):
    """What was found, the best match first; IB sends some twenty at most."""

    results: tuple[FoundContract, ...]
    """The best match first."""


class ContractsQuery(InstrumentQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which contracts."""

    symbol: SymbolText | None = None
    include_expired: Annotated[bool, msgspec.Meta(description="Futures that have expired, too; IB keeps them for two years.")] = False


class Contracts(msgspec.Struct, frozen=True):
    """All contracts that fit."""

    contracts: tuple[ContractDetails, ...]
    """Each with all that IB says of it."""


class ContractQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One contract, as it is at an exchange."""

    con_id: ConId
    exchange: Annotated[Code, msgspec.Meta(description="One of its `valid_exchanges`; as IB names it if not given.")] | None = None


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """The steps of prices at one exchange, the lowest price first."""

    con_id: int
    exchange: str
    market_rule_id: int | None
    """Null where IB has none; `increments` is `min_tick` then."""
    increments: tuple[PriceIncrement, ...]
    """The lowest price first."""
    min_tick: float
    """The smallest step of any of its price ranges, at whatever exchange."""


class HoursQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The hours of one contract."""

    con_id: ConId
    days: Annotated[
        int,
        msgspec.Meta(
            ge=1,
            le=30,
            description="From today on. IB tells six days, or some more if it is set to, and of later ones nothing: see `through`.",
        ),
    ] = 6


class TradingSession(msgspec.Struct, frozen=True, kw_only=True):
    """One stretch of trading."""

    date: str
    """The trading day, which for a session that begins on the evening before is the day on which it ends."""
    kind: str
    """`liquid` for regular hours, `trading` for all in which orders are taken; the latter include the former."""
    open: str
    """When it begins."""
    close: str
    """When it ends."""


class ContractHours(msgspec.Struct, frozen=True, kw_only=True):
    """When a contract trades; days that are neither in `sessions` nor in `closed` are not known."""

    con_id: int
    time_zone: str | None
    """As IB names it; null where it tells no hours."""
    sessions: tuple[TradingSession, ...]
    """In the order of time."""
    closed: tuple[str, ...]
    """Days without any session."""
    through: str | None
    """The last day that IB tells; those after it that were asked for are left out."""
    open_now: bool | None
    """Whether orders are taken at this moment; null if IB does not say."""
    liquid_now: bool | None
    """The same for regular hours."""


async def search_contracts(call: Call[SearchQuery, Nothing]) -> FoundContracts:
    rows = await call.site.contracts.search(call.query.q.strip(), caller=call.caller.name)
    kind = call.query.sec_type
    return FoundContracts(tuple(row for row in rows if kind is None or row.sec_type == kind.value or kind.value in row.derivatives))


async def get_contracts(call: Call[ContractsQuery, Nothing]) -> Contracts:
    query, contracts = call.query, call.site.contracts
    if query.con_id:
        return Contracts((await contracts.contract(query.con_id, (query.exchange or "").upper(), caller=call.caller.name),))
    if not query.symbol:
        raise InvalidRequest("Neither symbol nor con_id is given.", field="symbol", remedy="Name a symbol, or a con_id alone.")
    instrument = instrument_of(query.symbol, query)
    _check_narrow(instrument)
    return Contracts(await contracts.details(instrument, caller=call.caller.name, include_expired=query.include_expired))


def _check_narrow(instrument: Instrument) -> None:
    """A class of options has up to ten thousand contracts, and a gateway that is asked for all of them hangs."""
    if instrument.sec_type in _OPTIONS and not (instrument.expiry or instrument.strike or instrument.local_symbol):
        raise InvalidRequest(
            f"{instrument.sec_type} without expiry and strike would be thousands of contracts.",
            field="expiry",
            remedy=f"Name expiry or strike. GET /options/chain/{instrument.symbol} lists the expirations and strikes that there are, "
            f"and GET /options/chain/{instrument.symbol}/{{expiry}} the contracts of one day.",
        )


async def get_contract(call: Call[ContractQuery, Nothing]) -> ContractDetails:
    return await call.site.contracts.contract(call.query.con_id, (call.query.exchange or "").upper(), caller=call.caller.name)


async def get_rules(call: Call[ContractQuery, Nothing]) -> Rules:
    contracts = call.site.contracts
    contract = await contracts.contract(call.query.con_id, caller=call.caller.name)
    exchange = (call.query.exchange or contract.exchange).upper()
    rules = dict(zip(contract.valid_exchanges, contract.market_rule_ids, strict=False))
    if call.query.exchange and exchange not in contract.valid_exchanges:
        raise InvalidRequest(
            f"{contract.name} does not trade at {exchange}.", field="exchange", remedy=f"Accepted: {', '.join(contract.valid_exchanges)}."
        )
    rule = rules.get(exchange)
    if rule is None:
        steps: tuple[PriceIncrement, ...] = (PriceIncrement(low_edge=0.0, increment=contract.min_tick),)
    else:
        steps = await contracts.increments(rule, contract, caller=call.caller.name)
    return Rules(con_id=contract.con_id, exchange=exchange, market_rule_id=rule, increments=steps, min_tick=contract.min_tick)


async def get_hours(call: Call[HoursQuery, Nothing]) -> ContractHours:
    contract = await call.site.contracts.contract(call.query.con_id, caller=call.caller.name)
    return hours_of(contract, datetime.now(UTC), call.query.days)


def hours_of(contract: ContractDetails, now: datetime, days: int) -> ContractHours:
    """The hours of some days from *now* on. Raises GatewayRefused if they cannot be read."""
    try:
        zone = zone_of(contract.time_zone) if contract.time_zone else UTC
        known = {
            "trading": parse_hours(contract.trading_hours, contract.time_zone or "UTC"),
            "liquid": parse_hours(contract.liquid_hours, contract.time_zone or "UTC"),
        }
    except ValueError as exc:
        raise GatewayRefused(f"The hours of {contract.name} that the gateway sent cannot be read: {exc}.") from exc
    today = now.astimezone(zone).date()
    last = today + timedelta(days=days - 1)
    sessions = [
        TradingSession(date=f"{span.day}", kind=kind, open=utc(span.opens), close=utc(span.closes))
        for kind, hours in known.items()
        for span in hours.spans
        if today <= span.day <= last
    ]
    trading = known["trading"]
    return ContractHours(
        con_id=contract.con_id,
        time_zone=contract.time_zone,
        sessions=tuple(sorted(sessions, key=lambda session: (session.open, session.kind != "trading"))),
        closed=tuple(f"{day}" for day in trading.closed if today <= day <= last),
        through=_through(trading),
        open_now=trading.is_open(now),
        liquid_now=known["liquid"].is_open(now),
    )


def _through(hours: Hours) -> str | None:
    return None if hours.last is None else f"{hours.last}"


OPERATIONS = (
    Operation(
        method="GET",
        path="/contracts/search",
        handle=search_contracts,
        asks=reference_data,
        summary="Find contracts by symbol or name",
        tag="Contracts",
        scope=Scope.READ,
        query=SearchQuery,
        body=Nothing,
        returns=FoundContracts,
        rows=Rows(of=FoundContract, member="results"),
        problems=(GatewayDisconnected, GatewayRefused, GatewayTimeout, ActorDown, MailboxFull, InvalidRequest),
        description=(
            "IB takes one search a second, which all clients share in turns; equal ones are asked once and kept for an hour. "
            "Issuers of bonds have an `issuer_id` and no `con_id`."
        ),
    ),
    Operation(
        method="GET",
        path="/contracts",
        handle=get_contracts,
        asks=reference_data,
        summary="All contracts that fit, in full",
        tag="Contracts",
        scope=Scope.READ,
        query=ContractsQuery,
        body=Nothing,
        returns=Contracts,
        rows=Rows(of=ContractDetails, member="contracts"),
        problems=PROBLEMS,
        description="Kept for a day. Options take an expiry or a strike; `/options/chain/{symbol}` lists both.",
    ),
    Operation(
        method="GET",
        path="/contracts/{con_id}",
        handle=get_contract,
        asks=reference_data,
        summary="One contract in full",
        tag="Contracts",
        scope=Scope.READ,
        query=ContractQuery,
        body=Nothing,
        returns=ContractDetails,
        problems=PROBLEMS,
    ),
    Operation(
        method="GET",
        path="/contracts/{con_id}/rules",
        handle=get_rules,
        asks=reference_data,
        summary="The steps of a contract's prices",
        tag="Contracts",
        scope=Scope.READ,
        query=ContractQuery,
        body=Nothing,
        returns=Rules,
        problems=PROBLEMS,
        description="A price that is not a multiple of the increment of its range is refused by IB (error 110).",
    ),
    Operation(
        method="GET",
        path="/contracts/{con_id}/hours",
        handle=get_hours,
        asks=reference_data,
        summary="When a contract trades",
        tag="Contracts",
        scope=Scope.READ,
        query=HoursQuery,
        body=Nothing,
        returns=ContractHours,
        problems=PROBLEMS,
    ),
)
