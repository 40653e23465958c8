"""Orders, in the words of ib_async."""

from __future__ import annotations

from steps_ib_async import step


def bought(d, kind, price, **more):
    order = d.m.LimitOrder("BUY", 100, price, **more) if kind == "LMT" else d.m.MarketOrder("BUY", 10)
    return d.ib.placeOrder(d.stock, order)


@step("placeOrder limit")
def order_limit(d):
    d.trade = bought(d, "LMT", 150, tif="DAY")


@step("placeOrder modified")
def order_modified(d):
    d.trade.order.lmtPrice = 151
    d.ib.placeOrder(d.stock, d.trade.order)


@step("cancelOrder")
def cancel_order(d):
    d.ib.cancelOrder(d.trade.order)


@step("placeOrder market")
def order_market(d):
    bought(d, "MKT", 0)


@step("placeOrder bracket")
def order_bracket(d):
    for order in d.ib.bracketOrder("BUY", 100, limitPrice=150, takeProfitPrice=300, stopLossPrice=100):
        d.ib.placeOrder(d.stock, order)


@step("placeOrder what-if")
async def order_what_if(d):
    state = await d.ib.whatIfOrderAsync(d.stock, d.m.LimitOrder("BUY", 100, 150))
    assert float(state.initMarginChange) > 0, state


@step("placeOrder refused")
def order_refused(d):
    bought(d, "LMT", 150.005)
