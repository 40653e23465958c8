"""Control commands for what happens on the market and to orders."""

from ibactors.sim.control.commands import CommandRefused, instruments_named, number, table
from ibactors.sim.market.market import MAX_RATE, MIN_RATE
from ibactors.sim.server import Server
from ibactors.sim.wire.frames import BadField


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


def _fill(server: Server, arguments: list[str]) -> None:
    order_id = int(number(arguments[0], 1, 1 << 31))
    if not server.orders.book.fill_by_force(order_id):
        raise CommandRefused(f"no open order has the id {order_id}")


def _reject(server: Server, arguments: list[str]) -> None:
    server.orders.book.reject_next = arguments[0]


def _manual(server: Server, arguments: list[str]) -> None:
    action, size, symbol, limit = arguments
    [instrument, *_] = instruments_named(server, symbol)
    try:
        server.orders.manual.place(instrument, action, int(number(size, 1, 1e6)), limit)
    except (ValueError, BadField) as error:
        raise CommandRefused(str(error)) from error


COMMANDS = table(
    ("rate", "R", _rate),
    ("set", "SYMBOL BID ASK LAST", _set),
    ("free", "SYMBOL", _free),
    ("halt", "SYMBOL", _halt),
    ("resume", "SYMBOL", _resume),
    ("hours", "on|off", _hours),
    ("fill", "ORDERID", _fill),
    ("reject", "REASON...", _reject),
    ("manual", "ACTION SIZE SYMBOL MKT|LIMIT", _manual),
)
