"""The listening side: accepts API clients, keeps the market and the orders going, can refuse for a while."""

from collections.abc import Awaitable, Callable
from typing import NoReturn

import trio

from ibactors.sim.connection import Connection
from ibactors.sim.gateway import Gateway
from ibactors.sim.orders.desk import Desk
from ibactors.sim.registry import REQUESTS
from ibactors.sim.session import Session
from ibactors.sim.wire.ports import ReopeningPort, open_listener, port_of

_REFRESH_LOOK_S = 0.1


class Server:
    """A gateway's API port, its connections and its tasks."""

    def __init__(self, gateway: Gateway, *, host: str, port: int, seed: int) -> None:
        self.gateway = gateway
        self.orders = Desk(gateway, seed=seed)
        self.connections: set[Connection] = set()
        self._host = host
        self._port = port
        self._phase = trio.CancelScope()
        self._refuse_until = 0.0
        self._tasks: trio.Nursery | None = None

    async def run(self, *, task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED) -> NoReturn:
        """Serve until cancelled; the task status is the API port."""
        async with trio.open_nursery() as self._tasks:
            nursery = self._tasks
            port: int = await nursery.start(self._serve, name="sim:api port")
            nursery.start_soon(self.gateway.market.run, name="sim:market")
            nursery.start_soon(self._refresh_forever, name="sim:account refresh")
            task_status.started(port)
        raise AssertionError("unreachable: the server's tasks end by cancellation only")

    @property
    def port(self) -> int:
        """Where API clients connect."""
        return self._port

    def start(self, task: Callable[[], Awaitable[None]], *, name: str) -> None:
        """Run a task until it returns or the simulator ends; nothing happens before `run`."""
        if self._tasks is not None:
            self._tasks.start_soon(task, name=name)

    def sessions(self) -> list[Session]:
        """The sessions of this moment."""
        return [c.session for c in self.connections if c.session is not None]

    def drop(self) -> None:
        """Reset the socket of every API client."""
        for connection in tuple(self.connections):
            connection.reset()

    def refuse(self, seconds: float) -> None:
        """Reset every API client and let nobody connect for a while; 0 opens the port again."""
        self._refuse_until = trio.current_time() + seconds
        self._phase.cancel(reason="the API port was told to refuse connections")
        self.drop()

    async def _serve(self, *, task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED) -> NoReturn:
        """Accept API clients; the task status is the port."""
        listener = await open_listener(self._host, self._port)
        self._port = port_of(listener)
        port = ReopeningPort(listener)
        task_status.started(self._port)
        try:
            async with trio.open_nursery() as clients:
                while True:
                    with trio.CancelScope() as self._phase:
                        await trio.serve_listeners(self._serve_client, [port], handler_nursery=clients)
                    while trio.current_time() < self._refuse_until:
                        with trio.CancelScope() as self._phase:
                            await trio.sleep_until(self._refuse_until)
                    port.reopen()
        finally:
            port.give_up()

    async def _refresh_forever(self) -> NoReturn:
        """Repeat account data to the clients that subscribed to it, and let orders expire."""
        last = trio.current_time()
        while True:
            # Short sleeps, because the rate may change meanwhile and with it the interval.
            await trio.sleep(_REFRESH_LOOK_S)
            self.orders.book.tick()
            self.gateway.script.tick()
            if trio.current_time() - last < self.gateway.refresh_s:
                continue
            last = trio.current_time()
            for client in self.gateway.everybody():
                client.repeat()
                await trio.lowlevel.checkpoint()

    async def _serve_client(self, stream: trio.SocketStream) -> None:
        connection = Connection(self.gateway, self.orders, REQUESTS, stream)
        self.connections.add(connection)
        try:
            async with stream:
                await connection.run()
        finally:
            self.connections.discard(connection)
