"""From a request and the contract that it was resolved to: the orders as they are sent, prices on the tick, defaults said explicitly."""

from collections.abc import Iterator
from decimal import Decimal

from msgspec.structs import replace

from ibactors.errors import InvalidRequest
from ibactors.model.times import Value
from ibactors.orders.consistency import ALGOS
from ibactors.orders.extra import read_extra
from ibactors.orders.prices import Adjusted, MarketRule, Rounding, on_tick, quantity_refusal
from ibactors.orders.request import ChangeBody, PlaceBody
from ibactors.orders.terms import Algo, Leg, Oca, OcaType, OrderType, Session, Side, Terms, TimeInForce

LISTED_AS = {
    OrderType.MARKET: "MKT",
    OrderType.LIMIT: "LMT",
    OrderType.STOP: "STP",
    OrderType.STOP_LIMIT: "STPLMT",
    OrderType.TRAILING_STOP: "TRAIL",
    OrderType.TRAILING_STOP_LIMIT: "TRAILLMT",
    OrderType.MARKET_ON_CLOSE: "MOC",
    OrderType.LIMIT_ON_CLOSE: "LOC",
    OrderType.MARKET_TO_LIMIT: "MTL",
    OrderType.MARKET_IF_TOUCHED: "MIT",
    OrderType.LIMIT_IF_TOUCHED: "LIT",
    OrderType.MIDPRICE: "MIDPX",
    OrderType.RELATIVE: "REL",
    OrderType.PEGGED_TO_MIDPOINT: "PEGMID",
    OrderType.SNAP_TO_MIDPOINT: "SNAPMID",
    OrderType.SNAP_TO_MARKET: "SNAPMKT",
}
"""How `orderTypes` of contract details (TWS message 10) names the types."""
_SIGNED = frozenset({"BAG", "FUT", "FOP"})
"""Kinds whose price may be zero or negative."""


class Tradable(Value, frozen=True, kw_only=True):
    """A contract as it is needed here: what it is, and what IB takes for it."""

    con_id: int
    symbol: str
    sec_type: str
    exchange: str
    currency: str
    multiplier: Decimal = Decimal(1)
    price_magnifier: int = 1
    order_types: frozenset[str] = frozenset()
    """Empty where IB lists none; then everything is asked of IB."""
    size_increment: Decimal = Decimal(0)
    min_size: Decimal = Decimal(0)
    rule: MarketRule
    leg_types: tuple[str, ...] = ()
    """Kinds of the legs, of a combination."""


class Member(Value, frozen=True, kw_only=True):
    """One order of a request."""

    role: str
    """Empty for the order itself; `tp` and `sl` for its children."""
    terms: Terms


_WITHIN = {"tp": "bracket.take_profit", "sl": "bracket.stop_loss"}
"""Where a request has a child's members."""


class Canonical(Value, frozen=True, kw_only=True):
    """What a request comes to: parent first, and what of it is sent otherwise than it was asked for."""

    members: tuple[Member, ...]
    adjusted: dict[str, Adjusted]
    """By the member of the request, such as `bracket.stop_loss.stop_price`."""
    warnings: tuple[str, ...]

    def adjusted_of(self, role: str) -> dict[str, Adjusted]:
        """What of one order is sent otherwise, by the order's own members."""
        within = _WITHIN.get(role, "")
        return {name.rpartition(".")[2]: each for name, each in self.adjusted.items() if name.rpartition(".")[0] == within}


