"""What can be seen on this machine alone: address, keys, folders, and the programs that a managed gateway needs."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from ibactors import preflight
from ibactors.config import Settings
from ibactors.doctor.finding import Finding, ok, warning, wrong
from ibactors.errors import IbactorsError, StartupError
from ibactors.gateway.children import ProgramNotFound, environment, find_program
from ibactors.gateway.launcher import command_line
from ibactors.keys import Scope
from ibactors.web.edge.seats import places

_GATEWAY_JAVA = ".install4j"
"""Where IB Gateway's installer leaves its own Java, or where that is."""


def look(settings: Settings) -> Iterator[Finding]:
    """Everything on this machine."""
    yield _tried("address", lambda: _address(settings))
    yield _tried("certificate", lambda: "plain HTTP" if preflight.certificate_of(settings) is None else "HTTPS")
    yield _keys(settings)
    yield _files(settings)
    yield _state(settings)
    if settings.gateway == "managed":
        yield from _programs(settings)


def _tried(name: str, check: Callable[[], str]) -> Finding:
    try:
        return ok(name, check())
    except StartupError as exc:
        return wrong(name, exc)


def _address(settings: Settings) -> str:
    preflight.check_address(settings.host)
    preflight.check_exposure(settings)
    return f"{settings.host}, port {settings.port}"


def _keys(settings: Settings) -> Finding:
    if not settings.api_keys:
        return ok(
            "keys", "none: every program on this machine may use the service" if settings.loopback_only else "none: anybody may use it"
        )
    scopes = frozenset[Scope]().union(*(key.scopes for key in settings.api_keys))
    names = ", ".join(key.name for key in settings.api_keys)
    if settings.trading not in {"off", "preview"} and not {Scope.TRADE, Scope.ADMIN} <= scopes:
        return warning(
            "keys",
            f"{names}; but trading is on, and none has {' or '.join(sorted({Scope.TRADE, Scope.ADMIN} - scopes))}: `trade` places and "
            "halts, `admin` resumes. Make one with `ibactors key new NAME --scope trade --scope admin`.",
        )
    return ok("keys", f"{names}, with {', '.join(sorted(scopes))}")


def _files(settings: Settings) -> Finding:
    possible = places(settings.max_connections)
    if possible < settings.max_connections:
        return warning(
            "open files",
            f"there is room for {possible} connections of IBACTORS_MAX_CONNECTIONS={settings.max_connections}. Raise the limit: "
            "`ulimit -n`, LimitNOFILE= of systemd, --ulimit nofile= of Docker.",
        )
    return ok("open files", f"room for {possible} connections")


def _state(settings: Settings) -> Finding:
    folder = Path(os.path.expanduser(settings.state_path))  # noqa: PTH111  # Path's raises where there is no home
    nearest = next(place for place in (folder, *folder.parents) if place.exists())
    if nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK):
        return ok("state", f"{folder} can be written")
    why = "is not yours" if nearest.is_dir() else "is no folder"
    says = f"{folder} cannot be written: {nearest} {why}. Set IBACTORS_STATE_PATH to another one."
    needed = settings.gateway == "managed" or settings.trading != "off"
    return wrong("state", says) if needed else warning("state", f"{says} Nothing needs it yet.")


def _programs(settings: Settings) -> Iterator[Finding]:
    """Of a managed gateway."""
    folder = Path(settings.state_path)
    try:
        argv = command_line(settings, folder, folder / "config.ini")
    except IbactorsError as exc:
        yield wrong("gateway program", exc)
    else:
        yield _found("launcher", argv[0], "Install IBC there, or set IBACTORS_IBC_PATH or IBACTORS_LAUNCHER.")
        yield _java(settings)
    if not settings.display:
        for program in ("Xvfb", *(("x11vnc",) if settings.vnc_password else ())):
            yield _found("display", program, "Or set IBACTORS_DISPLAY to a display that is there.")


def _found(name: str, program: str, remedy: str) -> Finding:
    try:
        return ok(name, find_program(program, environment()))
    except ProgramNotFound as exc:
        return wrong(name, f"{exc} {remedy}")


def _java(settings: Settings) -> Finding:
    """The gateway brings its own, unless it was installed without."""
    installed = Path(settings.gateway_path) / "ibgateway"
    if any(installed.glob(f"*/{_GATEWAY_JAVA}")):
        return ok("java", "the gateway's own")
    return _found("java", "java", "Or install IB Gateway with its own Java (the installer that is not `standalone` leaves it out).")
