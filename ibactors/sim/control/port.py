"""The control port: one command per line, one line per answer, to make a simulated gateway misbehave on cue."""

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import NoReturn

import structlog
import trio

from ibactors.sim.control import answers, connectivity, faults, market, messages, nightly, orders, quirks, trading
from ibactors.sim.control.commands import Command, CommandRefused, fit
from ibactors.sim.gateway import Gateway
from ibactors.sim.server import Server
from ibactors.sim.wire.ports import open_listener, port_of

_MAX_LINE = 1000
_HTTP = re.compile(rb"\s*(?:[!-~]+\s+\S.*\s(?i:HTTP)/\d|(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|TRACE|CONNECT)\s)")
"""What begins an HTTP request."""
LOOKS: Mapping[str, tuple[str, Callable[[Server, list[str]], str]]] = {
    "ledger": (f"{'|'.join(orders.LEDGERS)} [N]", orders.ledger),
    "tape": ("SYMBOL [N]", market.tape),
    "bars": ("SYMBOL SECONDS N", market.bars),
}
"""Usage and answer of those that take arguments and change nothing."""
ANSWERS_ONLY = (*LOOKS, "clock", "stats", "help")
COMMANDS: Mapping[str, Command] = {
    **connectivity.COMMANDS,
    **nightly.COMMANDS,
    **faults.COMMANDS,
    **trading.COMMANDS,
    **answers.COMMANDS,
    **orders.COMMANDS,
    **quirks.COMMANDS,
    **messages.COMMANDS,
}

log = structlog.get_logger(__name__)


class Control:
    """Carries out commands on one server; `execute` also serves tests in the same process."""

    def __init__(self, server: Server) -> None:
        self._server = server
        server.gateway.script.execute = self.execute

    def execute(self, line: str) -> str:
        """Carry out one command line and return the answer line."""
        name, *arguments = line.split() or [""]
        if name == "stats":
            return json.dumps(stats(self._server))
        if name == "clock":
            return clock(self._server.gateway)
        if name == "help":
            return "commands: " + ", ".join(usages())
        try:
            if name in LOOKS:
                usage, look = LOOKS[name]
                return look(self._server, fit(name, usage, arguments))
            arguments = fit(name, usage_of(name), arguments)
            COMMANDS[name].act(self._server, arguments)
        except CommandRefused as error:
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
                    if _HTTP.match(line):
                        # A web page can make a browser send its lines here, and the body would be carried out.
                        await stream.send_all(b"error: this port takes commands, one per line, and no HTTP\n")
                        return
                    answer = self.execute(line.decode(errors="replace"))
                    # Two turns of the loop: a cancelled listener is closed before the answer says so.
                    await trio.lowlevel.checkpoint()
                    await trio.lowlevel.checkpoint()
                    await stream.send_all(answer.encode() + b"\n")
                if len(received) > _MAX_LINE:
                    await stream.send_all(b"error: the line is too long\n")
                    return
        except trio.BrokenResourceError:
            log.debug("control_connection_lost")


def usage_of(name: str) -> str:
    """The arguments of a command that does more than answer; CommandRefused for an unknown name."""
    if name not in COMMANDS:
        raise CommandRefused(f"there is no command {name!r}; `help` lists the commands")
    return COMMANDS[name].usage


def usages() -> list[str]:
    """Every command with its arguments, as `help` lists them."""
    return [f"{name} {command.usage}".rstrip() for name, command in COMMANDS.items()] + [
        *(f"{name} {usage}" for name, (usage, _) in LOOKS.items()),
        *ANSWERS_ONLY[len(LOOKS) :],
    ]


def stats(server: Server) -> dict[str, object]:
    """What `stats` prints: clients, lines by symbol, changes of watched instruments, message counters, requests by kind."""
    gateway = server.gateway
    clients = [{"id": s.client_id, "version": s.version, "lines": len(s.lines)} for s in server.sessions()]
    return {
        "clients": clients,
        "lines": gateway.market.lines(),
        "streams": dict(Counter(kind for session in server.sessions() for kind, _ in session.streams)),
        "repeating": dict(Counter(key[0] for session in server.sessions() for key in session.repeating)),
        "updates": gateway.market.updates,
        "messages_in": gateway.counters.received,
        "messages_out": gateway.counters.sent,
        "requests": dict(gateway.counters.requests),
        "rate": gateway.market.rate,
        "pacing": {
            "enforced": gateway.pacing.enforced,
            "requests": gateway.pacing.requests,
            "violations": dict(gateway.pacing.violations),
        },
        "muted": gateway.faults.muted,
    }


def clock(gateway: Gateway) -> str:
    """What `clock` answers: milliseconds since the start; of each instrument its number in prices, farm, tick and contract."""
    if gateway.clock is None:
        return "error: prices do not tell the time; start the simulator with --prices clock"
    instruments = {
        i.local_symbol: {
            "number": gateway.clock.number(i),
            "farm": i.farm,
            "tick": float(i.min_tick),
            "symbol": i.symbol,
            "sec_type": i.sec_type,
            "con_id": i.con_id,
            "exchange": i.exchanges[0],
            "currency": i.currency,
        }
        for i in gateway.catalogue.listed
    }
    return json.dumps({"milliseconds": gateway.clock.milliseconds, "instruments": instruments})
