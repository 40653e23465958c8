"""In front of Quart: the one place that decides what is answered without it.

Two things are. The stream of quotes: Quart costs a signal, a channel and two tasks for each message of a WebSocket, which is most of what a
stream would do. And what is in memory, such as the newest quote and the health: a request costs Quart ten times as much as its answer.
Whatever cannot be answered at once, errors included, goes the ordinary way; there is one answer to each question.
"""

from collections.abc import Awaitable, Callable, Iterable
from time import perf_counter
from typing import Any
from urllib.parse import parse_qsl

from ibactors.errors import InvalidRequest
from ibactors.web.contract.asgi import ASGIReceiveCallable, ASGISendCallable, HTTPScope, Scope
from ibactors.web.contract.routes import STREAM
from ibactors.web.rest.operation import Answer, Call, Operation, answer_of
from ibactors.web.stream.client import serve_stream
from ibactors.web.system import System

_OF_BODIES = frozenset({b"content-length", b"transfer-encoding"})

App = Callable[[Scope, ASGIReceiveCallable, ASGISendCallable], Awaitable[None]]


class Front:
    """An ASGI application that answers what it can at once, and hands the rest to *app*."""

    def __init__(self, app: App, system: System, operations: Iterable[Operation[Any, Any]]) -> None:
        self._app = app
        self._system = system
        self._exact: dict[str, Operation[Any, Any]] = {}
        self._with_parameter: dict[str, tuple[Operation[Any, Any], str]] = {}
        """By the path up to the one parameter, with its name."""
        for operation in operations:
            if operation.at_once is not None:
                prefix, _, parameter = operation.path.partition("{")
                if parameter:
                    self._with_parameter[prefix] = operation, parameter.rstrip("}")
                else:
                    self._exact[operation.path] = operation

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Serve one request or one WebSocket."""
        if scope["type"] == "websocket" and scope["path"] == STREAM:
            await serve_stream(self._system, scope, receive, send)
            return
        answer = self._answer(scope) if scope["type"] == "http" and scope["method"] == "GET" else None
        if answer is None:
            await self._app(scope, receive, send)
            return
        body = answer.body if isinstance(answer.body, bytes) else answer.body.encode()
        headers = [(b"content-type", answer.content_type.encode()), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers, "trailers": False})
        await send({"type": "http.response.body", "body": body, "more_body": False})

    def runs_in_step(self, scope: HTTPScope) -> bool:
        """Whether a request is for what is usually in memory, and has no body that would have to be waited for."""
        if scope["method"] != "GET" or self._find(scope["path"])[0] is None:
            return False
        return not any(name in _OF_BODIES for name, _ in scope["headers"])

    def _answer(self, scope: HTTPScope) -> Answer | None:
        """The answer from memory; None if there is none, or none that is simple."""
        begun = perf_counter()
        operation, path = self._find(scope["path"])
        if operation is None or operation.at_once is None:
            return None
        try:
            query = operation.query_of(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
            result = operation.at_once(Call(system=self._system, path=path, query=query, body=operation.body()))
        except InvalidRequest:
            return None
        if result is None:
            return None
        answer = answer_of(result)
        self._system.meters.answered(operation.method, operation.path, answer.status, perf_counter() - begun)
        return answer

    def _find(self, path: str) -> tuple[Operation[Any, Any] | None, dict[str, str]]:
        operation = self._exact.get(path)
        if operation is None:
            prefix, slash, last = path.rpartition("/")
            operation, parameter = self._with_parameter.get(prefix + slash, (None, ""))
            return operation, {parameter: last}
        return operation, {}
