"""At the session's holder: answers what edges carry here for their clients, as the application answers a client of its own."""

from typing import Any

import trio

from ibactors.bus import wire
from ibactors.errors import GatewayRefused, InvalidRequest
from ibactors.keys import ApiKey, Scope
from ibactors.web.app import ROUTES, create_app
from ibactors.web.contract.asgi import ASGIReceiveEvent, ASGISendEvent, HTTPScope, handover
from ibactors.web.contract.caller import Caller
from ibactors.web.contract.routes import RouteTable
from ibactors.web.operation import EVENT_STREAM, Operation
from ibactors.web.system import System

_SCOPES = frozenset(Scope) - {Scope.ADMIN}


class Answering:
    """The application without sockets. An edge has let its clients through; what no client of one may have, it does not get either."""

    def __init__(self, system: System) -> None:
        self._app = create_app(system)
        self._table = RouteTable(ROUTES)

    async def __call__(self, read: wire.Read) -> tuple[wire.Response, bytes]:
        """Response and body. Raises InvalidRequest for what is not carried, and GatewayRefused for what is too long."""
        headers = [(b"accept", read.accept.encode("latin-1"))] if read.accept else []
        scope = _scope("GET", read.path, read.query, headers)
        operation = self._found(scope, read.request_id)
        if operation.scope not in _SCOPES or operation.media_type == EVENT_STREAM:
            raise InvalidRequest(f"GET {read.path} is not answered over the bus.")
        return await self._answer(scope, read.holder, b"")

    async def act(self, act: wire.Act) -> tuple[wire.Response, bytes]:
        """The same for what changes orders."""
        scope = _scope(act.method, act.path, act.query, act.headers)
        if self._found(scope, act.request_id).scope is not Scope.TRADE:
            raise InvalidRequest(f"{act.method} {act.path} is not done over the bus.")
        return await self._answer(scope, act.caller, act.body)

    def _found(self, scope: HTTPScope, request_id: str) -> Operation[Any, Any]:
        place, path = self._table.find(scope["path"])
        route = place.routes.get(scope["method"])
        if not isinstance(route, Operation):
            raise InvalidRequest(f"{scope['method']} {scope['path']} is not answered over the bus.")
        along = handover(scope)
        along.place, along.route, along.path, along.request_id = place, route, path, request_id
        return route

    async def _answer(self, scope: HTTPScope, caller: str, body: bytes) -> tuple[wire.Response, bytes]:
        key = ApiKey(name=caller, scopes=_SCOPES, digest=b"")
        handover(scope).caller = Caller(name=caller, scopes=_SCOPES, key=key)
        sent = _Sent()
        await self._app(scope, _Given(body), sent)
        return sent.whole()


class _Sent:
    """What the application sends."""

    def __init__(self) -> None:
        self._response = wire.Response(500, [])
        self._body: list[bytes] = []

    async def __call__(self, event: ASGISendEvent) -> None:
        if event["type"] == "http.response.start":
            self._response = wire.Response(event["status"], [(bytes(name), bytes(value)) for name, value in event["headers"]])
        elif event["type"] == "http.response.body":
            self._body.append(bytes(event["body"]))

    def whole(self) -> tuple[wire.Response, bytes]:
        body = b"".join(self._body)
        if len(body) > wire.MOST_PIECES * wire.MOST_OCTETS:
            raise GatewayRefused(f"The answer has {len(body)} octets, which is too long for the bus. Ask for less at once.")
        return self._response, body


class _Given:
    """A body, and a client that stays."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._given = False

    async def __call__(self) -> ASGIReceiveEvent:
        if self._given:
            await trio.sleep_forever()
        self._given = True
        return {"type": "http.request", "body": self._body, "more_body": False}


def _scope(method: str, path: str, query: bytes, headers: list[tuple[bytes, bytes]]) -> HTTPScope:
    return {
        "type": "http",
        "asgi": {"spec_version": "2.1", "version": "3.0"},
        "method": method,
        "scheme": "http",
        "extensions": {},
        "http_version": "1.1",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query,
        "root_path": "",
        "headers": headers,
        "client": None,
        "server": None,
        "state": {},  # type: ignore[typeddict-item]  # a plain dict is one
    }
