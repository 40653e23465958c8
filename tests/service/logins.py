"""A service that manages its gateway, which is the stand-in with a simulator behind it; leaves no process and shows no password."""

import logging
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2 as httpx

from ibactors.config import Settings
from ibactors.gateway import standin
from ibactors.gateway.rehearsal import rehearsal
from ibactors.web.app import ROUTES
from tests.conftest import Gateway, Service, eventually, running_gateway, serving

PASSWORD = 'S3cret-\\=#!:é€😀"pass'
"""With everything in it that files, shells and JSON treat specially."""
FORMS = tuple(
    form.encode() for form in (PASSWORD, "S3cret-", "S3cret-\\\\=#!:\\u00e9\\u20ac\\ud83d\\ude00", 'S3cret-\\\\=#!:é€😀\\"pass', "😀")
)
"""The password and its pieces, as they may be written."""
PATIENCE = 20
SHOWN = ("/auth/status", "/debug/actors", "/debug/tasks", "/health")
EVERYTHING = tuple(route.path for route in ROUTES if route.method == "GET" and "{" not in route.path and not route.path.endswith("/stream"))


class Logs(logging.Handler):
    """Every line of the log, tracebacks included, as it is written."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        formatter = logging.getLogger().handlers[0].formatter
        assert formatter is not None
        self.setFormatter(formatter)

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@dataclass(kw_only=True)
class ManagedService(Service):
    """A running service and its gateway's traces."""

    settings: Settings
    logs: Logs

    async def login(
        self, username: str, password: str = PASSWORD, *, account_type: str = "paper", wait: float = PATIENCE, status: int = 200
    ) -> Any:
        """POST /auth/login with the expected status; its JSON."""
        response = await self.try_login(username, password, account_type=account_type, wait=wait)
        assert response.status_code == status, response.text
        return response.json()

    async def try_login(
        self, username: str, password: str = PASSWORD, *, account_type: str = "paper", wait: float = PATIENCE
    ) -> httpx.Response:
        """POST /auth/login."""
        body = {"username": username, "password": password, "account_type": account_type}
        response = await self.http.post(f"/auth/login?wait={wait}", json=body, timeout=PATIENCE + 10)
        assert_clean(response.content)
        return response

    async def check_what_it_shows(self, paths: Iterable[str] = SHOWN) -> None:
        """What can be read here, and what other programs can see of the gateway's, is without the password."""
        for path in paths:
            assert_clean((await self.http.get(path)).content)
        assert_clean(self.listing())

    async def until_phase(self, phase: str) -> Any:
        """Where the login is, as soon as it is in this phase."""
        response = await self.until("/auth/status", lambda response: response.json()["phase"] == phase, within=PATIENCE)
        return response.json()

    @property
    def attempts(self) -> list[str]:
        """The user of each time that credentials were sent, in no order between accounts."""
        return attempts(self.settings.state_path)

    def listing(self) -> bytes:
        """Command lines and environments of what runs for this service's gateway, as any program may see them."""
        return b"".join(Path(f"/proc/{pid}/{name}").read_bytes() for pid in self.processes() for name in ("cmdline", "environ"))

    def secret_files(self) -> list[Path]:
        """The files with the password in them."""
        return sorted(Path(self.settings.state_path).rglob("config.ini"))

    def processes(self) -> dict[int, str]:
        """What runs for this service's gateway: process ids with their command lines."""
        return processes(self.settings.state_path)


def attempts(state_path: str) -> list[str]:
    """What the stand-ins have written down."""
    files = sorted(Path(state_path).rglob(standin.ATTEMPTS))
    return [user for file in files for user in file.read_text().splitlines()]


def processes(trace: str) -> dict[int, str]:
    """Living processes with this text in their command line."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if trace in line:
            found[int(folder.name)] = line
    return found


def descendants(pid: int) -> set[int]:
    """Living processes that *pid* has started, and those that they have."""
    parents = {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = file.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] != "Z":
            parents[int(file.parent.name)] = int(fields[1])
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {pid}


def alive(pids: set[int]) -> set[int]:
    """Those of them that still run; whose parent is gone may stay as a zombie."""
    found = set()
    for pid in pids:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
                found.add(pid)
        except OSError:
            continue
    return found


def assert_clean(shown: bytes | str) -> None:
    """Nothing of the password is in there."""
    data = shown.encode() if isinstance(shown, str) else shown
    assert not [form for form in FORMS if form in data]


@contextmanager
def watched_log() -> Iterator[Logs]:
    """Collects what is logged; afterwards the password must not be in it."""
    logs = Logs()
    logging.getLogger().addHandler(logs)
    try:
        yield logs
    finally:
        logging.getLogger().removeHandler(logs)
    assert_clean("\n".join(logs.lines))


@asynccontextmanager
async def managed_service(*, pace: float = 0.05, **settings: Any) -> AsyncIterator[ManagedService]:
    """A service whose gateway nobody has logged in yet, unless the settings have credentials."""
    async with AsyncExitStack() as stack:
        logs = stack.enter_context(watched_log())
        gateway: Gateway = await stack.enter_async_context(running_gateway())
        nobody = {"ib_username": "", "ib_password": "", "login_attempts": 1000}
        there = stack.enter_context(rehearsal(Settings(port=0), behind=gateway.ports.port, pace=pace, **{**nobody, **settings}))
        async with serving(there, gateway) as service:
            managed = ManagedService(**vars(service), settings=there, logs=logs)
            yield managed
            await managed.check_what_it_shows()
        await eventually(lambda: _none_left(managed), within=PATIENCE)


async def _none_left(service: ManagedService) -> bool:
    return not service.processes()
