"""Unchanged ib_async trades at each of its server versions and finds nothing to complain about."""

import asyncio
import socket
from collections.abc import Callable, Coroutine
from typing import Any

import ib_async
import pytest
import trio

from ibactors.sim import SimulatorPorts
from tests.sim.rawclient import Bench
from tests.sim.test_sim_clients import Complaints

ACCOUNT = "DU1234567"
STOCK = ib_async.Stock("AAPL", "SMART", "USD")


class Desk:
    """A connected ib_async client with its hand on the simulator's control port."""

    def __init__(self, ports: SimulatorPorts, version: int) -> None:
        self.ib = ib_async.IB()
        self.ib.client.MaxClientVersion = version
        self.errors: list[tuple[int, int, str]] = []
        self.ib.errorEvent += self._note
        assert ports.control_port is not None
        self.port = ports.port
        self._control = socket.create_connection(("127.0.0.1", ports.control_port), 5)

    def _note(self, order_id: int, code: int, text: str, _: ib_async.Contract | None) -> None:
        if order_id != -1:
            self.errors.append((order_id, code, text))

    async def connect(self, client_id: int) -> None:
        await self.ib.connectAsync("127.0.0.1", self.port, clientId=client_id, account=ACCOUNT)

    def close(self) -> None:
        self.ib.disconnect()
        self._control.close()

    def market(self, bid: float, ask: float) -> None:
        self._control.sendall(f"set AAPL {bid:.2f} {ask:.2f} {bid:.2f}\n".encode())
        assert self._control.recv(100) == b"ok\n"

    def place(self, order: ib_async.Order, contract: ib_async.Contract = STOCK) -> ib_async.Trade:
        order.account = ACCOUNT
        return self.ib.placeOrder(contract, order)

    async def until(self, settled: Callable[[], bool]) -> None:
        """Wait for events until something is true."""
        async with asyncio.timeout(10):
            while not settled():
                await self.ib.updateEvent

    async def status(self, trade: ib_async.Trade, *statuses: str) -> None:
        await self.until(lambda: trade.orderStatus.status in statuses)


def traded(ports: SimulatorPorts, version: int, story: Callable[[Desk], Any]) -> None:
    """Run a story with one client in a loop of its own."""

    async def run() -> None:
        desk = Desk(ports, version)
        try:
            await desk.connect(5)
            assert desk.ib.client.serverVersion() == version
            desk.market(100.00, 100.02)
            await story(desk)
        finally:
            desk.close()

    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        runner.run(run())


async def fill_modify_cancel(desk: Desk) -> None:
    trade = desk.place(ib_async.MarketOrder("BUY", 100))
    await desk.until(lambda: bool(trade.fills and trade.fills[0].commissionReport.execId))
    assert trade.orderStatus.status == "Filled"
    assert (trade.orderStatus.filled, trade.orderStatus.avgFillPrice) == (100, 100.02)
    [fill] = trade.fills
    assert (fill.execution.side, fill.execution.shares, fill.execution.cumQty) == ("BOT", 100, 100)
    assert (fill.commissionReport.commission, fill.commissionReport.realizedPNL) == (1.0, 0.0)
    assert fill.execution.permId == trade.order.permId > 0
    assert abs((fill.execution.time - fill.time).total_seconds()) < 5
    await desk.until(lambda: any(p.contract.symbol == "AAPL" and p.position == 220 for p in desk.ib.positions(ACCOUNT)))
    await desk.until(lambda: any(p.contract.symbol == "AAPL" and p.position == 220 for p in desk.ib.portfolio(ACCOUNT)))

    resting = desk.place(ib_async.LimitOrder("BUY", 100, 99.00))
    await desk.status(resting, "Submitted")
    assert desk.ib.openTrades() == [resting]
    resting.order.lmtPrice = 99.50
    resting.order.totalQuantity = 70
    desk.place(resting.order)
    await desk.until(lambda: resting.orderStatus.remaining == 70)
    desk.ib.cancelOrder(resting.order)
    await desk.status(resting, "Cancelled")
    await desk.until(lambda: bool(desk.errors))
    assert desk.errors == [(resting.order.orderId, 202, "Order Canceled - reason:")]
    assert desk.ib.openTrades() == []


async def brackets_and_groups(desk: Desk) -> None:
    bracket = desk.ib.bracketOrder("BUY", 100, 99.50, 105.00, 98.00)
    parent, profit, stop = (desk.place(o) for o in bracket)
    await desk.status(parent, "Submitted")
    await desk.until(lambda: stop.orderStatus.whyHeld == "child,trigger")
    assert profit.orderStatus.parentId == parent.order.orderId
    desk.market(99.40, 99.42)
    await desk.status(parent, "Filled")
    await desk.status(profit, "Submitted")
    desk.market(105.00, 105.02)
    await desk.status(profit, "Filled")
    await desk.status(stop, "Cancelled")
    orders: list[ib_async.Order] = [ib_async.LimitOrder("SELL", 10, 110.00), ib_async.StopOrder("SELL", 10, 101.00)]
    up, down = (desk.place(o) for o in ib_async.IB.oneCancelsAll(orders, "exit", 1))
    await desk.status(up, "Submitted")
    await desk.status(down, "PreSubmitted")
    desk.market(100.90, 100.92)
    await desk.status(down, "Filled")
    await desk.status(up, "Cancelled")


