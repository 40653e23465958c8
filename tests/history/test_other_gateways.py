"""What real gateways sent about the past, as the documented JSON; and the same bars as ib_async gets by its own client."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from typing import Any, NoReturn

import ib_async
import pytest
import trio

from ibactors.bridge.session import Session, run_session
from tests.conftest import ErrorLog, Service, running_service
from tests.service.scripted import REAL, Frame, Script, scripted_gateway

# Of gateways of 2023 (server version 173) and 2026, from the tests and captures of several open-source clients.
DAYS = (
    "2|20230413|182.9400|186.5000|180.9400|185.9000|948837.22|184.869|324891|"
    "20230414|183.8800|186.2800|182.0100|185.0000|810998.27|183.9865|277547"
)
HOURS = (
    "3|1783949400|317.04|323.45|316.45|321.22|7492200|320.857|54342|1783951200|321.22|321.8|318.37|319.07|4255043|320.098|39295|"
    "1783954800|319.13|319.23|316.09|316.62|2132509|317.623|19417"
)
SCHEDULE = (
    "20260710-09:30:00|20260713-16:00:00|US/Eastern|2|"
    "20260710-09:30:00|20260710-16:00:00|20260710|20260713-09:30:00|20260713-16:00:00|20260713"
)
TRADES = (
    "4|1681133400|0|11.63|24547|ISLAND| O X|1681133400|2|11.73|1|DRCTEDGE|   I|"
    "1681133401|0|11.63|179|FINRA||1681133401|2|11.73|1|FINRA|   I|1"
)
QUOTES = "2|1681133399|0|11.63|11.83|2800|100|1681133400|0|11.63|11.72|2800|100|1"
MIDPOINTS = "2|1681133398|0|91.36|0|1681133400|0|91.355|0|1"


def bars(request: Frame) -> list[Frame]:
    if "SCHEDULE" in request:
        return [["106", request[1], *SCHEDULE.split("|")]]
    return [["17", request[1], "20230413  16:31:22", "20230415  16:31:22", *(DAYS if "1 day" in request else HOURS).split("|")]]


def ticks(request: Frame) -> list[Frame]:
    [(message, rows)] = [one for kind, one in _TICKS.items() if kind in request]
    return [[message, request[1], *rows.split("|")]]


_TICKS = {"TRADES": ("98", TRADES), "BID_ASK": ("97", QUOTES), "MIDPOINT": ("96", MIDPOINTS)}
RECORDED: Script = {**REAL, "20": bars, "96": ticks, "87": lambda request: [["88", request[1], "345479400"]]}


@pytest.fixture
async def recorded() -> AsyncIterator[Service]:
    async with scripted_gateway(RECORDED, version=173) as port, running_service(gateway_port=port) as service:
        yield service


async def test_recorded_days_and_hours(recorded: Service) -> None:
    days = await recorded.get("/history/bars/TSLA?bar=1d&start=2023-04-13&end=2023-04-15")
    assert days["bars"][0] == {
        "t": "2023-04-13",
        "o": 182.94,
        "h": 186.5,
        "l": 180.94,
        "c": 185.9,
        "v": 948837.22,
        "vwap": 184.869,
        "n": 324891,
        "complete": True,
    }
    hours = await recorded.get("/history/bars/TSLA?bar=1h&start=2026-07-13&end=2026-07-14")
    assert [bar["t"][11:16] for bar in hours["bars"]] == ["13:30", "14:00", "15:00"]
    assert (hours["bars"][0]["v"], hours["bars"][0]["vwap"], hours["bars"][0]["n"]) == (7492200, 320.857, 54342)


async def test_recorded_ticks(recorded: Service) -> None:
    trades = (await recorded.get("/history/ticks/TSLA?start=2023-04-10T13:30:00Z"))["ticks"]
    assert trades[0] == {
        "t": "2023-04-10T13:30:00.000000Z",
        "price": 11.63,
        "size": 24547,
        "exchange": "ISLAND",
        "conditions": "O X",
        "past_limit": False,
        "unreported": False,
    }
    assert [tick["unreported"] for tick in trades] == [False, True, False, True]
    quotes = (await recorded.get("/history/ticks/TSLA?start=2023-04-10T13:29:59Z&what=bid_ask"))["ticks"]
    assert (quotes[1]["bid"], quotes[1]["ask"], quotes[1]["bid_size"], quotes[1]["ask_size"]) == (11.63, 11.72, 2800, 100)
    midpoints = (await recorded.get("/history/ticks/TSLA?end=2023-04-10T13:30:01Z&what=midpoint"))["ticks"]
    assert [tick["price"] for tick in midpoints] == [91.36, 91.355]


async def test_recorded_head_and_schedule(recorded: Service) -> None:
    assert (await recorded.get("/history/head/TSLA"))["head"] == "1980-12-12T14:30:00.000000Z"
    schedule = await recorded.get("/history/schedule/TSLA?days=2")
    assert [session["open"] for session in schedule["sessions"]] == ["2026-07-10T13:30:00.000000Z", "2026-07-13T13:30:00.000000Z"]


REFUSALS = [
    (
        162,
        "Historical Market Data Service error message:Trading TWS session is connected from a different IP address",
        409,
        "competing_session",
    ),
    (162, "Historical Market Data Service error message:No market data permissions for ISLAND STK", 403, "market_data_not_subscribed"),
    (162, "Historical Market Data Service error message:invalid step: 1", 422, "invalid_request"),
    (162, "Historical Market Data Service error message:API historical data query cancelled: 9022", 504, "gateway_timeout"),
    (162, "Historical Market Data Service error message:HMDS query returned no data: TSLA@SMART Trades", 504, "gateway_timeout"),
    (2188, "Up-to-the-second historical data requires additional subscription for the API.", 403, "market_data_not_subscribed"),
    (10197, "No market data during competing live session", 409, "competing_session"),
    (321, "Error validating request.-'bK' : cause - End Date not supported with adjusted last", 422, "invalid_request"),
    (10314, "End Date/Time: The date, time, or time-zone entered is invalid.", 502, "gateway_error"),
]


@pytest.mark.parametrize(("number", "text", "status", "code"), REFUSALS)
async def test_recorded_refusal(number: int, text: str, status: int, code: str) -> None:
    def refuse(request: Frame) -> list[Frame]:
        return bars(request) if "SCHEDULE" in request else [["4", "2", request[1], f"{number}", text, ""]]

    async with scripted_gateway({**RECORDED, "20": refuse}, version=176) as port, running_service(gateway_port=port) as service:
        problem = await service.get("/history/bars/TSLA?bar=1h&start=2026-07-13&end=2026-07-14", status=status)
        assert (problem["code"], problem["ib_code"]) == (code, number)


async def test_warning_of_a_time_without_a_zone_does_not_end_the_request() -> None:
    def warned(request: Frame) -> list[Frame]:
        return [["4", "2", request[1], "2174", "Warning: You submitted request with date-time attributes without zone", ""], *bars(request)]

    async with scripted_gateway({**RECORDED, "20": warned}, version=176) as port, running_service(gateway_port=port) as service:
        assert (await service.get("/history/bars/TSLA?bar=1h&start=2026-07-13&end=2026-07-14"))["bars"]


async def test_ibs_pacing_is_waited_out_where_the_caller_has_time() -> None:
    asked: list[str] = []

    def paced(request: Frame) -> list[Frame]:
        if "SCHEDULE" in request:
            return bars(request)
        asked.append(request[1])
        return [["4", "2", request[1], "162", "Historical Market Data Service error message:Historical data request pacing violation", ""]]

    async with scripted_gateway({**RECORDED, "20": paced}, version=176) as port, running_service(gateway_port=port) as service:
        response = await service.http.get("/history/bars/TSLA?bar=30s&start=2026-07-13&end=2026-07-14&wait=2")
        assert response.status_code == 429
        assert response.json()["code"] == "history_pacing"
        assert int(response.headers["Retry-After"]) >= 1
        assert len(asked) == 1


async def test_answer_that_cannot_be_read_is_refused() -> None:
    def short(request: Frame) -> list[Frame]:
        return bars(request) if "SCHEDULE" in request else [["17", request[1], "", "", "2", "1783949400", "317.04"]]

    async with scripted_gateway({**RECORDED, "20": short}, version=176) as port, running_service(gateway_port=port) as service:
        assert (await service.get("/history/bars/TSLA?bar=1h&start=2026-07-13&end=2026-07-14", 502))["code"] == "gateway_error"


async def test_crash_of_the_actor_is_an_error_to_its_callers_and_it_comes_back(error_log: ErrorLog) -> None:
    poison = [True]

    async def run(*how: Any, task_status: trio.TaskStatus[Session]) -> NoReturn:
        class Status:
            def started(self, session: Session) -> None:
                ask = session.request

                async def poisoned(spec: Any) -> Any:
                    return (object(),) if spec.kind == "history" and poison else await ask(spec)

                session.request = poisoned  # type: ignore[method-assign]
                task_status.started(session)

        await run_session(*how, task_status=Status())  # type: ignore[arg-type]

    async with running_service(run=run) as service:
        with trio.fail_after(5):
            problem = await service.get("/history/bars/AAPL?bar=1d&start=2026-04-01&end=2026-04-03", status=502)
        assert (problem["code"], problem["actor"]) == ("actor_down", "history")
        poison.clear()
        await service.until("/history/bars/AAPL?bar=1d&start=2026-04-01&end=2026-04-03", lambda response: response.status_code == 200)
        assert (await service.get("/health"))["ib_connected"]
    assert len(error_log.take()) == 1


async def by_ib_async(port: int, end: str, duration: str, size: str, what: str, *, rth: bool) -> list[tuple[Any, ...]]:
    def ask() -> list[tuple[Any, ...]]:
        async def run() -> list[tuple[Any, ...]]:
            ib = ib_async.IB()
            await ib.connectAsync("127.0.0.1", port, clientId=77)
            try:
                stock = ib_async.Stock("AAPL", "SMART", "USD")
                found = await ib.reqHistoricalDataAsync(stock, end, duration, size, what, rth, formatDate=2)
                return [(bar.date, bar.open, bar.high, bar.low, bar.close, bar.volume, bar.average, bar.barCount) for bar in found]
            finally:
                ib.disconnect()

        with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
            return runner.run(run())

    return await trio.to_thread.run_sync(ask)


@pytest.mark.parametrize(
    ("bar", "start", "end", "duration", "size", "what"),
    [
        ("5m", "2026-04-13", "2026-04-18", "5 D", "5 mins", "TRADES"),
        ("1h", "2026-03-02", "2026-03-14", "10 D", "1 hour", "TRADES"),
        ("1m", "2026-04-14", "2026-04-15", "1 D", "1 min", "MIDPOINT"),
        ("1d", "2026-01-02", "2026-02-01", "20 D", "1 day", "TRADES"),
    ],
)
async def test_ib_async_gets_the_same_bars(service: Service, bar: str, start: str, end: str, duration: str, size: str, what: str) -> None:
    theirs = await by_ib_async(service.gateway.ports.port, end.replace("-", "") + "-00:00:00", duration, size, what, rth=True)
    ours = (await service.get(f"/history/bars/AAPL?bar={bar}&start={start}&end={end}&what={what.lower()}&limit=10000"))["bars"]
    assert len(ours) == len(theirs) > 0
    for mine, (date, *numbers) in zip(ours, theirs, strict=True):
        when = dt.datetime.fromisoformat(mine["t"])
        assert date == (when.date() if bar == "1d" else when)
        assert [mine[name] for name in "ohlc"] == numbers[:4]
        assert [-1 if mine[name] is None else mine[name] for name in ("v", "vwap", "n")] == numbers[4:]
