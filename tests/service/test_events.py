"""Live quotes without a WebSocket: server-sent events and the long poll."""

import json
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import h11
import pytest
import trio

from ibactors.config import Settings
from ibactors.kernel.topic import Topic
from ibactors.keys import read_keys
from ibactors.sim import SimulatorOptions
from tests.conforming import conforming
from tests.conftest import DEADLINE, Service, eventually, running_service
from tests.service.keyed import LINES, bearer, keyed_service, settings_with
from tests.service.test_stream import close_code


class EventSource:
    """Reads events as a browser does, from a connection of its own; what it receives is as described in `/asyncapi.json`."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._http = h11.Connection(h11.CLIENT)
        self._text = ""
        self.last_id = ""

    async def open(self, host: str, target: str, headers: dict[str, str]) -> h11.Response:
        request = h11.Request(method="GET", target=target, headers=[("Host", host), *headers.items()])
        await self._stream.send_all(self._http.send(request) + self._http.send(h11.EndOfMessage()))
        response = await self._next_event()
        assert isinstance(response, h11.Response)
        return response

    async def receive(self, within: float = DEADLINE) -> Any:
        """The data of the next event."""
        with trio.fail_after(within):
            while True:
                fields = dict(line.split(": ", 1) for line in (await self._next_block()).splitlines() if not line.startswith(":"))
                self.last_id = fields.get("id", self.last_id)
                if "data" in fields:
                    return conforming(json.loads(fields["data"]))

    async def _next_block(self) -> str:
        while "\n\n" not in self._text:
            event = await self._next_event()
            if not isinstance(event, h11.Data):
                raise EOFError  # noqa: TRY004  # the stream ended
            self._text += event.data.decode()
        block, self._text = self._text.split("\n\n", 1)
        return block

    async def _next_event(self) -> h11.Event | type[h11.PAUSED]:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            self._http.receive_data(await self._stream.receive_some())
        return event  # type: ignore[return-value]

    async def expect(self, kind: str, within: float = DEADLINE, **members: Any) -> Any:
        with trio.fail_after(within):
            while True:
                message = await self.receive(within)
                if message["type"] == kind and all(message.get(key) == value for key, value in members.items()):
                    return message


@asynccontextmanager
async def events_at(service: Service, target: str, **headers: str) -> AsyncIterator[EventSource]:
    host, port = service.url.removeprefix("http://").split(":")
    async with await trio.open_tcp_stream(host, int(port)) as stream:
        source = EventSource(stream)
        response = await source.open(f"{host}:{port}", target, headers)
        found = {name.decode(): value.decode() for name, value in response.headers}
        assert response.status_code == 200
        assert found["content-type"].startswith("text/event-stream")
        assert found["cache-control"] == "no-store"
        yield source


def events(service: Service, symbols: str, **headers: str) -> AbstractAsyncContextManager[EventSource]:
    return events_at(service, f"/market/stream?symbols={symbols}", **headers)


async def test_events_carry_every_symbols_quotes_as_the_websocket_does(service: Service) -> None:
    async with events(service, "AAPL,MSFT") as source, service.stream() as stream:
        await stream.send(action="subscribe", symbol="AAPL")
        seen = await stream.expect("quote")
        quote = await source.expect("quote", symbol="AAPL")
        await source.expect("quote", symbol="MSFT")
        assert quote.keys() == seen.keys()
        assert source.last_id


async def test_a_break_is_told_as_stale_and_new_quotes_come_by_themselves(service: Service) -> None:
    async with events(service, "AAPL") as source:
        await source.expect("quote")
        await service.gateway.do("refuse 1")
        await source.expect("stale", symbol="AAPL")
        await source.expect("status", connected=True)
        await source.expect("quote", symbol="AAPL")


async def test_who_comes_again_is_sent_only_what_is_newer() -> None:
    async with running_service(options=SimulatorOptions(rate=0.5)) as service:
        async with events(service, "AAPL,MSFT") as source:
            seen = [await source.receive(), await source.receive()]
            last = source.last_id
        assert {message["symbol"] for message in seen} == {"AAPL", "MSFT"}
        await service.gateway.do("halt AAPL")
        await service.gateway.do("halt MSFT")
        newest = datetime.fromisoformat((await service.get("/market/quote/AAPL"))["timestamp"])
        # What is younger than a second may have been overtaken, and is sent again.
        later = newest + timedelta(seconds=1, milliseconds=1)
        async with events(service, "AAPL", **{"Last-Event-ID": later.isoformat()}) as source:
            with pytest.raises(trio.TooSlowError):
                await source.receive(within=0.5)
        async with events(service, "AAPL", **{"Last-Event-ID": last}) as source:
            assert (await source.expect("quote"))["symbol"] == "AAPL"


async def test_unknown_symbol_is_an_event_beside_others(service: Service) -> None:
    async with events(service, "BADSYM,AAPL") as source:
        await source.expect("error", symbol="BADSYM", code="contract_not_found")
        await source.expect("quote", symbol="AAPL")


@pytest.mark.parametrize(
    ("symbols", "status", "code"),
    [
        ("BADSYM", 404, "contract_not_found"),
        ("BADSYM,BADSYM2", 404, "contract_not_found"),
        ("AMBIG", 409, "contract_ambiguous"),
        ("NOSUB", 403, "market_data_not_subscribed"),
    ],
)
async def test_symbols_that_never_have_anything_are_a_problem_so_that_nobody_comes_again(
    service: Service, symbols: str, status: int, code: str
) -> None:
    for _ in range(2):  # the second time as an EventSource that was told nothing would
        assert (await service.get(f"/market/stream?symbols={symbols}", status))["code"] == code


async def test_events_of_a_service_without_a_session_begin_so_that_they_can_go_on() -> None:
    async with running_service(wait=False, gateway_port=1) as service, events(service, "AAPL") as source:
        await source.expect("status")


@pytest.mark.parametrize("query", ["", "?symbols=", "?symbols=A!B", "?symbols=AAPL&nonsense=1"])
async def test_bad_parameters_are_problems(service: Service, query: str) -> None:
    problem = await service.get(f"/market/stream{query}", status=422)
    assert problem["code"] == "invalid_request"
    assert problem["hint"]


async def test_a_head_request_does_not_wait_for_events(service: Service) -> None:
    with trio.fail_after(8):
        response = await service.http.head("/market/stream?symbols=AAPL")
    assert response.status_code == 200


async def test_an_event_id_without_a_zone_is_taken(service: Service) -> None:
    await service.get("/market/quote/AAPL")  # there is a time to compare it with
    async with events(service, "AAPL", **{"Last-Event-ID": "2026-01-01T00:00:00"}) as source:
        await source.expect("quote")


async def test_a_bad_event_id_is_a_problem(service: Service) -> None:
    response = await service.http.get("/market/stream?symbols=AAPL", headers={"Last-Event-ID": "yesterday"})
    assert response.status_code == 422
    assert response.json()["field"] == "Last-Event-ID"


async def test_a_client_that_leaves_is_forgotten() -> None:
    async with running_service(line_idle_seconds=1.0, max_streams=1) as service:
        async with events(service, "AAPL") as source:
            await source.expect("quote")
            problem = await service.get("/market/stream?symbols=MSFT", status=503)
            assert problem["code"] == "too_many_streams"

        async def no_lines() -> bool:
            return not (await service.gateway.stats())["lines"]

        await eventually(no_lines)
        async with events(service, "MSFT") as source:
            await source.expect("quote")


async def test_events_end_when_the_service_stops() -> None:
    async with running_service() as service, events(service, "AAPL") as source:
        await source.expect("quote")
        service.stop.set()
        with pytest.raises(EOFError), trio.fail_after(8):
            while True:
                await source.receive()


async def test_a_long_poll_answers_when_there_is_another_quote(service: Service) -> None:
    first = await service.get("/market/quote/AAPL")
    with trio.fail_after(5):
        for _ in range(3):
            then = await service.get(f"/market/quote/AAPL?wait=30&after={first['timestamp']}")
            assert then["timestamp"] > first["timestamp"]
            first = then


async def test_a_long_poll_without_news_answers_with_what_there_is_when_its_time_is_up(service: Service) -> None:
    await service.get("/market/quote/AAPL")
    await service.gateway.do("halt AAPL")
    before = (await service.get("/market/quote/AAPL"))["timestamp"]
    with trio.move_on_after(1):
        while (then := (await service.get(f"/market/quote/AAPL?wait=0.3&after={before}"))["timestamp"]) != before:
            before = then
    began = trio.current_time()
    assert (await service.get(f"/market/quote/AAPL?wait=0.5&after={before}"))["timestamp"] == before
    assert trio.current_time() - began >= 0.5


async def test_a_long_poll_ends_at_once_with_a_break_and_with_the_service() -> None:
    async with running_service() as service:
        await service.gateway.do("halt AAPL")
        quote = await service.get("/market/quote/AAPL")
        while True:
            response = await service.http.get(f"/market/quote/AAPL?wait=0.5&after={quote['timestamp']}")
            if response.json()["timestamp"] == quote["timestamp"]:
                break
            quote = response.json()

        async def poll() -> None:
            response = await service.http.get(f"/market/quote/AAPL?wait=60&after={quote['timestamp']}", timeout=30)
            answers.append(response.status_code)

        answers: list[int] = []
        with trio.fail_after(5):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(poll)
                await trio.sleep(0.2)
                await service.gateway.do("refuse 30")
        assert answers == [503]


@pytest.mark.parametrize("form", ["{0}.{1}Z", "{0}.{1}000Z", "{0}.{2}Z", "{0}Z", "{0}.{1}+00:00", "{0}.{1}%2B00:00", "{0}.{1}-00:00"])
async def test_a_time_may_be_written_as_precisely_and_in_such_a_zone_as_one_likes(service: Service, form: str) -> None:
    await service.gateway.do("halt AAPL")
    await service.get("/market/quote/AAPL")
    await trio.sleep(0.2)
    newest = (await service.get("/market/quote/AAPL"))["timestamp"]
    seconds, micros = newest[:-1].split(".")
    began = trio.current_time()
    await service.get(f"/market/quote/AAPL?wait=0.3&after={form.format(seconds, micros, micros[:3])}")
    assert trio.current_time() - began >= 0.3
    with trio.fail_after(8):
        await service.get("/market/quote/AAPL?wait=30&after=2030-01-01T00:00:00Z")


async def test_the_first_quote_is_waited_for_as_long_as_was_said() -> None:
    async with running_service() as service:
        await service.gateway.do("mute")
        began = trio.current_time()
        response = await service.http.get("/market/quote/MSFT?wait=0.4")
        assert (response.status_code, response.json()["code"]) == (504, "no_market_data")
        assert trio.current_time() - began < 3


@pytest.mark.parametrize(
    "query", ["wait=61", "wait=-1", "wait=x", "after=now", "after=2030-01-01", "after=2030-13-01T00:00:00Z", "after=2030-01-01T00:00:00"]
)
async def test_a_bad_long_poll_is_a_problem(service: Service, query: str) -> None:
    problem = await service.get(f"/market/quote/AAPL?{query}", status=422)
    assert problem["field"] == query.partition("=")[0]
    assert problem["hint"]


async def test_sockets_and_events_share_the_places_and_metrics_count_the_sockets() -> None:
    async with running_service(max_streams=2) as service, events(service, "AAPL") as source, service.stream() as stream:
        await source.expect("quote")
        await stream.send(action="ping")
        await stream.expect("pong")
        assert (await service.get("/market/stream?symbols=MSFT", status=503))["code"] == "too_many_streams"
        async with service.stream() as third:
            assert await close_code(third) == 1013
        metrics = (await service.http.get("/metrics")).text
        assert "\nibactors_streams_open 1.0" in metrics
        assert "\nibactors_streams_total 1.0" in metrics


async def test_a_place_that_was_refused_says_when_to_try_again() -> None:
    async with running_service(max_streams=1) as service, service.stream() as stream:
        await stream.send(action="ping")
        await stream.expect("pong")
        response = await service.http.get("/market/stream?symbols=MSFT")
        assert (response.status_code, response.headers["retry-after"]) == (503, "5")
        assert response.headers["content-type"] == "application/problem+json"
        assert response.json()["request_id"] == response.headers["x-request-id"]


async def test_a_revoked_key_ends_its_events_and_a_key_has_so_many_streams() -> None:
    updates = Topic(Settings(api_keys=read_keys("\n".join(LINES.values()))))
    async with keyed_service(updates=updates, max_streams_per_key=1) as service, events(service, "AAPL", **bearer("stream")) as source:
        await source.expect("quote")
        response = await service.http.get("/market/stream?symbols=MSFT", headers=bearer("stream"))
        assert (response.status_code, response.json()["code"]) == (503, "too_many_streams")
        updates.publish(settings_with(updates, "read"))
        with pytest.raises((EOFError, h11.RemoteProtocolError)):
            while True:
                await source.receive()


async def test_any_channels_come_as_events_at_the_interval_that_is_asked_for(service: Service) -> None:
    async with events_at(service, "/stream?channels=quotes,account&symbols=AAPL,MSFT&interval_ms=300") as source:
        assert (await source.expect("account"))["positions"] is not None
        seen = [(await source.expect("quote", symbol="AAPL"), trio.current_time()) for _ in range(3)]
        assert seen[2][1] - seen[0][1] > 0.5
        await source.expect("quote", symbol="MSFT")
        await service.gateway.do("refuse 1")
        stale = [(await source.expect("stale")) for _ in range(3)]
        assert {message.get("symbol") or message["channel"] for message in stale} == {"AAPL", "MSFT", "account"}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("", "symbols"),
        ("channels=quotes,dept&symbols=AAPL", "channels"),
        ("symbols=AAPL&interval_ms=-1", "interval_ms"),
        ("symbols=AAPL&rowz=1", "rowz"),
        ("con_ids=x", "con_ids[0]"),
    ],
)
async def test_what_is_wrong_with_a_stream_of_channels_is_named(service: Service, query: str, field: str) -> None:
    assert (await service.get(f"/stream?{query}", status=422))["field"] == field


async def test_a_stream_needs_the_scope_of_each_channel() -> None:
    async with keyed_service() as service:
        response = await service.http.get("/stream?channels=account", headers=bearer("stream"))
        assert (response.status_code, response.json()["code"]) == (403, "scope_missing")
