"""What the rooms of the web layer hand to each other: ASGI's types, an application, and what goes along with a request.

Hypercorn's `hypercorn.typing` writes ASGI's types down; every room but the edge takes them from here, so that only the edge depends on
Hypercorn. import-linter sees whole libraries and cannot tell its types from its privates.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias, runtime_checkable

import trio
from hypercorn.typing import (
    ASGIReceiveCallable,
    ASGIReceiveEvent,
    ASGISendCallable,
    ASGISendEvent,
    HTTPScope,
    Scope,
    WebsocketScope,
)

from ibactors.limits import RateLimit
from ibactors.web.contract.addresses import network_of
from ibactors.web.contract.caller import Caller, Stream
from ibactors.web.contract.routes import NOWHERE, Place, Route

__all__ = [
    "ASGIReceiveCallable",
    "ASGIReceiveEvent",
    "ASGISendCallable",
    "ASGISendEvent",
    "App",
    "HTTPScope",
    "Handover",
    "Memory",
    "Recall",
    "Scope",
    "WebsocketScope",
    "Wire",
    "handover",
]

_KEY = "ibactors"
LONGEST_MESSAGE = 64 * 1024


class App(Protocol):
    """An ASGI application; what it answers without waiting is answered in the step that has read the request."""

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Serve one request or one WebSocket."""


Recall: TypeAlias = Callable[[], tuple[bytes, bytes] | None]
"""Answers one request, each time that it comes again, without waiting: the lines of the head and the body of a 200; None where this time it
must go the long way. It counts only what it answers. An exception means None, too."""


@runtime_checkable
class Memory(Protocol):
    """An application that need not be told a request anew that it has had before."""

    def recall(self, scope: HTTPScope) -> Recall | None:
        """What answers the request of *scope* and all that are the same; None where nothing can. It answers and counts none itself."""


class Wire(Protocol):
    """The connection of a WebSocket, below ASGI."""

    heard_at: float
    """When the client last sent anything, in `trio.current_time()` seconds."""

    @property
    def blocked(self) -> bool:
        """Whether something is being written, or waits to be: nothing more can be taken now."""

    def take_frames(self, frames: Sequence[bytes]) -> int:
        """Take whole WebSocket frames without waiting, while not `blocked`; how many were taken, in part or whole."""

    async def unblocked(self) -> None:
        """Wait until all that was taken is written."""

    async def send_frames(self, frames: bytes) -> None:
        """Send whole WebSocket frames."""


@dataclass(slots=True, kw_only=True, eq=False)
class Handover:
    """What goes along with one request or WebSocket from room to room."""

    wire: Wire | None = None
    """Of a WebSocket; the edge sets it."""
    place: Place = NOWHERE
    """What there is at the path; the gate finds it, once, as it does what follows."""
    route: Route | None = None
    """What is asked for, by path and method. Whoever stands behind the gate finds one."""
    path: dict[str, str] = field(default_factory=dict)
    """The values of the path's parameters."""
    caller: Caller | None = None
    """Known wherever the route needs a scope."""
    stream: Stream | None = None
    """The place that it has among the streams, if it is one."""
    address: str = ""
    """The client's, as far as proxies are trusted."""
    symbols: RateLimit | None = None
    """Where the symbols that it names count; None where they are not limited."""
    payer: Hashable = None
    """By what name they count there."""
    request_id: str = ""
    longest_message: int = LONGEST_MESSAGE
    """Octets that a message of a WebSocket may have; the gate allows fewer before it knows the client."""

    @property
    def holder(self) -> str:
        """Whose share of what is scarce is used: that of the key, or without one of the network address."""
        if self.caller is not None and self.caller.key is not None:
            return self.caller.name
        return f"at {network_of(self.address)}"

    def charge(self, number: int, *, timeout: float = 0.0) -> float:
        """Count *number* symbols; see `RateLimit.charge`."""
        if self.symbols is None or number < 1:
            return 0.0
        return self.symbols.charge(self.payer, trio.current_time(), number=number, timeout=timeout)


def handover(scope: HTTPScope | WebsocketScope) -> Handover:
    """What goes along with the request of *scope*; the first who asks makes it."""
    # `state` is the place that ASGI has for this. The edge makes one for each request; one of a connection would mix up callers.
    found: Handover = scope["state"].setdefault(_KEY, Handover())
    return found
