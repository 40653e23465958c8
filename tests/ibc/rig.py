"""`ibactors serve` with a managed gateway: the real IBC, our stand-in for IB Gateway behind it, and the simulator behind that."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx2 as httpx
import trio

from tests.conftest import eventually, running_gateway
from tests.ibc.install import PLACE

VERSION = "1037"
LOGIN_LIMIT = 60.0
"""Seconds that a test waits for the answer to a login; Java takes a few, more on a busy machine."""
PASSWORD = "correct horse battery staple"


@dataclass(kw_only=True)
class Rig:
    """A running service, and what can be seen of it from outside."""

    folder: Path
    process: trio.Process
    http: httpx.AsyncClient
    vnc_port: int
    command_port: int

    async def login(
        self, username: str, password: str = PASSWORD, account_type: str = "paper", wait: float = LOGIN_LIMIT
    ) -> httpx.Response:
        """POST /auth/login; looks for the password where it must not be, too."""
        body = {"username": username, "password": password, "account_type": account_type}
        response = await self.http.post(f"/auth/login?wait={wait:g}", json=body, timeout=LOGIN_LIMIT + 10)
        for path in ("/auth/status", "/debug/actors", "/debug/tasks", "/health", "/openapi.json"):
            seen = await self.http.get(path)
            assert password not in seen.text, path
        assert password not in response.text
        assert not _who_shows(password)
        return response

    async def status(self) -> Any:
        """GET /auth/status."""
        response = await self.http.get("/auth/status")
        assert response.status_code == 200
        return response.json()

    async def until_phase(self, phase: str) -> Any:
        """Wait for a phase of the login."""

        async def there() -> bool:
            return bool((await self.status())["phase"] == phase)

        await eventually(there, within=LOGIN_LIMIT)
        return await self.status()

    @property
    def attempts(self) -> list[tuple[str, str, str]]:
        """What was typed into login windows: user, password, mode."""
        record = self.folder / "attempts"
        lines = record.read_text(encoding="utf-8").splitlines() if record.exists() else []
        return [(user, bytes.fromhex(password).decode(), mode) for user, password, mode in (line.split(" ") for line in lines)]

    @property
    def log(self) -> str:
        """The service's log so far."""
        return (self.folder / "log").read_text(encoding="utf-8")

    async def started(self) -> bool:
        """Whether the service has told its address; from then on it is the one that `http` talks to."""
        assert self.process.returncode is None, self.log
        found = re.search(r"http://127\.0\.0\.1:\d+", self.log)
        if found:
            self.http.base_url = httpx.URL(found[0])
        return found is not None

    def running(self, *names: str) -> list[str]:
        """The programs of this rig that run: java, Xvfb, x11vnc, keepers, scripts; only those with one of the names, if any are given."""
        here = str(self.folder).encode()
        found = [words.replace(b"\0", b" ").decode(errors="replace") for _, words in _processes() if here in words]
        return [line for line in found if not names or any(name in line.split(" ")[0] for name in names)]

    async def nothing_left(self) -> None:
        """Wait until none of them runs."""

        async def none() -> bool:
            return not self.running()

        await eventually(none)


def _who_shows(password: str) -> list[bytes]:
    """The processes with *password* in their command line or environment."""
    found = []
    for pid, words in _processes():
        with contextlib.suppress(OSError):
            if password.encode() in words + Path(f"/proc/{pid}/environ").read_bytes():
                found.append(words)
    return found


def _processes() -> list[tuple[int, bytes]]:
    """All processes' ids and command lines."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found.append((int(entry.parent.name), entry.read_bytes()))
    return found


@asynccontextmanager
async def running_rig(folder: Path, password: str = PASSWORD, **environment: str) -> AsyncIterator[Rig]:
    """A rig in *folder*, killed with SIGKILL when the block ends; then nothing of it runs, and its log has no *password*."""
    async with running_gateway() as simulator, trio.open_nursery() as nursery:
        gateway = _install_gateway(folder, simulator.ports.port)
        ports = [_free_port() for _ in range(3)]
        settings = {
            "IBACTORS_GATEWAY": "managed",
            "IBACTORS_IBC_PATH": str(PLACE / "package" / "ibc2" / "_ibc"),
            "IBACTORS_GATEWAY_PATH": str(gateway),
            "IBACTORS_STATE_PATH": str(folder / "state"),
            "IBACTORS_GATEWAY_PORT": str(ports[0]),
            "IBACTORS_COMMAND_PORT": str(ports[1]),
            "IBACTORS_VNC_PORT": str(ports[2]),
            "IBACTORS_LOG_FORMAT": "json",
            "PORT": "0",
        }
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("IBACTORS_")}
        with (folder / "log").open("wb") as log:
            start = partial(
                trio.run_process,
                [sys.executable, "-m", "ibactors", "serve"],
                stdout=log,
                stderr=subprocess.STDOUT,
                check=False,
                cwd=folder,
                env={**inherited, **settings, **environment},
                deliver_cancel=_kill,
            )
            process = await nursery.start(start)
        async with httpx.AsyncClient(timeout=LOGIN_LIMIT) as http:
            rig = Rig(folder=folder, process=process, http=http, command_port=ports[1], vnc_port=ports[2])
            await eventually(rig.started, within=LOGIN_LIMIT)
            try:
                yield rig
            except BaseException:
                sys.stdout.write(rig.log)
                raise
        process.send_signal(signal.SIGKILL)
        await rig.nothing_left()
        assert password not in rig.log


async def _kill(process: trio.Process) -> None:
    process.kill()


def _install_gateway(folder: Path, simulator_port: int) -> Path:
    """A gateway as IB's installer leaves it, as far as ibcstart.sh looks at it."""
    program = folder / "Jts" / "ibgateway" / VERSION
    (program / "jars").mkdir(parents=True)
    shutil.copy(PLACE / "standin.jar", program / "jars")
    (program / ".install4j").mkdir()
    (program / ".install4j" / "i4jparams.conf").write_text('<variable name="javaOptions" value="" />\n')
    java = Path(shutil.which("java") or "java").resolve().parent.parent
    (program / ".install4j" / "pref_jre.cfg").write_text(f"{java}\n")
    (program / "ibgateway.vmoptions").write_text("-Xmx128m\n-XX:TieredStopAtLevel=1\n-XX:+UseSerialGC\n")
    (program / "standin.properties").write_text(f"simulator={simulator_port}\nrecord={folder / 'attempts'}\n")
    return folder / "Jts"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
