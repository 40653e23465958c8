"""The unchanged official client trades: every callback of orders comes, decoded, and nothing is logged as wrong."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import trio
from ibapi.contract import ComboLeg, Contract
from ibapi.execution import ExecutionFilter
from ibapi.order import Order
from ibapi.order_cancel import OrderCancel
from ibapi.order_condition import PriceCondition
from ibapi.tag_value import TagValue

from ibactors.sim import SimulatorPorts
from tests.sim.rawclient import Bench
from tests.sim.test_sim_clients import Complaints, OfficialClient

ACCOUNT = "DU1234567"


class Trader(OfficialClient):
    """Remembers what the callbacks of orders bring."""

    def __init__(self) -> None:
        super().__init__()
        self.states: list[tuple[int, str, Decimal, Decimal]] = []
        self.opened: list[tuple[int, Any, Any, Any]] = []
        self.executions: list[tuple[int, Any]] = []
        self.commissions: list[Any] = []
        self.completed: list[tuple[Any, Any]] = []
        self.listed: list[int] = []

    def openOrder(self, orderId: int, contract: Any, order: Any, orderState: Any) -> None:  # noqa: N802, N803
        self.opened.append((orderId, contract, order, orderState))
        self.note("openOrder")

    def orderStatus(self, orderId: int, status: str, filled: Decimal, remaining: Decimal, *_: Any) -> None:  # noqa: N802, N803
        self.states.append((orderId, status, filled, remaining))
        self.note("orderStatus")

    def execDetails(self, reqId: int, _: Any, execution: Any) -> None:  # noqa: N802, N803
        self.executions.append((reqId, execution))
        self.note("execDetails")

    def commissionAndFeesReport(self, report: Any) -> None:  # noqa: N802
        self.commissions.append(report)
        self.note("commissionAndFeesReport")

    def completedOrder(self, _: Any, order: Any, orderState: Any) -> None:  # noqa: N802, N803
        self.completed.append((order, orderState))
        self.note("completedOrder")

    def until(self, settled: Callable[[], bool]) -> None:
        with self.came:
            assert self.came.wait_for(settled, timeout=10), self.states

    def state(self, order_id: int, status: str) -> None:
        self.until(lambda: any(s[:2] == (order_id, status) for s in self.states))

    def trade(self, order_id: int, contract: Any = None, **terms: Any) -> Any:
        order = Order()
        order.account, order.action, order.totalQuantity, order.orderType = ACCOUNT, "BUY", Decimal(100), "LMT"
        for name, value in terms.items():
            setattr(order, name, value)
        self.placeOrder(order_id, contract or stock(), order)
        return order


def stock() -> Any:
    contract = Contract()
    contract.symbol, contract.secType, contract.exchange, contract.currency = "AAPL", "STK", "SMART", "USD"
    return contract


def spread() -> Any:
    contract = stock()
    contract.secType, contract.comboLegs = "BAG", []
    for con_id, action in ((265598, "BUY"), (272093, "SELL")):
        leg = ComboLeg()
        leg.conId, leg.ratio, leg.action, leg.exchange = con_id, 1, action, "SMART"
        contract.comboLegs.append(leg)
    return contract


@contextlib.contextmanager
def connected(port: int) -> Iterator[Trader]:
    trader = Trader()
    trader.connect("127.0.0.1", port, 21)
    reader = threading.Thread(target=trader.run, daemon=True)
    reader.start()
    try:
        trader.wait("nextValidId", "managedAccounts")
        yield trader
    finally:
        trader.disconnect()
        reader.join(5)
    assert not reader.is_alive()


def use(ports: SimulatorPorts) -> Trader:
    assert ports.control_port is not None
    control = socket.create_connection(("127.0.0.1", ports.control_port), 5)

    def market(bid: float, ask: float) -> None:
        control.sendall(f"set AAPL {bid:.2f} {ask:.2f} {bid:.2f}\n".encode())
        assert control.recv(100) == b"ok\n"

    market(100, 100.02)
    with control, connected(ports.port) as trader:
        fill_modify_cancel(trader)
        bracket(trader, market)
        hold_and_ask(trader)
        trader.reqGlobalCancel(OrderCancel())
        trader.state(9, "Cancelled")
        trader.reqCompletedOrders(False)  # noqa: FBT003 - ibapi's signature
        trader.wait("completedOrdersEnd")
    return trader


def fill_modify_cancel(trader: Trader) -> None:
    trader.trade(1, orderType="MKT")
    trader.wait("commissionAndFeesReport")
    trader.trade(2, lmtPrice=99.0)
    trader.state(2, "Submitted")
    trader.trade(2, lmtPrice=99.5, totalQuantity=Decimal(50))
    trader.until(lambda: (2, "Submitted", Decimal(0), Decimal(50)) in trader.states)
    trader.cancelOrder(2, OrderCancel())
    trader.state(2, "Cancelled")
    trader.trade(3, lmtPrice=100.02, whatIf=True)


def bracket(trader: Trader, market: Callable[[float, float], None]) -> None:
    trader.trade(4, lmtPrice=99.5, transmit=False)
    trader.trade(5, action="SELL", lmtPrice=105.0, parentId=4, transmit=False)
    trader.trade(6, action="SELL", orderType="STP", auxPrice=98.0, parentId=4)
    trader.state(6, "PreSubmitted")
    market(99.4, 99.42)
    trader.state(4, "Filled")
    market(105, 105.02)
    trader.state(5, "Filled")
    trader.state(6, "Cancelled")


def hold_and_ask(trader: Trader) -> None:
    trader.trade(7, lmtPrice=50.0, ocaGroup="x", ocaType=1)
    trader.trade(8, action="SELL", orderType="TRAIL", auxPrice=1.0, ocaGroup="x", ocaType=1)
    condition = PriceCondition(PriceCondition.TriggerMethodEnum.Last, 265598, "SMART", isMore=True, price=1.0)
    algo = [TagValue("adaptivePriority", "Normal")]
    trader.trade(9, lmtPrice=50.0, conditions=[condition], algoStrategy="Adaptive", algoParams=algo, orderRef="ref")
    trader.trade(10, spread(), orderType="MKT", totalQuantity=Decimal(1))
    trader.state(10, "Filled")
    trader.trade(11, orderType="MKT", totalQuantity=Decimal(3000))
    trader.until(lambda: any(s[0] == 11 and s[2] > 0 for s in trader.states))
    trader.trade(12, lmtPrice=1.001)
    trader.until(lambda: (12, 110) in trader.errors)
    before = len(trader.opened)
    trader.reqOpenOrders()
    trader.wait("openOrderEnd")
    trader.listed = [o[0] for o in trader.opened[before:]]
    trader.reqExecutions(77, ExecutionFilter())
    trader.wait("execDetailsEnd")


async def test_official_client_trades_without_a_complaint(bench: Bench) -> None:
    complaints = Complaints("ibapi")
    try:
        trader = await trio.to_thread.run_sync(use, bench.ports)
    finally:
        complaints.close()
    assert complaints.texts == []
    codes = [(order_id, code) for order_id, code in trader.errors if order_id != -1]
    assert set(codes) == {(n, 202) for n in (2, 6, 7, 8, 9, 11)} | {(12, 110)}
    assert trader.listed == [7, 8, 9, 11]
    what_if = [state for n, _, _, state in trader.opened if n == 3]
    assert [s.initMarginChange for s in what_if] == ["1.7976931348623157E308", "3000.60"]
    condition = next(order.conditions[0] for n, _, order, _ in trader.opened if n == 9)
    assert (condition.price, condition.conId) == (1.0, 265598)
    [combo] = [contract for n, contract, _, state in trader.opened if n == 10 and state.status == "PreSubmitted"]
    assert [(leg.conId, leg.action) for leg in combo.comboLegs] == [(265598, "BUY"), (272093, "SELL")]
    assert combo.comboLegsDescrip == "265598|1,272093|-1"
    first = trader.executions[0][1]
    assert (first.shares, first.cumQty, first.price, first.side) == (100, 100, 100.02, "BOT")
    assert trader.commissions[0].execId == first.execId
    assert {r for r, _ in trader.executions} == {-1, 77}
    assert [state.status for _, state in trader.completed].count("Filled") == 4
    assert {order.filledQuantity for order, _ in trader.completed} >= {Decimal(0), Decimal(100)}
