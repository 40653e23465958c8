"""What the rooms of the web layer hand to each other: ASGI's types, and an application that knows what it answers from memory.

Hypercorn's `hypercorn.typing` writes ASGI's types down; every room but the edge takes them from here, so that only the edge depends on
Hypercorn. import-linter sees whole libraries and cannot tell its types from its privates.
"""

from typing import Protocol

from hypercorn.typing import (
    ASGIReceiveCallable,
    ASGIReceiveEvent,
    ASGISendCallable,
    ASGISendEvent,
    HTTPScope,
    Scope,
    WebsocketScope,
)

__all__ = ["ASGIReceiveCallable", "ASGIReceiveEvent", "ASGISendCallable", "ASGISendEvent", "App", "HTTPScope", "Scope", "WebsocketScope"]


class App(Protocol):
    """An ASGI application behind the edge or the gate."""

    def answers_at_once(self, scope: HTTPScope) -> bool:
        """Whether a request is for what is usually in memory."""

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Serve one request or one WebSocket."""
