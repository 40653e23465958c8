"""What an order needs to know of the world before it is judged: the contract and its ticks, a price to measure against, a rate."""

import re
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

import trio
from msgspec.structs import replace

from ibactors.actors.account import AccountRef
from ibactors.actors.connection import ConnectionRef
from ibactors.actors.lookup import find
from ibactors.actors.market import MarketRef
from ibactors.actors.orders import money
from ibactors.bridge.order_lists import Listed, ListedLeg, describe, increments
from ibactors.errors import ContractAmbiguous, ContractNotFound, IbactorsError, InvalidRequest
from ibactors.model.accounts import AccountBook
from ibactors.model.hours import parse_hours
from ibactors.model.instruments import Instrument, SecType
from ibactors.model.quotes import Quote
from ibactors.model.symbols import SYMBOL, named
from ibactors.orders.canonical import Tradable
from ibactors.orders.collar import Reference, ReferenceKind
from ibactors.orders.errors import NoExchangeRate
from ibactors.orders.prices import Increment, MarketRule
from ibactors.orders.request import InstrumentBody, LegBody
from ibactors.orders.terms import Leg, Session, Side, Terms, TimeInForce

KEPT = 12 * 3600.0
"""Seconds for which contracts and market rules are kept."""
MOST_KEPT = 2_000
QUOTE_WAIT = 3.0


