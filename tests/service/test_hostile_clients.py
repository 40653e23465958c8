"""Bytes below the protocol, from raw sockets: they end one connection and nothing else."""

from functools import partial

import pytest
import trio

from ibactors.sim import SimulatorOptions
from tests.conftest import DEADLINE, Service, running_service

UPGRADE = (
    b"GET /ws/stream HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def frame(opcode: int, payload: bytes, *, final: bool = True, masked: bool = True) -> bytes:
    head = bytes([(0x80 if final else 0) | opcode])
    length = len(payload)
    mask_bit = 0x80 if masked else 0
    size, rest = (length, b"") if length < 126 else (126, length.to_bytes(2, "big")) if length < 65536 else (127, length.to_bytes(8, "big"))
    return head + bytes([mask_bit | size]) + rest + (b"\0\0\0\0" if masked else b"") + payload


HOSTILE = {
    "text that is not UTF-8": UPGRADE + frame(1, b"\xff\xfe"),
    "binary": UPGRADE + frame(2, b"ab"),
    "empty binary": UPGRADE + frame(2, b""),
    "reserved opcode": UPGRADE + frame(5, b"x"),
    "unmasked": UPGRADE + frame(1, b"{}", masked=False),
    "too large": UPGRADE + frame(1, b"x" * 100_000),
    "continuation of nothing": UPGRADE + frame(0, b"x"),
    "fragments that never end": UPGRADE + frame(1, b'{"action":', final=False),
    "ping with a long payload": UPGRADE + frame(9, b"x" * 200),
    "close with a bad code": UPGRADE + frame(8, b"\x00\x01"),
    "close with one byte": UPGRADE + frame(8, b"\x01"),
    "close and go on": UPGRADE + frame(8, b"\x03\xe8") + frame(1, b'{"action":"ping"}') * 50,
    "half a frame": UPGRADE + frame(1, b'{"action":"ping"}')[:7],
    "another host": UPGRADE.replace(b"localhost", b"rebound.example") + frame(1, b'{"action":"ping"}'),
    "wrong version": UPGRADE.replace(b"Version: 13", b"Version: 99"),
    "no key": UPGRADE.replace(b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", b""),
    "random bytes": bytes(range(256)) * 40,
    "no HTTP": b"hello\r\n\r\n",
    "endless header": b"GET / HTTP/1.1\r\nX: " + b"a" * 200_000,
    "bad content length": b"POST /auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: nope\r\n\r\n{}",
    "body that never comes": b"POST /auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\n{",
    "bad chunk": b"POST /auth/login HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "two requests at once": b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n" * 2,
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00" * 50,
}


async def hit(service: Service, data: bytes, *, half_close: bool) -> None:
    """Send, read for a moment, leave."""
    stream = await trio.open_tcp_stream("127.0.0.1", int(service.url.rsplit(":", 1)[1]))
    async with stream:
        try:
            await stream.send_all(data)
            if half_close:
                await stream.send_eof()
            with trio.move_on_after(0.2):
                async for _ in stream:
                    pass
        except trio.BrokenResourceError:
            return


@pytest.mark.parametrize("half_close", [False, True])
async def test_hostile_bytes_end_one_connection_and_nothing_else(service: Service, half_close: bool) -> None:
    async with service.stream() as stream:
        await stream.send(action="subscribe", symbol="AAPL")
        for data in HOSTILE.values():
            await hit(service, data, half_close=half_close)
            await stream.expect("quote")
        async with trio.open_nursery() as nursery:
            for data in list(HOSTILE.values()) * 4:
                nursery.start_soon(partial(hit, service, data, half_close=half_close))
        await stream.expect("quote")
        assert (await service.get("/health"))["status"] == "healthy"
    with trio.fail_after(DEADLINE):
        await service.get("/market/quote/AAPL")


async def test_upgrade_is_refused_elsewhere(service: Service) -> None:
    await hit(service, UPGRADE.replace(b"/ws/stream", b"/health"), half_close=False)
    await hit(service, UPGRADE.replace(b"/ws/stream", b"/nowhere"), half_close=False)
    assert (await service.get("/health"))["status"] == "healthy"


@pytest.mark.parametrize("path", ["/health", "/accounts", "/nowhere"])
async def test_connection_is_closed_when_the_client_asks_for_it(service: Service, path: str) -> None:
    """Also below Quart-Trio, which cancels the task that answers before Hypercorn has closed."""
    stream = await trio.open_tcp_stream("127.0.0.1", int(service.url.rsplit(":", 1)[1]))
    async with stream:
        await stream.send_all(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        with trio.fail_after(DEADLINE / 4):
            async for data in stream:
                answer += data
    assert answer.startswith(b"HTTP/1.1 ")
    assert answer.count(b"\r\n\r\n") == 1


async def test_client_that_reads_nothing_does_not_hold_up_the_stop() -> None:
    with trio.socket.socket() as unread:
        unread.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_RCVBUF, 4096)
        async with running_service(options=SimulatorOptions(rate=500)) as service:
            await unread.connect(("127.0.0.1", int(service.url.rsplit(":", 1)[1])))
            await unread.send(UPGRADE)
            assert await unread.recv(len(b"HTTP/1.1 101")) == b"HTTP/1.1 101"
            await unread.send(frame(1, b'{"action":"subscribe","symbols":["AAPL","MSFT","TSLA","SPY","QQQ"]}'))
            await service.until("/metrics", lambda response: "\nibactors_slow_reader_skips_total 0.0\n" not in response.text, within=30)
            leaving = trio.current_time()
        assert trio.current_time() - leaving < DEADLINE


async def test_client_that_hangs_up_with_data_unread_leaves_nothing() -> None:
    """The answer to its goodbye cannot be written; the stream must hear of its departure all the same."""

    async def visit(service: Service) -> None:
        with trio.socket.socket() as client:
            await client.connect(("127.0.0.1", int(service.url.rsplit(":", 1)[1])))
            await client.send(UPGRADE)
            assert await client.recv(len(b"HTTP/1.1 101")) == b"HTTP/1.1 101"
            await client.send(frame(1, b'{"action":"subscribe","symbols":["AAPL","MSFT","TSLA","SPY","QQQ"]}'))
            await trio.sleep(0.1)
            await client.send(frame(8, b"\x03\xe8"))

    async with running_service(options=SimulatorOptions(rate=500)) as service:
        for _ in range(5):
            async with trio.open_nursery() as nursery:
                for _ in range(10):
                    nursery.start_soon(visit, service)
        await service.until("/debug/tasks", lambda response: "ws:/ws/stream" not in response.text)


@pytest.mark.parametrize("path", ["/health", "/market/quote/AAPL"])
async def test_body_where_none_belongs_is_refused(service: Service, path: str) -> None:
    stream = await trio.open_tcp_stream("127.0.0.1", int(service.url.rsplit(":", 1)[1]))
    async with stream:
        with trio.fail_after(DEADLINE):
            await stream.send_all(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
            for _ in range(40):
                await stream.send_all(b"10000\r\n" + b"x" * 65536 + b"\r\n")
            await stream.send_all(b"0\r\n\r\n")
            assert (await stream.receive_some(4096)).startswith(b"HTTP/1.1 413 ")
