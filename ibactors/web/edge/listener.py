"""Accepts connections and serves the app on each, with Hypercorn's protocol code and a wall between connections.

Hypercorn's own `serve` runs all connections in one nursery, where an error in one of them (a client's malformed frame is enough) ends the
server and with it the service. Here such an error ends the connection it belongs to and is one line in the log. The app has nothing to
start or stop, so that there is no ASGI lifespan either.
"""

import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import h11
import structlog
import trio
import wsproto.utilities
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable, Scope

from ibactors.inside.tracebacks import summary
from ibactors.web.contract.asgi import App
from ibactors.web.edge.connection import Connection
from ibactors.web.edge.seats import Seats
from ibactors.web.edge.tls import Certificate

_TURNING_AWAY = 1.0
"""Seconds that it may take to tell a client that there is no place for it."""
_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\nRetry-After: 1\r\nConnection: close\r\n\r\n"
    b'{"type":"urn:ibactors:problem:too_many_connections","title":"Too many connections","status":503,'
    b'"detail":"The service has as many connections as it can.","code":"too_many_connections"}'
)

log = structlog.get_logger(__name__)


async def serve(
    app: App,
    config: Config,
    listener: socket.socket,
    stop: trio.Event,
    *,
    seats: Seats,
    certificate: Certificate | None = None,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve on *listener*, which is closed in the end, until *stop*; then requests in flight have `config.graceful_timeout` seconds."""
    context = WorkerContext(None)
    wrapped = _Application(app)
    connections: set[Connection] = set()

    async def handle(stream: trio.SocketStream) -> None:
        with seats.taken(_address(stream)) as seated:
            if seated:
                tls = certificate.context if certificate else None
                await _serve_connection(Connection(wrapped, config, context, stream, tls), connections)
            else:
                await _turn_away(stream, plain=certificate is None)

    async with trio.open_nursery() as serving:
        async with trio.open_nursery() as accepting:
            accepting.start_soon(
                partial(
                    trio.serve_listeners,
                    handle,
                    [trio.SocketListener(trio.socket.from_stdlib_socket(listener))],
                    handler_nursery=serving,
                ),
                name="web/accept",
            )
            task_status.started()
            await stop.wait()
            accepting.cancel_scope.cancel(reason="the service stops")
        await context.terminated.set()
        end = trio.current_time() + config.graceful_timeout
        for connection in connections:
            connection.finish(end)
        serving.cancel_scope.deadline = end


def _address(stream: trio.SocketStream) -> str:
    try:
        return str(stream.socket.getpeername()[0])
    except OSError:
        return ""  # it is gone already


async def _turn_away(stream: trio.SocketStream, *, plain: bool) -> None:
    """Close at once; say why, where nothing has to be agreed on first."""
    with stream.socket as socket, suppress(OSError), trio.move_on_after(_TURNING_AWAY):
        if plain:
            await socket.send(_FULL)


async def _serve_connection(connection: Connection, connections: set[Connection]) -> None:
    connections.add(connection)
    try:
        await connection.serve()
    except* Exception as group:  # noqa: BLE001  # the wall: whatever it is, it is about this connection
        log.warning("connection_failed", error=summary(group))
    finally:
        connections.discard(connection)


class _Application(ASGIWrapper):
    """The application, for Hypercorn; what it sends to a client that has broken the protocol meanwhile is not its fault."""

    def __init__(self, app: App) -> None:
        super().__init__(app)
        self.runs_in_step = app.runs_in_step

    async def __call__(
        self,
        scope: Scope,
        receive: ASGIReceiveCallable,
        send: ASGISendCallable,
        sync_spawn: Callable[..., Any],
        call_soon: Callable[..., Any],
    ) -> None:
        try:
            await super().__call__(scope, receive, send, sync_spawn, call_soon)
        except* (h11.LocalProtocolError, wsproto.utilities.LocalProtocolError) as group:
            log.info("client_broke_protocol", error=summary(group))