class Surveyor:
    """Asks for it, and keeps what does not change within a day."""

    def __init__(self, connection: ConnectionRef, account: AccountRef, market: MarketRef) -> None:
        self._connection = connection
        self._account = account
        self._market = market
        self._contracts: dict[InstrumentBody, tuple[float, Listed]] = {}
        self._rules: dict[int, tuple[float, MarketRule]] = {}

    async def contract(self, body: InstrumentBody, legs: Sequence[LegBody | Leg] = ()) -> tuple[Listed, Tradable]:
        """The one contract that is meant. Raises ContractNotFound, ContractAmbiguous and what the gateway fails with."""
        if legs:
            return await self._combination(body, legs)
        known = self._contracts.get(body)
        if known is None or known[0] < trio.current_time() - KEPT:
            found = {row.con_id: row for row in await self._connection.request(describe(await self._meant(body)))}
            if not found:
                raise ContractNotFound("No contract fits the instrument.")
            if len(found) > 1:
                rows = [{"con_id": row.con_id, "symbol": row.symbol, "local_symbol": row.local_symbol} for row in found.values()][:20]
                raise ContractAmbiguous(f"{len(found)} contracts fit the instrument.", extra={"candidates": rows})
            known = trio.current_time(), next(iter(found.values()))
            if len(self._contracts) >= MOST_KEPT:
                self._contracts.clear()
            self._contracts[body] = known
        return known[1], tradable(known[1], await self._rule(known[1]))

    async def _meant(self, body: InstrumentBody) -> InstrumentBody:
        """The one contract that a name means, by its id at its exchange: names are read as everywhere."""
        if body.con_id:
            return body
        reading, found = await find(self._connection, instrument_of(body), caller="orders")
        return InstrumentBody(con_id=found.con_id, exchange=reading.exchange or found.exchange)

    async def _combination(self, body: InstrumentBody, legs: Sequence[LegBody | Leg]) -> tuple[Listed, Tradable]:
        """A combination of contracts that are there; its price moves by the least increment of its legs."""
        found: list[ListedLeg] = []
        steps: list[Decimal] = []
        for position, leg in enumerate(legs):
            exchange = leg.exchange if leg.exchange != "SMART" else None
            listed, its = await self.contract(InstrumentBody(con_id=leg.con_id, exchange=exchange))
            found.append(ListedLeg(listed=listed, ratio=leg.ratio if leg.side is Side.BUY else -leg.ratio))
            steps.append(min(step.increment for step in its.rule.increments))
            if listed.currency != found[0].listed.currency or listed.sec_type in {"IND", "BAG", "CASH"}:
                raise InvalidRequest("The legs of a combination are traded, in one currency.", field=f"legs.{position}.con_id")
        first = found[0].listed
        combined = replace(
            first,
            con_id=0,
            symbol=body.symbol or first.symbol,
            sec_type="BAG",
            exchange=body.exchange or "SMART",
            local_symbol="",
            expiry="",
            multiplier=max(each.listed.multiplier for each in found),
            order_types=frozenset({"MKT", "LMT"}),
            rule_id=None,
            min_tick=min(steps),
            min_size=Decimal(0),
            size_increment=Decimal(0),
            under_con_id=None,
            legs=tuple(found),
        )
        kinds = tuple(each.listed.sec_type for each in found)
        return combined, replace(tradable(combined, await self._rule(combined)), leg_types=kinds)

    async def underlying(self, listed: Listed) -> Decimal | None:
        """The price of what an option is on, of anything else its own, of a combination the greatest of its legs'; None for unknown."""
        if listed.legs:
            prices = [await self.underlying(each.listed) for each in listed.legs]
            return None if None in prices else max(price for price in prices if price is not None)
        if listed.sec_type in {"OPT", "FOP"}:
            if listed.under_con_id is None:
                return None
            listed, _ = await self.contract(InstrumentBody(con_id=listed.under_con_id))
        found = await self.reference(listed)
        return None if found is None else max(abs(found.bid), abs(found.ask))

    async def _net(self, listed: Listed) -> Reference | None:
        """The market of a combination: what its legs come to at once, by the poorest of their references."""
        legs = [(await self.reference(each.listed), each.ratio) for each in listed.legs]
        known = [(found, ratio) for found, ratio in legs if found is not None]
        if len(known) < len(legs):
            return None
        return Reference(
            kind=max((found.kind for found, _ in known), key=list(ReferenceKind).index),
            bid=sum((ratio * (found.bid if ratio > 0 else found.ask) for found, ratio in known), Decimal(0)),
            ask=sum((ratio * (found.ask if ratio > 0 else found.bid) for found, ratio in known), Decimal(0)),
            at=min(found.at for found, _ in known),
            scale=sum((abs(ratio * found.ask) for found, ratio in known), Decimal(0)),
        )

    async def _rule(self, listed: Listed) -> MarketRule:
        if listed.rule_id is None:
            return MarketRule(rule_id=0, increments=(Increment(low_edge=Decimal(0), increment=listed.min_tick or Decimal("0.01")),))
        known = self._rules.get(listed.rule_id)
        if known is None or known[0] < trio.current_time() - KEPT:
            rule = await self._connection.request_one(increments(listed.rule_id))
            known = self._rules[listed.rule_id] = trio.current_time(), rule
        return known[1]

    async def reference(self, listed: Listed) -> Reference | None:
        """The best price there is to measure against; None where there is none."""
        if listed.legs:
            return await self._net(listed)
        instrument = Instrument(
            symbol=listed.symbol.upper(),
            exchange=listed.exchange,
            currency=listed.currency,
            sec_type=SecType(listed.sec_type),
            con_id=listed.con_id,
        )
        with trio.move_on_after(QUOTE_WAIT):
            try:
                return reference_of((await self._market.quote(instrument, caller="orders")).value)
            except IbactorsError:
                return None
        return None

    async def rate(self, account: str, currency: str) -> Decimal:
        """Base currency for one unit of *currency*. Raises NoExchangeRate."""
        book = await self._book(account)
        if currency == book.base_currency:
            return Decimal(1)
        figure = book.figures.get(("ExchangeRate", currency))
        try:
            rate = Decimal(figure.value) if figure is not None else Decimal(0)
        except ArithmeticError:
            rate = Decimal(0)
        if not rate.is_finite() or rate <= 0:
            raise NoExchangeRate(f"There is no rate from {currency} to the account's base currency.")
        return rate

    async def base_currency(self, account: str) -> str | None:
        """The account's own."""
        return (await self._book(account)).base_currency

    async def _book(self, account: str) -> AccountBook:
        """What is known of an account, in this step where it may be shown already."""
        told = self._account.newest(account, needs="summary")
        return told.book if told is not None else await self._account.book(account, needs="summary")

    def positions(self) -> dict[tuple[str, int], Decimal]:
        """What the accounts hold, by account and con_id."""
        states = self._account.states.value.by_account.values()
        held = [position for state in states for position in getattr(state.value, "positions", ())]
        return {(each.account, each.con_id): money(each.position) for each in held}


