"""What a container of each image must do. Each check starts what it needs, and gives a figure or nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx2 as httpx
from websockets.sync.client import connect

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

URL = "http://127.0.0.1:8000"
SETTINGS = "/var/lib/ibactors"
STOP_S = 30.0


@dataclass(slots=True, kw_only=True)
class Host:
    """The engine, and what a check needs of it."""

    docker: list[str]
    compose: list[str]
    root: Path
    home: Path

    def run(self, *words: str) -> str:
        """A command of the engine; its output."""
        return _output([*self.docker, *words])

    def up(self, profile: str, *, wait: bool = True, **environment: str) -> float:
        """Start a profile of the project's compose.yaml; the seconds until it is healthy."""
        began = time.monotonic()
        words = [*self._compose(profile), "up", "--detach", "--no-build", *(("--wait", "--wait-timeout", "120") if wait else ())]
        _output(words, self._environment() | environment)
        return time.monotonic() - began

    def container(self, service: str) -> str:
        """The container of a service."""
        return f"{self.root.name}-{service}-1"

    def inspect(self, service: str, field: str) -> str:
        """One field of what the engine knows of a container."""
        return self.run("inspect", "-f", f"{{{{{field}}}}}", self.container(service)).strip()

    def inside(self, service: str, script: str) -> str:
        """What a shell in the container prints."""
        return self.run("exec", self.container(service), "sh", "-c", script)

    def logs(self) -> str:
        """The end of every container's log."""
        names = self.run("ps", "--all", "--format", "{{.Names}}").split()
        return "".join(f"--- {name}\n{_output([*self.docker, 'logs', '--tail', '40', name])}" for name in names)

    def clean_up(self) -> None:
        """No container and no volume is left for the next check."""
        _output([*self._compose("*"), "down", "--volumes", "--timeout", "1"], self._environment())
        for name in self.run("ps", "--all", "--quiet").split():
            self.run("rm", "--force", "--volumes", name)

    def _compose(self, profile: str) -> list[str]:
        return [*self.compose, "--project-directory", str(self.root), "--file", str(self.root / "compose.yaml"), "--profile", profile]

    def _environment(self) -> dict[str, str]:
        return os.environ | {"DOCKER_HOST": self.docker[-1]}


def demo_profile_serves(host: Host) -> str:
    seconds = host.up("demo")
    _sees_quotes()
    return f"healthy after {seconds:.1f} s"


def container_is_no_more_than_it_must_be(host: Host) -> None:
    host.up("demo")
    _expect(host.inside("demo", "id -u").strip(), "10001")
    _expect(_writable(host, "demo"), {SETTINGS, "/tmp"})  # noqa: S108  # compared, not used
    _expect(_open_ports(host, "demo"), {8000})
    capabilities = next(line for line in host.inside("demo", "cat /proc/1/status").splitlines() if line.startswith("CapEff"))
    _expect(int(capabilities.split()[1], 16), 0)


def a_stop_is_clean(host: Host) -> str:
    host.up("demo")
    with connect(URL.replace("http", "ws") + "/ws/stream") as stream:
        stream.send(json.dumps({"action": "subscribe", "symbol": "AAPL"}))
        stream.recv(10)
        began = time.monotonic()
        host.run("stop", "--time", "60", host.container("demo"))
        seconds = time.monotonic() - began
    _expect((host.inspect("demo", ".State.ExitCode"), host.inspect("demo", ".RestartCount")), ("0", "0"))
    if seconds > STOP_S:
        raise AssertionError(f"it took {seconds:.0f} s to stop")
    return f"exit 0 after {seconds:.1f} s"


def a_killed_container_comes_back(host: Host) -> str:
    host.up("demo")
    host.inside("demo", f"echo kept > {SETTINGS}/mark")
    began = time.monotonic()
    # As the kernel would, out of memory; `docker kill` counts as the operator's wish, and is not followed by a restart.
    os.kill(int(host.inspect("demo", ".State.Pid")), signal.SIGKILL)
    _wait_until(lambda: host.inspect("demo", ".RestartCount") == "1" and _healthy(), 30, "it was not restarted")
    _sees_quotes()
    _expect(host.inside("demo", f"cat {SETTINGS}/mark").strip(), "kept")
    return f"serves again after {time.monotonic() - began:.1f} s"


def without_keys_it_refuses_to_start(host: Host) -> None:
    done = subprocess.run([*host.docker, "run", "--rm", "ibactors:api"], capture_output=True, text=True, check=False)
    if done.returncode == 0 or "IBACTORS_API_KEYS" not in done.stderr or "Traceback" in done.stderr:
        raise AssertionError(f"status {done.returncode}, and: {done.stderr[-500:]}")


CHECKS: tuple[Callable[[Host], str | None], ...] = (
    demo_profile_serves,
    container_is_no_more_than_it_must_be,
    a_stop_is_clean,
    a_killed_container_comes_back,
    without_keys_it_refuses_to_start,
)


def _sees_quotes(**headers: str) -> None:
    quote = httpx.get(f"{URL}/market/quote/AAPL", headers=headers, timeout=10).raise_for_status().json()
    _expect(quote["symbol"], "AAPL")
    _expect(httpx.get(f"{URL}/account/summary", headers=headers, timeout=10).status_code, 200)
    with connect(URL.replace("http", "ws") + "/ws/stream", additional_headers=headers) as stream:
        stream.send(json.dumps({"action": "subscribe", "symbol": "AAPL"}))
        seen = [json.loads(stream.recv(10))["type"] for _ in range(3)]
    _expect("quote" in seen, True)  # noqa: FBT003  # the expected value


def _healthy() -> bool:
    try:
        return bool(httpx.get(f"{URL}/health", timeout=2).json()["status"] == "healthy")
    except httpx.HTTPError:
        return False


def _writable(host: Host, service: str) -> set[str]:
    """Folders in which the container's user can make files, the topmost of each."""
    found = host.inside(service, "find / -xdev -type d -writable 2>/dev/null; find /tmp /var/lib/ibactors -maxdepth 0 -writable")
    return {path for path in found.splitlines() if not path.startswith(("/proc", "/dev", "/sys"))}


def _open_ports(host: Host, service: str) -> set[int]:
    """TCP ports open to others than the container itself."""
    table = host.inside(service, "cat /proc/net/tcp /proc/net/tcp6 2>/dev/null")
    found = set()
    for line in table.splitlines():
        words = line.split()
        if len(words) > 3 and words[3] == "0A" and not words[1].startswith("0100007F"):  # listening, and not at 127.0.0.1
            address, port = words[1].split(":")
            if not address.endswith("0100007F"):
                found.add(int(port, 16))
    # Docker's own resolver listens at 127.0.0.11.
    return found - {int(words[1].split(":")[1], 16) for words in map(str.split, table.splitlines()) if words[1].startswith("0B00007F")}


def _wait_until(reached: Callable[[], bool], within: float, otherwise: str) -> None:
    deadline = time.monotonic() + within
    while not reached():
        if time.monotonic() > deadline:
            raise AssertionError(f"{otherwise} within {within:g} s")
        time.sleep(0.2)


def _expect(found: object, wanted: object) -> None:
    if found != wanted:
        raise AssertionError(f"found {found!r}, but expected {wanted!r}")


def _output(command: list[str], environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise AssertionError(f"{' '.join(command)} failed: {done.stdout[-1000:]}{done.stderr[-2000:]}")
    return done.stdout + (done.stderr if command[-2:-1] == ["40"] else "")
