"""Writes what is new to all clients of the stream.

A tick that many clients want would otherwise wake a task of each. What one packet of the gateway brought is collected and written at its
end, in the step that has read it; so that all that is new for a client leaves in one write, and no turn of the event loop lies between the
gateway's socket and the clients'. What comes from elsewhere, or takes longer, is written by a task.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import perf_counter
from typing import NoReturn, Protocol

import trio

SLICE = 0.005
"""Seconds after which other tasks get their turn."""
SHORT = 0.0005
REST, LONGEST_REST = 3.0, 0.02
"""A round of more than SHORT seconds is followed by a rest so many times as long, of LONGEST_REST seconds at most: what comes meanwhile
leaves together, which spares server and clients most of the writes and reads when there is much."""


class Client(Protocol):
    """Who has something to be written."""

    def flush(self) -> None:
        """Write it, as far as that takes no waiting."""

    def fail(self, error: Exception) -> None:
        """Hear that `flush` has raised *error*."""


class Flusher:
    """The clients that have something to be written. Within `with flusher:` they are collected, and flushed at the end of the block."""

    def __init__(self) -> None:
        self._waiting: list[Client] = []
        self._round: list[Client] = []
        """Whose turn it is, the next one last; those who call meanwhile wait for another round."""
        self._took = 0.0
        self._rests_until = 0.0
        self._collecting = False
        self._called = trio.Event()

    def call(self, client: Client) -> None:
        """Have *client* flush soon."""
        self._waiting.append(client)
        if not self._collecting:
            self._called.set()

    def __enter__(self) -> None:
        self._collecting = True

    def __exit__(self, *_exception: object) -> None:
        self._collecting = False
        if self._waiting and (self._round or perf_counter() < self._rests_until or not self._flush_some()):
            self._called.set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The task runs inside the block."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._run, name="web/flusher")
            yield
            nursery.cancel_scope.cancel(reason="nobody is left to write to")

    async def _run(self) -> NoReturn:
        while True:
            await self._called.wait()
            self._called = trio.Event()
            await trio.sleep(max(self._rests_until - perf_counter(), 0.0))
            while not self._flush_some():
                await trio.lowlevel.checkpoint()

    def _flush_some(self) -> bool:
        """Go on with the round, or begin one, for up to SLICE seconds; tells whether it is over."""
        if not self._round:
            self._round, self._waiting = self._waiting[::-1], []
        begun = present = perf_counter()
        while self._round and present < begun + SLICE:
            client = self._round.pop()
            try:
                client.flush()
            except Exception as exc:  # noqa: BLE001  # whatever it is, it is about this client
                client.fail(exc)
            present = perf_counter()
        self._took += present - begun
        if self._round:
            return False
        if self._took > SHORT:
            self._rests_until = present + min(REST * self._took, LONGEST_REST)
        self._took = 0.0
        return True
