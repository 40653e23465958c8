"""Where the tasks of a connection begin, and what the application receives there of one request or WebSocket."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, cast

import trio
from hypercorn.config import Config
from hypercorn.trio.task_group import TaskGroup
from hypercorn.typing import AppWrapper, ASGIReceiveEvent, ASGISendEvent, Scope


class Tasks(TaskGroup):
    """The tasks of one connection; the application finds the connection in the scope of a WebSocket.

    Hypercorn puts the news that the client is gone into the queue of its messages. There it is lost when the task that brings it is
    cancelled, and it waits for ever when the queue is full and the application has ended. Here it is the end of the queue.
    """

    def __init__(self, connection: object) -> None:
        super().__init__()
        self._connection = connection

    async def spawn_app(
        self, app: AppWrapper, config: Config, scope: Scope, send: Callable[[ASGISendEvent | None], Awaitable[None]]
    ) -> Callable[[ASGIReceiveEvent], Awaitable[None]]:
        if scope["type"] == "websocket":
            scope["extensions"]["ibactors.connection"] = self._connection  # type: ignore[assignment]
        inbox = Inbox(config.max_app_queue_size)

        async def with_inbox(scope: Scope, _receive: object, *rest: Any) -> None:
            with inbox.reader:
                await app(scope, inbox.receive, *rest)

        await super().spawn_app(cast("AppWrapper", with_inbox), config, scope, send)
        return inbox.put


class Inbox:
    """What an application receives of one request or WebSocket; whoever puts never waits for an application that has ended."""

    def __init__(self, size: int) -> None:
        self._writer, self.reader = trio.open_memory_channel[ASGIReceiveEvent](size)
        self._last: ASGIReceiveEvent

    async def put(self, event: ASGIReceiveEvent) -> None:
        """Take the next event; the client's departure is the last one and is taken at once."""
        if event["type"] in {"http.disconnect", "websocket.disconnect"}:
            self._last = event
            self._writer.close()
            return
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            await self._writer.send(event)

    async def receive(self) -> ASGIReceiveEvent:
        """The next event; once the client has left, that, again and again."""
        try:
            return await self.reader.receive()
        except trio.EndOfChannel:
            return self._last
