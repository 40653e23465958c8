"""How a WebSocket client shows its key, and what happens when it does not, or when the key is revoked."""

import json
from functools import partial

import pytest
import trio

from ibactors.config import Settings
from ibactors.kernel.topic import Topic
from ibactors.keys import read_keys
from ibactors.service import Terms
from ibactors.web.gate.terms import GateTerms
from tests.conftest import ErrorLog, Service, Stream, running_service
from tests.service.keyed import KEYS, LINES, WRONG, bearer, keyed_service, settings_with, upgrade
from tests.service.test_stream import close_code


async def subscribe(stream: Stream) -> None:
    await stream.send(action="subscribe", symbol="AAPL")
    await stream.expect("quote")


async def ticket_of(service: Service, key: str = "stream") -> str:
    response = await service.http.post("/auth/ticket", headers=bearer(key))
    assert response.status_code == 200
    assert response.json()["expires_in"] == 30
    return str(response.json()["ticket"])


@pytest.mark.parametrize("headers", [bearer("stream"), {"X-API-Key": KEYS["stream"]}])
async def test_key_in_a_header_opens_the_stream(headers: dict[str, str]) -> None:
    async with keyed_service() as service, service.stream(headers=headers) as stream:
        await subscribe(stream)


async def test_key_in_the_first_message_opens_the_stream() -> None:
    async with keyed_service() as service, service.stream() as stream:
        await stream.send(action="auth", api_key=KEYS["stream"], id="a")
        assert await stream.receive() == {"type": "authenticated", "id": "a"}
        await subscribe(stream)
        await stream.send(action="auth", api_key=KEYS["stream"])
        await stream.expect("authenticated")


async def test_first_message_is_answered_in_an_array_in_batch_mode() -> None:
    async with keyed_service() as service, service.stream("?batch=1") as stream:
        await stream.send(action="auth", api_key=KEYS["stream"])
        assert [message["type"] for message in await stream.receive()] == ["authenticated"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (json.dumps({"action": "subscribe", "symbol": "AAPL"}), "api_key_required"),
        (json.dumps({"action": "auth"}), "api_key_required"),
        (json.dumps({"action": "auth", "api_key": WRONG}), "api_key_invalid"),
        (json.dumps({"action": "auth", "api_key": KEYS["read"]}), "scope_missing"),
        (json.dumps({"action": "auth", "api_key": "\u20ac"}), "api_key_invalid"),
        ("nonsense", "api_key_required"),
        ("[" * 900, "api_key_required"),
        (b"\x00", "api_key_required"),
    ],
)
async def test_other_first_message_is_answered_and_closes_with_1008(text: str | bytes, code: str) -> None:
    async with keyed_service() as service, service.stream() as stream:
        await stream.connection.send_message(text)
        error = await stream.receive()
        assert (error["type"], error["code"]) == ("error", code)
        assert await close_code(stream) == 1008


@pytest.mark.parametrize("length", [1025, 2000, 60_000, 100_000])
async def test_first_message_has_at_most_1024_octets(length: int) -> None:
    text = json.dumps({"action": "auth", "api_key": "x"})
    async with keyed_service() as service, service.stream() as stream, service.stream() as other:
        await stream.connection.send_message(text.replace("x", "x" * (length + 1 - len(text))))
        assert (await stream.receive())["code"] == "api_key_required"
        assert await close_code(stream) == 1009
        await other.connection.send_message(text.replace("x", "x" * (1025 - len(text))))
        assert (await other.receive())["code"] == "api_key_invalid"


async def test_client_that_shows_no_key_in_time_is_closed_with_1008() -> None:
    async with keyed_service(terms=Terms(gate=GateTerms(introduction_timeout=0.2))) as service, service.stream() as stream:
        assert (await stream.receive())["code"] == "api_key_required"
        assert await close_code(stream) == 1008


async def test_first_message_that_is_binary_is_told_that_it_is() -> None:
    async with keyed_service() as service, service.stream() as stream:
        await stream.connection.send_message(b'{"action":"auth","api_key":"x"}')
        refusal = await stream.receive()
        assert (refusal["code"], "binary" in refusal["message"]) == ("api_key_required", True)
        assert await close_code(stream) == 1008


async def test_ticket_opens_one_stream() -> None:
    async with keyed_service() as service:
        ticket = await ticket_of(service)
        async with service.stream(f"?ticket={ticket}&batch=0") as stream:
            await subscribe(stream)
        assert await upgrade(service, f"/ws/stream?ticket={ticket}") == 401
        assert await upgrade(service, "/ws/stream?ticket=guessed") == 401
        assert (await service.http.get("/accounts?ticket=" + await ticket_of(service))).status_code == 401


