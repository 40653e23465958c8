"""Control commands for what happens on the market."""

from ibactors.sim.control.commands import CommandRefused, instruments_named, number, table
from ibactors.sim.market.market import MAX_RATE, MIN_RATE
from ibactors.sim.server import Server


def _rate(server: Server, arguments: list[str]) -> None:
    server.gateway.market.set_rate(number(arguments[0], MIN_RATE, MAX_RATE))


def _set(server: Server, arguments: list[str]) -> None:
    bid, ask, last = (number(a, -1, 1e9) for a in arguments[1:])
    for instrument in instruments_named(server, arguments[0]):
        try:
            server.gateway.market.fix(instrument, bid, ask, last)
        except ValueError as error:
            raise CommandRefused(str(error)) from error


def _free(server: Server, arguments: list[str]) -> None:
    for instrument in instruments_named(server, arguments[0]):
        server.gateway.market.release(instrument)


def _halt(server: Server, arguments: list[str]) -> None:
    for instrument in instruments_named(server, arguments[0]):
        server.gateway.market.halt(instrument, halted=True)


def _resume(server: Server, arguments: list[str]) -> None:
    for instrument in instruments_named(server, arguments[0]):
        server.gateway.market.halt(instrument, halted=False)


def _hours(server: Server, arguments: list[str]) -> None:
    server.gateway.market.keeps_hours = arguments[0] == "on"


COMMANDS = table(
    ("rate", "R", _rate),
    ("set", "SYMBOL BID ASK LAST", _set),
    ("free", "SYMBOL", _free),
    ("halt", "SYMBOL", _halt),
    ("resume", "SYMBOL", _resume),
    ("hours", "on|off", _hours),
)
