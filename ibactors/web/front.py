"""In front of Quart: the one place that decides what is answered without it.

Quart costs a signal, a channel and two tasks for each message of a WebSocket, which is most of what a stream of quotes would do; so
/ws/stream is served here.
"""

from collections.abc import Awaitable, Callable

from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable, Scope

from ibactors.system import System
from ibactors.web.stream import serve_stream

STREAM = "/ws/stream"

App = Callable[[Scope, ASGIReceiveCallable, ASGISendCallable], Awaitable[None]]


def put_in_front(app: App, system: System) -> App:
    """An ASGI application that serves what is served here, and hands the rest to *app*."""

    async def front(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] == "websocket" and scope["path"] == STREAM:
            await serve_stream(system, scope, receive, send)
        else:
            await app(scope, receive, send)

    return front
