"""A whole simulated gateway: the server, its control port and its scenario.

`serve_simulator` runs until it is cancelled. A taken port raises OSError before it has started.
"""

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NoReturn

import trio

from ibactors.sim.control.port import Control
from ibactors.sim.control.scenario import Scenario
from ibactors.sim.gateway import Gateway
from ibactors.sim.market.market import MAX_RATE, MIN_RATE
from ibactors.sim.server import Server

MAX_EXTRA_SYMBOLS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorOptions:
    """How to run a simulator. Port 0 takes any free port; `control_port` None means no control port.

    The market always ticks unless it `keeps_hours`. A `scenario` begins when clients can connect. `now` is the clock behind every date, by
    default the machine's.
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
        """Check the options; ValueError for what no gateway could run with."""
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


class CannotListen(OSError):
    """One of the ports is taken, or the host has no address."""

    def __init__(self, what: str, host: str, port: int, cause: OSError) -> None:
        super().__init__(cause.errno, cause.strerror or str(cause))
        self.what = what
        """`API` or `control`."""
        self.host = host
        self.port = port


@contextmanager
def _listening(what: str, host: str, port: int) -> Iterator[None]:
    """Says which port an OSError is about."""
    try:
        yield
    except* OSError as group:
        cause: BaseException = group
        while isinstance(cause, BaseExceptionGroup):
            cause = cause.exceptions[0]
        if isinstance(cause, OSError):
            raise CannotListen(what, host, port, cause) from group


class Simulator:
    """A server that can be told to misbehave. `control.execute` does what a line on the control port does."""

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
        self.server = Server(self.gateway, host=options.host, port=options.port, seed=options.seed)
        self.control = Control(self.server)
        self._options = options

    async def run(self, *, task_status: trio.TaskStatus[SimulatorPorts] = trio.TASK_STATUS_IGNORED) -> NoReturn:
        """Serve until cancelled."""
        host, control_port = self._options.host, self._options.control_port
        async with trio.open_nursery() as nursery:
            with _listening("API", host, self._options.port):
                port: int = await nursery.start(self.server.run, name="sim:server")
            if control_port is not None:
                with _listening("control", host, control_port):
                    control_port = await nursery.start(self.control.serve, host, control_port, name="sim:control port")
            if self._options.scenario is not None:
                nursery.start_soon(self._options.scenario.run, self.control, name="sim:scenario")
            task_status.started(SimulatorPorts(port=port, control_port=control_port))
        raise AssertionError("unreachable: the simulator's tasks end by cancellation only")


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
