"""`ibactors status`: the service, its session, the login and trading, in a few lines."""

from argparse import ArgumentParser, Namespace
from typing import Any

from ibactors import calling
from ibactors.calling import Refused, Remote
from ibactors.commands.shown import as_json, as_text, clock
from ibactors.config import Settings


def add_arguments(parser: ArgumentParser) -> None:
    """The options of the command."""
    calling.add_arguments(parser)


def run(settings: Settings, arguments: Namespace) -> int:
    """Print it; 1 when it is degraded. Raises NotDone."""
    remote = Remote.of(settings, arguments)
    health = remote.get("/health")
    found = {"health": health, "login": _asked(remote, "/auth/status"), "trading": _asked(remote, "/trading")}
    if arguments.json:
        as_json([found])
    else:
        lines = [*_session(health), *_gateways(health), *_login(found["login"]), *_trading(found["trading"])]
        as_text([f"service  {health['status']} at {remote.url}", *lines])
    return 0 if health["status"] == "healthy" else 1


def _asked(remote: Remote, path: str) -> dict[str, Any]:
    """The answer, or why there is none: not every key may ask for everything."""
    try:
        return dict(remote.get(path))
    except Refused as exc:
        return {"code": exc.code, "reason": str(exc)}


def _session(health: dict[str, Any]) -> list[str]:
    session = health["session"]
    line = f"session  {session['phase']} since {clock(session['since'])} UTC"
    return [line, *([f"         {health['reason']}"] if health["reason"] else [])]


def _gateways(health: dict[str, Any]) -> list[str]:
    """One line each, where there are several."""
    each = health.get("gateways", ())
    return [f"gateway  {one['name']}: {one['phase']} since {clock(one['since'])} UTC" for one in each]


def _login(login: dict[str, Any]) -> list[str]:
    if "phase" not in login:
        return [f"login    {login['reason']}"]
    lines = [f"login    {login['phase']}, {login['account_type']}: {login['detail']}"]
    return [*lines, *(f"         {login[name]}" for name in ("hint", "notice") if login.get(name))]


def _trading(trading: dict[str, Any]) -> list[str]:
    if "mode" not in trading:
        return [f"trading  {trading['reason']}"]
    if trading["mode"] == "off":
        return ["trading  off"]
    halt = f"HALTED: {trading['halted']}; `ibactors resume` goes on" if trading["halted"] else "not halted"
    unknown = f", {trading['unknown_orders']} UNKNOWN" if trading["unknown_orders"] else ""
    return [f"trading  {trading['mode']}, {halt}; {trading['open_orders']} open orders{unknown}"]
