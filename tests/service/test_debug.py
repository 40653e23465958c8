"""What whoever is woken at night can ask: one actor, the task tree in three forms, the event loop, the metrics."""

import json
import re
from typing import Any, cast

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.conftest import ErrorLog, Service, running_service
from tests.service.test_crash import Hook


async def metrics_of(service: Service) -> dict[str, float]:
    """Every sample by name and labels, as it is written."""
    text = (await service.http.get("/metrics")).text
    return {
        f"{sample.name}{{{','.join(f'{key}={value}' for key, value in sorted(sample.labels.items()))}}}": sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_actor_has_its_state_its_messages_and_how_long_they_took(service: Service) -> None:
    await service.get("/market/quote/AAPL")
    actor = await service.get("/debug/actors/symbol:AAPL")
    assert (actor["name"], actor["state"], actor["epoch"], actor["restarts"], actor["last_crash"]) == ("symbol:AAPL", "running", 1, 0, None)
    assert 0 <= actor["for_seconds"] <= actor["uptime_seconds"] < 60
    assert actor["waiting_peak"] >= 1
    kinds = {kind["kind"]: kind for kind in actor["messages"]}
    assert {"SessionChanged", "Ticked", "GetQuote"} <= set(kinds)
    assert kinds["GetQuote"]["count"] == 1
    for kind in kinds.values():
        assert 0 <= kind["p50"] <= kind["p99"] <= kind["highest"] < 10
    assert sum(kind["count"] for kind in kinds.values()) == actor["handled"]


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("EUR?sec_type=CASH", "symbol:EUR,exchange=IDEALPRO,sec_type=CASH"),
        ("BRK%20B", "symbol:BRK B"),
        ("MES?exchange=CME&sec_type=FUT&expiry=202703", "symbol:MES,exchange=CME,sec_type=FUT,expiry=202703"),
    ],
)
async def test_actors_of_odd_names_are_found(service: Service, query: str, name: str) -> None:
    await service.http.get(f"/market/quote/{query}")
    response = await service.http.get(f"/debug/actors/{name.replace(' ', '%20')}")
    assert (response.status_code, response.json()["name"]) == (200, name)
    encoded = "".join(f"%{ord(character):02X}" for character in name)
    assert (await service.get(f"/debug/actors/{encoded}"))["name"] == name


async def test_actor_with_slashes_in_its_name_is_found(service: Service) -> None:
    async with service.stream() as stream:
        await stream.send(action="subscribe", symbol="A//B/C")
        await stream.expect("subscribed")
        assert (await service.get("/debug/actors/symbol:A%2F%2FB%2FC"))["name"] == "symbol:A//B/C"
        assert (await service.get("/debug/actors/symbol:A//B/C"))["name"] == "symbol:A//B/C"


@pytest.mark.parametrize("name", ["symbol:NOPE", "a//b", "..", "%00", "x" * 5000, "%3Cscript%3E", "%E2%82%AC"])
async def test_unknown_actor_is_a_404_with_what_there_is(service: Service, name: str) -> None:
    problem = await service.get(f"/debug/actors/{name}", status=404)
    assert problem["code"] == ("not_found" if name == ".." else "actor_not_found")
    if name != "..":
        assert {"account", "connection", "gateway", "market"} <= set(
            problem["hint"].replace(".", ";").replace(":", ";").replace("; ", ";").split(";")
        )
    assert len(problem["detail"]) < 300


async def test_crash_is_told_with_its_traceback_and_the_message_that_caused_it(error_log: ErrorLog) -> None:
    hook = Hook()
    async with running_service(run=hook) as service, service.stream() as stream:
        await stream.send(action="subscribe", symbol="AAPL")
        await stream.expect("quote", symbol="AAPL")
        hook.poisoned = "AAPL"
        await stream.expect("stale", symbol="AAPL", within=10)
        await stream.expect("quote", symbol="AAPL", within=10)
        actor = await service.get("/debug/actors/symbol:AAPL")
        assert actor["restarts"] == 1
        crash = actor["last_crash"]
        text = "\n".join(crash["traceback"])
        assert "symbol_actor.py" in text
        assert "while actor 'symbol:AAPL' handled Ticked(" in text
        assert "trio/_core" not in text
        assert crash["exception"]["type"] == "TypeError"
        assert crash["exception"]["frames"][-1]["function"] == "Encoded.__init__" or crash["exception"]["frames"]
        assert crash["at"].endswith("Z")
        assert (await metrics_of(service))["ibactors_actor_restarts_total{kind=symbol}"] == 1
        assert len(error_log.take()) == 1


