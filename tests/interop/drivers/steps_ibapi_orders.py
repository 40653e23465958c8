"""Orders, in the words of ibapi."""

from __future__ import annotations

from ibapi.execution import ExecutionFilter
from ibapi.order import Order
from steps_ibapi import FOUND, contract, step


def order(action="BUY", kind="LMT", size=100, **more):
    made = Order()
    made.action, made.orderType, made.totalQuantity, made.tif = action, kind, size, "DAY"
    # 9.81 sets these two by default, and a gateway refuses orders that have them.
    made.eTradeOnly = made.firmQuoteOnly = False
    for name, value in more.items():
        setattr(made, name, value)
    return made


def place(client, wanted, number=None):
    if number is None:
        number = client.order_id
        client.order_id += 1
    client.placeOrder(number, contract(), wanted)
    return number


@step("placeOrder limit")
def order_limit(client):
    FOUND["order"] = place(client, order(lmtPrice=150))


@step("placeOrder modified")
def order_modified(client):
    place(client, order(lmtPrice=151), FOUND["order"])


@step("cancelOrder")
def cancel_order(client):
    client.cancelOrder(FOUND["order"], *order_cancel_arguments())


@step("placeOrder market")
def order_market(client):
    place(client, order(kind="MKT", size=10))


@step("placeOrder bracket")
def order_bracket(client):
    parent = place(client, order(lmtPrice=150, transmit=False))
    place(client, order("SELL", lmtPrice=300, parentId=parent, transmit=False))
    place(client, order("SELL", "STP", auxPrice=100, parentId=parent))


@step("placeOrder what-if")
def order_what_if(client):
    place(client, order(lmtPrice=150, whatIf=True))


@step("placeOrder refused")
def order_refused(client):
    place(client, order(lmtPrice=150.005))


@step("reqExecutions")
def executions(client):
    client.reqExecutions(client.new_id(), ExecutionFilter())


def order_cancel_arguments():
    """9.81 takes none, the editions after it an OrderCancel object."""
    try:
        from ibapi.order_cancel import OrderCancel  # noqa: PLC0415 - some editions have no such module
    except ImportError:
        return []
    return [OrderCancel()]


@step("cancelOrder unknown")
def cancel_order_unknown(client):
    client.cancelOrder(99999, *order_cancel_arguments())


@step("reqGlobalCancel")
def global_cancel(client):
    client.reqGlobalCancel(*order_cancel_arguments())
