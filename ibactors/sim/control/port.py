"""The control port: one command a line, one line of answer, to make a simulated gateway misbehave on cue."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, ClassVar, NoReturn

import trio

from ibactors.sim.control.commands import CommandError, fit, number
from ibactors.sim.control.misbehaviour import COMMANDS as MISBEHAVIOUR
from ibactors.sim.market.market import MAX_RATE, MIN_RATE
from ibactors.sim.wire.frames import FieldError
from ibactors.sim.wire.ports import open_listener, port_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ibactors.sim.gateway import Gateway
    from ibactors.sim.live.lines import Line
    from ibactors.sim.market.instruments import Instrument
    from ibactors.sim.server import Simulator

_MAX_LINE = 1000
ANSWERS_ONLY = ("clock", "stats", "help")

logger = logging.getLogger(__name__)


class Control:
    """Carries out commands on one simulator; `execute` also serves tests in the same process."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator

    @property
    def _gateway(self) -> Gateway:
        return self._simulator.gateway

    def execute(self, line: str) -> str:
        """Carry out one command line and return the answer line."""
        name, *arguments = line.split() or [""]
        if name == "stats":
            return json.dumps(stats(self._gateway))
        if name == "clock":
            return clock(self._gateway)
        if name == "help":
            return "commands: " + ", ".join(usages())
        try:
            self._command(name, arguments)
        except CommandError as error:
            return f"error: {error}"
        return "ok"

    async def serve(self, host: str, port: int, *, task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED) -> NoReturn:
        """Accept control connections; the task status is the port."""
        listener = await open_listener(host, port)
        task_status.started(port_of(listener))
        await trio.serve_listeners(self._serve_connection, [listener])
        raise AssertionError("unreachable: serve_listeners ends by cancellation only")

    async def _serve_connection(self, stream: trio.SocketStream) -> None:
        received = bytearray()
        try:
            while data := await stream.receive_some():
                received += data
                while b"\n" in received:
                    line, _, rest = received.partition(b"\n")
                    received = bytearray(rest)
                    answer = self.execute(line.decode(errors="replace"))
                    # Two turns of the loop: a cancelled listener is closed before the answer says so.
                    await trio.lowlevel.checkpoint()
                    await trio.lowlevel.checkpoint()
                    await stream.send_all(answer.encode() + b"\n")
                if len(received) > _MAX_LINE:
                    await stream.send_all(b"error: the line is too long\n")
                    return
        except trio.BrokenResourceError:
            logger.debug("a control connection broke")

    def _command(self, name: str, arguments: list[str]) -> None:
        arguments = fit(name, usage_of(name), arguments)
        if name in MISBEHAVIOUR:
            MISBEHAVIOUR[name].act(self._simulator, arguments)
        else:
            self.commands[name][1](self, arguments)

    def _drop(self, _: list[str]) -> None:
        self._simulator.drop()

    def _refuse(self, arguments: list[str]) -> None:
        self._simulator.refuse(number(arguments[0], 0, 86400))

    def _mute(self, _: list[str]) -> None:
        self._gateway.faults.muted = True

    def _unmute(self, _: list[str]) -> None:
        self._gateway.faults.muted = False

    def _rate(self, arguments: list[str]) -> None:
        self._gateway.market.set_rate(number(arguments[0], MIN_RATE, MAX_RATE))

    def _set(self, arguments: list[str]) -> None:
        bid, ask, last = (number(a, -1, 1e9) for a in arguments[1:])
        for instrument in self._named(arguments[0]):
            try:
                self._gateway.market.fix(instrument, bid, ask, last)
            except ValueError as error:
                raise CommandError(str(error)) from error

    def _free(self, arguments: list[str]) -> None:
        for instrument in self._named(arguments[0]):
            self._gateway.market.release(instrument)

    def _halt(self, arguments: list[str]) -> None:
        for instrument in self._named(arguments[0]):
            self._gateway.market.halt(instrument, halted=True)

    def _resume(self, arguments: list[str]) -> None:
        for instrument in self._named(arguments[0]):
            self._gateway.market.halt(instrument, halted=False)

    def _lose_connectivity(self, _: list[str]) -> None:
        self._gateway.faults.connectivity_lost = True
        text = "Connectivity between IBKR and Trader Workstation has been lost."
        self._gateway.announce(1100, text)

    def _restore_without_data(self, _: list[str]) -> None:
        self._gateway.faults.connectivity_lost = False
        for line in self._lines():
            line.end()
        text = "Connectivity between IBKR and Trader Workstation has been restored - data lost."
        self._gateway.announce(1101, text)

    def _restore_with_data(self, _: list[str]) -> None:
        self._gateway.faults.connectivity_lost = False
        text = "Connectivity between IBKR and Trader Workstation has been restored - data maintained. "
        text += "All data farms are connected: usfarm; usfuture; cashfarm; usopt; ushmds; secdefil."
        self._gateway.announce(1102, text)
        self._refresh_lines()

    def _farm_down(self, arguments: list[str]) -> None:
        name = self._farm(arguments[0])
        self._gateway.faults.farms_down.add(name)
        self._gateway.announce(2103, f"Market data farm connection is broken:{name}")

    def _farm_up(self, arguments: list[str]) -> None:
        name = self._farm(arguments[0])
        self._gateway.faults.farms_down.discard(name)
        self._gateway.announce(2104, f"Market data farm connection is OK:{name}")
        self._refresh_lines(name)

    def _competing(self, arguments: list[str]) -> None:
        on = arguments[0] == "on"
        changed = on != self._gateway.faults.competing
        self._gateway.faults.competing = on
        if on and changed:
            for line in self._lines():
                line.tell_competing()
        elif changed:
            self._refresh_lines()

    def _fill(self, arguments: list[str]) -> None:
        order_id = int(number(arguments[0], 1, 1 << 31))
        if not self._gateway.orders.fill_by_force(order_id):
            raise CommandError(f"no open order has the id {order_id}")

    def _reject(self, arguments: list[str]) -> None:
        self._gateway.orders.reject_next = arguments[0]

    def _manual(self, arguments: list[str]) -> None:
        action, size, symbol, limit = arguments
        [instrument, *_] = self._named(symbol)
        try:
            self._gateway.orders.manual.place(instrument, action, int(number(size, 1, 1e6)), limit)
        except (ValueError, FieldError) as error:
            raise CommandError(str(error)) from error

    def _hours(self, arguments: list[str]) -> None:
        self._gateway.orders.keeps_hours = self._gateway.market.keeps_hours = arguments[0] == "on"

    def _bulletin(self, arguments: list[str]) -> None:
        self._gateway.publish_bulletin(" ".join(arguments))

    def _refresh_lines(self, farm: str | None = None) -> None:
        for line in self._lines():
            if farm in (None, line.instrument.farm):
                line.refresh()

    def _lines(self) -> list[Line]:
        return [x for s in self._gateway.ready_sessions() for x in tuple(s.lines.values())]

    def _farm(self, name: str) -> str:
        farms = sorted({i.farm for i in self._gateway.catalogue.by_con_id.values()})
        if name not in farms:
            raise CommandError(f"there is no farm {name!r}; there are {', '.join(farms)}")
        return name

    def _named(self, name: str) -> list[Instrument]:
        found = self._gateway.catalogue.named(name)
        if not found:
            raise CommandError(f"there is no instrument {name!r}")
        return found

    # Those that do nothing but answer (stats, clock, help) are not among them.
    commands: ClassVar[Mapping[str, tuple[str, Callable[[Control, list[str]], None]]]] = {
        "drop": ("", _drop),
        "refuse": ("SECONDS", _refuse),
        "mute": ("", _mute),
        "unmute": ("", _unmute),
        "rate": ("R", _rate),
        "set": ("SYMBOL BID ASK LAST", _set),
        "free": ("SYMBOL", _free),
        "halt": ("SYMBOL", _halt),
        "resume": ("SYMBOL", _resume),
        "1100": ("", _lose_connectivity),
        "1101": ("", _restore_without_data),
        "1102": ("", _restore_with_data),
        "farm-down": ("NAME", _farm_down),
        "farm-up": ("NAME", _farm_up),
        "competing": ("on|off", _competing),
        "bulletin": ("WORD...", _bulletin),
        "fill": ("ORDERID", _fill),
        "reject": ("REASON...", _reject),
        "manual": ("ACTION SIZE SYMBOL MKT|LIMIT", _manual),
        "hours": ("on|off", _hours),
    }


