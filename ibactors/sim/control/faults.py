"""Control commands that make a gateway misbehave on the wire, in its limits and in what it says.

Each has its undo: the same command with `off`, a number that means none, or a command of its own.
"""

from ibactors.sim.control.commands import instruments_named, number, table
from ibactors.sim.live.depth import Book
from ibactors.sim.orders.interventions import forget
from ibactors.sim.server import Server
from ibactors.sim.wire.datetimes import Dialect
from ibactors.sim.wire.frames import frame

_DAY_S = 86400
_HIGHEST_ID = (1 << 31) - 1
_GARBAGE = {
    # A tickPrice whose price is not a number and whose last fields are missing.
    "number": frame(1, 6, 1, 1, "12..5x"),
    # A length that promises more than follows: the next frames are misread.
    "truncated": frame(1, 6, 1, 1, "12.50", 100, 1)[:-6],
    "utf8": b"\0\0\0\x0e46\x006\x001\x0045\0\xff\xfe\x80\0",
    "empty": b"\0\0\0\0",
}
# The longest length that is positive as a Java int; no client allows it.
_OVERSIZE = b"\x7f\xff\xff\xff"


def _drop(server: Server, _: list[str]) -> None:
    server.drop()


def _refuse(server: Server, arguments: list[str]) -> None:
    server.refuse(number(arguments[0], 0, _DAY_S))


def _mute(server: Server, _: list[str]) -> None:
    server.gateway.faults.muted = True


def _unmute(server: Server, _: list[str]) -> None:
    server.gateway.faults.muted = False


def _half_open(server: Server, arguments: list[str]) -> None:
    delivery = server.gateway.delivery
    if arguments[0] == "on":
        delivery.freeze()
    else:
        delivery.thaw()


def _drip(server: Server, arguments: list[str]) -> None:
    server.gateway.delivery.drips = arguments[0] == "on"


def _split(server: Server, arguments: list[str]) -> None:
    server.gateway.delivery.splits = arguments[0] == "on"


def _glue(server: Server, arguments: list[str]) -> None:
    server.gateway.delivery.glues = arguments[0] == "on"


def _oversize(server: Server, _: list[str]) -> None:
    for session in server.sessions():
        session.send(_OVERSIZE)


def _garbage(server: Server, arguments: list[str]) -> None:
    data = _GARBAGE[arguments[0] if arguments else "number"]
    for session in server.sessions():
        session.send(data)


def _port_reset(server: Server, _: list[str]) -> None:
    text = "TWS socket port has been reset and this connection is being dropped. "
    text += f"Please reconnect on the new port - {server.port}"
    for session in server.sessions():
        session.error(-1, 1300, text)
        session.hang_up()


def _error(server: Server, arguments: list[str]) -> None:
    server.gateway.announce(_code(arguments[0]), arguments[1])


def _bulletin(server: Server, arguments: list[str]) -> None:
    server.gateway.publish_bulletin(arguments[0])


def _line_error(server: Server, arguments: list[str]) -> None:
    symbol, code, text = arguments
    named = {i.con_id for i in instruments_named(server, symbol)}
    for session in server.sessions():
        for line in session.lines.values():
            if line.instrument.con_id in named:
                session.error(line.request_id, _code(code), text)


def _limit(server: Server, arguments: list[str]) -> None:
    value = int(number(arguments[1], 1, 1_000_000))
    names = {"lines": "lines", "rate": "messages_per_s", "books": "books", "ticks": "tick_streams"}
    setattr(server.gateway.limits, names[arguments[0]], value)


def _reset_depth(server: Server, arguments: list[str]) -> None:
    named = {i.con_id for i in instruments_named(server, arguments[0])}
    books = [stream for session in server.sessions() for stream in session.streams.values() if isinstance(stream, Book)]
    for book in books:
        if book.begun and book.instrument.con_id in named:
            book.reset()


def _slow_depth(server: Server, arguments: list[str]) -> None:
    server.gateway.faults.depth_s = number(arguments[0], 0, _DAY_S)


def _tick_gap(server: Server, arguments: list[str]) -> None:
    server.gateway.faults.tick_gap_s = number(arguments[0], 0, _DAY_S)


def _occupy(server: Server, arguments: list[str]) -> None:
    server.gateway.faults.occupied.add(_client_id(arguments[0]))


def _release(server: Server, arguments: list[str]) -> None:
    server.gateway.faults.occupied.discard(_client_id(arguments[0]))


def _late_cancel(server: Server, arguments: list[str]) -> None:
    server.gateway.faults.cancels_too_late = arguments[0] == "on"


def _dialect(server: Server, arguments: list[str]) -> None:
    server.gateway.dialect = Dialect(arguments[0])


def _restart(server: Server, arguments: list[str]) -> None:
    seconds = number(arguments[0], 0, _DAY_S)
    # A new process knows nothing of what ailed the old one.
    gateway = server.gateway
    gateway.delivery.restore()
    gateway.faults.muted = gateway.faults.connectivity_lost = gateway.faults.competing = False
    gateway.faults.farms_down.clear()
    gateway.faults.late_s = 0
    gateway.faults.occupied.clear()
    if len(arguments) > 1:
        forget(server.orders.book, arguments[1], gateway.now())
    server.refuse(seconds)


def _code(text: str) -> int:
    return int(number(text, 0, 1_000_000))


def _client_id(text: str) -> int:
    return int(number(text, 0, _HIGHEST_ID))


COMMANDS = table(
    ("drop", "", _drop),
    ("refuse", "SECONDS", _refuse),
    ("restart", "SECONDS [ended|recent|all]", _restart),
    ("1300", "", _port_reset),
    ("mute", "", _mute),
    ("unmute", "", _unmute),
    ("half-open", "on|off", _half_open),
    ("drip", "on|off", _drip),
    ("split", "on|off", _split),
    ("glue", "on|off", _glue),
    ("garbage", "[number|truncated|utf8|empty]", _garbage),
    ("oversize", "", _oversize),
    ("error", "CODE TEXT...", _error),
    ("line-error", "SYMBOL CODE TEXT...", _line_error),
    ("bulletin", "TEXT...", _bulletin),
    ("limit", "lines|rate|books|ticks N", _limit),
    ("reset-depth", "SYMBOL", _reset_depth),
    ("slow-depth", "SECONDS", _slow_depth),
    ("tick-gap", "SECONDS", _tick_gap),
    ("occupy", "ID", _occupy),
    ("release", "ID", _release),
    ("late-cancel", "on|off", _late_cancel),
    ("dialect", "plain|zoned|utc", _dialect),
)
