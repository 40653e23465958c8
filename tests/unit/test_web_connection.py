"""What is half written is completed before anything else is written, and is in memory once, however many clients it is written to."""

import socket
import tracemalloc
from collections.abc import Iterator

import pytest
import trio
import trio.testing

from ibactors.web.contract.asgi import ASGIReceiveCallable, ASGISendCallable, Scope
from ibactors.web.edge.connection import Connection
from ibactors.web.edge.short_way import Places


class _Nothing:
    """An application."""

    async def __call__(self, scope: object, receive: object, send: object) -> None:
        """Answers nothing."""


async def test_frame_that_is_half_written_is_completed_before_anything_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Connection, "_websocket_is_open", lambda _self: True)
    ours, theirs = trio.socket.socketpair()
    connection = Connection(_Nothing(), trio.SocketStream(ours), Places())
    frames = [bytes([number % 256]) * 1000 for number in range(2000)]
    taken = 0
    while not connection.blocked:
        taken += connection.take_frames(frames[taken:])
    assert 0 < taken < len(frames)
    sent = b"".join(frames[:taken])

    received = bytearray()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(connection.send_frames, b"ping")
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(connection.unblocked)
        with ours, theirs:
            while len(received) < len(sent) + len(b"ping"):
                received += await theirs.recv(65536)
    assert received == sent + b"ping"
    assert not connection.blocked


FILE = b"a" * 4_000_000


class _File:
    """An application with one large answer."""

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:  # noqa: ARG002
        """Answers with it."""
        headers = [(b"content-length", b"%d" % len(FILE))]
        await send({"type": "http.response.start", "status": 200, "headers": headers, "trailers": False})
        await send({"type": "http.response.body", "body": FILE, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


async def test_file_that_many_clients_take_slowly_is_in_memory_once(listener: socket.socket) -> None:
    async with trio.open_nursery() as nursery:
        clients = []
        tracemalloc.start()
        try:
            for _ in range(10):
                client = trio.socket.socket()
                client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                await client.connect(listener.getsockname())
                ours = trio.socket.from_stdlib_socket(listener.accept()[0])
                ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
                nursery.start_soon(Connection(_File(), trio.SocketStream(ours), Places()).serve)
                await client.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
                clients.append(client)
            await trio.testing.wait_all_tasks_blocked(0.05)
            assert tracemalloc.get_traced_memory()[1] < len(FILE)
        finally:
            tracemalloc.stop()
        received = bytearray()
        with trio.fail_after(60):
            while len(received) < received.find(b"\r\n\r\n") + 4 + len(FILE):
                data = await clients[0].recv(65536)
                assert data
                received += data
        assert received.partition(b"\r\n\r\n")[2] == FILE
        for client in clients:
            client.close()
