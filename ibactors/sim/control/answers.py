"""Control commands for how a gateway answers requests: how late, how fast, by which rules, and what it refuses for a while."""

from ibactors.sim.control.commands import table
from ibactors.sim.server import Server


def _pacing(server: Server, arguments: list[str]) -> None:
    server.gateway.pacing.enforced = arguments[0] == "on"


COMMANDS = table(("pacing", "on|off", _pacing))
