"""What is compared, and how each of them is installed and started."""

import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from dialects import Dialect, GatewayMcp, QxBridge, Rest

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
    dialect: type[Dialect] = Rest
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

IBACTORS = Server(
    name="ibactors",
    title="ibactors",
    home=None,
    command=("{bin}/ibactors", "serve", "--port", "{port}"),
    environment=(("IBACTORS_GATEWAY_PORT", "{gateway}"), ("IBACTORS_MAX_LINES", "400"), ("IBACTORS_LOG_FORMAT", "json")),
    batches=True,
)

SERVERS = (
    IBACTORS,
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
    Server(
        name="qx-ibbridge",
        title="(b) qx-ibbridge 1.0.0",
        home="qx-ibbridge",
        command=("{bin}/qx-server", "--port", "{port}", "--ib-host", "127.0.0.1", "--ib-port", "{gateway}", "--log-level", "warning"),
        dialect=QxBridge,
    ),
    Server(
        name="ib-gateway-mcp",
        title="(b) ib-gateway-mcp 0.2.2",
        home="ib-gateway-mcp",
        command=("{bin}/ib-gateway-mcp", "--transport", "http", "--port", "{port}", "--log-level", "WARNING"),
        environment=(("IB_HOST", "127.0.0.1"), ("IB_PORT", "{gateway}"), ("IBKR_MCP_ALLOW_NO_AUTH", "true")),
        dialect=GatewayMcp,
        python=(3, 12),
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
    """The Python that runs us if it is new enough, else one of the PATH or of pyenv that is."""
    if sys.version_info[:2] >= oldest:
        return sys.executable
    names = [f"python{oldest[0]}.{minor}" for minor in range(oldest[1], oldest[1] + 2)]
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    candidates = [shutil.which(name) for name in names] + [str(found) for name in names for found in pyenv.glob(f"versions/*/bin/{name}")]
    for candidate in filter(None, candidates):
        # What pyenv puts on the PATH may refuse to run.
        if subprocess.run([candidate, "--version"], capture_output=True, check=False).returncode == 0:  # noqa: S603
            return candidate
    raise InstallError(f"it needs Python {oldest[0]}.{oldest[1]} or newer, and there is none on the PATH or in pyenv")


def _run(home: str, command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise InstallError(f"{home} could not be installed: {(done.stderr or done.stdout).strip()[-600:]}")
