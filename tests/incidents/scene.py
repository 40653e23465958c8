"""Where an incident is played: simulator and service as processes of their own, their log in a file, and a shell for the operator.

What the operator types and sees is recorded, with addresses and paths replaced by those of the documentation.
"""

import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import trio

DEADLINE = 90.0
SHOWN_URL = "http://127.0.0.1:8000"
_START = r"serving +.*url=(http://\S+)"
_WIDEST = 220


class Scene:
    """One incident in play."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = ""
        self.pid = 0
        self.control_port = 0
        self.record: list[str] = []
        self.nursery: trio.Nursery

    @property
    def log(self) -> str:
        """What the service has logged so far."""
        return (self.folder / "service.log").read_text()

    @property
    def text(self) -> str:
        """All that the operator typed and saw."""
        return "\n".join(self.record) + "\n"

    async def start(self, nursery: trio.Nursery, *arguments: str, output: str, **environment: str) -> trio.Process:
        """Run a Python module in the background, its output in a file."""
        with (self.folder / output).open("wb") as file:
            run = partial(
                trio.run_process,
                [sys.executable, "-m", *arguments],
                stdout=file.fileno(),
                stderr=subprocess.STDOUT,
                check=False,
                env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), **environment},
            )
            process: trio.Process = await nursery.start(run)
        return process

    async def until(self, output: str, pattern: str) -> re.Match[str]:
        """Wait for text in a process's output."""
        with trio.fail_after(DEADLINE):
            while True:
                if found := re.search(pattern, (self.folder / output).read_text()):
                    return found
                await trio.sleep(0.05)

    async def simulator(self, command: str) -> None:
        """Send the simulator a control command, and tell of it."""
        self.record.append(f"(simulator) {command}")
        async with await trio.open_tcp_stream("127.0.0.1", self.control_port) as stream:
            await stream.send_all(f"{command}\n".encode())
            with trio.fail_after(DEADLINE):
                assert (await stream.receive_some()).startswith(b"ok")

    async def type(self, command: str, *, until: str = "") -> str:
        """Run a shell command as the operator would and record it; when *until* is given, again until the output matches."""
        with trio.fail_after(DEADLINE):
            while True:
                output = await self.quietly(command)
                if re.search(until, output):
                    break
                await trio.sleep(0.1)
        self.record += [f"$ {command}", *map(_fitting, output.rstrip().splitlines())]
        return output

    async def quietly(self, command: str) -> str:
        """Run a shell command unrecorded; output as the documentation shows it."""
        real = command.replace(SHOWN_URL, self.url).replace("$PID", str(self.pid))
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        result = await trio.run_process(
            ["sh", "-c", real],
            cwd=self.folder,
            capture_stdout=True,
            stderr=subprocess.STDOUT,
            check=False,
            env={**os.environ, "PATH": path},
        )
        return self._shown(result.stdout.decode())

    def _shown(self, text: str) -> str:
        root = str(Path(__file__).parents[2])
        text = text.replace(self.url, SHOWN_URL).replace(root, "…")
        return re.sub(r'"[^"]*/(lib/python3[^"]*)"', r'"…/\1"', text)


def _fitting(line: str) -> str:
    return line if len(line) <= _WIDEST else f"{line[:_WIDEST]}…"


@asynccontextmanager
async def open_scene(folder: Path, **environment: str) -> AsyncIterator[Scene]:
    """Simulator and service run inside the block; the service is connected."""
    async with _empty_scene(folder) as scene:
        nursery = scene.nursery
        await scene.start(nursery, "ibactors", "simulate", "--port", "0", "--control-port", "0", output="simulator.log")
        found = await scene.until("simulator.log", r"TWS API at 127\.0\.0\.1:(\d+), control commands at 127\.0\.0\.1:(\d+)")
        scene.control_port = int(found[2])
        settings = {"IBACTORS_GATEWAY_PORT": found[1], "IBACTORS_LOG_FORMAT": "console", **environment}
        service = await scene.start(nursery, "tests.incidents.faulty", "serve", "--port", "0", output="service.log", **settings)
        await _wait_until_up(scene, service)
        yield scene


@asynccontextmanager
async def open_demo(folder: Path, **environment: str) -> AsyncIterator[Scene]:
    """The demo, which manages its gateway, runs inside the block; the service is connected."""
    async with _empty_scene(folder) as scene:
        settings = {"IBACTORS_LOG_FORMAT": "console", **environment}
        service = await scene.start(scene.nursery, "ibactors", "demo", "--port", "0", output="service.log", **settings)
        await _wait_until_up(scene, service)
        yield scene


@asynccontextmanager
async def _empty_scene(folder: Path) -> AsyncIterator[Scene]:
    scene = Scene(folder)
    async with trio.open_nursery() as scene.nursery:
        try:
            yield scene
        finally:
            scene.nursery.cancel_scope.cancel(reason="the incident is over")


async def _wait_until_up(scene: Scene, service: trio.Process) -> None:
    scene.pid = service.pid
    scene.url = (await scene.until("service.log", _START))[1]
    await scene.until("service.log", r"session_changed .*phase=up")
