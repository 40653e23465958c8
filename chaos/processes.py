"""The two processes under test, started and watched by public means only: commands, environment, output, control port, /proc."""

import json
import os
import re
import signal
import subprocess
import sys
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trio

START_S = 30.0
_STOP_S = 10.0
_TAIL = 400


@dataclass(slots=True, kw_only=True)
class Program:
    """A running `ibactors` command and what it has printed."""

    name: str
    process: trio.Process
    log: Path
    tail: deque[str] = field(default_factory=lambda: deque(maxlen=_TAIL))
    errors: list[str] = field(default_factory=list)
    lines: int = 0
    news: trio.Event = field(default_factory=trio.Event)

    async def read(self) -> None:
        """Copy the output to the log file; note errors and tracebacks."""
        if self.process.stdout is None:
            return
        buffer = b""
        with self.log.open("wb") as log:
            async for chunk in self.process.stdout:
                log.write(chunk)
                log.flush()
                *lines, buffer = (buffer + chunk).split(b"\n")
                for line in lines:
                    self._note(line.decode(errors="replace"))

    def _note(self, line: str) -> None:
        self.lines += 1
        self.tail.append(line)
        if re.search(r'"level": ?"(error|critical)"|Traceback|\b(ERROR|CRITICAL)\b', line):
            self.errors.append(line)
        self.news.set()
        self.news = trio.Event()

    async def printed(self, pattern: str) -> re.Match[str]:
        """Wait for a line of the output; TooSlowError, or RuntimeError when the process has ended."""
        with trio.fail_after(START_S):
            while True:
                for line in self.tail:
                    if match := re.search(pattern, line):
                        return match
                if self.process.returncode is not None:
                    raise RuntimeError(f"{self.name} ended with {self.process.returncode}: " + " | ".join(self.tail))
                with trio.move_on_after(0.2):
                    await self.news.wait()

    @property
    def memory_mb(self) -> float:
        """Resident memory."""
        found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{self.process.pid}/status").read_text())
        return int(found[1]) / 1024 if found else 0.0

    @property
    def files(self) -> int:
        """Open file descriptors; nearly all are sockets."""
        return sum(1 for _ in Path(f"/proc/{self.process.pid}/fd").iterdir())


@asynccontextmanager
async def program(name: str, arguments: list[str], environment: dict[str, str], logs: Path) -> AsyncIterator[Program]:
    """Run `ibactors …` inside the block; SIGTERM at its end, and SIGKILL if that does not help."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("IBACTORS_") and key != "PORT"}
    async with trio.open_nursery() as nursery:
        process = await trio.lowlevel.open_process(
            [sys.executable, "-m", "ibactors", *arguments],
            env={
                **kept,
                "PYTHONUNBUFFERED": "1",
                "IBACTORS_LOG_FORMAT": "json",
                "IBACTORS_STATE_PATH": str(logs / "state"),
                **environment,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        running = Program(name=name, process=process, log=logs / f"{name}.log")
        nursery.start_soon(running.read)
        try:
            yield running
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
            with trio.move_on_after(_STOP_S, shield=True):
                await process.wait()
            if process.returncode is None:
                process.kill()


class Control:
    """The simulator's control port, over one connection."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._turn = trio.Lock()
        self._stream: trio.SocketStream | None = None

    async def ask(self, command: str) -> str:
        """Send a command; its answer."""
        async with self._turn:
            if self._stream is None:
                self._stream = await trio.open_tcp_stream("127.0.0.1", self._port)
            await self._stream.send_all(f"{command}\n".encode())
            answer = b""
            with trio.fail_after(5):
                while not answer.endswith(b"\n"):
                    answer += await self._stream.receive_some()
        return answer.decode().strip()

    async def do(self, command: str) -> None:
        """Send a command that must work."""
        answer = await self.ask(command)
        if answer != "ok":
            raise RuntimeError(f"the simulator answered {command!r} with {answer!r}")

    async def stats(self) -> dict[str, Any]:
        """What the simulator counts."""
        counted: dict[str, Any] = json.loads(await self.ask("stats"))
        return counted

    async def clock(self) -> tuple[float, dict[str, dict[str, Any]]]:
        """The milliseconds between its clock and trio's, by the fastest of several answers; and all instruments."""
        best, offset, instruments = float("inf"), 0.0, {}
        for _ in range(10):
            asked = trio.current_time()
            answer = json.loads(await self.ask("clock"))
            answered = trio.current_time()
            if answered - asked < best:
                best = answered - asked
                offset = answer["milliseconds"] + 0.5 - (asked + answered) / 2 * 1000
                instruments = answer["instruments"]
        return offset, instruments

    async def commands(self) -> list[str]:
        """The names of its commands, from `help`."""
        text = (await self.ask("help")).removeprefix("commands: ")
        return [part.split()[0] for part in text.split(", ")]
