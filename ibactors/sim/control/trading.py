"""Control commands for what happens on the market."""

from ibactors.sim.control.commands import CommandRefused, instruments_named, number, table
from ibactors.sim.market.market import MAX_RATE, MIN_RATE
from ibactors.sim.market.rules import MARKET_RULES
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


def _market_rule(server: Server, arguments: list[str]) -> None:
    symbol, exchange, text = arguments
    rule = int(number(text, 0, 1e9))
    if rule not in MARKET_RULES:
        raise CommandRefused(f"there is no market rule {rule}; there are {', '.join(map(str, MARKET_RULES))}")
    for instrument in instruments_named(server, symbol):
        if exchange not in instrument.exchanges:
            raise CommandRefused(f"{symbol} does not trade at {exchange!r}; there are {', '.join(instrument.exchanges)}")
        instrument.venue_rules[exchange] = rule


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
    ("market-rule", "SYMBOL EXCHANGE N", _market_rule),
    ("halt", "SYMBOL", _halt),
    ("resume", "SYMBOL", _resume),
    ("hours", "on|off", _hours),
)