async def test_restarts_of_actors_that_are_gone_still_count(error_log: ErrorLog) -> None:
    hook = Hook()
    async with running_service(run=hook, line_idle_seconds=1) as service:
        hook.poisoned = "TSLA"
        await service.until("/market/quote/TSLA", lambda response: response.status_code == 200)
        await service.until("/debug/actors", lambda response: "symbol:TSLA" not in response.text)
        assert (await metrics_of(service))["ibactors_actor_restarts_total{kind=symbol}"] == 1
        error_log.take()


@pytest.mark.parametrize(
    ("accept", "query", "content_type"),
    [
        ("*/*", "", "text/plain"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "", "text/html"),
        ("application/json", "", "application/json"),
        ("application/json", "?format=text", "text/plain"),
        ("*/*", "?format=json", "application/json"),
        ("*/*", "?format=html", "text/html"),
        ("image/png", "", "text/plain"),
    ],
)
async def test_task_tree_comes_in_the_form_that_is_asked_for(service: Service, accept: str, query: str, content_type: str) -> None:
    response = await service.http.get(f"/debug/tasks{query}", headers={"Accept": accept})
    assert response.headers["Content-Type"].startswith(content_type)
    assert "actor:connection/session" in response.text
    assert "Mailbox.next" in response.text


async def test_browsers_get_pages_whose_links_lead_on(service: Service) -> None:
    for path in ("/debug/actors", "/debug/tasks", "/debug/loop"):
        response = await service.http.get(path, headers={"Accept": "text/html,*/*;q=0.8"})
        assert response.headers["Content-Type"] == "text/html; charset=utf-8"
        places = [place for place in re.findall('(?:href|src)="([^"]+)"', response.text) if place.startswith("/")]
        assert "/ui/debug.css" in places
        for place in set(places):
            assert (await service.http.get(place)).status_code == 200, place


async def test_unknown_form_is_refused_with_those_that_there_are(service: Service) -> None:
    problem = await service.get("/debug/tasks?format=xml", status=422)
    assert (problem["field"], problem["hint"]) == ("format", "format: text, json or html; by the Accept header when not given.")


async def test_task_tree_tells_how_long_a_task_waits_and_until_when(service: Service) -> None:
    await service.get("/market/quote/AAPL")

    def flat(node: Any) -> list[Any]:
        return [node, *(found for child in node["children"] for found in flat(child))]

    tasks = {node["name"]: node for node in flat(await service.get("/debug/tasks?format=json"))}
    timers = tasks["actors/timers"]
    assert any(0 <= scope.get("deadline_in", -1) <= 60 for scope in timers["scopes"]) or timers["waiting"] < 10
    assert all(node["waiting"] >= 0 for node in tasks.values())
    assert tasks["actor:market"]["stack"][-1]["file"].startswith("trio/")
    assert tasks["GET /debug/tasks"]["waiting"] < 1


async def test_nothing_under_debug_shows_an_account(service: Service) -> None:
    accounts = (await service.get("/accounts"))["accounts"]
    names = [str(account.get("account", account) if isinstance(account, dict) else account) for account in accounts]
    assert names
    await service.get("/account/summary")
    for path in (
        "/debug/actors",
        "/debug/actors/account",
        "/debug/tasks",
        "/debug/tasks?format=html",
        "/debug/actors?format=html",
        "/debug/loop",
        "/metrics",
    ):
        text = (await service.http.get(path)).text
        assert not [name for name in names if name in text]


async def test_loop_is_watched(service: Service) -> None:
    await service.until("/debug/loop", lambda response: response.json()["lag"]["p50"] is not None)
    loop = await service.get("/debug/loop")
    assert loop["watched"]
    assert loop["tasks"] > 10
    assert 0 <= loop["lag"]["p50"] <= loop["lag"]["p99"] <= loop["lag"]["highest"]


