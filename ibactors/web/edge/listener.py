"""Accepts connections and serves the app on each, with a wall between connections.

An error in one of them ends the connection it belongs to and is one line in the log. The app has nothing to start or stop, so that there is
no ASGI lifespan either.
"""

import socket
from contextlib import suppress
from functools import partial

import structlog
import trio

from ibactors.inside.tracebacks import summary
from ibactors.web.contract.asgi import App
from ibactors.web.edge.connection import Connection
from ibactors.web.edge.seats import Seats
from ibactors.web.edge.short_way import Places
from ibactors.web.edge.timeouts import TIMEOUTS, Timeouts
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
    listener: socket.socket,
    stop: trio.Event,
    *,
    grace: float,
    seats: Seats,
    certificate: Certificate | None = None,
    timeouts: Timeouts = TIMEOUTS,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve on *listener*, which is closed in the end, until *stop*; then requests in flight have *grace* seconds."""
    connections: set[Connection] = set()
    places = Places()

    async def handle(stream: trio.SocketStream) -> None:
        with seats.taken(_address(stream)) as seated:
            if seated:
                tls = certificate.context if certificate else None
                await _serve_connection(Connection(app, stream, places, tls, timeouts), connections)
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
        end = trio.current_time() + grace
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