async def what_if_and_lists(desk: Desk) -> None:
    what_if = ib_async.LimitOrder("BUY", 1000, 100.02, account=ACCOUNT)
    async with asyncio.timeout(10):
        state = await desk.ib.whatIfOrderAsync(STOCK, what_if)
        assert float(state.initMarginChange) == pytest.approx(30_006)
        assert (state.commission, state.commissionCurrency) == (5.0, "USD")
        large = desk.place(ib_async.MarketOrder("BUY", 3000))
        await desk.until(lambda: bool(large.fills))
        assert large.orderStatus.status == "Submitted"
        while large.orderStatus.status != "Filled":
            desk.market(100.00, 100.02)
            await desk.ib.updateEvent
        assert sum(f.execution.shares for f in large.fills) == 3000
        trail = desk.place(ib_async.Order(action="SELL", totalQuantity=10, orderType="TRAIL", trailingPercent=2))
        await desk.status(trail, "PreSubmitted")
        day = desk.place(ib_async.LimitOrder("BUY", 10, 50.00, tif="GTD", goodTillDate="20991231 23:59:59 UTC"))
        await desk.status(day, "Submitted")
        opened = await desk.ib.reqAllOpenOrdersAsync()
        assert [t.order.orderId for t in opened] == [trail.order.orderId, day.order.orderId]
        assert trail.order.trailingPercent == 2
        found = await desk.ib.reqExecutionsAsync(ib_async.ExecutionFilter(side="BUY"))
        assert sum(f.execution.shares for f in found) == 3000
        desk.ib.reqGlobalCancel()
        await desk.status(day, "Cancelled")
        await desk.status(trail, "Cancelled")
        completed = await desk.ib.reqCompletedOrdersAsync(apiOnly=False)
        assert [t.orderStatus.status for t in completed] == ["Filled", "Cancelled", "Cancelled"]
        assert [t.order.orderType for t in completed] == ["MKT", "TRAIL", "LMT"]
        assert completed[0].order.filledQuantity == 3000


async def refusals(desk: Desk) -> None:
    wrong = desk.place(ib_async.LimitOrder("BUY", 100, 100.005))
    await desk.status(wrong, "Cancelled")
    poor = desk.place(ib_async.MarketOrder("BUY", 100_000))
    await desk.status(poor, "Inactive", "Cancelled")
    await desk.until(lambda: len(desk.errors) == 2)
    assert [code for _, code, _ in desk.errors] == [110, 201]


async def every_block_of_an_order_comes_back(desk: Desk) -> None:
    order = ib_async.LimitOrder("BUY", 10, 50.00, orderRef="ref", outsideRth=True, tif="GTC", hidden=True)
    order.conditions = [
        ib_async.PriceCondition(price=10.0, conId=265598, exch="SMART").Or(),
        ib_async.TimeCondition(time="20200101 00:00:00 UTC"),
        ib_async.MarginCondition(percent=1),
        ib_async.ExecutionCondition(secType="STK", exch="SMART", symbol="AAPL"),
        ib_async.VolumeCondition(volume=5, conId=265598, exch="SMART"),
        ib_async.PercentChangeCondition(changePercent=1.5, conId=265598, exch="SMART"),
    ]
    order.conditionsIgnoreRth = True
    order.algoStrategy, order.algoParams = "Adaptive", [ib_async.TagValue("adaptivePriority", "Normal")]
    order.scaleInitLevelSize, order.scalePriceIncrement = 5, 0.5
    order.hedgeType, order.hedgeParam = "B", "1.5"
    order.deltaNeutralOrderType = "MKT"
    trade = desk.place(order)
    await desk.until(lambda: bool(trade.order.permId))
    # Another client has to learn everything from the wire.
    other = ib_async.IB()
    other.client.MaxClientVersion = desk.ib.client.serverVersion()
    await other.connectAsync("127.0.0.1", desk.port, clientId=6, account=ACCOUNT)
    [seen] = await other.reqAllOpenOrdersAsync()
    other.disconnect()
    assert [type(c) for c in seen.order.conditions] == [type(c) for c in order.conditions]
    assert seen.order.conditions[0] == order.conditions[0]
    assert seen.order.conditionsIgnoreRth
    assert (seen.order.algoStrategy, seen.order.algoParams) == (order.algoStrategy, order.algoParams)
    assert (seen.order.scalePriceIncrement, seen.order.hedgeParam) == (0.5, "1.5")
    assert (seen.order.orderRef, seen.order.outsideRth, seen.order.tif, seen.order.hidden) == ("ref", True, "GTC", True)
    assert seen.order.deltaNeutralOrderType == "MKT"


Story = Callable[[Desk], Coroutine[Any, Any, None]]
STORIES: dict[Story, set[int]] = {
    fill_modify_cancel: {202},
    brackets_and_groups: {202},
    what_if_and_lists: {202},
    refusals: {110, 201},
    every_block_of_an_order_comes_back: set(),
}


@pytest.mark.parametrize("version", [157, 176, 178])
@pytest.mark.parametrize("story", STORIES, ids=[story.__name__ for story in STORIES])
async def test_ib_async_trades_without_a_complaint(bench: Bench, story: Story, version: int) -> None:
    complaints = Complaints("ib_async", "asyncio")
    try:
        await trio.to_thread.run_sync(traded, bench.ports, version, story)
    finally:
        complaints.close()
    expected = tuple(f"Error {code}," for code in STORIES[story])
    assert [t for t in complaints.texts if not t.startswith((*expected, "Canceled order"))] == []
