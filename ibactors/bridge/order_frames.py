"""Orders as ib_async encodes them, from our terms. Decimals are sent as the text that they are: no binary number is ever computed."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from ib_async.contract import ComboLeg, Contract, TagValue
from ib_async.order import (
    ExecutionCondition,
    MarginCondition,
    OrderCondition,
    PercentChangeCondition,
    PriceCondition,
    TimeCondition,
    VolumeCondition,
)
from ib_async.order import Order as IbOrder

from ibactors.bridge.wire import GatewayClient
from ibactors.errors import InvalidRequest
from ibactors.orders.extra import as_sent
from ibactors.orders.order import Order
from ibactors.orders.terms import IB_TYPES, Condition, Leg, OcaType, OrderType, Session, Terms

_OPEN_CLOSE = {"same": 0, "open": 1, "close": 2}
_MOVING = frozenset({OrderType.TRAILING_STOP, OrderType.TRAILING_STOP_LIMIT})
_OFFSETS = frozenset({OrderType.RELATIVE, OrderType.PEGGED_TO_MIDPOINT, OrderType.SNAP_TO_MIDPOINT, OrderType.SNAP_TO_MARKET})


def place_frame(client: GatewayClient, order: Order, terms: Terms, *, parent: int = 0, transmit: bool = True, what_if: bool = False) -> str:
    """The message that places *order*, or changes it to *terms* (placeOrder, 3). Raises InvalidRequest, GatewayDisconnected."""
    contract, sent = contract_of(terms), _order(order, terms)
    sent.parentId, sent.transmit, sent.whatIf = parent, transmit, what_if
    return client.encode(lambda: client.placeOrder(order.ib_order_id, contract, sent))


def preview_frame(client: GatewayClient, order: Order, terms: Terms) -> str:
    """The message that asks what *order* would do (placeOrder with whatIf). Raises as `place_frame`.

    The flag is proved to stand in the message: it is all in which it differs from the one that would place the order.
    """
    places, asks = (place_frame(client, order, terms, what_if=what_if) for what_if in (False, True))
    differing = [pair for pair in zip(places.split("\0"), asks.split("\0"), strict=True) if len(set(pair)) > 1]
    if differing != [("0", "1")]:
        raise InvalidRequest("The order cannot be previewed: whatIf does not get into its message.")
    return asks


def place_frames(client: GatewayClient, orders: tuple[Order, ...]) -> tuple[str, ...]:
    """The messages that place an order, a bracket, parent first, or a group.

    Only the last one of a bracket transmits: nothing works before all are there. Orders of a group wait for nothing at IB.
    Raises InvalidRequest, GatewayDisconnected.
    """
    parent, last = orders[0].ib_order_id, orders[-1]
    return tuple(
        place_frame(
            client, order, order.terms, parent=parent if order.parent is not None else 0, transmit=order is last or not order.in_bracket
        )
        for order in orders
    )


def cancel_frame(client: GatewayClient, order: Order) -> str:
    """The message that cancels *order* (cancelOrder, 4)."""
    return client.encode(lambda: client.cancelOrder(order.ib_order_id))


def send_cancel(client: GatewayClient, number: int) -> None:
    """Cancel by a number alone, which this session has shown to be ours. Raises GatewayDisconnected."""
    client.cancelOrder(number)


def global_cancel_frame(client: GatewayClient) -> str:
    """The message that cancels all orders of the login, whoever placed them (reqGlobalCancel, 58)."""
    return client.encode(client.reqGlobalCancel)


def contract_of(terms: Terms) -> Contract:
    """The contract by its id; of a combination, its legs."""
    contract = Contract(conId=terms.con_id, symbol=terms.symbol, secType=terms.sec_type, exchange=terms.exchange, currency=terms.currency)
    if terms.is_combination:
        contract.conId = 0
        contract.comboLegs = [_leg(leg) for leg in terms.legs]
    return contract


def _leg(leg: Leg) -> ComboLeg:
    return ComboLeg(
        conId=leg.con_id, ratio=leg.ratio, action=leg.side.upper(), exchange=leg.exchange, openClose=_OPEN_CLOSE.get(leg.open_close, 0)
    )


def _order(order: Order, terms: Terms) -> IbOrder:
    fields: dict[str, Any] = {
        "action": terms.side.upper(),
        "totalQuantity": _text(terms.quantity) or 0,
        "orderType": IB_TYPES[terms.type],
        "tif": terms.time_in_force.upper(),
        "account": terms.account,
        "orderRef": order.ref,
        "outsideRth": terms.session is Session.EXTENDED,
        "triggerMethod": terms.trigger_method,
        "goodTillDate": _moment(terms.good_till),
        "goodAfterTime": _moment(terms.good_after),
        **_prices(terms),
        **{name: as_sent(name, value) for name, value in terms.extra.items()},
    }
    if terms.cash_quantity is not None:
        fields["cashQty"] = _text(terms.cash_quantity)
    if terms.conditions:
        fields |= {
            "conditions": [_condition(each) for each in terms.conditions],
            "conditionsCancelOrder": terms.conditions_cancel_order,
            "conditionsIgnoreRth": terms.conditions_ignore_rth,
        }
    if order.ib_group:
        fields |= {"ocaGroup": order.ib_group, "ocaType": order.ib_group_type}
    if terms.oca is not None:
        fields |= {"ocaGroup": terms.oca.group, "ocaType": list(OcaType).index(terms.oca.type) + 1}
    if terms.algo is not None:
        params = [TagValue(tag, value) for tag, value in terms.algo.params.items()]
        fields |= {"algoStrategy": terms.algo.strategy, "algoParams": params}
    if terms.is_combination and not terms.guaranteed:
        fields["smartComboRoutingParams"] = [TagValue("NonGuaranteed", "1")]
    return IbOrder(**fields)


def _condition(condition: Condition) -> OrderCondition:
    """A condition in IB's form; a time is never before (IB takes "after" alone)."""
    place: dict[str, Any] = {"conId": condition.con_id, "exch": condition.exchange}
    above: dict[str, Any] = {"conjunction": condition.join[0], "isMore": condition.above is not False}
    percent: Any = _text(condition.percent)
    match condition.kind:
        case "price":
            price: Any = _text(condition.price)
            return PriceCondition(**above, **place, price=price, triggerMethod=condition.trigger_method or 0)
        case "time":
            return TimeCondition(conjunction=condition.join[0], time=_moment(condition.time))
        case "margin":
            return MarginCondition(**above, percent=percent)
        case "execution":
            sec_type, exchange, symbol = condition.sec_type or "", condition.exchange or "", condition.symbol or ""
            return ExecutionCondition(conjunction=condition.join[0], secType=sec_type, exch=exchange, symbol=symbol)
        case "volume":
            return VolumeCondition(**above, **place, volume=condition.volume or 0)
        case "percent_change":
            return PercentChangeCondition(**above, **place, changePercent=percent)
    raise InvalidRequest(f"{condition.kind} is not a kind of condition.", field="conditions")


def _prices(terms: Terms) -> dict[str, Any]:
    """Where IB has them: a stop in `auxPrice`, but of a trailing order in `trailStopPrice`, where `auxPrice` is the distance."""
    limit, stop = _text(terms.limit_price), _text(terms.stop_price)
    aux = _text(terms.trail_amount) if terms.type in _MOVING else _text(terms.limit_offset) if terms.type in _OFFSETS else stop
    prices = {"lmtPrice": limit, "auxPrice": aux}
    if terms.type in _MOVING:
        prices |= {"trailStopPrice": stop, "trailingPercent": _text(terms.trail_percent)}
    if terms.type is OrderType.TRAILING_STOP_LIMIT:
        prices["lmtPriceOffset"] = _text(terms.limit_offset)
    return {name: price for name, price in prices.items() if price is not None}


def _text(number: Decimal | None) -> str | None:
    return None if number is None else f"{number:f}"


def _moment(at: datetime | None) -> str:
    """`yyyymmdd-hh:mm:ss` is UTC to IB, in whatever zone the gateway is."""
    return "" if at is None else at.astimezone(UTC).strftime("%Y%m%d-%H:%M:%S")
