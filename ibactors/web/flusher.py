"""Writes what is new to all clients of the stream, in one task.

A tick that many clients want would otherwise wake a task of each. The flusher runs once all actors have told what one packet of the gateway
brought, so that everything new for a client leaves in one write.
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
    """The clients that have something to be written, and the task that has them write it."""

    def __init__(self) -> None:
        self._clients: list[Client] = []
        self._called = trio.Event()

    def call(self, client: Client) -> None:
        """Have *client* flush soon."""
        self._clients.append(client)
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
            clients, self._clients = self._clients, []
            begun = perf_counter()
            end = begun + SLICE
            for client in clients:
                try:
                    client.flush()
                except Exception as exc:  # noqa: BLE001  # whatever it is, it is about this client
                    client.fail(exc)
                if perf_counter() > end:
                    await trio.lowlevel.checkpoint()
                    end = perf_counter() + SLICE
            took = perf_counter() - begun
            if took > SHORT:
                await trio.sleep(min(REST * took, LONGEST_REST))
