"""A simulator on free loopback ports for each test that asks for one; no test may leave an ERROR in the log."""

import logging
from collections.abc import AsyncIterator, Iterator

import pytest
import trio

from ibactors.sim import Simulator, SimulatorOptions
from tests.sim.rawclient import Bench, Clock


@pytest.fixture(autouse=True)
def no_errors_in_the_log(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    errors = [r for r in caplog.get_records("call") if r.name.startswith("ibactors") and r.levelno >= logging.ERROR]
    assert not errors, [r.getMessage() for r in errors]


@pytest.fixture
def simulator() -> Simulator:
    options = SimulatorOptions(port=0, control_port=0, rate=20, accounts=("DU1234567", "DU7654321"))
    return Simulator(options)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def strict(nursery: trio.Nursery, clock: Clock) -> AsyncIterator[Bench]:
    """A simulator whose markets keep their hours."""
    simulator = Simulator(SimulatorOptions(port=0, control_port=0, rate=100, keeps_hours=True, now=clock))
    bench = Bench(await nursery.start(simulator.run))
    yield bench
    bench.close()
    nursery.cancel_scope.cancel()


@pytest.fixture
async def bench(nursery: trio.Nursery, simulator: Simulator) -> AsyncIterator[Bench]:
    bench = Bench(await nursery.start(simulator.run))
    yield bench
    bench.close()
    nursery.cancel_scope.cancel()
