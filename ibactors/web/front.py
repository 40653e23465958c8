"""In front of Quart: the one place that decides what is answered without it.

Two things are. The stream of quotes: Quart costs a signal, a channel and two tasks for each message of a WebSocket, which is most of what a
stream would do. And what is in memory, such as the newest quote and the health: a request costs Quart ten times as much as its answer.
Whatever cannot be answered at once, errors included, goes the ordinary way. Both ways take the operation from the handover, where the gate
has put it, so that there is one rule for each question. What was answered from memory once is recalled when the same request comes again
(`Front.recall`): it is not read, judged and prepared anew, but answered by the same functions.
"""

from functools import partial
from http import HTTPStatus
from time import perf_counter
from typing import Any

from ibactors.errors import TooManyStreams
from ibactors.web.carrying import Carrier
from ibactors.web.contract.asgi import (
    App,
    ASGIReceiveCallable,
    ASGISendCallable,
    ASGISendEvent,
    HTTPScope,
    Recall,
    Scope,
    handover,
)
from ibactors.web.contract.problems import problem_of
from ibactors.web.contract.routes import Route
from ibactors.web.operation import EVENT_STREAM, Answer, Call, Operation, problem_answer
from ibactors.web.stream.client import serve_stream
from ibactors.web.streams import EVENTS
from ibactors.web.system import System


class Front:
    """An ASGI application that answers what it can at once, and hands the rest to *app*."""

    def __init__(self, app: App, system: System, carrier: Carrier | None = None) -> None:
        self._app = app
        self._system = system
        self._carrier = carrier
        """On an edge: has what the edge does not know itself."""

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Serve one request or one WebSocket."""
        if scope["type"] == "websocket":
            await serve_stream(self._system, scope, receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)

    def recall(self, scope: HTTPScope) -> Recall | None:
        """What answers a request from memory, whenever the same one comes again; see `Memory`."""
        operation = handover(scope).route
        if not isinstance(operation, Operation) or self._is_carried(operation):
            return None  # a page or a document, or what is somewhere else
        call = operation.for_memory(self._system, scope)
        return None if call is None else partial(self._again, operation, call)

    def _again(self, operation: Operation[Any, Any], call: Call[Any, Any]) -> tuple[bytes, bytes] | None:
        begun = perf_counter()
        body = operation.remembered(call)
        if body is None:
            return None
        self._system.meters.answered(operation.method, operation.path, HTTPStatus.OK, perf_counter() - begun)
        return b"content-type: application/json\r\ncontent-length: %d\r\n" % len(body), body

    async def _answer(self, scope: HTTPScope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        operation = handover(scope).route
        if self._carrier is not None and operation is not None and self._carrier.carries(operation):
            await _send(await self._carrier.answer(scope, receive), self._timing(operation, send))
            return
        if not isinstance(operation, Operation):
            await self._app(scope, receive, send)  # a page or a document
            return
        send = self._timing(operation, send)
        call = operation.for_memory(self._system, scope)
        body = None if call is None else operation.remembered(call)
        if body is not None:
            await _send(Answer(body=body), send)
        elif operation.media_type == EVENT_STREAM:
            await self._stream(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _is_carried(self, route: Route) -> bool:
        return self._carrier is not None and self._carrier.carries(route)

    async def _stream(self, scope: HTTPScope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Have server-sent events sent, for which there must be a place; it is given up here, whatever becomes of the response."""
        along = handover(scope)
        if along.caller is None:
            raise AssertionError("a stream needs a scope, so that somebody is known to want it")
        try:
            with self._system.streams.place(along.caller, EVENTS) as along.stream:
                await self._app(scope, receive, send)
        except TooManyStreams as exc:
            await _send(problem_answer(problem_of(exc), along), send)

    def _timing(self, route: Route, send: ASGISendCallable) -> ASGISendCallable:
        """*send*, which notes when a response begins, whichever way it comes."""
        begun = perf_counter()

        async def timing(event: ASGISendEvent) -> None:
            if event["type"] == "http.response.start":
                self._system.meters.answered(route.method, route.path, event["status"], perf_counter() - begun)
            await send(event)

        return timing


async def _send(answer: Answer, send: ASGISendCallable) -> None:
    body = answer.body if isinstance(answer.body, bytes) else answer.body.encode()
    headers = [(b"content-type", answer.content_type.encode()), (b"content-length", str(len(body)).encode())]
    headers += [(name.lower().encode(), value.encode("latin-1")) for name, value in answer.headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers, "trailers": False})
    await send({"type": "http.response.body", "body": body, "more_body": False})
