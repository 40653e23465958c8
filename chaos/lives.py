"""The service's lives, one at a time, as the run sees them: begun, and ended by a point of the protocol or by us."""

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

import trio


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
