"""Control commands for how a gateway answers requests: how late, how fast, by which rules, and what it refuses for a while."""

from ibactors.sim.control.commands import instruments_named, number, table
from ibactors.sim.server import Server

_FASTEST_DETAILS = 1_000_000
_LATEST_S = 3600.0


def _pacing(server: Server, arguments: list[str]) -> None:
    server.gateway.pacing.enforced = arguments[0] == "on"


def _details_rate(server: Server, arguments: list[str]) -> None:
    server.gateway.limits.details_per_s = int(number(arguments[0], 1, _FASTEST_DETAILS))


def _slow(server: Server, arguments: list[str]) -> None:
    server.gateway.faults.late_s = number(arguments[0], 0, _LATEST_S)


def _outage(server: Server, arguments: list[str]) -> None:
    symbol, code = arguments
    for instrument in instruments_named(server, symbol):
        if code == "off":
            server.gateway.faults.outages.pop(instrument.con_id, None)
        else:
            server.gateway.faults.outages[instrument.con_id] = int(code)


def _account_outage(server: Server, arguments: list[str]) -> None:
    server.gateway.faults.account_refusal = 0 if arguments[0] == "off" else int(arguments[0])


COMMANDS = table(
    ("pacing", "on|off", _pacing),
    ("details-rate", "R", _details_rate),
    ("slow", "SECONDS", _slow),
    ("outage", "SYMBOL 200|354|off", _outage),
    ("account-outage", "321|322|off", _account_outage),
)
