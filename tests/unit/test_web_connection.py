"""What is half written is completed before anything else is written."""

from typing import Any, cast

import pytest
import trio
import trio.testing
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.trio.worker_context import WorkerContext

from ibactors.web.edge.connection import Connection


async def _nothing(*_arguments: object) -> None:
    """An application."""


async def test_frame_that_is_half_written_is_completed_before_anything_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Connection, "_websocket_is_open", lambda _self: True)
    ours, theirs = trio.socket.socketpair()
    connection = Connection(cast("Any", ASGIWrapper(_nothing)), Config(), WorkerContext(None), trio.SocketStream(ours))
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
