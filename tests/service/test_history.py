"""The past over HTTP: what is answered, and each problem."""

from typing import Any

import pytest
import trio

from tests.conftest import Service, eventually, running_service
from tests.service.scripted import REAL, scripted_gateway

RANGE = "bar=1h&start=2026-04-02T13:30:00Z&end=2026-04-02T16:00:00Z"


async def test_bars_have_the_documented_members(service: Service) -> None:
    page = await service.get(f"/history/bars/AAPL?{RANGE}&limit=2")
    assert (page["con_id"], page["symbol"], page["bar"], page["what"], page["rth"]) == (265598, "AAPL", "1h", "trades", True)
    assert page["complete"] is True
    assert [bar["t"] for bar in page["bars"]] == ["2026-04-02T13:30:00.000000Z", "2026-04-02T14:00:00.000000Z"]
    assert page["bars"][0].keys() == {"t", "o", "h", "l", "c", "v", "vwap", "n", "complete"}
    rest = await service.get(f"/history/bars/AAPL?{RANGE}&page_token={page['next_page_token']}")
    assert [bar["t"] for bar in rest["bars"]] == ["2026-04-02T15:00:00.000000Z"]
    assert rest["next_page_token"] is None


async def test_bars_without_trades_have_null_and_days_have_dates(service: Service) -> None:
    page = await service.get("/history/bars/EUR?sec_type=CASH&bar=1d&what=midpoint&start=2026-04-01&end=2026-04-04")
    assert [bar["t"] for bar in page["bars"]] == ["2026-04-01", "2026-04-02", "2026-04-03"]
    assert {(bar["v"], bar["vwap"], bar["n"]) for bar in page["bars"]} == {(None, None, None)}


async def test_newest_bars_come_without_a_start_and_the_pages_go_back(service: Service) -> None:
    first = await service.get("/history/bars/BTC?sec_type=CRYPTO&bar=5m&limit=3")
    assert first["complete"] is False
    assert [bar["complete"] for bar in first["bars"]] == [True, True, False]
    before = await service.get(f"/history/bars/BTC?sec_type=CRYPTO&bar=5m&limit=3&page_token={first['next_page_token']}")
    assert before["bars"][-1]["t"] < first["bars"][0]["t"]
    assert before["complete"] is True
    newest_first = await service.get("/history/bars/BTC?sec_type=CRYPTO&bar=5m&limit=3&order=desc")
    assert newest_first["bars"][0]["t"] > newest_first["bars"][1]["t"]


async def test_weekend_is_an_empty_page(service: Service) -> None:
    page = await service.get("/history/bars/AAPL?bar=5m&start=2026-04-04&end=2026-04-05")
    assert (page["bars"], page["next_page_token"], page["complete"]) == ([], None, True)


async def test_pages_reach_back_to_the_first_bar_there_is(service: Service) -> None:
    query, token, times = "/history/bars/TSLA?bar=1mo&order=desc&limit=100", "", []
    while token is not None:
        page = await service.get(query + (f"&page_token={token}" if token else ""))
        times += [bar["t"] for bar in page["bars"]]
        token = page["next_page_token"]
    assert times == sorted(set(times), reverse=True)
    assert times[-1].startswith("2010-06")


PROBLEMS = [
    ("bars/AAPL?bar=1d&start=1970-01-01&end=1975-01-01", 404, "no_history", {"head": "1980-12-12T14:30:00.000000Z"}),
    ("bars/AAPL?bar=5s&start=2025-01-06T15:00:00Z&end=2025-01-06T16:00:00Z", 404, "no_history", {}),
    ("bars/NOSUB?bar=1h&start=2026-04-01&end=2026-04-02", 403, "market_data_not_subscribed", {"ib_code": 162}),
    ("bars/DELAY?bar=1h&limit=5", 403, "market_data_not_subscribed", {"ib_code": 2188}),
    ("bars/NOPE?bar=1h&limit=5", 404, "contract_not_found", {"ib_code": 200}),
    ("bars/AMBIG?bar=1h&limit=5", 409, "contract_ambiguous", {}),
    ("bars/AAPL?bar=1h&what=adjusted_last&end=2026-04-02", 422, "invalid_request", {"field": "end"}),
    ("bars/AAPL?bar=1m&what=adjusted_last&start=2025-04-02", 422, "invalid_request", {"field": "start"}),
    ("bars/AAPL?bar=7m", 422, "invalid_request", {"field": "bar"}),
    ("bars/AAPL?bar=1h&start=2026-04-02&end=2026-04-02", 422, "invalid_request", {"field": "start"}),
    ("bars/AAPL?bar=1h&start=2026-13-02", 422, "invalid_request", {"field": "start"}),
    ("bars/AAPL?bar=1h&start=2026-04-02T10:00:00", 422, "invalid_request", {"field": "start"}),
    ("ticks/AAPL?start=2026-11-20&end=2026-11-19", 422, "invalid_request", {"field": "start"}),
    ("bars/AAPL?bar=1h&page_token=AAAA", 422, "invalid_request", {"field": "page_token"}),
    ("ticks/AAPL", 422, "invalid_request", {"field": "start"}),
    ("head/NOPE", 404, "contract_not_found", {}),
    ("jobs/job_0123456789abcdef", 404, "job_not_found", {}),
]


