"""Quotes over REST, from the symbol actors' memory."""

import math
import re
from datetime import datetime
from typing import Annotated, Any

import msgspec
import trio

from ibactors.actors.symbol import Update
from ibactors.errors import (
    ActorDown,
    CompetingSession,
    ContractAmbiguous,
    ContractNotFound,
    GatewayDisconnected,
    GatewayRefused,
    GatewayTimeout,
    IbactorsError,
    InvalidRequest,
    MailboxFull,
    MarketDataNotSubscribed,
    NoFreeLine,
    NoMarketData,
)
from ibactors.keys import Scope
from ibactors.model.encoded import Encoded
from ibactors.model.instruments import Instrument, Named, names_of
from ibactors.model.quotes import Quote
from ibactors.model.times import whole
from ibactors.web.contract.codec import encode
from ibactors.web.contract.problems import Problem, problem_of
from ibactors.web.contract.queries import CombinableQuery, FieldNames, QuotesQuery, SymbolInPath, fields_of, instrument_of, instruments_of
from ibactors.web.contract.schemas import REF
from ibactors.web.contract.tables import Rows
from ibactors.web.operation import Answer, Call, Nothing, Operation
from ibactors.web.system import System

_PROBLEMS = (
    ContractNotFound,
    ContractAmbiguous,
    CompetingSession,
    MarketDataNotSubscribed,
    NoFreeLine,
    NoMarketData,
    GatewayDisconnected,
    GatewayRefused,
    GatewayTimeout,
    ActorDown,
    MailboxFull,
    InvalidRequest,
)


# A plus sign that was not written as %2B arrives as a blank.
RFC3339 = r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,12})?(?:[Zz]|[+ -][0-9]{2}:[0-9]{2})"


