"""What ASGI tells an application of a request."""

from typing import TypedDict
from urllib.parse import unquote

import h11
from hypercorn.typing import ConnectionState

from ibactors.web.contract.asgi import HTTPScope, WebsocketScope
from ibactors.web.edge.heads import Ends, Head


class _Common(TypedDict):
    """What both kinds of scope have."""

    http_version: str
    path: str
    raw_path: bytes
    query_string: bytes
    root_path: str
    headers: list[tuple[bytes, bytes]]
    client: tuple[str, int] | None
    server: tuple[str, int | None] | None
    state: ConnectionState


def http_scope(request: h11.Request | Head, ends: Ends) -> HTTPScope:
    """The scope of a request."""
    return {
        "type": "http",
        "asgi": {"spec_version": "2.1", "version": "3.0"},
        "method": request.method.decode("ascii").upper(),
        "scheme": "https" if ends.secure else "http",
        "extensions": {},
        **_common(request, ends),
    }


def websocket_scope(request: h11.Request, ends: Ends) -> WebsocketScope:
    """The scope of a WebSocket."""
    return {
        "type": "websocket",
        "asgi": {"spec_version": "2.3", "version": "3.0"},
        "scheme": "wss" if ends.secure else "ws",
        "subprotocols": [],
        **_common(request, ends),
        "extensions": {"websocket.http.response": {}},
    }


def _common(request: h11.Request | Head, ends: Ends) -> _Common:
    path, _, query = request.target.partition(b"?")
    return {
        "http_version": request.http_version.decode(),
        "path": unquote(path.decode("ascii")),
        "raw_path": path,
        "query_string": query,
        "root_path": "",
        "headers": list(request.headers),
        "client": ends.client,
        "server": ends.server,
        "state": ConnectionState({}),
    }
