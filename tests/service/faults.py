"""The table of faults: what is done to the gateway, and what each endpoint and stream must show during it and after it.

A row is data. `SIMULATED` faults are control commands of the simulator; `SCRIPTED` ones are frames of a scripted gateway, for what real
gateways do and the simulator does not.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from tests.service.scripted import REAL, STARTUP, Frame, Script, Scripted

NEVER = 0
"""The status of a request that is not made."""

Act = Callable[[Scripted], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class Shows:
    """What is seen from outside; None means: not looked at."""

    quote: int
    code: str | None = None
    health: str = "healthy"
    connected: bool = True
    account: int = 200
    stream: str | None = None
    reason: str = ""
    epoch: int = 1
    """At least this many sessions have been up."""


HEALTHY = Shows(quote=200, stream="quote")
SECOND_SESSION = Shows(quote=200, stream="quote", epoch=2)
GONE = Shows(quote=503, code="gateway_disconnected", health="degraded", connected=False, account=503, stream="stale")


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One row; times in seconds. `undo` of None: the fault is over by itself, or stays (`recovers` False)."""

    name: str
    do: str | Act | None = None
    undo: str | Act | None = None
    during: Shows | None = None
    after: Shows = HEALTHY
    notice: float = 2.0
    recovery: float = 5.0
    script: Script | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    chunk: int = 65536
    version: int = 178
    connects: bool = True


def push(*frames: Frame) -> Act:
    return lambda gateway: gateway.push(*frames)


def notice(code: int, text: str) -> Frame:
    return ["4", "2", "-1", str(code), text, ""]


def line_error(code: int, text: str) -> Script:
    """Market data is refused."""
    return {**REAL, "1": lambda request: [["4", "2", request[2], str(code), text, ""]]}


def contract_error(code: int, text: str) -> Script:
    return {**REAL, "9": lambda request: [["4", "2", request[2], str(code), text, ""]]}


def with_notice(code: int) -> Script:
    """A notice comes with the ticks."""
    return {**REAL, "1": lambda request: [["4", "2", request[2], str(code), "A notice.", ""], *REAL["1"](request)]}


def without(*requests: str) -> Script:
    return {key: answer for key, answer in REAL.items() if key not in requests}


def refused(quote: int, code: str, **more: object) -> Shows:
    return Shows(quote=quote, code=code, **more)  # type: ignore[arg-type]


async def close(gateway: Scripted) -> None:
    await gateway.close()


QUICK_PROBE: dict[str, object] = {"probe_idle": 0.5, "probe_timeout": 0.5, "connect_timeout": 2.0}
QUICK: dict[str, object] = {"quote_timeout": 1.0, "request_timeout": 1.0}