def usage_of(name: str) -> str:
    """What arguments a command takes that does more than answer; CommandError for a name that is none."""
    if name in MISBEHAVIOUR:
        return MISBEHAVIOUR[name].usage
    if name not in Control.commands:
        raise CommandError(f"there is no command {name!r}; `help` lists the commands")
    return Control.commands[name][0]


def usages() -> list[str]:
    """Every command with its arguments, as `help` lists them."""
    faults = {name: command.usage for name, command in MISBEHAVIOUR.items()}
    changing = {name: usage for name, (usage, _) in Control.commands.items()} | faults
    return [f"{name} {usage}".rstrip() for name, usage in changing.items()] + list(ANSWERS_ONLY)


def stats(gateway: Gateway) -> dict[str, object]:
    """What `stats` prints: clients, lines by symbol, message counters, requests by kind."""
    clients = [{"id": s.client_id, "version": s.version, "lines": len(s.lines)} for s in gateway.ready_sessions()]
    return {
        "clients": clients,
        "lines": gateway.market.lines(),
        "messages_in": gateway.counters.received,
        "messages_out": gateway.counters.sent,
        "requests": dict(gateway.counters.requests),
        "rate": gateway.market.rate,
        "muted": gateway.faults.muted,
    }


def clock(gateway: Gateway) -> str:
    """What `clock` answers: milliseconds since the start, and each instrument's number in prices, farm and tick."""
    if gateway.clock is None:
        return "error: prices do not tell the time; start the simulator with --prices clock"
    instruments = {
        i.local_symbol: {"number": gateway.clock.number(i), "farm": i.farm, "tick": float(i.min_tick)}
        for i in gateway.catalogue.by_con_id.values()
    }
    return json.dumps({"milliseconds": gateway.clock.milliseconds, "instruments": instruments})
