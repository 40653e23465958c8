"""Unchanged client libraries against the simulator: everything arrives, and the client has nothing to complain."""

import asyncio
import logging
import math
import threading
from collections import Counter
from typing import Any

import ib_async
import pytest
import trio
from ibapi.client import EClient
from ibapi.contract import Contract
from ibapi.wrapper import EWrapper

from tests.sim.rawclient import Bench


class Complaints(logging.Handler):
    """Collects what a client library logs as an error, and keeps it from the other handlers."""

    def __init__(self, *loggers: str) -> None:
        super().__init__(logging.ERROR)
        self.texts: list[str] = []
        for name in loggers:
            logging.getLogger(name).addHandler(self)
            logging.getLogger(name).propagate = False
        self._loggers = loggers

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())

    def close(self) -> None:
        for name in self._loggers:
            logging.getLogger(name).removeHandler(self)
            logging.getLogger(name).propagate = True
        super().close()


def in_asyncio(port: int, version: int) -> dict[str, Any]:
    # Named explicitly: importing trio_asyncio elsewhere changes what asyncio.run makes.
    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        return runner.run(use_ib_async(port, version))


async def use_ib_async(port: int, version: int) -> dict[str, Any]:
    ib = ib_async.IB()
    ib.client.MaxClientVersion = version
    async with asyncio.timeout(15):
        await ib.connectAsync("127.0.0.1", port, clientId=version, account="DU1234567")
        stock = ib_async.Stock("AAPL", "SMART", "USD")
        pair = ib_async.Forex("EURUSD")
        index = ib_async.Index("SPX", "CBOE")
        found = {
            "version": ib.client.serverVersion(),
            "accounts": ib.managedAccounts(),
            "positions": ib.positions(),
            "portfolio": ib.portfolio(),
            "values": ib.accountValues("DU1234567"),
            "summary": await ib.accountSummaryAsync(),
            "qualified": await ib.qualifyContractsAsync(stock, pair, index),
            "futures": await ib.reqContractDetailsAsync(ib_async.Future("ES", exchange="CME")),
            "unknown": await ib.reqContractDetailsAsync(ib_async.Stock("BADSYM", "SMART", "USD")),
            "snapshots": await ib.reqTickersAsync(stock, pair, index),
            "orders": await ib.reqAllOpenOrdersAsync(),
            "executions": await ib.reqExecutionsAsync(),
            "completed": await ib.reqCompletedOrdersAsync(apiOnly=False),
            "time": await ib.reqCurrentTimeAsync(),
            "chains": await ib.reqSecDefOptParamsAsync("AAPL", "", "STK", 265598),
            "matches": await ib.reqMatchingSymbolsAsync("AAP"),
        }
        ticker = ib.reqMktData(stock)
        seen: set[Any] = set()
        while len(seen) < 5:
            await asyncio.wait_for(asyncio.shield(_next(ticker.updateEvent)), 5)
            seen.add((ticker.bid, ticker.ask, ticker.bidSize))
        found["ticker"] = ticker
        ib.cancelMktData(stock)
        profit = ib.reqPnL("DU1234567")
        while math.isnan(profit.unrealizedPnL):
            await _next(ib.pnlEvent)
        found["profit"] = profit
        ib.disconnect()
    return found


async def _next(event: Any) -> None:
    await event


@pytest.mark.parametrize("version", [157, 176, 178])
async def test_ib_async_gets_everything_without_a_complaint(bench: Bench, version: int) -> None:
    complaints = Complaints("ib_async", "asyncio")
    try:
        got = await trio.to_thread.run_sync(in_asyncio, bench.ports.port, version)
    finally:
        complaints.close()
    # The one error is our own question for a symbol that does not exist.
    assert [t for t in complaints.texts if "Error 200" not in t] == []
    assert got["version"] == version
    assert got["accounts"] == ["DU1234567", "DU7654321"]
    assert len([p for p in got["positions"] if p.account == "DU1234567"]) == 6
    assert len([p for p in got["portfolio"] if p.account == "DU1234567"]) == 6
    assert {"NetLiquidation", "CashBalance", "UnrealizedPnL"} <= {v.tag for v in got["values"]}
    assert {"NetLiquidation", "BuyingPower"} <= {v.tag for v in got["summary"]}
    assert [c.conId for c in got["qualified"]] == [265598, 12087792, 416904]
    assert len(got["futures"]) == 4
    assert got["unknown"] == []
    apple, euro, index = got["snapshots"]
    assert apple.bid < apple.ask
    assert apple.volume > 0
    assert euro.bid < euro.ask
    assert math.isnan(euro.last)
    assert index.last > 0
    assert not (got["orders"])
    assert not (got["executions"])
    assert not (got["completed"])
    assert {c.exchange for c in got["chains"]} >= {"SMART", "CBOE"}
    assert got["matches"][0].contract.symbol == "AAPL"
    ticker = got["ticker"]
    values = (ticker.bid, ticker.ask, ticker.last, ticker.open, ticker.high, ticker.low, ticker.close, ticker.volume)
    assert all(v > 0 for v in values)
    assert ticker.lastTimestamp is not None
    assert ticker.marketDataType == 1


