"""What a container of each image must do. Each check starts what it needs, and gives a figure or nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

import httpx2 as httpx
from mirror import RECORD, SIMULATOR_PORT
from websockets.sync.client import connect

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

URL = "http://127.0.0.1:8000"
USER, PASSWORD = "demo", "p\\a=s#s!w:ö € 😀"
LOGIN = {"username": USER, "password": PASSWORD, "account_type": "paper"}
SETTINGS = "/var/lib/ibactors"
UID = 10001
SCOPES = ("read", "stream", "login", "admin")
STOP_S = 30.0
COMMAND_S = 180
LOG_LINES = "120"
GATEWAY_IMAGE = "ibactors:stable"
"""As build.sh tags it."""
CONTROL_PORT = SIMULATOR_PORT + 1


@dataclass(slots=True, kw_only=True)
class Host:
    """The engine, and what a check needs of it."""

    docker: list[str]
    compose: list[str]
    root: Path
    project: Path
    key: str = ""
    """With all scopes."""

    def run(self, *words: str) -> str:
        """A command of the engine; its output."""
        return _output([*self.docker, *words])

    def prepare(self) -> None:
        """A project folder with the compose file as it is, and secrets of its own."""
        self.project.mkdir(exist_ok=True)
        (self.project / "compose.yaml").write_bytes((self.root / "compose.yaml").read_bytes())
        secrets = self.project / "secrets"
        secrets.mkdir(exist_ok=True)
        printed = self.run("run", "--rm", "ibactors:api", "key", "new", "test", *(f"--scope={scope}" for scope in SCOPES))
        self.key, line = (found.strip() for found in printed.splitlines() if found.startswith("  "))
        for name, text in {"api_keys": line, "ib_username": USER, "ib_password": PASSWORD}.items():
            path = secrets / name
            path.write_text(text, encoding="utf-8")
            os.chown(path, UID, UID)
            path.chmod(0o400)

    def up(self, profile: str, *, wait: bool = True, **environment: str) -> float:
        """Start a profile of the project's compose.yaml; the seconds until it is healthy."""
        began = time.monotonic()
        words = [*self._compose(profile), "up", "--detach", "--no-build", *(("--wait", "--wait-timeout", "120") if wait else ())]
        _output(words, self._environment() | environment)
        return time.monotonic() - began

    def container(self, service: str) -> str:
        """The container of a service."""
        return f"{self.project.name}-{service}-1"

    def inspect(self, service: str, field: str) -> str:
        """One field of what the engine knows of a container."""
        return self.run("inspect", "-f", f"{{{{{field}}}}}", self.container(service)).strip()

    def inside(self, service: str, script: str) -> str:
        """What a shell in the container prints."""
        return self.run("exec", self.container(service), "sh", "-c", script)

    def logs(self) -> str:
        """The end of every container's log."""
        names = self.run("ps", "--all", "--format", "{{.Names}}").split()
        return "".join(f"--- {name}\n{_output([*self.docker, 'logs', '--tail', LOG_LINES, name])}" for name in names)

    def clean_up(self) -> None:
        """No container and no volume is left for the next check."""
        _output([*self._compose("*"), "down", "--volumes", "--timeout", "1"], self._environment())
        for name in self.run("ps", "--all", "--quiet").split():
            self.run("rm", "--force", "--volumes", name)

    def _compose(self, profile: str) -> list[str]:
        return [*self.compose, "--project-directory", str(self.project), "--profile", profile]

    def _environment(self) -> dict[str, str]:
        return os.environ | {"DOCKER_HOST": self.docker[-1], "IBACTORS_IMAGE": GATEWAY_IMAGE}


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
    done = subprocess.run([*host.docker, "run", "--rm", "ibactors:api"], capture_output=True, text=True, check=False, timeout=COMMAND_S)
    if done.returncode == 0 or "IBACTORS_API_KEYS" not in done.stderr or "Traceback" in done.stderr:
        raise AssertionError(f"status {done.returncode}, and: {done.stderr[-500:]}")


def the_gateway_is_logged_in_at_start(host: Host) -> str:
    seconds = host.up("gateway")
    began = time.monotonic()
    _simulate_behind(host, host.container("gateway"))
    _wait_until(lambda: _phase(host) == "api_ready", 90, f"the login is still {_phase(host)!r}")
    logged_in = time.monotonic() - began
    _sees_quotes(**_bearer(host))
    _expect(_attempts(host, "gateway"), [(USER, PASSWORD, "paper")])
    _expect(host.inside("gateway", "id -u").strip(), str(UID))
    _expect(_writable(host, "gateway"), {SETTINGS, "/tmp"})  # noqa: S108  # compared, not used
    _expect(_open_ports(host, "gateway"), {8000})
    _expect(httpx.get(f"{URL}/account/summary", timeout=10).status_code, 401)
    return f"healthy after {seconds:.1f} s, logged in after {logged_in:.1f} s more"


def a_stop_logs_the_gateway_out(host: Host) -> str:
    the_gateway_is_logged_in_at_start(host)
    began = time.monotonic()
    host.run("stop", "--time", "60", host.container("gateway"))
    seconds = time.monotonic() - began
    _expect((host.inspect("gateway", ".State.ExitCode"), host.inspect("gateway", ".RestartCount")), ("0", "0"))
    _expect(_simulator_clients(host), [])
    if seconds > STOP_S:
        raise AssertionError(f"it took {seconds:.0f} s to stop")
    return f"exit 0 after {seconds:.1f} s"


