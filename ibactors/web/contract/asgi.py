"""What the rooms of the web layer hand to each other: an ASGI application that knows what it answers from memory."""

from typing import Protocol

from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable, HTTPScope, Scope


class App(Protocol):
    """An ASGI application behind the edge or the gate."""

    def answers_at_once(self, scope: HTTPScope) -> bool:
        """Whether a request is for what is usually in memory."""

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Serve one request or one WebSocket."""