class OfficialClient(EWrapper, EClient):  # type: ignore[misc]
    """ibapi with every callback counted; `wait` blocks until one has come."""

    def __init__(self) -> None:
        EClient.__init__(self, self)
        self.calls: Counter[str] = Counter()
        self.errors: list[tuple[int, int]] = []
        self.came = threading.Condition()

    def error(self, reqId: int, _time: int, errorCode: int, *_: object) -> None:  # noqa: N803 - ibapi's names
        self.errors.append((reqId, errorCode))
        self.note("error")

    def note(self, name: str) -> None:
        with self.came:
            self.calls[name] += 1
            self.came.notify_all()

    def wait(self, *names: str, times: int = 1) -> None:
        with self.came:
            ok = self.came.wait_for(lambda: all(self.calls[n] >= times for n in names), timeout=10)
        assert ok, [n for n in names if self.calls[n] < times]


def _counted(name: str) -> Any:
    def callback(self: OfficialClient, *_: object, **__: object) -> None:
        self.note(name)

    return callback


_PLUMBING = {"error", "logAnswer"}
for _name in [n for n in vars(EWrapper) if not n.startswith("_") and n not in _PLUMBING and "Proto" not in n]:
    setattr(OfficialClient, _name, _counted(_name))


def use_ibapi(port: int) -> OfficialClient:
    client = OfficialClient()
    client.connect("127.0.0.1", port, 11)
    reader = threading.Thread(target=client.run, daemon=True)
    reader.start()
    client.wait("nextValidId", "managedAccounts")
    stock = Contract()
    stock.symbol, stock.secType, stock.exchange, stock.currency = "AAPL", "STK", "SMART", "USD"
    option = Contract()
    option.symbol, option.secType, option.exchange, option.strike = "AAPL", "OPT", "SMART", 230
    client.reqPositions()
    client.reqAccountUpdates(True, "")  # noqa: FBT003 - ibapi's signature
    client.reqAccountSummary(1, "All", "NetLiquidation,$LEDGER:ALL")
    client.reqContractDetails(2, stock)
    client.reqContractDetails(3, option)
    client.reqMktData(4, stock, "", False, False, [])  # noqa: FBT003 - ibapi's signature
    client.reqMktData(5, stock, "", True, False, [])  # noqa: FBT003 - ibapi's signature
    client.reqAccountUpdatesMulti(6, "DU1234567", "", False)  # noqa: FBT003 - ibapi's signature
    client.reqPositionsMulti(7, "DU1234567", "")
    client.reqPnL(8, "DU1234567", "")
    client.reqPnLSingle(9, "DU1234567", "", 265598)
    client.reqCurrentTime()
    client.reqAllOpenOrders()
    client.reqCompletedOrders(True)  # noqa: FBT003 - ibapi's signature
    client.reqMatchingSymbols(10, "AAP")
    client.wait("positionEnd", "accountDownloadEnd", "accountSummaryEnd", "tickSnapshotEnd", "currentTime")
    client.wait("accountUpdateMultiEnd", "positionMultiEnd", "pnl", "pnlSingle", "openOrderEnd", "completedOrdersEnd")
    client.wait("contractDetailsEnd", times=2)
    client.wait("tickReqParams", "marketDataType", "tickGeneric", "tickString", "symbolSamples")
    client.wait("tickPrice", times=40)
    client.cancelMktData(4)
    client.cancelMktData(4)
    client.wait("error", times=8)
    client.disconnect()
    reader.join(5)
    assert not reader.is_alive()
    return client


async def test_official_client_gets_everything_without_a_complaint(bench: Bench) -> None:
    complaints = Complaints("ibapi")
    try:
        client = await trio.to_thread.run_sync(use_ibapi, bench.ports.port)
    finally:
        complaints.close()
    assert complaints.texts == []
    assert client.calls["position"] == 8
    assert client.calls["contractDetails"] == 1 + 6
    notices = [2104, 2104, 2104, 2104, 2106, 2107, 2158]
    assert [code for _, code in client.errors] == [*notices, 300]
