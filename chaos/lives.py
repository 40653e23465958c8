"""The service's lives, one at a time, as the run sees them: begun, and ended by a point of the protocol or by us."""

import os
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

import httpx2 as httpx
import trio

from chaos.machine import STEP_S, Machine, waited_ms
from chaos.order_run import Run

START = 120.0
"""Seconds that the service may take to start, on a machine that has much else to do."""


class Lives:
    """Made by `start`; its process dies with ours, and each life with it."""

    def __init__(self, process: trio.Process) -> None:
        if process.stdin is None or process.stdout is None:
            raise ValueError("The process was opened without pipes.")
        self._process, self._input, self._output = process, process.stdin, process.stdout
        self.pid = 0
        """0 while none lives."""
        self.begun = trio.Event()
        self.ended = trio.Event()
        self.status = 0
        """How the last one ended; -9 for SIGKILL."""

    @classmethod
    async def start(cls, nursery: trio.Nursery, environment: dict[str, str], log: Path) -> "Lives":
        """The process that breeds them."""
        with log.open("ab") as file:
            process = await trio.lowlevel.open_process(
                [sys.executable, "-m", "chaos.victim"], stdin=-1, stdout=-1, stderr=file, env=environment
            )
        lives = cls(process)
        nursery.start_soon(lives._watch)
        return lives

    async def begin(self, point: str = "", seconds: float = 0.0) -> None:
        """End the present life, if there is one, and begin another."""
        await self.end()
        self.begun, self.ended = trio.Event(), trio.Event()
        await self._input.send_all(f"{seconds} {point}\n".encode())
        await self.begun.wait()

    async def serve(self, run: Run, point: str = "", seconds: float = 0.0) -> None:
        """Begin another life, and wait until it serves or is over."""
        run.lives += 1
        await self.begin(point, seconds)
        async with httpx.AsyncClient(base_url=run.url, timeout=2) as http:
            with trio.fail_after(START):
                while self.pid:
                    with suppress(httpx.HTTPError):
                        if (await http.get("/health")).status_code == httpx.codes.OK:
                            return
                    await trio.sleep(0.05)

    async def end(self) -> None:
        """Kill -9, and wait until it is gone."""
        if self.pid:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            await self.ended.wait()

    async def _watch(self) -> None:
        """Each life is two lines: its pid, and how it ended. The process ends when this is cancelled, and whatever lives with it."""
        try:
            rest = b""
            async for chunk in self._output:
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    self._told(int(line))
        finally:
            self._process.kill()

    def _told(self, number: int) -> None:
        if not self.pid:
            self.pid = number
            self.begun.set()
            return
        self.pid, self.status = 0, number
        self.ended.set()


async def watch_machine(machines: Sequence[Machine], service: Lives) -> NoReturn:
    """Record how late this process is, which is the gateway too, and how long it and the lives have waited for a processor."""
    pid, before, waited = 0, 0.0, 0.0
    while True:
        due = trio.current_time() + STEP_S
        await trio.sleep_until(due)
        if pid != service.pid:
            pid, waited, before = service.pid, waited + before, 0.0
        before = waited_ms(pid) or before
        late, programs = (trio.current_time() - due) * 1000, waited + before + waited_ms(os.getpid())
        for machine in machines:
            machine.note(late, programs)


def environment(run: Run) -> dict[str, str]:
    """Of a service that trades without limits, at the simulator of the run."""
    limits = dict.fromkeys(("MAX_ORDER_NOTIONAL", "MAX_DAY_NOTIONAL", "MAX_POSITION_NOTIONAL", "MAX_ORDER_QUANTITY"), "off")
    limits |= {"MAX_OPEN_ORDERS": "1000", "ORDERS_PER_MINUTE": "3000", "JOURNAL_EPHEMERAL": "1", "TRADING": "paper"}
    # IB refuses and loses more here than any bot should bear.
    limits |= {"HALT_AFTER": "unknown=0,rejects=0,duplicate=1"}
    limits |= {"GATEWAY_PORT": str(run.ports.port), "STATE_PATH": str(run.folder / "state")}
    return {**os.environ, **{f"IBACTORS_{name}": value for name, value in limits.items()}, "PORT": run.url.rpartition(":")[2]}


@contextmanager
def held_port() -> Iterator[int]:
    """A port for all lives: bound all the while, so that the system gives it to nobody else; listening is left to them."""
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        yield int(holder.getsockname()[1])