class _Ticks:
    """Puts prices on the tick and keeps what was changed."""

    def __init__(self, tradable: Tradable, rounding: Rounding | None) -> None:
        self._tradable = tradable
        self._rounding = rounding or Rounding.REJECT
        self.adjusted: dict[str, Adjusted] = {}

    def price(self, asked: Decimal | None, side: Side, field: str) -> Decimal | None:
        if asked is None:
            return None
        rule = self._tradable.rule
        sent = on_tick(asked, side, rule, self._rounding, field=field)
        if sent <= 0 and self._tradable.sec_type not in _SIGNED:
            raise InvalidRequest(f"{field} {asked:f} is not above zero on the tick.", field=field)
        return self._keep(asked, sent, field)

    def distance(self, asked: Decimal | None, side: Side, field: str, near: Decimal | None) -> Decimal | None:
        """A distance between prices, in ticks of the price that it is near to."""
        if asked is None:
            return None
        increment = self._tradable.rule.at(near or Decimal(0))
        rule = MarketRule(
            rule_id=self._tradable.rule.rule_id, increments=(replace(self._tradable.rule.increments[0], increment=increment),)
        )
        return self._keep(asked, on_tick(asked, side, rule, self._rounding, field=field), field)

    def _keep(self, asked: Decimal, sent: Decimal, field: str) -> Decimal:
        if sent != asked:
            rule = self._tradable.rule
            self.adjusted[field] = Adjusted(asked=asked, sent=sent, why=f"increment {rule.at(asked):f} of market rule {rule.rule_id}")
        return sent


def canonical(body: PlaceBody, account: str, tradable: Tradable) -> Canonical:
    """The orders of a request that `check_request` has passed. Raises InvalidRequest."""
    _check_contract(body, tradable)
    ticks = _Ticks(tradable, body.rounding)
    parent = _parent(body, account, tradable, ticks)
    members = (Member(role="", terms=parent), *_children(body, parent, ticks))
    return Canonical(members=members, adjusted=ticks.adjusted, warnings=tuple(_warnings(body)))


def _check_contract(body: PlaceBody, tradable: Tradable) -> None:
    listed = LISTED_AS[body.type]
    if tradable.order_types and listed not in tradable.order_types:
        raise InvalidRequest(
            f"IB takes no orders of the type {body.type} for {tradable.symbol} at {tradable.exchange} (its error 387).",
            field="type",
            remedy="GET /contracts lists order_types.",
        )
    if body.cash_quantity is not None and tradable.sec_type not in {"CASH", "CRYPTO"}:
        raise InvalidRequest(f"IB takes no cash_quantity for {tradable.sec_type} (its error 10244).", field="cash_quantity")
    if body.quantity is not None:
        why = quantity_refusal(body.quantity, tradable.sec_type, tradable.size_increment, tradable.min_size)
        if why is not None:
            raise InvalidRequest(why, field="quantity")
    if body.guaranteed is not False and tradable.leg_types and set(tradable.leg_types) == {"STK"}:
        raise InvalidRequest("A combination of stocks alone cannot be guaranteed.", field="guaranteed")
    if body.time_in_force is TimeInForce.FOK and tradable.sec_type == "STK":
        raise InvalidRequest("IB takes fok for options only (its error 201 for stocks).", field="time_in_force", remedy="Use ioc.")


def _parent(body: PlaceBody, account: str, tradable: Tradable, ticks: _Ticks) -> Terms:
    side, stop = body.side, ticks.price(body.stop_price, body.side, "stop_price")
    oca = Oca(group=body.oca.group, type=body.oca.type or OcaType.CANCEL_WITH_BLOCK) if body.oca is not None else None
    return Terms(
        account=account,
        con_id=tradable.con_id,
        symbol=tradable.symbol,
        sec_type=tradable.sec_type,
        exchange="OVERNIGHT" if body.session is Session.OVERNIGHT else tradable.exchange,
        currency=tradable.currency,
        multiplier=tradable.multiplier,
        price_magnifier=tradable.price_magnifier,
        side=side,
        quantity=body.quantity,
        cash_quantity=body.cash_quantity,
        type=body.type,
        limit_price=ticks.price(body.limit_price, side, "limit_price"),
        stop_price=stop,
        trail_amount=ticks.distance(body.trail_amount, side, "trail_amount", stop),
        trail_percent=body.trail_percent,
        limit_offset=ticks.distance(body.limit_offset, side, "limit_offset", stop),
        trigger_method=body.trigger_method or 0,
        time_in_force=body.time_in_force,
        good_till=body.good_till,
        good_after=body.good_after,
        session=body.session or Session.REGULAR,
        legs=tuple(
            Leg(con_id=leg.con_id, ratio=leg.ratio, side=leg.side, exchange=leg.exchange or "SMART", open_close=leg.open_close or "same")
            for leg in body.legs or ()
        ),
        guaranteed=body.guaranteed is not False,
        algo=Algo(strategy=body.algo.strategy, params=body.algo.params or {}) if body.algo is not None else None,
        conditions=tuple(body.conditions or ()),
        conditions_cancel_order=bool(body.conditions_cancel_order),
        conditions_ignore_rth=bool(body.conditions_ignore_rth),
        oca=oca,
        extra=read_extra(body.extra or {}),
    )