async def test_what_has_no_trades_says_what_there_is_instead(service: Service) -> None:
    """IB's "no data" is a time-out where there should be some, and would be one for ever."""
    past = "bar=1d&start=2026-11-02&end=2026-11-20"
    for question in (f"bars/EURUSD?{past}", f"bars/AAPL?sec_type=CFD&{past}", "ticks/XAUUSD?end=2026-11-20", "head/EUR.USD"):
        problem = await service.get(f"/history/{question}", status=422)
        assert (problem["code"], problem["field"]) == ("invalid_request", "what")
        assert "what=midpoint" in problem["hint"]


async def test_adjusted_days_reach_back_to_the_first(service: Service) -> None:
    page = await service.get("/history/bars/AAPL?bar=1d&what=adjusted_last&start=1980-01-01&limit=2")
    assert [bar["t"] for bar in page["bars"]] == ["1980-12-12", "1980-12-15"]


async def test_hint_of_a_time_without_a_zone_shows_one(service: Service) -> None:
    problem = await service.get("/history/bars/AAPL?bar=1h&start=2026-04-02T10:00:00", status=422)
    assert "2026-11-27T14:30:00Z" in problem["hint"]


@pytest.mark.parametrize(("path", "status", "code", "members"), PROBLEMS)
async def test_problem(service: Service, path: str, status: int, code: str, members: dict[str, Any]) -> None:
    problem = await service.get(f"/history/{path}", status=status)
    assert problem["code"] == code
    assert {name: problem[name] for name in members} == members


async def test_token_of_another_question_is_refused(service: Service) -> None:
    page = await service.get(f"/history/bars/AAPL?{RANGE}&limit=1")
    problem = await service.get(f"/history/bars/MSFT?{RANGE}&page_token={page['next_page_token']}", status=422)
    assert problem["field"] == "page_token"


async def test_other_session_and_broken_farm_are_told_apart(service: Service) -> None:
    await service.gateway.do("competing on")
    assert (await service.get(f"/history/bars/AAPL?{RANGE}", status=409))["code"] == "competing_session"
    await service.gateway.do("competing off")
    assert len((await service.get(f"/history/bars/AAPL?{RANGE}"))["bars"]) == 3


@pytest.mark.slow
async def test_pacing_is_429_with_the_time_that_the_window_needs(service: Service) -> None:
    """Six hours in bars of a second are twelve requests, of which those for bid and ask count twice: sixty in all."""
    query = "/history/bars/QUIET?bar=1s&start=2026-11-16T15:00:00Z&end=2026-11-16T21:00:00Z&limit=10000&wait=60"
    async with trio.open_nursery() as nursery:
        for what in ("midpoint", "bid", "bid_ask", "ask"):
            nursery.start_soon(pages, service, f"{query}&what={what}")
    problem = await service.get("/history/bars/QUIET?bar=5s&start=2026-11-16T15:00:00Z&end=2026-11-16T16:00:00Z", status=429)
    assert problem["code"] == "history_pacing"
    assert 500 < problem["retry_after"] <= 601
    assert (await service.gateway.stats())["pacing"]["violations"] == {}
    # What IB does not ration is served all the same.
    await service.get("/history/bars/QUIET?bar=1m&start=2026-11-16&end=2026-11-17")


async def pages(service: Service, query: str) -> list[Any]:
    """The bars of all pages."""
    bars: list[Any] = []
    token = ""
    while token is not None:
        page = (await service.http.get(query + (f"&page_token={token}" if token else ""), timeout=90)).json()
        bars += page["bars"]
        token = page["next_page_token"]
    return bars


async def test_ticks_continue_by_second_and_count_without_a_hole_or_a_double(service: Service) -> None:
    query = "/history/ticks/AAPL?start=2026-04-02T15:00:00Z&end=2026-04-02T15:01:00Z"
    whole = (await service.get(query))["ticks"]
    found: list[Any] = []
    token = ""
    while token is not None:
        page = await service.get(f"{query}&limit=7" + (f"&page_token={token}" if token else ""))
        found += page["ticks"]
        token = page["next_page_token"]
    assert found == whole
    assert len(found) > 50
    assert {"t", "price", "size", "exchange", "conditions", "past_limit", "unreported"} == found[0].keys()


