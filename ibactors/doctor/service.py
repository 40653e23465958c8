"""What a running service says of itself, and what it says to the key that is given."""

from collections.abc import Iterator

from ibactors.bridge.elsewhere import is_taken
from ibactors.calling import Lost, NotDone, Refused, Remote
from ibactors.config import Settings
from ibactors.doctor.finding import Finding, ok, warning, wrong

SYMBOL = "AAPL"
"""What is asked for to see of what kind the data are: everybody may have it, delayed at least."""

HEALTH = "health"
"""The finding of a service that runs."""


def runs(remote: Remote, settings: Settings) -> Finding | None:
    """What answers at the address, a service's `HEALTH` or something else; None where nothing does."""
    try:
        health = remote.ask("GET", "/health", timeout=10).members
    except Lost as exc:
        return wrong("service", _other(remote, str(exc))) if exc.sent or is_taken("127.0.0.1", settings.port) else None
    except NotDone as exc:
        return wrong("service", _other(remote, str(exc)))
    if not isinstance(health, dict) or "ib_connected" not in health:
        return wrong("service", _other(remote, "It answers, but not as an ibactors does."))
    if health["status"] != "healthy":
        return wrong(HEALTH, f"{remote.url} is degraded: {health['reason']}")
    return ok(HEALTH, f"{remote.url} is healthy")


def _other(remote: Remote, why: str) -> str:
    return f"Something at {remote.url} is no ibactors, or hangs: {why} End it, or set PORT (or --url) to another port."


def ask(remote: Remote, settings: Settings) -> Iterator[Finding]:
    """What it says of key, data and orders. It comes after `runs`."""
    try:
        remote.get("/health/gateway")
    except Refused as exc:
        if exc.http_status in {401, 403}:
            yield wrong("key", f"{exc} Make one with `ibactors key new NAME --scope read`, and set IBACTORS_API_KEY.")
            return
        yield wrong("session", exc)
        return
    except Lost as exc:
        yield wrong("service", exc)
        return
    yield ok("session", "up")
    yield from _gateways(remote)
    yield _data(remote, settings)
    yield _orders(remote)


def _gateways(remote: Remote) -> Iterator[Finding]:
    """Each of several."""
    for one in remote.get("/health").get("gateways", ()):
        name = f"gateway {one['name']}"
        yield ok(name, one["phase"]) if one["connected"] else wrong(name, f"{one['phase']}: {one['reason']}")


def _data(remote: Remote, settings: Settings) -> Finding:
    try:
        quote = remote.get(f"/market/quote/{SYMBOL}")
    except NotDone as exc:
        return wrong("market data", f"{SYMBOL}: {exc}")
    return kind_of_data(str(quote["market_data_type"]), settings)


def kind_of_data(kind: str, settings: Settings) -> Finding:
    """What IB serves, against what was asked for."""
    if kind == "live" or kind == settings.market_data_type != "delayed":
        return ok("market data", f"{SYMBOL} is {kind}")
    return warning(
        "market data",
        f"{SYMBOL} is {kind}, not live: the login has no subscription for it, or another session has the data. See IB's account settings.",
    )


def _orders(remote: Remote) -> Finding:
    try:
        trading = remote.get("/trading")
    except NotDone as exc:
        return wrong("orders", exc)
    if trading["mode"] == "off":
        return ok("orders", "off (IBACTORS_TRADING)")
    if trading["gateway_read_only"]:
        return wrong("orders", READ_ONLY)
    if trading["halted"]:
        return warning("orders", f"halted: {trading['halted']}. `ibactors resume` goes on.")
    if trading["unknown_orders"]:
        return warning("orders", f"{trading['unknown_orders']} are unknown. `ibactors order list` shows them; look in TWS.")
    return ok("orders", f"{trading['mode']}, {trading['open_orders']} open")


READ_ONLY = "The gateway refuses orders: its API is read-only. Turn off Configure, API, Settings, Read-Only API."