class QuoteQuery(CombinableQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One quote, now or when there is another."""

    symbol: SymbolInPath

    wait: Annotated[
        float, msgspec.Meta(ge=0, le=60, description="Seconds to wait at most, for the first quote or for another than `after`: 0 to 60.")
    ] = 0.0
    after: (
        Annotated[
            str,
            msgspec.Meta(
                pattern=whole(RFC3339),
                description="The `timestamp` of the last quote that you have: date, time and offset, as in 2026-11-22T15:10:02Z.",
                examples=["2026-11-22T15:10:02.295882Z"],
            ),
        ]
        | None
    ) = None
    fields: FieldNames | None = None


class Quotes(msgspec.Struct, frozen=True):
    """One entry a symbol: a quote, or the problem that stands in its place."""

    quotes: dict[
        str,
        Annotated[
            dict[str, Any],
            msgspec.Meta(extra_json_schema={"oneOf": [{"$ref": REF.format(name="Quote")}, {"$ref": REF.format(name="Problem")}]}),
        ],
    ]
    """By instrument, as it was asked for."""


async def get_quote(call: Call[QuoteQuery, Nothing]) -> Answer:
    instrument = instrument_of(call.query.symbol, call.query)
    encoded = await _first_quote(call, instrument)
    if _waits(call.query, encoded):
        encoded = await _next_quote(call, instrument)
    return Answer(body=_served(call.system, encoded))


def _what(instrument: Instrument) -> tuple[str, Instrument]:
    """What is asked of a gateway; as of the channel, what one has refused the other need not ask for."""
    return "quotes", instrument


def _quote_of(call: Call[QuoteQuery, Nothing]) -> tuple[str, Instrument]:
    return _what(instrument_of(call.query.symbol, call.query))


async def _first_quote(call: Call[QuoteQuery, Nothing], instrument: Instrument) -> Encoded[Quote]:
    """What there is, or comes first; `wait` is how long the client has, if it says so."""
    wait = call.query.wait
    with trio.move_on_after(wait or math.inf):
        return await call.site.market.quote(instrument, caller=call.along.holder, fields=fields_of(call.query.fields))
    raise NoMarketData(f"No tick has come within {wait:g} s.")


def newest_quote(call: Call[QuoteQuery, Nothing]) -> bytes | None:
    """The same where nothing has to be waited for."""
    instrument, fields = instrument_of(call.query.symbol, call.query), fields_of(call.query.fields)
    known = (site.market.newest(instrument, fields) for site in call.system.choices.order(_what(instrument)))
    encoded = next(filter(None, known), None)
    return None if encoded is None or _waits(call.query, encoded) else _served(call.system, encoded)


def _waits(query: QuoteQuery, encoded: Encoded[Quote]) -> bool:
    """Whether the client has this quote and wants to wait for another."""
    return query.after is not None and _is_of(encoded.value.timestamp, query.after) and bool(query.wait)


def _is_of(timestamp: str, after: str) -> bool:
    """Whether a quote is the one of the time *after*, as precise as that is: some have three digits. Raises InvalidRequest."""
    if timestamp == after:
        return True
    try:
        wanted = datetime.fromisoformat(after.upper().replace(" ", "+"))
        quote = datetime.fromisoformat(timestamp)
        digits = min(len(re.findall(r"\.(\d+)", after)[0]), 6) if "." in after else 0
        return quote.replace(microsecond=quote.microsecond // 10 ** (6 - digits) * 10 ** (6 - digits)) == wanted
    except (ValueError, OverflowError):
        raise InvalidRequest(
            "'after' is no time of any calendar.", field="after", remedy="Send the timestamp of a quote as it came."
        ) from None


def _served(system: System, encoded: Encoded[Quote]) -> bytes:
    """The one place where REST lets go of a quote."""
    system.meters.quoted(encoded)
    return encoded.json


async def _next_quote(call: Call[QuoteQuery, Nothing], instrument: Instrument) -> Encoded[Quote]:
    """What there is when something changed, when the time is up or when the service stops."""
    system, query, caller = call.system, call.query, call.along.holder
    changed = trio.Event()

    def look(update: Update | None) -> None:
        if not (
            isinstance(update, Encoded)
            and isinstance(update.value, Quote)
            and query.after is not None
            and _is_of(update.value.timestamp, query.after)
        ):
            changed.set()

    ref = await call.site.market.open(instrument, caller=caller, stream=False)
    with ref.held(caller), ref.updates.listening(look) as newest:
        look(newest)
        async with trio.open_nursery() as nursery:
            nursery.cancel_scope.deadline = trio.current_time() + query.wait
            nursery.start_soon(_end_at, system.stop, nursery.cancel_scope)
            await changed.wait()
            nursery.cancel_scope.cancel(reason="there is something new")
    return await call.site.market.quote(instrument, caller=caller, fields=fields_of(query.fields))


async def _end_at(event: trio.Event, scope: trio.CancelScope) -> None:
    await event.wait()
    scope.cancel(reason="the service stops")


async def get_quotes(call: Call[QuotesQuery, Nothing]) -> Answer:
    instruments = instruments_of(call.query)
    call.count_symbols(len(instruments))
    entries: dict[str, msgspec.Raw | Problem] = {}
    async with trio.open_nursery() as nursery:
        for symbol, instrument in instruments.items():
            nursery.start_soon(_quote_or_problem, call, symbol, instrument, entries)
    return Answer(body=encode({"quotes": {symbol: entries[symbol] for symbol in instruments}}))


async def _quote_or_problem(
    call: Call[QuotesQuery, Nothing], symbol: str, instrument: Instrument, entries: dict[str, msgspec.Raw | Problem]
) -> None:
    try:
        caller, fields = call.along.holder, fields_of(call.query.fields)
        encoded = await call.system.choices.ask(_what(instrument), lambda site: site.market.quote(instrument, caller=caller, fields=fields))
        entries[symbol] = msgspec.Raw(_served(call.system, encoded))
    except IbactorsError as exc:
        ref = call.system.choices.order(_what(instrument))[0].market.find(instrument)
        names = names_of(instrument) if ref is None else ref.names
        entries[symbol] = msgspec.structs.replace(problem_of(exc), instrument=Named(**names | {"symbol": names["symbol"] or symbol}))


OPERATIONS = (
    Operation(
        method="GET",
        path="/market/quote/{symbol}",
        handle=get_quote,
        asks=_quote_of,
        at_once=newest_quote,
        summary="The newest quote of one instrument",
        tag="Market data",
        scope=Scope.READ,
        query=QuoteQuery,
        body=Nothing,
        returns=Quote,
        rows=Rows(of=Quote, without="fields"),
        problems=_PROBLEMS,
        description=(
            "The first request for an instrument opens a market-data line and waits for the first set of values; later ones are answered "
            "from memory. `timestamp` is when the newest value arrived from the gateway. With `after` and `wait` the answer comes when "
            "there is another quote than the one of that timestamp, or when the time is up: live quotes for clients that can have neither "
            "a WebSocket nor server-sent events."
        ),
    ),
    Operation(
        method="GET",
        path="/market/quotes",
        handle=get_quotes,
        summary="The newest quotes of several instruments",
        tag="Market data",
        scope=Scope.READ,
        query=QuotesQuery,
        body=Nothing,
        returns=Quotes,
        rows=Rows(of=Quote, member="quotes", key="symbol", without="fields", columns=(("code",),)),
        problems=(InvalidRequest,),
    ),
)
