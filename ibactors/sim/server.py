"""The listening side: accepts API clients, runs the market and the control port, can refuse for a while.

`serve_simulator` runs until it is cancelled. A taken port raises OSError before it has started.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

import trio

from ibactors.sim.control.port import Control
from ibactors.sim.gateway import Gateway
from ibactors.sim.market.market import MAX_RATE, MIN_RATE
from ibactors.sim.registry import REQUESTS
from ibactors.sim.session import Session
from ibactors.sim.wire.ports import open_listener, port_of

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Awaitable, Callable

    from ibactors.sim.control.scenario import Scenario

_REOPEN_TRIES = 50
_REOPEN_PAUSE_S = 0.1
_REFRESH_LOOK_S = 0.1
MAX_EXTRA_SYMBOLS = 200

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorOptions:
    """How to run a simulator. Port 0 takes any free port; `control_port` None means no control port.

    The market always ticks unless it `keeps_hours`. A `scenario` begins when clients can connect.
    `now` is the clock behind every date, by default the machine's.
    """

    host: str = "127.0.0.1"
    port: int = 4002
    control_port: int | None = None
    rate: float = 4.0
    seed: int = 1
    accounts: tuple[str, ...] = ("DU1234567",)
    clock_prices: bool = False
    extra_symbols: int = 0
    keeps_hours: bool = False
    now: Callable[[], dt.datetime] | None = None
    scenario: Scenario | None = None

    def __post_init__(self) -> None:
        """Refuse what no gateway could run with; ValueError."""
        if not MIN_RATE <= self.rate <= MAX_RATE:
            raise ValueError(f"the rate {self.rate} is not between {MIN_RATE:g} and {MAX_RATE:g} a second")
        if not self.accounts or len(set(self.accounts)) < len(self.accounts) or "" in self.accounts:
            raise ValueError("the simulator needs one or several different account names")
        if not 0 <= self.extra_symbols <= MAX_EXTRA_SYMBOLS:
            raise ValueError(f"{self.extra_symbols} extra symbols are not between 0 and {MAX_EXTRA_SYMBOLS}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorPorts:
    """The ports a simulator really listens on."""

    port: int
    control_port: int | None


class Simulator:
    """A gateway with its sockets. `control.execute` does what a line on the control port does."""

    def __init__(self, options: SimulatorOptions) -> None:
        self.gateway = Gateway(
            accounts=options.accounts,
            rate=options.rate,
            seed=options.seed,
            clock_prices=options.clock_prices,
            extra_symbols=options.extra_symbols,
            keeps_hours=options.keeps_hours,
            now=options.now,
        )
        self.control = Control(self)
        self._options = options
        self._port = options.port
        self._phase = trio.CancelScope()
        self._refuse_until = 0.0
        self._tasks: trio.Nursery | None = None

    async def run(self, *, task_status: trio.TaskStatus[SimulatorPorts] = trio.TASK_STATUS_IGNORED) -> NoReturn:
        """Serve until cancelled."""
        host, control_port = self._options.host, self._options.control_port
        async with trio.open_nursery() as self._tasks:
            nursery = self._tasks
            port: int = await nursery.start(self._serve, name="sim:api port")
            if control_port is not None:
                control_port = await nursery.start(self.control.serve, host, control_port, name="sim:control port")
            nursery.start_soon(self.gateway.market.run, name="sim:market")
            nursery.start_soon(self._refresh_forever, name="sim:account refresh")
            if self._options.scenario is not None:
                nursery.start_soon(self._options.scenario.run, self, name="sim:scenario")
            task_status.started(SimulatorPorts(port=port, control_port=control_port))
        raise AssertionError("unreachable: the simulator's tasks end by cancellation only")

    @property
    def port(self) -> int:
        """Where API clients connect."""
        return self._port

    def start(self, task: Callable[[], Awaitable[None]], *, name: str) -> None:
        """Run a task until it returns or the simulator ends; nothing happens before `run`."""
        if self._tasks is not None:
            self._tasks.start_soon(task, name=name)

    def drop(self) -> None:
        """Reset the socket of every API client."""
        for session in tuple(self.gateway.sessions):
            session.reset()

    def refuse(self, seconds: float) -> None:
        """Reset every API client and let nobody connect for a while; 0 opens the port again."""
        self._refuse_until = trio.current_time() + seconds
        self._phase.cancel(reason="the API port was told to refuse connections")
        self.drop()

    async def _serve(self, *, task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED) -> NoReturn:
        """Accept API clients; the task status is the port."""
        listener = await open_listener(self._options.host, self._port)
        self._port = port_of(listener)
        task_status.started(self._port)
        async with trio.open_nursery() as clients:
            while True:
                with trio.CancelScope() as self._phase:
                    await trio.serve_listeners(self._serve_client, [listener], handler_nursery=clients)
                while trio.current_time() < self._refuse_until:
                    with trio.CancelScope() as self._phase:
                        await trio.sleep_until(self._refuse_until)
                listener = await self._reopen()

    async def _refresh_forever(self) -> NoReturn:
        """Repeat account data to the clients that subscribed to it, and let orders expire."""
        last = trio.current_time()
        while True:
            # In small sleeps, as the rate may change meanwhile and with it the interval.
            await trio.sleep(_REFRESH_LOOK_S)
            self.gateway.orders.tick()
            if trio.current_time() - last < self.gateway.refresh_s:
                continue
            last = trio.current_time()
            for session in self.gateway.ready_sessions():
                session.repeat()
                await trio.lowlevel.checkpoint()

    async def _serve_client(self, stream: trio.SocketStream) -> None:
        session = Session(self.gateway, REQUESTS, stream)
        self.gateway.sessions.add(session)
        try:
            async with stream:
                await session.run()
        finally:
            self.gateway.sessions.discard(session)

    async def _reopen(self) -> trio.SocketListener:
        for _ in range(_REOPEN_TRIES):
            try:
                return await open_listener(self._options.host, self._port)
            except OSError as error:
                logger.warning("the API port %d is not free yet: %s", self._port, error)
            await trio.sleep(_REOPEN_PAUSE_S)
        return await open_listener(self._options.host, self._port)


async def serve_simulator(
    options: SimulatorOptions,
    *,
    task_status: trio.TaskStatus[SimulatorPorts] = trio.TASK_STATUS_IGNORED,
) -> NoReturn:
    """Serve the TWS API until cancelled; OSError, perhaps in a group, when a port is taken."""
    async with trio.open_nursery() as nursery:
        ports: SimulatorPorts = await nursery.start(Simulator(options).run, name="simulator")
        task_status.started(ports)
    raise AssertionError("unreachable: the simulator ends by cancellation only")