SIMULATED = (
    Fault(name="sockets reset (drop)", do="drop", after=SECOND_SESSION),
    Fault(name="port refused for 2 s", do="refuse 2", during=GONE, after=SECOND_SESSION),
    Fault(
        name="mute: sockets open, nothing sent",
        do="mute",
        undo="unmute",
        during=GONE,
        notice=3.0,
        settings=QUICK_PROBE,
        after=SECOND_SESSION,
    ),
    Fault(name="one malformed frame", do="garbage"),
    Fault(name="a frame shorter than its header says", do="garbage truncated", settings=QUICK_PROBE, after=SECOND_SESSION),
    Fault(name="a header that claims two gigabytes", do="oversize", after=SECOND_SESSION),
    Fault(name="frames of one byte at a time", do="drip on", undo="drip off", during=Shows(quote=200)),
    Fault(name="frames cut at random", do="split on", undo="split off", during=Shows(quote=200)),
    Fault(name="frames glued together", do="glue on", undo="glue off", during=Shows(quote=200)),
    Fault(name="process restarted for 2 s", do="restart 2", during=GONE, after=SECOND_SESSION),
    Fault(name="1300 and an orderly close", do="1300", after=SECOND_SESSION),
    Fault(
        name="half-open: accepted and never answered",
        do="half-open on",
        undo="half-open off",
        during=GONE,
        notice=3.0,
        settings=QUICK_PROBE,
        after=SECOND_SESSION,
    ),
    Fault(name="nightly reset of 3 s, sockets open", do="nightly 3", during=GONE),
    Fault(name="farm broken and back in one breath, lines dead", do="dead-farm usfarm"),
    Fault(name="live data turns into delayed and back", do="delayed on", undo="delayed off", during=Shows(quote=200)),
    Fault(name="1100 then 1102 (data maintained)", do="1100", undo="1102", during=GONE),
    Fault(name="1100 then 1101 (data lost)", do="1100", undo="1101", during=GONE),
    Fault(name="1101 out of the blue", do="1101", after=SECOND_SESSION),
    Fault(name="1102 out of the blue", do="1102"),
    Fault(
        name="market data farm of the symbol broken and back",
        do="farm-down usfarm",
        undo="farm-up usfarm",
        during=Shows(quote=503, code="gateway_disconnected", health="degraded", stream="stale", reason="usfarm"),
    ),
    Fault(
        name="another market data farm broken and back",
        do="farm-down cashfarm",
        undo="farm-up cashfarm",
        during=Shows(quote=200, health="degraded", stream="quote", reason="cashfarm"),
    ),
    Fault(
        name="competing live session (10197)",
        do="competing on",
        undo="competing off",
        during=refused(409, "competing_session", stream="stale", health="degraded", reason="10197"),
    ),
    Fault(name="trading halted and resumed", do="halt AAPL", undo="resume AAPL", during=Shows(quote=200)),
    Fault(name="a symbol that does not trade", do="rate 0.001", undo="rate 4", during=Shows(quote=200)),
)