def instrument_of(body: InstrumentBody) -> Instrument:
    """What an order's instrument names. Raises InvalidRequest."""
    try:
        kind = SecType(body.sec_type.upper()) if body.sec_type else None
    except ValueError:
        raise InvalidRequest("There is no such sec_type.", field="instrument.sec_type", remedy=f"Accepted: {', '.join(SecType)}.") from None
    if kind is SecType.CONTFUT:
        remedy = "Name the month: ESZ6, or sec_type FUT with an expiry."
        raise InvalidRequest("A continuous future is not traded.", field="instrument.sec_type", remedy=remedy)
    symbol = (body.symbol or "").strip(" ")
    if not re.fullmatch(SYMBOL, symbol) and (symbol or not body.local_symbol):
        raise InvalidRequest("The symbol is missing or none.", field="instrument.symbol", remedy="Name a symbol, or a con_id alone.")
    return named(
        symbol,
        exchange=body.exchange or "",
        currency=body.currency or "",
        sec_type=kind,
        primary_exchange=body.primary_exchange or "",
        expiry=body.expiry or "",
        strike=float(body.strike or 0),
        right=body.right or "",
        multiplier=body.multiplier or "",
        trading_class=body.trading_class or "",
        local_symbol=body.local_symbol or "",
    )


def tradable(listed: Listed, rule: MarketRule) -> Tradable:
    """A contract, with the increments of its exchange."""
    return Tradable(
        con_id=listed.con_id,
        symbol=listed.symbol,
        sec_type=listed.sec_type,
        exchange=listed.exchange,
        currency=listed.currency,
        multiplier=listed.multiplier,
        price_magnifier=listed.price_magnifier,
        order_types=listed.order_types,
        size_increment=listed.size_increment,
        min_size=listed.min_size,
        rule=rule,
    )


def reference_of(quote: Quote) -> Reference | None:
    """A live two-sided market; else the last trade; of delayed data, whatever there is, as a previous close."""
    bid, ask, last = quote.bid, quote.ask, quote.last
    at = datetime.fromisoformat(quote.timestamp).timestamp()
    if bid and ask and bid <= ask:
        kind = ReferenceKind.CLOSE if quote.market_data_type != "live" else ReferenceKind.QUOTE
        return Reference(kind=kind, bid=money(bid), ask=money(ask), at=at)
    price, kind = (last, ReferenceKind.LAST) if last and quote.market_data_type == "live" else (last or quote.close, ReferenceKind.CLOSE)
    return Reference(kind=kind, bid=money(price), ask=money(price), at=at) if price else None


def expires_at(terms: Terms, listed: Listed) -> float | None:
    """When its time in force is over, by the contract's calendar; None where that is not known, or where it stays until cancelled."""
    if terms.time_in_force is TimeInForce.GTD and terms.good_till is not None:
        return terms.good_till.timestamp()
    if terms.time_in_force is not TimeInForce.DAY:
        return None
    try:
        text = listed.liquid_hours if terms.session is Session.REGULAR else listed.trading_hours
        spans = parse_hours(text, listed.zone).spans
    except ValueError:
        return None
    present = datetime.fromtimestamp(time.time(), UTC)
    ahead = [span for span in spans if span.closes > present]
    return max((span.closes.timestamp() for span in ahead if span.day == ahead[0].day), default=None) if ahead else None
