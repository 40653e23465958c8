"""Control commands that make a gateway misbehave on the wire, in its limits and in its farms; `COMMANDS` lists them.

Each has its undo: the same command with `off`, a number that means none, or a command of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ibactors.sim.control import nightly
from ibactors.sim.control.commands import Command, CommandError, number
from ibactors.sim.wire.datetimes import Dialect
from ibactors.sim.wire.frames import frame

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ibactors.sim.live.lines import Line
    from ibactors.sim.server import Simulator

_DAY_S = 86400
_HIGHEST_ID = (1 << 31) - 1
_GARBAGE = {
    # A tickPrice whose price is no number and whose last fields are missing.
    "number": frame(1, 6, 1, 1, "12..5x"),
    # A length that promises more than comes: what follows is misread.
    "truncated": frame(1, 6, 1, 1, "12.50", 100, 1)[:-6],
    "utf8": b"\0\0\0\x0e46\x006\x001\x0045\0\xff\xfe\x80\0",
    "empty": b"\0\0\0\0",
}
# The longest length that is positive as a Java int; no client allows it.
_OVERSIZE = b"\x7f\xff\xff\xff"


def _half_open(simulator: Simulator, arguments: list[str]) -> None:
    delivery = simulator.gateway.delivery
    if arguments[0] == "on":
        delivery.freeze()
    else:
        delivery.thaw()


def _drip(simulator: Simulator, arguments: list[str]) -> None:
    simulator.gateway.delivery.drips = arguments[0] == "on"


def _split(simulator: Simulator, arguments: list[str]) -> None:
    simulator.gateway.delivery.splits = arguments[0] == "on"


def _glue(simulator: Simulator, arguments: list[str]) -> None:
    simulator.gateway.delivery.glues = arguments[0] == "on"


def _oversize(simulator: Simulator, _: list[str]) -> None:
    for session in simulator.gateway.ready_sessions():
        session.send(_OVERSIZE)


def _garbage(simulator: Simulator, arguments: list[str]) -> None:
    data = _GARBAGE[arguments[0] if arguments else "number"]
    for session in simulator.gateway.ready_sessions():
        session.send(data)


def _port_reset(simulator: Simulator, _: list[str]) -> None:
    text = "TWS socket port has been reset and this connection is being dropped. "
    text += f"Please reconnect on the new port - {simulator.port}"
    for session in simulator.gateway.ready_sessions():
        session.error(-1, 1300, text)
        session.hang_up()


def _lose_server(simulator: Simulator, _: list[str]) -> None:
    simulator.gateway.faults.connectivity_lost = True
    text = "Connectivity between Trader Workstation and server is broken. It will be restored automatically."
    simulator.gateway.announce(2110, text)


def _error(simulator: Simulator, arguments: list[str]) -> None:
    simulator.gateway.announce(_code(arguments[0]), arguments[1])


def _line_error(simulator: Simulator, arguments: list[str]) -> None:
    symbol, code, text = arguments
    named = {i.con_id for i in simulator.gateway.catalogue.named(symbol)}
    if not named:
        raise CommandError(f"there is no instrument {symbol!r}")
    for session in simulator.gateway.ready_sessions():
        for line in session.lines.values():
            if line.instrument.con_id in named:
                session.error(line.request_id, _code(code), text)


def _limit(simulator: Simulator, arguments: list[str]) -> None:
    value = int(number(arguments[1], 1, 1_000_000))
    if arguments[0] == "lines":
        simulator.gateway.limits.lines = value
    else:
        simulator.gateway.limits.messages_per_s = value


def _occupy(simulator: Simulator, arguments: list[str]) -> None:
    simulator.gateway.faults.occupied.add(_client_id(arguments[0]))


def _release(simulator: Simulator, arguments: list[str]) -> None:
    simulator.gateway.faults.occupied.discard(_client_id(arguments[0]))


def _dead_farm(simulator: Simulator, arguments: list[str]) -> None:
    name = arguments[0]
    farms = sorted({i.farm for i in simulator.gateway.catalogue.by_con_id.values()})
    if name not in farms:
        raise CommandError(f"there is no farm {name!r}; there are {', '.join(farms)}")
    simulator.gateway.announce(2103, f"Market data farm connection is broken:{name}")
    simulator.gateway.announce(2104, f"Market data farm connection is OK:{name}")
    for line in _lines(simulator):
        if line.instrument.farm == name:
            line.die()


def _delayed(simulator: Simulator, arguments: list[str]) -> None:
    simulator.gateway.faults.delayed = arguments[0] == "on"
    for line in _lines(simulator):
        line.turn(delayed=simulator.gateway.faults.delayed)


def _late_cancel(simulator: Simulator, arguments: list[str]) -> None:
    simulator.gateway.faults.cancels_too_late = arguments[0] == "on"


def _dialect(simulator: Simulator, arguments: list[str]) -> None:
    simulator.gateway.dialect = Dialect(arguments[0])


def _nightly(simulator: Simulator, arguments: list[str]) -> None:
    seconds = number(arguments[0], 0, _DAY_S) if arguments else nightly.USUAL_S
    nightly.begin(simulator, seconds)


def _restart(simulator: Simulator, arguments: list[str]) -> None:
    seconds = number(arguments[0], 0, _DAY_S)
    # A new process knows nothing of what ailed the old one.
    gateway = simulator.gateway
    gateway.delivery.restore()
    gateway.faults.muted = gateway.faults.connectivity_lost = gateway.faults.competing = False
    gateway.faults.farms_down.clear()
    gateway.faults.occupied.clear()
    simulator.refuse(seconds)


def _code(text: str) -> int:
    return int(number(text, 0, 1_000_000))


def _client_id(text: str) -> int:
    return int(number(text, 0, _HIGHEST_ID))


def _lines(simulator: Simulator) -> list[Line]:
    return [line for s in simulator.gateway.ready_sessions() for line in tuple(s.lines.values())]


def _table(*rows: tuple[str, str, Callable[[Simulator, list[str]], None]]) -> Mapping[str, Command]:
    return {name: Command(usage=usage, act=act) for name, usage, act in rows}


COMMANDS = _table(
    ("garbage", "[number|truncated|utf8|empty]", _garbage),
    ("oversize", "", _oversize),
    ("half-open", "on|off", _half_open),
    ("drip", "on|off", _drip),
    ("split", "on|off", _split),
    ("glue", "on|off", _glue),
    ("1300", "", _port_reset),
    ("2110", "", _lose_server),
    ("error", "CODE TEXT...", _error),
    ("line-error", "SYMBOL CODE TEXT...", _line_error),
    ("limit", "lines|rate N", _limit),
    ("occupy", "ID", _occupy),
    ("release", "ID", _release),
    ("dead-farm", "NAME", _dead_farm),
    ("delayed", "on|off", _delayed),
    ("late-cancel", "on|off", _late_cancel),
    ("dialect", "plain|zoned|utc", _dialect),
    ("nightly", "[SECONDS]", _nightly),
    ("restart", "SECONDS", _restart),
)
