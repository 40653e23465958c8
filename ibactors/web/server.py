"""Accepts connections and serves the app on each, with Hypercorn's protocol code and a wall between connections.

Hypercorn's own `serve` runs all connections in one nursery, where an error in one of them (a client's malformed frame is enough) ends the
server and with it the service. Here such an error ends the connection it belongs to and is one line in the log. The app has nothing to
start or stop, so that there is no ASGI lifespan either.
"""

import socket
from functools import partial

import structlog
import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ConnectionState
from quart_trio import QuartTrio

from ibactors.actors.supervisor import summary

log = structlog.get_logger(__name__)


async def serve(
    app: QuartTrio,
    config: Config,
    listener: socket.socket,
    stop: trio.Event,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve on *listener*, which is closed in the end, until *stop*; then requests in flight have `config.graceful_timeout` seconds."""
    context = WorkerContext(None)
    async with trio.open_nursery() as connections:
        async with trio.open_nursery() as accepting:
            accepting.start_soon(
                partial(
                    trio.serve_listeners,
                    partial(_serve_connection, ASGIWrapper(app), config, context),
                    [trio.SocketListener(trio.socket.from_stdlib_socket(listener))],
                    handler_nursery=connections,
                ),
                name="web/accept",
            )
            task_status.started()
            await stop.wait()
            accepting.cancel_scope.cancel(reason="the service stops")
        await context.terminated.set()
        connections.cancel_scope.deadline = trio.current_time() + config.graceful_timeout


async def _serve_connection(app: ASGIWrapper, config: Config, context: WorkerContext, stream: trio.SocketStream) -> None:
    try:
        await TCPServer(app, config, context, ConnectionState({}), stream)  # type: ignore[arg-type]  # it takes plain streams as well
    except* Exception as group:  # noqa: BLE001  # the wall: whatever it is, it is about this connection
        log.warning("connection_failed", error=summary(group))
    finally:
        stream.socket.close()
