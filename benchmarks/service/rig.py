"""One server behind a simulator and a tap: the server on one core, everything else on the other."""

import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from dialects import Dialect
from load import get
from loop import Loop
from rivals import Server
from tap import Tap

Processes = tuple[int, int]
"""Server and simulator."""

START_S = 30.0
_PAGE = os.sysconf("SC_PAGE_SIZE")
_PORTS = re.compile(rb"127\.0\.0\.1:(\d+)")


def pin() -> tuple[int, int]:
    """Take this process to the last core; returns the server's and our own."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[-1]})
    return cores[0], cores[-1]


class Rig:
    """A running server, its simulator and the loop in which all clients are."""

    def __init__(self, dialect: Dialect, processes: Processes, port: int, control: IO[str], loop: Loop, tap: Tap) -> None:
        self.dialect = dialect
        self.port = port
        self.loop = loop
        self.tap = tap
        self.pid, self._simulator_pid = processes
        self._control = control

    def control(self, command: str) -> str:
        """The answer to a command to the simulator."""
        self._control.write(command + "\n")
        self._control.flush()
        return self._control.readline().strip()

    def cpu_s(self) -> float:
        """Processor seconds that the server has used so far."""
        return _cpu_s(self.pid)

    def load_cpu_s(self) -> float:
        """Processor seconds that the other core has given to generator and simulator so far."""
        return time.process_time() + _cpu_s(self._simulator_pid)

    def memory(self) -> int:
        """The server's resident octets."""
        return int(Path(f"/proc/{self.pid}/statm").read_text(encoding="ascii").split()[1]) * _PAGE


@contextmanager
def running(server: Server, *, rate: float, cores: tuple[int, int], tapped: bool = True) -> Iterator[Rig]:
    """A server that is connected to a fresh simulator with *rate* updates a second and symbol.

    Untapped it lives on while nobody turns the loop, and nobody knows when a price has left.
    """
    with ExitStack() as stack:
        log = stack.enter_context(tempfile.TemporaryFile())
        simulate = [sys.executable, "-m", "ibactors", "simulate", "--port", "0", "--control-port", "0"]
        options = ["--prices", "clock", "--rate", str(rate), "--extra-symbols", "200"]
        simulator = stack.enter_context(_process([*simulate, *options], {}, cores[1], subprocess.PIPE))
        assert simulator.stdout is not None  # noqa: S101
        ports = next(_PORTS.findall(line) for line in simulator.stdout if b"TWS API" in line)
        control = stack.enter_context(socket.create_connection(("127.0.0.1", int(ports[1])))).makefile("rw")
        loop = Loop()
        tap = Tap(loop, int(ports[0]))
        port = _free_port()
        command, environment = server.start(port, tap.port if tapped else int(ports[0]))
        process = stack.enter_context(_process(command, environment, cores[0], log))
        dialect = server.dialect(port)
        try:
            _wait_until_ready(loop, port, process, dialect)
            yield Rig(dialect, (process.pid, simulator.pid), port, control, loop, tap)
        except BaseException as error:
            log.seek(0)
            error.add_note(f"{server.title} printed: {log.read()[-2000:].decode(errors='replace')}")
            raise


@contextmanager
def _process(command: list[str], environment: dict[str, str], core: int, output: object) -> Iterator[subprocess.Popen[bytes]]:
    pinned = ["taskset", "--cpu-list", str(core), *command]
    process = subprocess.Popen(pinned, stdout=output, stderr=subprocess.STDOUT, env={**os.environ, **environment})  # type: ignore[call-overload]  # noqa: S603
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _cpu_s(pid: int) -> float:
    """The scheduler's own count, of the threads that there are; `stat` counts in ticks of 10 ms."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text(encoding="ascii").split()[0]) for task in tasks) / 1e9


def _wait_until_ready(loop: Loop, port: int, process: subprocess.Popen[bytes], dialect: Dialect) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        loop.run(0.1)
        try:
            stream = socket.create_connection(("127.0.0.1", port), timeout=1)
        except OSError:
            continue
        stream.close()
        # The server may need the gateway while it starts, so that the tap has to turn.
        loop.run(0.5)
        if dialect.healthy in get(port, dialect.health_path).replace(b" ", b""):
            return
    raise TimeoutError(f"the server was not ready within {START_S:.0f} s")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