def a_killed_gateway_comes_back(host: Host) -> str:
    the_gateway_is_logged_in_at_start(host)
    host.inside("gateway", f"echo kept > {SETTINGS}/mark")
    began = time.monotonic()
    os.kill(int(host.inspect("gateway", ".State.Pid")), signal.SIGKILL)
    _wait_until(lambda: host.inspect("gateway", ".RestartCount") == "1" and _answers(), 30, "it was not restarted")
    # The simulator shared the network of the container that is gone.
    host.run("rm", "--force", "simulator")
    _simulate_behind(host, host.container("gateway"))
    _wait_until(lambda: _phase(host) == "api_ready", 90, f"the login is still {_phase(host)!r}")
    _sees_quotes(**_bearer(host))
    _expect(host.inside("gateway", f"cat {SETTINGS}/mark").strip(), "kept")
    return f"logged in again after {time.monotonic() - began:.1f} s"


def a_login_over_http_reaches_the_gateway(host: Host) -> str:
    options = ("--read-only", "--tmpfs=/tmp", "--cap-drop", "ALL", "--publish", "127.0.0.1:8000:8000")
    host.run("run", "--detach", "--name", "plain", *options, "--env", "IBACTORS_ALLOW_ANONYMOUS=1", GATEWAY_IMAGE)
    _simulate_behind(host, "plain")
    _wait_until(_answers, 30, "nothing answers")
    began = time.monotonic()
    refused = httpx.post(f"{URL}/auth/login", json=LOGIN | {"username": "wrong"}, timeout=120)
    _expect((refused.status_code, refused.json()["code"]), (502, "login_failed"))  # IBC does not print what the dialog says
    accepted = httpx.post(f"{URL}/auth/login", json=LOGIN, timeout=120)
    _expect((accepted.status_code, accepted.json().get("connected")), (200, True))
    _sees_quotes()
    log = _output([*host.docker, "logs", "plain"])
    _expect(PASSWORD in log or PASSWORD in host.run("inspect", "plain"), False)  # noqa: FBT003  # the expected value
    return f"a wrong and a good login took {time.monotonic() - began:.1f} s"


CHECKS: tuple[Callable[[Host], str | None], ...] = (
    demo_profile_serves,
    container_is_no_more_than_it_must_be,
    a_stop_is_clean,
    a_killed_container_comes_back,
    without_keys_it_refuses_to_start,
    the_gateway_is_logged_in_at_start,
    a_stop_logs_the_gateway_out,
    a_killed_gateway_comes_back,
    a_login_over_http_reaches_the_gateway,
)


def _sees_quotes(**headers: str) -> None:
    quote = httpx.get(f"{URL}/market/quote/AAPL", headers=headers, timeout=10).raise_for_status().json()
    _expect(quote["symbol"], "AAPL")
    _expect(httpx.get(f"{URL}/account/summary", headers=headers, timeout=10).status_code, 200)
    with connect(URL.replace("http", "ws") + "/ws/stream", additional_headers=headers) as stream:
        stream.send(json.dumps({"action": "subscribe", "symbol": "AAPL"}))
        seen = [json.loads(stream.recv(10))["type"] for _ in range(3)]
    _expect("quote" in seen, True)  # noqa: FBT003  # the expected value


def _simulate_behind(host: Host, container: str) -> None:
    """The simulator, where the gateway's stand-in looks for it: in the same network, and out of reach for all others."""
    ports = ("--port", str(SIMULATOR_PORT), "--control-port", str(CONTROL_PORT))
    host.run("run", "--detach", "--name", "simulator", "--network", f"container:{container}", "ibactors:api", "simulate", *ports)


def _simulator_clients(host: Host) -> list[object]:
    script = (
        "import json, socket; s = socket.create_connection(('127.0.0.1', %d), 5); s.sendall(b'stats\\n'); print(s.makefile().readline())"
    )
    answer = host.run("exec", "simulator", "python", "-c", script % CONTROL_PORT)
    clients: list[object] = json.loads(answer[answer.index("{") :])["clients"]
    return clients


def _attempts(host: Host, service: str) -> list[tuple[str, str, str]]:
    """What the gateway's stand-in was told, login by login."""
    lines = [line.split() for line in host.inside(service, f"cat {RECORD}").splitlines()]
    return [(user, bytes.fromhex(password).decode(), mode) for user, password, mode in lines]


def _bearer(host: Host) -> dict[str, str]:
    return {"Authorization": f"Bearer {host.key}"}


def _phase(host: Host) -> str:
    return str(httpx.get(f"{URL}/auth/status", headers=_bearer(host), timeout=5).json().get("phase"))


def _answers() -> bool:
    try:
        return httpx.get(f"{URL}/health", timeout=2).status_code == HTTPStatus.OK
    except httpx.HTTPError:
        return False


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
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=COMMAND_S)
    if done.returncode:
        raise AssertionError(f"{' '.join(command)} failed: {done.stdout[-1000:]}{done.stderr[-2000:]}")
    return done.stdout + (done.stderr if command[-2:-1] == [LOG_LINES] else "")
