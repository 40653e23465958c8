"""Thousands of bad connections, and what a simulator in a process of its own has kept of them."""

import os
import random
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio

from ibactors.sim import SimulatorPorts
from tests.sim.ordertools import place
from tests.sim.rawclient import Bench, assault, hello, market_data, pack
from tests.sim.seeds import AAPL, OPENING, REAL

WARM_UP = 1000
CONNECTIONS = 3000
# Pages that the allocator takes and gives back; a leak of 256 bytes a connection would be as much.
ALLOWED_KB = 1024


def bad_streams(count: int, seed: int) -> list[bytes]:
    """Random bytes, truncated, oversized, mutilated and reordered frames."""
    dice = random.Random(seed)

    def mutilated() -> bytes:
        data = bytearray(dice.choice(REAL))
        for _ in range(3):
            data[dice.randrange(len(data))] = dice.randrange(256)
        return bytes(data)

    kinds = (
        lambda: dice.randbytes(dice.randrange(1, 200)),
        lambda: hello("v1..99999999"),
        lambda: OPENING + dice.randbytes(dice.randrange(1, 200)),
        lambda: OPENING + b"".join(mutilated() for _ in range(5)),
        lambda: OPENING + dice.randrange(1 << 21, 1 << 32).to_bytes(4, "big") + b"x" * 40,
        lambda: OPENING + market_data(5, AAPL) + pack(20, 4, *AAPL, 0, "", "1 hour", "2 D", 1, "TRADES", 1, 1, "") + b"\0\0\1",
        lambda: b"".join(dice.sample([OPENING, *REAL], 6)),
        # An order is refused, so that the book keeps nothing: what it does keep is a feature.
        lambda: OPENING + pack(*place(1, "HOLD")),
    )
    return [dice.choice(kinds)() for _ in range(count)]


class Process:
    """A simulator in a process of its own."""

    def __init__(self, pid: int, log: Path) -> None:
        self._pid = pid
        self.log = log

    @property
    def memory_kb(self) -> int:
        """What it has in memory."""
        pages = int(Path(f"/proc/{self._pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") // 1024


@pytest.fixture
async def process(tmp_path: Path) -> AsyncIterator[tuple[Process, Bench]]:
    log = tmp_path / "log"
    command = [sys.executable, "-m", "ibactors", "simulate", "--port", "0", "--control-port", "0"]
    with log.open("wb") as stream:
        running = await trio.lowlevel.open_process(command, stdout=subprocess.PIPE, stderr=stream)
    assert running.stdout is not None
    async with running.stdout:
        found = re.findall(rb":(\d+)", await running.stdout.receive_some())
        bench = Bench(SimulatorPorts(port=int(found[0]), control_port=int(found[1])))
        yield Process(running.pid, log), bench
        bench.close()
        running.terminate()
        await running.wait()


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_memory_stays_flat_under_bad_connections_and_others_are_served(process: tuple[Process, Bench]) -> None:
    simulator, bench = process
    good = await bench.client(1)
    await bench.control("limit rate 100000")

    async def suffer(count: int, seed: int) -> int:
        for data in bad_streams(count, seed):
            with trio.fail_after(20):
                await assault(bench.ports.port, data)
                await good.synchronise()
        await bench.until(lambda stats: len(stats["clients"]) == 1)
        return simulator.memory_kb

    before = await suffer(WARM_UP, 1)
    after = await suffer(CONNECTIONS, 2)
    assert after - before < ALLOWED_KB, f"{before} kB after {WARM_UP} bad connections, {after} kB after {CONNECTIONS} more"
    lines = simulator.log.read_text().splitlines()
    assert not [line for line in lines if "Traceback" in line or '"error"' in line]
    # One line for a socket that came as a client, and one for its end.
    assert 0 < sum("client_connected" in line for line in lines) <= WARM_UP + CONNECTIONS + 1
    assert sum("client_connected" not in line for line in lines) <= WARM_UP + CONNECTIONS
