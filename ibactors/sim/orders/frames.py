"""Encoders of what happens to orders: orderStatus (3), execDetails (11) and commissionReport (59).

The two long messages, openOrder (5) and completedOrder (101), are in `layout.py`.
"""

import datetime as dt

from ibactors.sim.ledger import price
from ibactors.sim.orders.life import Fill, Order
from ibactors.sim.orders.times import GATEWAY_ZONE
from ibactors.sim.wire.datetimes import Dialect, moment, zone
from ibactors.sim.wire.frames import UNSET_DOUBLE, UNSET_INTEGER, frame

EXECUTIONS_WITH_REVISION = 178
LIVE = -1
OUTSIDE_HOURS_IGNORED = (
    "Order Event Warning:Attribute 'Outside Regular Trading Hours' is ignored based on the order type and destination. "
    "PlaceOrder is now being processed."
)


def order_status(order: Order, *, client_id: int | None = None) -> bytes:
    """Encode orderStatus (3); `client_id` is that of another client that cancelled the order."""
    last = order.fills[-1].price if order.fills else 0.0
    return frame(
        3,
        order.order_id,
        order.shown_status,
        order.filled,
        order.remaining,
        price(order.average),
        order.shown_perm_id,
        order.parent.order_id if order.parent is not None else 0,
        price(last),
        order.client_id if client_id is None else client_id,
        order.why_held,
        price(order.price_cap),
    )


def execution(version: int, request_id: int, fill: Fill, dialect: Dialect) -> bytes:
    """Encode execDetails (11); the request id is -1 when nobody asked."""
    order, i = fill.order, fill.instrument
    strike = repr(float(i.strike))
    contract = (i.con_id, i.symbol, i.sec_type, i.last_trade_date, strike, i.right, i.multiplier)
    fields: list[str | int] = [11, request_id, order.order_id or UNSET_INTEGER, *contract]
    fields += [fill.venue, i.currency, i.local_symbol, i.trading_class]
    fields += [fill.exec_id, moment(fill.time, GATEWAY_ZONE, dialect), order.account, fill.venue]
    fields += ["BOT" if fill.buys else "SLD", fill.size, price(fill.price), order.perm_id, order.client_id]
    fields += [0, fill.cumulated, price(fill.average), order.ticket.echo["orderRef"]]
    # No economic value rule, no multiplier for it, and the model the order belongs to.
    fields += ["", "", order.ticket.echo["modelCode"], fill.liquidity]
    if version >= EXECUTIONS_WITH_REVISION:
        fields.append(0)
    return frame(*fields)


# By the setting `commissions`: what a report has in place of an amount that is not known yet.
_NOT_YET = {"minus-one": "-1.0", "unset": UNSET_DOUBLE}


def commission_report(fill: Fill, *, setting: str = "plain") -> bytes:
    """Encode commissionReport (59); a fill that closed nothing has no realized profit."""
    realized = UNSET_DOUBLE if fill.realized is None or setting != "plain" else repr(round(fill.realized, 6))
    amount = _NOT_YET.get(setting, repr(fill.commission))
    return frame(59, 1, fill.exec_id, amount, fill.currency, realized, UNSET_DOUBLE, "")


def order_message(order: Order, warning: str) -> str:
    """The text of error 399: which order it is about, and what is odd about it."""
    i = order.instrument
    venue = {"STK": f"{i.primary_exchange}.{i.trading_class}", "CASH": "Forex"}.get(i.sec_type, i.exchanges[0])
    return f"Order Message:\n{order.ticket.action} {order.quantity} {i.local_symbol} {venue}\nWarning: {warning}"


def not_before(order: Order, opens: dt.datetime) -> str:
    """The warning of error 399 that a market is closed, with its opening in the market's own time."""
    zone_name = order.legs[0].instrument.time_zone
    local = opens.astimezone(zone(zone_name))
    return f"Your order will not be placed at the exchange until {local:%Y-%m-%d %H:%M:%S} {zone_name}."


def open_order_end() -> bytes:
    """Encode openOrderEnd (53)."""
    return frame(53, 1)


def executions_end(request_id: int) -> bytes:
    """Encode execDetailsEnd (55)."""
    return frame(55, 1, request_id)


def completed_orders_end() -> bytes:
    """Encode completedOrdersEnd (102), the one end marker without a version field."""
    return frame(102)