async def test_ticks_before_an_end_go_backwards(service: Service) -> None:
    query = "/history/ticks/AAPL?what=bid_ask&end=2026-04-02T15:01:00Z&limit=10"
    last = await service.get(query)
    before = await service.get(f"{query}&page_token={last['next_page_token']}")
    both = await service.get(query.replace("limit=10", "limit=20"))
    assert before["ticks"] + last["ticks"] == both["ticks"]
    assert last["ticks"][-1]["t"] < "2026-04-02T15:01:00"


async def test_head_schedule_and_histogram(service: Service) -> None:
    assert (await service.get("/history/head/AAPL"))["head"] == "1980-12-12T14:30:00.000000Z"
    schedule = await service.get("/history/schedule/AAPL?days=3&end=2026-03-11")
    assert schedule["time_zone"] == "US/Eastern"
    assert [(session["date"], session["open"]) for session in schedule["sessions"]] == [
        ("2026-03-06", "2026-03-06T14:30:00.000000Z"),
        ("2026-03-09", "2026-03-09T13:30:00.000000Z"),  # the clocks went forward on the 8th
        ("2026-03-10", "2026-03-10T13:30:00.000000Z"),
    ]
    histogram = await service.get("/history/histogram/AAPL?period=2d")
    assert histogram["levels"][0].keys() == {"price", "size"}
    assert histogram["levels"] == sorted(histogram["levels"], key=lambda level: level["price"])


async def test_download_goes_on_through_a_break_and_gives_all_bars(service: Service) -> None:
    query = "/history/bars/AAPL?bar=5m&start=2026-01-05&end=2026-07-01&limit=10000"
    response = await service.http.get(query, headers={"Prefer": "respond-async"})
    assert response.status_code == 202
    place = response.headers["Location"]
    assert place == f"/history/jobs/{response.json()['id']}"
    await service.gateway.do("drop")

    async def is_done() -> bool:
        return bool((await service.get(place))["status"] != "running")

    await eventually(is_done, within=30)
    report = await service.get(place)
    assert (report["status"], report["requests_left"], report["problem"]) == ("done", 0, None)
    bars: list[Any] = []
    token = ""
    while token is not None:
        page = await service.get(f"{place}/bars?limit=3000" + (f"&page_token={token}" if token else ""))
        bars += page["bars"]
        token = page["next_page_token"]
    assert len(bars) == report["bars"]
    assert bars == (await service.get(query))["bars"]
    assert [job["id"] for job in (await service.get("/history/jobs"))["jobs"]] == [report["id"]]
    assert (await service.http.delete(place)).status_code == 200
    await service.get(place, status=404)


async def test_downloads_are_bounded_and_need_a_start(service: Service) -> None:
    headers = {"Prefer": "respond-async"}
    assert (await service.http.get("/history/bars/AAPL?bar=1d", headers=headers)).status_code == 422
    query = "/history/bars/AAPL?bar=1d&start=2026-01-05&end=2026-01-10"
    answers = [await service.http.get(query, headers=headers) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [202, 202, 202, 429]
    assert answers[-1].json()["code"] == "too_many_jobs"


async def test_without_a_session_what_is_kept_is_still_answered() -> None:
    async with running_service() as service:
        known = await service.get(f"/history/bars/AAPL?{RANGE}")
        await service.gateway.do("refuse 30")
        await service.gateway.do("drop")
        await service.until("/health", lambda response: not response.json()["ib_connected"])
        assert await service.get(f"/history/bars/AAPL?{RANGE}") == known
        assert (await service.get("/history/bars/AAPL?bar=1h&limit=5", status=503))["code"] == "gateway_disconnected"


async def test_bars_can_be_had_as_a_table(service: Service) -> None:
    lines = (await service.http.get(f"/history/bars/AAPL?{RANGE}&format=csv&limit=2")).text.splitlines()
    assert lines[0] == "t,o,h,l,c,v,vwap,n,complete"
    assert len(lines) == 3


async def test_equal_questions_cost_ib_one_request(service: Service) -> None:
    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(service.get, f"/history/bars/AAPL?{RANGE}")
    # The sessions of the year, and the bars.
    assert (await service.gateway.stats())["requests"]["reqHistoricalData"] == 2


async def test_answer_to_another_question_is_told_and_stops_nothing() -> None:
    def answer(request: list[str]) -> list[list[str]]:
        return [["17", request[1], "20261127 09:30:00", "20261127 10:00:00", "0"]]

    async with scripted_gateway({**REAL, "20": answer}, version=178) as port, running_service(gateway_port=port) as service:
        problem = await service.get("/history/schedule/TSLA", 502)
        assert "cannot be read" in problem["detail"]
        assert (await service.get("/debug/actors/history"))["restarts"] == 0
