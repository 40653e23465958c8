"""What an edge does not know itself: reads, and what changes orders, are carried to the session's holder; all else is refused.

The gate of the edge has let the request through: who may read what is decided where the client is. The holder answers as it would answer a
client of its own, errors included; while there is none, the answer is 503 with the reason.
"""

from collections.abc import Iterable
from typing import Protocol, runtime_checkable

from ibactors.bus import wire
from ibactors.errors import IbactorsError, InvalidRequest
from ibactors.keys import Scope
from ibactors.web.contract.asgi import ASGIReceiveCallable, HTTPScope, handover
from ibactors.web.contract.problems import problem_of
from ibactors.web.contract.routes import Route
from ibactors.web.gate.refusals import NotOnEdge
from ibactors.web.operation import EVENT_STREAM, Answer, Operation, problem_answer

_ASKED = frozenset({b"accept", b"content-type", b"idempotency-key", b"if-match"})
"""Of a client's request, that the holder gets."""
_HEADERS = frozenset(
    {"retry-after", "x-next-page-token", "location", "content-disposition", "idempotent-replayed", "ibactors-do-not-repeat"}
)
"""Of the holder's answer, that the client gets; all others are the edge's own business."""


@runtime_checkable
class Reader(Protocol):
    """The connection of an edge."""

    async def read(self, question: wire.Read) -> tuple[wire.Response, list[bytes]]:
        """How the holder answers: response and pieces of the body. Raises IbactorsError when it does not."""

    def takes_orders(self) -> bool:
        """Whether it takes orders from edges. Raises IbactorsError while there is none."""

    async def act(self, question: wire.Act) -> tuple[wire.Response, list[bytes]]:
        """How the holder answers what changes orders. Raises AnswerLost where nobody knows whether it was done."""


class Carrier:
    """Asks the holder what is not answered *here*."""

    def __init__(self, reader: Reader, here: Iterable[Route], *, orders: bool) -> None:
        self._reader = reader
        self._orders = orders
        """Whether this edge sends orders."""
        self._here = frozenset((route.method, route.path) for route in here)

    def carries(self, route: Route) -> bool:
        """Whether the edge itself has no answer."""
        return (route.method, route.path) not in self._here

    async def answer(self, scope: HTTPScope, receive: ASGIReceiveCallable) -> Answer:
        """The answer to one request."""
        along = handover(scope)
        route = along.route
        try:
            response, body = await self._ask(route, scope, receive)
        except IbactorsError as exc:
            return problem_answer(problem_of(exc), along)
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
        return Answer(
            body=b"".join(body),
            status=response.status,
            content_type=headers.get("content-type", "application/json"),
            headers={name: value for name, value in headers.items() if name in _HEADERS},
        )

    async def _ask(self, route: Route | None, scope: HTTPScope, receive: ASGIReceiveCallable) -> tuple[wire.Response, list[bytes]]:
        if isinstance(route, Operation) and route.method == "GET" and route.media_type != EVENT_STREAM:
            return await self._reader.read(_question(scope))
        if not isinstance(route, Operation) or route.scope is not Scope.TRADE:
            raise NotOnEdge(f"An edge does not do {scope['method']} {scope['path']}.")
        if not self._orders or not self._reader.takes_orders():
            raise NotOnEdge(f"{'The session takes' if self._orders else 'This edge sends'} no orders: its IBACTORS_BUS_ORDERS is not 1.")
        return await self._reader.act(await _order(scope, receive))


async def _order(scope: HTTPScope, receive: ASGIReceiveCallable) -> wire.Act:
    along = handover(scope)
    event = await receive()  # the gate has read all of it
    body = event["body"] if event["type"] == "http.request" else b""
    if len(body) > wire.LONGEST_ORDER:
        raise InvalidRequest(f"The body has {len(body)} octets, which is too long for the bus.", remedy="Send it to the session.")
    return wire.Act(
        method=scope["method"],  # type: ignore[arg-type]  # one of those of the operations
        path=scope["path"],
        query=scope["query_string"],
        headers=[(name.lower(), value) for name, value in scope["headers"] if name.lower() in _ASKED],
        body=body,
        caller=along.caller.name if along.caller is not None else "",
        request_id=along.request_id[:200],
        seen=0,
    )


def _question(scope: HTTPScope) -> wire.Read:
    along = handover(scope)
    accept = next((value for name, value in scope["headers"] if name.lower() == b"accept"), b"")
    return wire.Read(
        path=scope["path"],
        query=scope["query_string"],
        accept=accept.decode("latin-1")[:200],
        holder=along.holder[:200],
        request_id=along.request_id[:200],
    )