SCRIPTED = (
    Fault(
        name="HMDS farm broken (2105)",
        script=REAL,
        do=push(notice(2105, "HMDS data farm connection is broken:ushmds")),
        undo=push(notice(2106, "HMDS data farm connection is OK:ushmds")),
        during=Shows(quote=200, health="degraded", reason="ushmds"),
        after=Shows(quote=200),
    ),
    Fault(
        name="sec-def farm broken (2157)",
        script=REAL,
        do=push(notice(2157, "Sec-def data farm connection is broken:secdefil")),
        undo=push(notice(2158, "Sec-def data farm connection is OK:secdefil")),
        during=Shows(quote=200, health="degraded"),
        after=Shows(quote=200),
    ),
    Fault(
        name="2110, then 1102",
        script=REAL,
        do=push(notice(2110, "Connectivity between Trader Workstation and server is broken.")),
        undo=push(notice(1102, "Connectivity restored - data maintained.")),
        during=Shows(quote=503, code="gateway_disconnected", health="degraded", connected=False, account=503),
        after=Shows(quote=200),
    ),
    Fault(
        name="farm back, line stays dead",
        script=REAL,
        do=push(notice(2103, "Market data farm connection is broken:usfarm")),
        undo=push(notice(2104, "Market data farm connection is OK:usfarm")),
        during=Shows(quote=503, code="gateway_disconnected", health="degraded"),
        after=Shows(quote=200),
    ),
    Fault(
        name="unknown farm broken and back",
        script=REAL,
        do=push(notice(2103, "Market data farm connection is broken:newfarm")),
        undo=push(notice(2104, "Market data farm connection is OK:newfarm")),
        during=Shows(quote=503, code="gateway_disconnected", health="degraded"),
        after=Shows(quote=200),
    ),
    Fault(name="socket closed by the gateway", script=REAL, do=close, after=Shows(quote=200, epoch=2)),
    Fault(
        name="1300 port reset, then closed",
        script=REAL,
        do=push(notice(1300, "TWS socket port has been reset.")),
        undo=close,
        during=Shows(quote=200),
        after=Shows(quote=200, epoch=2),
    ),
    Fault(
        name="frame longer than the protocol allows",
        script=REAL,
        do=lambda gateway: gateway.push_bytes(b"\x7f\xff\xff\xff"),
        after=Shows(quote=200, epoch=2),
    ),
    Fault(
        name="half a frame, then silence",
        script=without("49"),
        do=lambda gateway: gateway.push_bytes(b"\x00\x00\x01\x00x"),
        settings=QUICK_PROBE,
        after=Shows(quote=200, epoch=2),
    ),
    Fault(name="message of an unknown kind", script=REAL, do=push(["250", "something", "new"]), after=Shows(quote=200)),
    Fault(name="frame without fields", script=REAL, do=lambda gateway: gateway.push_bytes(b"\x00\x00\x00\x01\x00"), after=Shows(quote=200)),
    Fault(
        name="error 100 (too many messages)",
        script=REAL,
        do=push(notice(100, "Max rate of messages per second has been exceeded.")),
        after=Shows(quote=200),
    ),
    Fault(
        name="late cancel (300)",
        script=REAL,
        do=push(["4", "2", "44", "300", "Can't find EId with tickerId:44", ""]),
        after=Shows(quote=200),
    ),
    Fault(name="answers in pieces of one byte", script=REAL, chunk=1, after=Shows(quote=200)),
    Fault(name="unknown contract (200)", script=contract_error(200, "No security definition."), after=refused(404, "contract_not_found")),
    Fault(name="bad request (321)", script=contract_error(321, "Error validating request."), after=refused(422, "invalid_request")),
    Fault(name="unreadable request (320)", script=contract_error(320, "Error reading request."), after=refused(422, "invalid_request")),
    Fault(name="no permission (354)", script=line_error(354, "Not subscribed."), after=refused(403, "market_data_not_subscribed")),
    Fault(name="no permission (10168)", script=line_error(10168, "Not subscribed."), after=refused(403, "market_data_not_subscribed")),
    Fault(
        name="no permission (10089), no delayed data either",
        script=line_error(10089, "Additional subscription."),
        settings=QUICK,
        after=refused(403, "market_data_not_subscribed"),
    ),
    Fault(name="no free line at the gateway (101)", script=line_error(101, "Max number of tickers."), after=refused(429, "no_free_line")),
    Fault(name="an error nobody knows (12345)", script=line_error(12345, "?"), after=refused(502, "gateway_error")),
    Fault(name="delayed data instead (10167)", script=with_notice(10167), after=Shows(quote=200)),
    Fault(name="part of the data not subscribed (10090)", script=with_notice(10090), after=Shows(quote=200)),
    Fault(name="no ticks at all", script=without("1"), settings=QUICK, after=refused(504, "no_market_data")),
    Fault(name="no contract details at all", script=without("9"), settings=QUICK, after=refused(504, "gateway_timeout")),
    Fault(
        name="no account summary",
        script=without("62"),
        after=Shows(quote=200, account=504, health="degraded", reason="account data"),
        recovery=10.0,
    ),
    Fault(
        name="client id in use (326)",
        connects=False,
        script={**REAL, "71": lambda _request: [notice(326, "Unable to connect as the client id is already in use.")]},
        after=Shows(quote=503, code="gateway_disconnected", health="degraded", connected=False, account=503, epoch=0, reason="326"),
    ),
    Fault(
        name="no accounts (not logged in)",
        connects=False,
        settings={"connect_timeout": 0.5},
        script={**REAL, "71": lambda _request: STARTUP[1:]},
        after=Shows(
            quote=503, code="gateway_disconnected", health="degraded", connected=False, account=503, epoch=0, reason="did not start"
        ),
    ),
    Fault(
        name="protocol version too new",
        connects=False,
        script=REAL,
        version=200,
        after=Shows(quote=503, code="gateway_disconnected", health="degraded", connected=False, account=503, epoch=0, reason="version 200"),
    ),
    Fault(
        name="protocol version too old",
        connects=False,
        script=REAL,
        version=100,
        after=Shows(quote=503, code="gateway_disconnected", health="degraded", connected=False, account=503, epoch=0, reason="too old"),
    ),
)