async def test_watch_can_be_turned_off() -> None:
    async with running_service(slow_step=0.0) as service:
        loop = await service.get("/debug/loop")
        assert (loop["watched"], loop["lag"]["p50"]) == (False, None)
        assert "is not watched" in (await service.http.get("/debug/tasks")).text
        assert not [name for name in await metrics_of(service) if name.startswith("ibactors_loop")]


async def test_metrics_follow_what_happens(service: Service) -> None:
    before = await metrics_of(service)
    assert before["ibactors_session_up{}"] == 1
    assert before["ibactors_session_phase{phase=up}"] == 1
    async with service.stream() as stream:
        await stream.send(action="subscribe", symbol="AAPL")
        for _ in range(3):
            await stream.expect("quote")
        during = await metrics_of(service)
    assert (during["ibactors_lines_used{}"], during["ibactors_lines_free{}"]) == (1, 99)
    assert during["ibactors_streams_open{}"] == 1
    assert during["ibactors_stream_messages_total{direction=in}"] == 1
    assert during["ibactors_stream_messages_total{direction=out}"] >= 4
    assert during["ibactors_quotes_served_total{freshness=live,way=stream}"] >= 3
    assert 3 <= during["ibactors_tick_to_client_seconds_count{}"] == during["ibactors_tick_to_client_seconds_bucket{le=+Inf}"]
    assert during["ibactors_gateway_messages_total{direction=in}"] > before["ibactors_gateway_messages_total{direction=in}"]
    await service.get("/market/quote/AAPL")
    await service.get("/market/quote/BADSYM", status=404)
    after = await metrics_of(service)
    assert after["ibactors_quote_age_seconds_count{}"] == 1
    assert after["ibactors_request_seconds_count{method=GET,route=/market/quote/{symbol},status=200}"] == 1
    assert after["ibactors_request_seconds_count{method=GET,route=/market/quote/{symbol},status=404}"] == 1
    assert after["ibactors_ib_errors_total{code=200}"] == 2  # no such stock, no such index
    assert after["process_resident_memory_bytes{}"] > 1e6
    assert after["process_open_fds{}"] > 3


async def test_lost_gateway_shows_in_the_metrics(service: Service) -> None:
    await service.gateway.do("refuse 30")
    await service.until("/metrics", lambda response: "\nibactors_session_up 0.0\n" in response.text, within=5)
    assert (await metrics_of(service))["ibactors_session_phase{phase=backing_off}"] == 1


async def test_two_services_in_one_process_count_for_themselves() -> None:
    async with running_service() as first, running_service() as second:
        await first.get("/market/quote/AAPL")
        assert (await metrics_of(first))["ibactors_lines_used{}"] == 1
        assert (await metrics_of(second))["ibactors_lines_used{}"] == 0
        assert (await metrics_of(second))["ibactors_quote_age_seconds_count{}"] == 0


async def test_metrics_speak_openmetrics_where_asked(service: Service) -> None:
    response = await service.http.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert response.headers["Content-Type"].startswith("application/openmetrics-text")
    assert response.text.endswith("# EOF\n")


async def test_slow_reader_shows_in_the_metrics(service: Service) -> None:
    # A reader that takes nothing: the socket's buffers fill, then newer quotes take the place of those that wait.
    await service.gateway.do("rate 1000")
    async with service.stream() as stream:
        await stream.send(action="subscribe", symbols=["AAPL", "MSFT", "TSLA", "SPY"])
        await service.until("/metrics", lambda response: "\nibactors_slow_reader_skips_total 0.0\n" not in response.text, within=30)


def test_every_debug_operation_is_in_the_document_under_one_tag() -> None:
    from ibactors.web.app import OPERATIONS  # noqa: PLC0415
    from ibactors.web.rest.openapi import build_document  # noqa: PLC0415

    paths = cast("dict[str, Any]", json.loads(json.dumps(build_document(OPERATIONS, secured=False), default=str)))["paths"]
    for path in ("/debug/actors", "/debug/actors/{name}", "/debug/tasks", "/debug/loop", "/metrics"):
        assert paths[path]["get"]["tags"] == ["Debug"]
