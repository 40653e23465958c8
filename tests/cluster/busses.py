"""A real nats-server, a session behind a simulator and edges of it, on loopback and free ports."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import trio

from ibactors.config import Settings
from ibactors.sim import SimulatorOptions
from tests.conftest import DEADLINE, POLL, Gateway, Service, running_gateway, serving

PROGRAM = shutil.which("nats-server", path="/usr/sbin:/usr/local/bin:/usr/bin")
needs_server = pytest.mark.skipif(PROGRAM is None, reason="there is no nats-server here: sh tests/cluster/install.sh")

PATIENT = 10.0
"""Seconds of lease where a test is not about it: all is in one process here, and the machine may be busy."""


@dataclass
class Server:
    """A nats-server that can be killed, stopped and started again at its port."""

    folder: Path
    port: int = -1
    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    scheme: str = "nats"
    process: trio.Process = field(init=False)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    async def start(self) -> None:
        for old in self.folder.glob("*.ports"):
            old.unlink()
        where = ["-a", "127.0.0.1", "-p", str(self.port), "--ports_file_dir", str(self.folder)]
        assert PROGRAM is not None
        self.process = await trio.lowlevel.open_process(
            [PROGRAM, *where, *self.arguments],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **self.environment},
        )
        with trio.fail_after(DEADLINE):
            while not (told := _ports(self.folder)):
                assert self.process.poll() is None, "nats-server has ended"
                await trio.sleep(POLL)
        self.port = told

    async def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        await self.process.wait()


def _ports(folder: Path) -> int:
    for file in folder.glob("*.ports"):
        try:
            return int(json.loads(file.read_text())["nats"][0].rpartition(":")[2])
        except ValueError:
            return 0  # it is being written
    return 0


@asynccontextmanager
async def running_bus(*arguments: str, **more: Any) -> AsyncIterator[Server]:
    """A nats-server."""
    with TemporaryDirectory() as folder:
        server = Server(Path(folder), arguments=arguments, **more)
        await server.start()
        try:
            yield server
        finally:
            with trio.CancelScope(shield=True):
                await server.kill()


@dataclass
class Cluster:
    """A session and an edge, at one bus."""

    bus: Server
    gateway: Gateway
    session: Service
    edge: Service


@asynccontextmanager
async def running_edge(url: str, gateway: Gateway, **settings: Any) -> AsyncIterator[Service]:
    """An edge; the gateway is for its tests alone."""
    async with serving(Settings(port=0, role="edge", bus=url, **{"bus_lease": PATIENT, **settings}), gateway) as edge:
        yield edge


async def connected(service: Service) -> None:
    """Until it has a session."""
    await service.until("/health", lambda response: response.json()["ib_connected"])


@asynccontextmanager
async def running_cluster(
    *, edge: dict[str, Any] | None = None, options: SimulatorOptions | None = None, **settings: Any
) -> AsyncIterator[Cluster]:
    """Both are connected when the block begins."""
    async with AsyncExitStack() as stack:
        bus = await stack.enter_async_context(running_bus())
        gateway = await stack.enter_async_context(running_gateway(options))
        configured = Settings(port=0, gateway_port=gateway.ports.port, role="session", bus=bus.url, **settings)
        session = await stack.enter_async_context(serving(configured, gateway))
        await connected(session)
        there = await stack.enter_async_context(running_edge(bus.url, gateway, **edge or {}))
        await connected(there)
        yield Cluster(bus, gateway, session, there)
