"""What is half written is completed before anything else is written."""

import pytest
import trio
import trio.testing

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