def _children(body: PlaceBody, parent: Terms, ticks: _Ticks) -> Iterator[Member]:
    """The children inherit time in force and session: without the session they would never trigger outside regular hours."""
    if body.bracket is None:
        return
    plain = replace(
        parent,
        side=parent.side.other,
        limit_price=None,
        stop_price=None,
        trail_amount=None,
        trail_percent=None,
        limit_offset=None,
        algo=None,
        conditions=(),
        conditions_cancel_order=False,
        conditions_ignore_rth=False,
        good_after=None,
        extra={},
    )
    side = plain.side
    if (profit := body.bracket.take_profit) is not None:
        price = ticks.price(profit.limit_price, side, "bracket.take_profit.limit_price")
        yield Member(role="tp", terms=replace(plain, type=OrderType.LIMIT, limit_price=price))
    if (loss := body.bracket.stop_loss) is not None:
        stop = ticks.price(loss.stop_price, side, "bracket.stop_loss.stop_price")
        limit = ticks.price(loss.limit_price, side, "bracket.stop_loss.limit_price")
        trail = ticks.distance(loss.trail_amount, side, "bracket.stop_loss.trail_amount", parent.limit_price)
        kind = OrderType.TRAILING_STOP if stop is None else OrderType.STOP if limit is None else OrderType.STOP_LIMIT
        fields = {"stop_price": stop, "limit_price": limit, "trail_amount": trail, "trail_percent": loss.trail_percent}
        yield Member(role="sl", terms=replace(plain, type=kind, **fields))


def _warnings(body: PlaceBody) -> Iterator[str]:
    if body.algo is not None and body.algo.strategy not in ALGOS:
        yield "unchecked"


def changed(terms: Terms, body: ChangeBody, tradable: Tradable) -> tuple[Terms, dict[str, Adjusted]]:
    """The terms after a change. Raises InvalidRequest for what IB refuses or silently ignores in a change."""
    ticks = _Ticks(tradable, body.rounding)
    side = terms.side
    changes: dict[str, object] = {}
    for field in ("limit_price", "stop_price", "trail_amount", "trail_percent", "limit_offset"):
        asked = getattr(body, field)
        if asked is None:
            continue
        if getattr(terms, field) is None:
            raise InvalidRequest(f"The order has no {field} that could change.", field=field)
        if field.startswith("trail") and asked <= 0:
            raise InvalidRequest(f"{field} is not above zero.", field=field)
        near = body.stop_price or terms.stop_price
        plain = asked if field == "trail_percent" else None
        moved = ticks.price(asked, side, field) if field.endswith("price") else ticks.distance(asked, side, field, near)
        changes[field] = plain or moved
    if body.quantity is not None:
        why = "is not above zero" if body.quantity <= 0 else "is not what the order has" if terms.quantity is None else None
        why = f"quantity {why}." if why else quantity_refusal(body.quantity, terms.sec_type, tradable.size_increment, tradable.min_size)
        if why:
            raise InvalidRequest(why, field="quantity")
        changes["quantity"] = body.quantity
    changes |= _new_time_in_force(terms, body)
    return replace(terms, **changes), ticks.adjusted


def _new_time_in_force(terms: Terms, body: ChangeBody) -> dict[str, object]:
    swappable = {TimeInForce.DAY, TimeInForce.GTC}
    tif = body.time_in_force
    if tif is not None and tif is not terms.time_in_force and not {tif, terms.time_in_force} <= swappable:
        raise InvalidRequest("IB changes time_in_force between day and gtc only (its error 462).", field="time_in_force")
    if body.good_till is not None and terms.time_in_force is not TimeInForce.GTD:
        raise InvalidRequest("good_till belongs to gtd.", field="good_till")
    return {name: value for name, value in (("time_in_force", tif), ("good_till", body.good_till)) if value is not None}
