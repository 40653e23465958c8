"""Child processes that leave nothing behind: their output as lines, in our log with secrets masked, and an end in every case.

A child runs below a keeper (`keeper.py`) in a session of its own. The keeper kills whatever the program started when the program ends,
when it is told to, and when ibactors is gone, however that came about.
"""

import contextlib
import math
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import structlog
import trio

from ibactors.errors import IbactorsError
from ibactors.gateway.masking import Secrets

LINE_LIMIT = 4096
"""Characters of a line that are kept; what is beyond them is thrown away."""
UNFINISHED = 0.2
"""Seconds after which an unfinished line is given as far as it is."""
UNREAD_LINES = 1000
"""Lines that wait for a reader."""
READER_TIMEOUT = 5.0
"""Seconds that the program has to wait for a reader when so many lines wait; then the oldest go until somebody reads again."""
LOGGED_LINES = 1000
"""Lines of a child that are logged within LOG_PERIOD at most."""
LOG_PERIOD = 10.0
KILL_TIMEOUT = 5.0
"""Seconds that the keeper has for its work before it is killed, too."""
LAST_LINES = 1.0
"""Seconds for what is still in the pipe when a child has ended."""
PACKAGES = {"Xvfb": "xvfb", "x11vnc": "x11vnc", "java": "default-jre"}
"""Debian's packages of the programs that are started here."""
_CHUNK = 65536
_KEEPER = Path(__file__).with_name("keeper.py")
_PASSED_ON = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR", "JAVA_HOME")

_logger = structlog.stdlib.get_logger("ibactors.gateway")


class ProgramNotFound(IbactorsError):
    """A program that is needed is not installed or cannot be executed."""

    code = "program_not_found"

    def __init__(self, program: str) -> None:
        package = PACKAGES.get(Path(program).name)
        remedy = f"On Debian and Ubuntu: apt-get install {package}." if package else "Check its path and its permissions."
        super().__init__(f"The program {program!r} was not found, or may not be executed. {remedy}", extra={"program": program})


def environment(**more: str) -> dict[str, str]:
    """What every program needs of our environment, and *more*: the rest is ours, passwords among it."""
    return {name: os.environ[name] for name in _PASSED_ON if name in os.environ} | more


def find_program(program: str, env: Mapping[str, str]) -> str:
    """Where *program* is. Raises ProgramNotFound."""
    found = shutil.which(program, path=env.get("PATH", os.defpath))
    if found is None:
        raise ProgramNotFound(program)
    return found


class Child:
    """A running program. Its lines are what it printed, secrets included: mask what is shown of them."""

    def __init__(self, name: str, process: trio.Process, lines: trio.MemoryReceiveChannel[str]) -> None:
        self.name = name
        self.pid = process.pid
        """The keeper's process id, and that of the group and session in which the program starts."""
        self.lines = lines
        self._process = process

    def __repr__(self) -> str:
        return f"<Child {self.name} {self.pid}>"

    async def wait(self) -> int:
        """Its exit status as a shell gives it: its own, or 128 and the number of the signal that ended it."""
        code = await self._process.wait()
        return code if code >= 0 else 128 - code

    def terminate(self) -> None:
        """Ask the group to end: SIGTERM, which the keeper passes over."""
        if self._process.returncode is None:
            self._signal("SIGTERM")

    def kill(self) -> None:
        """Kill all that the program started, wherever it has gone."""
        if sys.platform != "win32" and isinstance(self._process.stdin, trio.lowlevel.FdStream):
            self._process.stdin.close()

    async def end(self, grace: float) -> None:
        """Return when nothing of it is left: ask, wait for *grace* seconds, kill."""
        if grace > 0:
            self.terminate()
            with trio.move_on_after(grace):
                await self._process.wait()
        self.kill()
        with trio.move_on_after(KILL_TIMEOUT):
            await self._process.wait()
        # Either the keeper hangs or somebody killed it; without it there is only the group to go by.
        if self._process.returncode is None or self._process.returncode < 0:
            self._signal("SIGKILL")
            await self._process.wait()

    def _signal(self, name: str) -> None:
        # The number of a group is not given anew while one of its members lives.
        if sys.platform != "win32":
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.Signals[name])


