"""What an edge does not know itself: reads are carried to the session's holder, and what changes anything is refused.

The gate of the edge has let the request through: who may read what is decided where the client is. The holder answers as it would answer a
client of its own, errors included; while there is none, the answer is 503 with the reason.
"""

from collections.abc import Iterable
from typing import Protocol, runtime_checkable

from ibactors.bus import wire
from ibactors.errors import IbactorsError
from ibactors.web.contract.asgi import HTTPScope, handover
from ibactors.web.contract.problems import problem_of
from ibactors.web.contract.routes import Route
from ibactors.web.gate.refusals import NotOnEdge
from ibactors.web.operation import EVENT_STREAM, Answer, Operation, problem_answer

_HEADERS = frozenset({"retry-after", "x-next-page-token", "location", "content-disposition"})
"""Of the holder's answer, that the client gets; all others are the edge's own business."""


@runtime_checkable
class Reader(Protocol):
    """The connection of an edge."""

    async def read(self, question: wire.Read) -> tuple[wire.Response, list[bytes]]:
        """How the holder answers: response and pieces of the body. Raises IbactorsError when it does not."""


class Carrier:
    """Asks the holder what is not answered *here*."""

    def __init__(self, reader: Reader, here: Iterable[Route]) -> None:
        self._reader = reader
        self._here = frozenset((route.method, route.path) for route in here)

    def carries(self, route: Route) -> bool:
        """Whether the edge itself has no answer."""
        return (route.method, route.path) not in self._here

    async def answer(self, scope: HTTPScope) -> Answer:
        """The answer to one request."""
        along = handover(scope)
        route = along.route
        try:
            if not isinstance(route, Operation) or route.method != "GET" or route.media_type == EVENT_STREAM:
                raise NotOnEdge(f"An edge does not do {scope['method']} {scope['path']}.")
            response, body = await self._reader.read(_question(scope))
        except IbactorsError as exc:
            return problem_answer(problem_of(exc), along)
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
        return Answer(
            body=b"".join(body),
            status=response.status,
            content_type=headers.get("content-type", "application/json"),
            headers={name: value for name, value in headers.items() if name in _HEADERS},
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
