"""Where the tasks of a connection begin, and what the application receives there of one request or WebSocket."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any, cast

import trio
from hypercorn.config import Config
from hypercorn.trio.task_group import TaskGroup, _handle
from hypercorn.typing import AppWrapper, ASGIReceiveEvent, ASGISendEvent, HTTPScope, Scope

from ibactors.web.contract.asgi import Wire, handover


class Tasks(TaskGroup):
    """The tasks of one connection; what serves a WebSocket finds the connection in the handover of its scope.

    Hypercorn puts the news that the client is gone into the queue of its messages. There it is lost when the task that brings it is
    cancelled, and it waits for ever when the queue is full and the application has ended. Here it is the end of the queue.
    """

    def __init__(self, connection: Wire, runs_in_step: Callable[[HTTPScope], bool]) -> None:
        super().__init__()
        self._connection = connection
        self._runs_in_step = runs_in_step

    async def spawn_app(
        self, app: AppWrapper, config: Config, scope: Scope, send: Callable[[ASGISendEvent | None], Awaitable[None]]
    ) -> Callable[[ASGIReceiveEvent], Awaitable[None]]:
        if scope["type"] == "websocket":
            handover(scope).wire = self._connection
        inbox = Inbox(config.max_app_queue_size)

        async def with_inbox(scope: Scope, _receive: object, *rest: Any) -> None:
            with inbox.reader:
                await app(scope, inbox.receive, *rest)

        attended = cast("AppWrapper", with_inbox)
        if scope["type"] == "http" and self._runs_in_step(scope):
            # The reading task answers itself, which spares a task, a queue and two turns of the event loop.
            inbox.when_whole = partial(_handle, attended, config, scope, inbox.receive, send, _no_threads, _no_threads)
        else:
            await super().spawn_app(attended, config, scope, send)
        return inbox.put


def _no_threads(*_arguments: object) -> None:
    raise AssertionError("only WSGI applications run in threads")


class Inbox:
    """What an application receives of one request or WebSocket; whoever puts never waits for an application that has ended."""

    def __init__(self, size: int) -> None:
        self._writer, self.reader = trio.open_memory_channel[ASGIReceiveEvent](size)
        self._last: ASGIReceiveEvent
        self.when_whole: Callable[[], Awaitable[None]] | None = None
        """Called once the request has come whole, and put into the inbox."""

    async def put(self, event: ASGIReceiveEvent) -> None:
        """Take the next event; the client's departure is the last one and is taken at once."""
        if event["type"] in {"http.disconnect", "websocket.disconnect"}:
            self._last = event
            self._writer.close()
            return
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            await self._writer.send(event)
        if self.when_whole is not None and event["type"] == "http.request" and not event["more_body"]:
            await self.when_whole()
            await trio.lowlevel.checkpoint()  # one that sends many requests at once must not have all turns

    async def receive(self) -> ASGIReceiveEvent:
        """The next event; once the client has left, that, again and again."""
        try:
            return await self.reader.receive()
        except trio.EndOfChannel:
            return self._last