@asynccontextmanager
async def open_child(
    name: str,
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path | None = None,
    secrets: Secrets | None = None,
    grace: float = 5.0,
) -> AsyncIterator[Child]:
    """Run a program until the block is left; then it is asked to end, has *grace* seconds, and is killed with all its descendants.

    What it prints is logged line by line, and given to `lines`. Raises ProgramNotFound; what the block raises comes out in a group.
    """
    if sys.platform == "win32":  # the keeper ends processes by signals; `preflight.py` refuses such settings
        raise ProgramNotFound(argv[0])
    command = [sys.executable, "-I", "-S", str(_KEEPER), find_program(argv[0], env), *argv[1:]]
    async with trio.open_nursery() as nursery:
        process = await trio.lowlevel.open_process(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=env,
            cwd=cwd,
        )
        send, lines = trio.open_memory_channel[str](UNREAD_LINES)
        child = Child(name, process, lines)
        # What it says while it is being ended is read, too; a full pipe would stop it from ending.
        reading = trio.CancelScope(shield=True)
        with lines:
            try:
                nursery.start_soon(_read, child, process, send, secrets or Secrets(), reading, name=f"child:{name}")
                yield child
            finally:
                with trio.move_on_after(grace + 2 * KILL_TIMEOUT, shield=True):
                    await child.end(grace)
                # Only a process that escaped a killed keeper can still hold the pipe open.
                reading.deadline = trio.current_time() + LAST_LINES


async def _read(
    child: Child, process: trio.Process, send: trio.MemorySendChannel[str], secrets: Secrets, reading: trio.CancelScope
) -> None:
    """Keep the pipe empty and hand on what comes, until all who could write are gone."""
    assert process.stdout is not None  # noqa: S101 - it was opened as a pipe
    # A secret must not be cut in two before it is masked.
    cutter, log = LineCutter(LINE_LIMIT + secrets.longest), _ChildLog(child.name, secrets)
    with reading, send, child.lines.clone() as spare:
        outlet = _Outlet(send, spare)
        while True:
            chunk = None
            with trio.move_on_after(UNFINISHED if cutter.unfinished else math.inf):
                chunk = await process.stdout.receive_some(_CHUNK)
            known = chunk == b"" and not cutter.unfinished  # its last words were handed on before it ended
            lines = [cutter.take_unfinished()] if chunk is None else cutter.feed(bytes(chunk) or b"\n")
            for line in lines:
                if chunk is not None:
                    log.line(line)
                if not known:
                    await outlet.give(line[:LINE_LIMIT])
            if chunk == b"":
                break
    log.left_out()


class _Outlet:
    """Hands lines to a reader, and waits for one who is late; when nobody reads, the oldest lines go."""

    def __init__(self, send: trio.MemorySendChannel[str], spare: trio.MemoryReceiveChannel[str]) -> None:
        self._send = send
        self._spare = spare
        self._read = True

    async def give(self, line: str) -> None:
        """Put *line* in the channel."""
        self._read = self._read or self._send.statistics().current_buffer_used < UNREAD_LINES
        if self._read:
            with trio.move_on_after(READER_TIMEOUT) as waiting:
                await self._send.send(line)
            self._read = not waiting.cancelled_caught
        if not self._read:
            self._spare.receive_nowait()
            self._send.send_nowait(line)
            await trio.lowlevel.checkpoint()


class LineCutter:
    """Cuts what comes from a pipe into lines without their ends; blank lines are left out, what is beyond the limit thrown away."""

    def __init__(self, limit: int) -> None:
        self._limit = limit * 4  # bytes, at most, of as many characters in UTF-8
        self._kept = b""
        self._taken = b""

    @property
    def unfinished(self) -> bool:
        """Whether there is a start of a line that has not been taken yet."""
        return self._kept != self._taken

    def take_unfinished(self) -> str:
        """The line so far."""
        self._taken = self._kept
        return self._text(self._kept)

    def feed(self, chunk: bytes) -> list[str]:
        """The lines that *chunk* makes whole."""
        *ends, rest = chunk.split(b"\n")
        whole = []
        for end in ends:
            line = self._text(self._kept + end)
            self._kept = self._taken = b""
            if line:
                whole.append(line)
        self._kept = (self._kept + rest)[: self._limit]
        return whole

    def _text(self, line: bytes) -> str:
        return line[: self._limit].decode(errors="replace").rstrip()[: self._limit // 4]


class _ChildLog:
    """A child's lines in our log, masked, and not more than a log can bear."""

    def __init__(self, name: str, secrets: Secrets) -> None:
        self._name = name
        self._secrets = secrets
        self._since = -math.inf
        self._count = 0

    def line(self, line: str) -> None:
        """Log a line, or count it if there were too many."""
        now = trio.current_time()
        if now - self._since >= LOG_PERIOD:
            self.left_out()
            self._since, self._count = now, 0
        self._count += 1
        if self._count <= LOGGED_LINES:
            _logger.info("child_output", child=self._name, line=self._secrets.mask(line)[:LINE_LIMIT])

    def left_out(self) -> None:
        """Say how many lines were not logged, if any."""
        if self._count > LOGGED_LINES:
            _logger.warning("child_output_left_out", child=self._name, lines=self._count - LOGGED_LINES, seconds=LOG_PERIOD)
