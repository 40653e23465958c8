"""What is compared, and how each of them is installed and started."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
CACHE = HERE.parent.parent / ".bench"
LOCKS = HERE / "locks"


class InstallError(Exception):
    """A rival could not be installed; the text says which and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One program under test. `home` names its lock and its folder in the cache; ibactors itself needs none."""

    name: str
    title: str
    home: str | None
    command: tuple[str, ...]
    environment: tuple[tuple[str, str], ...] = ()
    quote: str = "/market/quote/{symbol}"
    streams: bool = True
    batches: bool = False
    python: tuple[int, int] = (3, 11)

    def start(self, port: int, gateway_port: int) -> tuple[list[str], dict[str, str]]:
        """Command line and environment."""
        values = {"port": str(port), "gateway": str(gateway_port), "bin": str(self.bin), "rivals": str(HERE / "rivals")}
        return [word.format(**values) for word in self.command], {name: value.format(**values) for name, value in self.environment}

    @property
    def bin(self) -> Path:
        """Where its executables are."""
        return CACHE / self.home / "bin" if self.home else Path(sys.executable).parent


_UVICORN = ("{bin}/uvicorn", "--app-dir", "{rivals}", "--port", "{port}", "--log-level", "warning")

SERVERS = (
    Server(
        name="ibactors",
        title="ibactors",
        home=None,
        command=("{bin}/ibactors", "serve", "--port", "{port}"),
        environment=(("IBACTORS_GATEWAY_PORT", "{gateway}"), ("IBACTORS_MAX_LINES", "400"), ("IBACTORS_LOG_FORMAT", "json")),
        batches=True,
    ),
    Server(
        name="afternoon",
        title="(a) FastAPI, uvicorn, ib_async",
        home="afternoon",
        command=(*_UVICORN, "afternoon:app"),
        environment=(("IB_PORT", "{gateway}"),),
    ),
    Server(
        name="best",
        title="(a+) the same at its best",
        home="afternoon",
        command=(*_UVICORN, "best:app"),
        environment=(("IB_PORT", "{gateway}"),),
        batches=True,
    ),
)


def install(home: str, python: tuple[int, int] = (3, 11)) -> None:
    """Make the virtual environment of a lock, unless what is there fits it."""
    folder, lock = CACHE / home, LOCKS / f"{home}.txt"
    interpreter = _interpreter(python)
    stamp, wanted = folder / "installed", f"{interpreter} {hashlib.sha256(lock.read_bytes()).hexdigest()}"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    shutil.rmtree(folder, ignore_errors=True)
    CACHE.mkdir(exist_ok=True)
    _run(home, [interpreter, "-m", "venv", str(folder)])
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    _run(home, [*pip, "--require-hashes", "--no-deps", "-r", str(lock)])
    stamp.write_text(wanted)


def _interpreter(oldest: tuple[int, int]) -> str:
    """The Python that runs us if it is new enough, else one that is."""
    if sys.version_info[:2] >= oldest:
        return sys.executable
    for name in ("python3.12", "python3.13"):
        found = shutil.which(name)
        if found and subprocess.run([found, "--version"], capture_output=True, check=False).returncode == 0:  # noqa: S603
            return found
    raise InstallError(f"Python {oldest[0]}.{oldest[1]} or newer is needed, and there is none on the PATH")


def _run(home: str, command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise InstallError(f"{home} could not be installed: {(done.stderr or done.stdout).strip()[-600:]}")
