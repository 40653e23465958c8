"""All that a key has under way ends with it, whatever it waits for; so does all that nobody's key has, when the first keys come."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio

from ibactors.config import Settings
from ibactors.kernel.topic import Topic
from ibactors.keys import Scope, new_key, read_keys
from tests.conftest import DEADLINE, ErrorLog, Service, eventually, running_service
from tests.service.keyed import KEYS, LINES, bearer, keyed_service, settings_with
from tests.service.test_stream import close_code

NOBODY: tuple[str, ...] = ()


@asynccontextmanager
async def sent(service: Service, text: str) -> AsyncIterator[trio.SocketStream]:
    """A connection on which something was sent."""
    stream = await trio.open_tcp_stream("127.0.0.1", int(service.url.rsplit(":", 1)[1]))
    async with stream:
        await stream.send_all(text.encode())
        yield stream


async def answer(stream: trio.SocketStream) -> bytes:
    """All that comes until the connection ends, or until a whole problem document has come."""
    data = bytearray()
    with trio.fail_after(DEADLINE):
        while not data.rstrip().endswith(b"}"):
            more = await stream.receive_some()
            if not more:
                break
            data += more
    return bytes(data)


def head(line: str, key: str, **headers: str) -> str:
    fields = {"Host": "localhost", **(bearer(key) if key else {}), **{name.replace("_", "-"): value for name, value in headers.items()}}
    return f"{line} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields.items()) + "\r\n"


def all_keys() -> Topic[Settings]:
    return Topic(Settings(api_keys=read_keys("\n".join(LINES.values()))))


async def begun(service: Service) -> None:
    """Wait until another connection than this client's is being served."""

    async def served() -> bool:
        tasks = (await service.http.get("/debug/tasks", headers=bearer("admin"))).text
        return len(re.findall(r"web/departure|_run_handler  at Connection\._read", tasks)) > 1

    await eventually(served)


async def newest(service: Service, headers: dict[str, str]) -> str:
    answer = await service.http.get("/market/quote/AAPL", headers=headers)
    return str(answer.json()["timestamp"])


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("GET /market/stream?symbols=AAPL", "stream"),
        ("POST /auth/ticket", "stream"),
        ("GET /accounts", "read"),
        ("GET /debug/actors", "admin"),
        ("POST /auth/logout", "login"),
    ],
)
async def test_request_of_which_half_was_sent_before_its_key_was_revoked_is_a_401(line: str, key: str) -> None:
    updates = all_keys()
    async with keyed_service(updates=updates) as service, sent(service, head(line, key, Content_Length="2") + "a") as stream:
        await begun(service)
        updates.publish(settings_with(updates, "trade"))
        received = await answer(stream)
        assert received.startswith(b"HTTP/1.1 401 ")
        assert b"api_key_invalid" in received


async def test_long_poll_ends_without_data() -> None:
    updates = all_keys()
    async with keyed_service(updates=updates) as service:
        await service.gateway.do("halt AAPL")
        after = await newest(service, bearer("read"))
        async with sent(service, head(f"GET /market/quote/AAPL?wait=60&after={after}", "read")) as stream:
            await begun(service)
            updates.publish(settings_with(updates, "stream"))
            received = await answer(stream)
        assert received.startswith(b"HTTP/1.1 401 ")
        assert b'"bid"' not in received


async def test_request_that_waits_for_the_gateway_ends_without_data() -> None:
    updates = all_keys()
    async with keyed_service(updates=updates, quote_timeout=30.0) as service:
        await service.gateway.do("mute")
        async with sent(service, head("GET /market/quotes?symbols=AAPL,MSFT", "read")) as stream:
            await begun(service)
            updates.publish(settings_with(updates, "stream"))
            assert (await answer(stream)).startswith(b"HTTP/1.1 401 ")


async def test_next_request_on_a_kept_connection_is_a_401() -> None:
    updates = all_keys()
    async with keyed_service(updates=updates) as service, sent(service, head("GET /accounts", "read")) as stream:
        with trio.fail_after(DEADLINE):
            assert (await stream.receive_some()).startswith(b"HTTP/1.1 200 ")
        updates.publish(settings_with(updates, "stream"))
        await stream.send_all(head("GET /accounts", "read").encode())
        assert (await answer(stream)).startswith(b"HTTP/1.1 401 ")


async def test_key_whose_scopes_changed_ends_what_it_had_open() -> None:
    updates = all_keys()
    async with keyed_service(updates=updates) as service, service.stream(headers=bearer("stream")) as stream:
        await stream.send(action="ping")
        await stream.expect("pong")
        updates.publish(Settings(api_keys=read_keys(LINES["stream"].replace(":stream:", ":read+stream:"))))
        assert await close_code(stream) == 1008


async def test_downloads_end_with_the_keys_of_their_callers() -> None:
    key, line = new_key("desk", [Scope.READ])
    both, desk = Settings(api_keys=read_keys(f"{LINES['read']}\n{line}")), Settings(api_keys=read_keys(line))
    updates = Topic(both)
    target = "/history/bars/AAPL?bar=1d&start=2026-01-05&end=2026-01-10"
    async with keyed_service(api_keys=both.api_keys, updates=updates) as service:
        ours, theirs = [await service.http.get(target, headers={**bearer(who), "Prefer": "respond-async"}) for who in (key, "read")]
        assert (ours.status_code, theirs.status_code) == (202, 202)
        updates.publish(desk)
        assert (await service.http.get(ours.headers["Location"], headers=bearer(key))).status_code == 200
        updates.publish(both)  # the same key again is another caller's, who has nothing under way
        assert (await service.http.get(theirs.headers["Location"], headers=bearer("read"))).status_code == 404


async def test_first_keys_end_what_is_open_without_one() -> None:
    updates: Topic[Settings] = Topic(Settings())
    async with running_service(updates=updates) as service, service.stream() as stream:
        await stream.send(action="subscribe", channel="account")
        await stream.expect("account")
        ticket = (await service.http.post("/auth/ticket")).json()["ticket"]
        async with (
            sent(service, head("GET /market/stream?symbols=AAPL", "")) as events,
            sent(service, head("GET /accounts", "", Content_Length="2") + "a") as half,
        ):
            with trio.fail_after(DEADLINE):
                assert (await events.receive_some()).startswith(b"HTTP/1.1 200 ")
            updates.publish(Settings(api_keys=read_keys(LINES["stream"])))
            assert await close_code(stream) == 1008
            with trio.fail_after(DEADLINE):
                while await events.receive_some():
                    pass
            assert (await answer(half)).startswith(b"HTTP/1.1 401 ")
        assert (await service.http.get("/accounts")).status_code == 401
        async with sent(service, head(f"GET /ws/stream?ticket={ticket}", "", Upgrade="websocket", Connection="Upgrade")) as late:
            assert not (await answer(late)).startswith(b"HTTP/1.1 101 ")
        assert (await service.http.post("/auth/ticket", headers=bearer("stream"))).status_code == 200


async def test_without_keys_any_more_everything_ends(error_log: ErrorLog) -> None:
    updates = all_keys()
    async with keyed_service(updates=updates) as service, service.stream(headers=bearer("stream")) as stream, service.stream() as late:
        await stream.send(action="ping")
        await stream.expect("pong")
        updates.publish(Settings(api_keys=read_keys("\n".join(NOBODY))))
        assert "keys_gone" in error_log.take()[0].getMessage()
        assert await close_code(stream) == 1008
        await late.send(action="auth", api_key=KEYS["stream"])
        assert (await late.receive())["code"] == "api_key_invalid"
        assert (await service.http.get("/health")).status_code == 200
