"""The gateway's program: its files, its display, its start, and the four steps of its end."""

import os
import re
import shlex
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from hashlib import sha256
from pathlib import Path

import structlog
import trio

from ibactors.config import Settings
from ibactors.errors import IbactorsError
from ibactors.gateway.children import Child, environment, open_child
from ibactors.gateway.display import open_display, send_command
from ibactors.gateway.errors import LauncherFailed, LauncherMissing
from ibactors.gateway.ini import write_config, write_jts
from ibactors.gateway.masking import Secrets
from ibactors.model.logins import Credentials

log = structlog.get_logger(__name__)

TERM_SHARE = 0.25
"""Share of `stop_timeout` that lies between SIGTERM and SIGKILL."""
COMMAND_TIMEOUT = 5.0
STALE_AFTER = 24 * 3600.0
"""Seconds after which a file that should save a login is too old to do so, and may block the gateway instead."""
_LOOPBACK = "127.0.0.1"


class Launcher:
    """The running program."""

    def __init__(self, child: Child, secrets: Secrets, settings: Settings) -> None:
        self._settings = settings
        self.child = child
        self.secrets = secrets

    async def stop(self, *, logged_in: bool) -> None:
        """End it. If it is logged in it may log out: command STOP, then SIGTERM, then SIGKILL.

        Before that, SIGKILL at once: IBC's script survives SIGTERM now and then, and goes on sending the password.
        """
        if logged_in:
            with suppress(IbactorsError, OSError):
                await send_command(self._settings.command_port, "STOP", within=COMMAND_TIMEOUT)
                with trio.move_on_after(self._settings.stop_timeout):
                    await self.child.wait()
            self.child.terminate()
            with trio.move_on_after(self._settings.stop_timeout * TERM_SHARE):
                await self.child.wait()
        self.child.kill()


@asynccontextmanager
async def open_launcher(settings: Settings, credentials: Credentials) -> AsyncIterator[Launcher]:
    """The program runs inside the block, and nothing of it is left after it, its file with the password included.

    Raises LauncherMissing or LauncherFailed when it cannot start.
    """
    folder = settings_folder(settings, credentials)
    ini = folder / "config.ini"
    argv = command_line(settings, folder, ini)
    await _check_port(settings.port_of(credentials.account_type))
    secrets = Secrets(credentials.password, settings.vnc_password)
    try:
        _write_files(settings, credentials, ini)
        async with AsyncExitStack() as stack:
            # IBC reads its times by Java's clock, the gateway by its own setting: both must be in one zone.
            variables = {"TZ": settings.time_zone} | await _open_screen(stack, settings, folder)
            child = await stack.enter_async_context(
                open_child("launcher", argv, env=environment(**variables), cwd=folder, secrets=secrets, grace=0)
            )
            yield Launcher(child, secrets, settings)
    finally:
        ini.unlink(missing_ok=True)


def settings_folder(settings: Settings, credentials: Credentials) -> Path:
    """Where the gateway keeps its settings for this login; the name tells nothing, as it is in the program's command line."""
    name = sha256(f"{credentials.username}\n{credentials.account_type}".encode()).hexdigest()[:12]
    state = os.path.expanduser(settings.state_path)  # noqa: PTH111  # Path's raises where there is no home
    return Path(state) / f"{credentials.account_type}-{name}"


def forget_restart(folder: Path, *, older_than: float = 0.0) -> None:
    """Remove the gateway's files that would let it start without a login."""
    for file in folder.rglob("autorestart"):
        with suppress(OSError):
            if time.time() - file.stat().st_mtime >= older_than:
                file.unlink()


def command_line(settings: Settings, folder: Path, ini: Path) -> list[str]:
    """The program and its arguments. Raises LauncherMissing when there is no gateway to start."""
    places = {"ibc": settings.ibc_path, "gateway": settings.gateway_path, "settings": str(folder), "ini": str(ini)}
    if "{version}" in settings.launcher:
        places["version"] = settings.gateway_version or _newest_version(Path(settings.gateway_path) / "ibgateway")
    return [word.format(**places) for word in shlex.split(settings.launcher)]


def _newest_version(installed: Path) -> str:
    versions = [entry.name for entry in (installed.iterdir() if installed.is_dir() else ()) if re.fullmatch(r"\d+", entry.name)]
    if not versions:
        raise LauncherMissing(f"There is no IB Gateway in {str(installed)!r}. Install it, or set IBACTORS_GATEWAY_PATH.")
    return max(versions, key=int)


async def _check_port(port: int) -> None:
    """What listens already is another gateway, perhaps of another account: its data must not be shown as ours."""
    try:
        stream = await trio.open_tcp_stream(_LOOPBACK, port)
    except OSError:
        return
    await stream.aclose()
    raise LauncherFailed(f"Something else listens on the gateway's port {port}. End it, or set IBACTORS_GATEWAY_PORT.")


def _write_files(settings: Settings, credentials: Credentials, ini: Path) -> None:
    values = {
        "IbLoginId": credentials.username,
        "IbPassword": credentials.password,
        "TradingMode": credentials.account_type,
        "ReadOnlyApi": "yes" if settings.gateway_is_read_only else "no",
        "ExistingSessionDetectedAction": settings.existing_session,
        "SecondFactorDevice": settings.two_factor_device,
        "SecondFactorAuthenticationTimeout": str(round(settings.two_factor_timeout)),
        "AutoRestartTime": settings.auto_restart,
        "CommandServerPort": str(settings.command_port),
        "OverrideTwsApiPort": str(settings.gateway_port or ""),
    }
    try:
        ini.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        forget_restart(ini.parent, older_than=STALE_AFTER)
        write_config(ini, values)
        write_jts(ini.parent / "jts.ini", time_zone=settings.time_zone)
    except OSError as exc:
        raise LauncherFailed(f"The gateway's settings cannot be written: {exc}. Set IBACTORS_STATE_PATH.") from exc


async def _open_screen(stack: AsyncExitStack, settings: Settings, folder: Path) -> dict[str, str]:
    """The variables that name the display: none, one that is there, or an Xvfb of our own, shown by VNC if there is a password."""
    if settings.display.lower() == "none":
        return {}
    if settings.display:
        return {name: os.environ[name] for name in ("XAUTHORITY",) if name in os.environ} | {"DISPLAY": settings.display}
    return await stack.enter_async_context(
        open_display(folder, vnc_password=settings.vnc_password, vnc_port=settings.vnc_port, vnc_address=settings.vnc_host)
    )