async def test_ticket_needs_the_scope_of_a_stream() -> None:
    async with keyed_service() as service:
        assert (await service.http.post("/auth/ticket", headers=bearer("read"))).status_code == 403


async def test_ticket_and_key_do_no_harm_where_no_keys_are_configured(service: Service) -> None:
    ticket = (await service.http.post("/auth/ticket")).json()["ticket"]
    async with service.stream(f"?ticket={ticket}") as stream:
        await stream.send(action="auth", api_key="anything")
        await stream.expect("authenticated")
        await subscribe(stream)


@pytest.mark.parametrize("parameter", ["api_key", "key", "token", "access_token", "API_KEY"])
async def test_key_in_the_url_is_refused_with_a_hint(parameter: str) -> None:
    async with keyed_service() as service:
        response = await service.http.get(f"/accounts?{parameter}={KEYS['read']}", headers=bearer("read"))
        assert response.status_code == 400
        assert response.json()["code"] == "api_key_in_url"
        assert "header" in response.json()["hint"]
        assert await upgrade(service, f"/ws/stream?{parameter}={KEYS['stream']}") == 400


async def test_revoked_key_is_closed_and_others_go_on() -> None:
    every = "\n".join(LINES.values())
    updates = Topic(Settings(api_keys=read_keys(every)))
    async with keyed_service(updates=updates) as service, service.stream() as revoked, service.stream() as other, service.stream() as late:
        await other.send(action="auth", api_key=KEYS["stream"])
        await subscribe(other)
        second = LINES["read"].replace(":read:", ":stream:")
        updates.publish(Settings(api_keys=(*updates.value.api_keys[1:], *read_keys(second))))
        await revoked.send(action="auth", api_key=KEYS["read"])
        await subscribe(revoked)
        ticket = await ticket_of(service, "read")

        updates.publish(settings_with(updates, "stream", "admin"))
        assert await close_code(revoked) == 1008
        assert await upgrade(service, f"/ws/stream?ticket={ticket}") == 401
        assert (await service.http.get("/accounts", headers=bearer("read"))).status_code == 401
        await late.send(action="auth", api_key=KEYS["read"])
        assert await close_code(late) == 1008
        await other.expect("quote")
        assert "ws:/ws/stream#2" not in (await service.http.get("/debug/tasks", headers=bearer("admin"))).text


async def test_service_with_keys_never_becomes_one_without(error_log: ErrorLog) -> None:
    updates = Topic(Settings(api_keys=read_keys(LINES["read"])))
    async with keyed_service(updates=updates) as service:
        updates.publish(Settings())
        assert "keys_gone" in error_log.take()[0].getMessage()
        assert (await service.http.get("/accounts")).status_code == 401
        assert (await service.http.get("/accounts", headers=bearer("read"))).status_code == 401
        assert await upgrade(service) == 101  # the key may come in the first message, where it is as invalid
        updates.publish(settings_with(updates, "read"))
        assert (await service.http.get("/accounts", headers=bearer("read"))).status_code == 200


async def test_streams_of_a_key_are_limited() -> None:
    async with keyed_service(max_streams_per_key=1) as service, service.stream() as first, service.stream() as second:
        await first.send(action="auth", api_key=KEYS["stream"])
        await first.expect("authenticated")
        await second.send(action="auth", api_key=KEYS["stream"])
        assert await close_code(second) == 1013
        await subscribe(first)


async def test_subscriptions_of_a_key_are_limited() -> None:
    async with keyed_service(max_subscriptions_per_key=2) as service, service.stream() as first, service.stream() as second:
        for stream in (first, second):
            await stream.send(action="auth", api_key=KEYS["stream"])
            await subscribe(stream)
        await second.send(action="subscribe", symbol="MSFT", id=1)
        assert (await second.expect("error", symbol="MSFT", id=1))["code"] == "too_many_subscriptions"
        await first.send(action="unsubscribe", symbol="AAPL")
        await first.expect("unsubscribed")
        await second.send(action="subscribe", symbol="MSFT", id=2)
        await second.expect("quote", symbol="MSFT")


async def test_flood_of_messages_is_slowed_down() -> None:
    terms = Terms(gate=GateTerms(messages_at_once=10, messages_per_second=20))
    async with running_service(terms=terms) as service, service.stream() as stream, trio.open_nursery() as nursery:
        started = trio.current_time()
        for number in range(20):
            nursery.start_soon(partial(stream.send, action="ping", id=number))
        for _ in range(20):
            await stream.expect("pong")
        assert trio.current_time() - started > 0.4
