"""Control commands for single orders that are there, for orders of others, and for what is remembered of them."""

import json

from ibactors.sim.control.commands import CommandRefused, instruments_named, number, table
from ibactors.sim.orders.corrections import correct
from ibactors.sim.orders.interventions import cap, edit, expire, fill_by_force, fill_too_late, let_go, repeat_fill
from ibactors.sim.orders.life import Order
from ibactors.sim.server import Server
from ibactors.sim.wire.frames import BadField

_HIGHEST_ID = (1 << 31) - 1
LEDGERS = ("orders", "alive", "tokens", "positions")


def _fill(server: Server, arguments: list[str]) -> None:
    order_id = int(number(arguments[0], 1, 1 << 31))
    if not fill_by_force(server.orders.book, order_id):
        raise CommandRefused(f"no open order has the id {order_id}")


def _reject(server: Server, arguments: list[str]) -> None:
    server.orders.book.reject_next = arguments[0]


def _reject_open(server: Server, arguments: list[str]) -> None:
    order = _open(server, arguments[0])
    order.hangs = ""
    server.orders.book.reject(order, arguments[1])


def _system_cancel(server: Server, arguments: list[str]) -> None:
    server.orders.book.end_by_broker(_open(server, arguments[0]), arguments[1])


def _let_go(server: Server, arguments: list[str]) -> None:
    let_go(server.orders.book, _open(server, arguments[0]))


def _fork(server: Server, arguments: list[str]) -> None:
    order = _open(server, arguments[0])
    server.orders.book.fork(order, order.ticket)


def _order_error(server: Server, arguments: list[str]) -> None:
    order = _newest(server, arguments[0])
    server.orders.book.notices.error(order, int(number(arguments[1], 0, 1_000_000)), arguments[2])


def _fill_late(server: Server, arguments: list[str]) -> None:
    order = _newest(server, arguments[0])
    if not order.done or not order.remaining:
        raise CommandRefused(f"order {arguments[0]} is not cancelled")
    fill_too_late(server.orders.book, order)


def _repeat_fill(server: Server, arguments: list[str]) -> None:
    order = _newest(server, arguments[0])
    if not order.fills:
        raise CommandRefused(f"order {arguments[0]} has no execution")
    repeat_fill(server.orders.book, order)


def _edit(server: Server, arguments: list[str]) -> None:
    order_id, what, text = arguments
    order = _open(server, order_id)
    if what == "size":
        number(text, order.filled + 1, 1e9)
    elif what == "limit":
        number(text, -1e9, 1e9)
    edit(server.orders.book, order, what, text)


def _expire(server: Server, _: list[str]) -> None:
    expire(server.orders.book)


def _cap(server: Server, arguments: list[str]) -> None:
    cap(server.orders.book, _open(server, arguments[0]), number(arguments[1], 0, 1e9))


def _correct(server: Server, arguments: list[str]) -> None:
    order = _newest(server, arguments[0])
    price = number(arguments[1], -1e9, 1e9)
    size = int(number(arguments[2], 1, 1e9)) if len(arguments) > 2 else _last_size(order)
    _revise(server, order, size, price)


def _bust(server: Server, arguments: list[str]) -> None:
    _revise(server, _newest(server, arguments[0]), 0, 0.0)


def _revise(server: Server, order: Order, size: int, price: float) -> None:
    try:
        correct(server.orders.book, server.gateway.ledger.accounts[order.account], order, size, price)
    except ValueError as error:
        raise CommandRefused(str(error)) from error


def _manual(server: Server, arguments: list[str]) -> None:
    _place(server, 0, *arguments)


def _foreign(server: Server, arguments: list[str]) -> None:
    _place(server, int(number(arguments[0], 1, _HIGHEST_ID)), *arguments[1:])


def _place(server: Server, client_id: int, action: str, size: str, symbol: str, limit: str, ref: str = "") -> None:
    [instrument, *_] = instruments_named(server, symbol)
    try:
        server.orders.manual.place(instrument, action, int(number(size, 1, 1e6)), limit, client_id=client_id, ref=ref)
    except (ValueError, BadField) as error:
        raise CommandRefused(str(error)) from error


def _next_id(server: Server, arguments: list[str]) -> None:
    client_id, order_id = (int(number(a, lowest, _HIGHEST_ID)) for a, lowest in zip(arguments, (0, 1), strict=True))
    server.orders.book.register.set_next_id(client_id, order_id)


def _midnight(server: Server, _: list[str]) -> None:
    server.orders.book.day_began = server.gateway.now()


def ledger(server: Server, arguments: list[str]) -> str:
    """What `ledger` answers: a page of the chronicle as JSON; CommandRefused for a page that is none."""
    chronicle = server.orders.chronicle
    pages = dict(zip(LEDGERS, (chronicle.orders, chronicle.alive, chronicle.tokens, chronicle.positions), strict=True))
    after = int(number(arguments[1], 0, _HIGHEST_ID)) if len(arguments) > 1 else 0
    return json.dumps(pages[arguments[0]](after))


def _open(server: Server, text: str) -> Order:
    order = server.orders.book.register.find_of_anybody(_order_id(text))
    if order is None:
        raise CommandRefused(f"no open order has the id {text}")
    return order


def _newest(server: Server, text: str) -> Order:
    order = server.orders.chronicle.newest(_order_id(text))
    if order is None:
        raise CommandRefused(f"no order has the id {text}")
    return order


def _order_id(text: str) -> int:
    return int(number(text, 1, _HIGHEST_ID))


def _last_size(order: Order) -> int:
    return order.fills[-1].size if order.fills else 0


COMMANDS = table(
    ("fill", "ORDERID", _fill),
    ("reject", "REASON...", _reject),
    ("reject-open", "ORDERID REASON...", _reject_open),
    ("system-cancel", "ORDERID REASON...", _system_cancel),
    ("let-go", "ORDERID", _let_go),
    ("fork", "ORDERID", _fork),
    ("order-error", "ORDERID CODE TEXT...", _order_error),
    ("correct", "ORDERID PRICE [SIZE]", _correct),
    ("bust", "ORDERID", _bust),
    ("fill-late", "ORDERID", _fill_late),
    ("repeat-fill", "ORDERID", _repeat_fill),
    ("edit", "ORDERID limit|size|ref VALUE", _edit),
    ("cap", "ORDERID PRICE", _cap),
    ("expire", "", _expire),
    ("manual", "ACTION SIZE SYMBOL MKT|LIMIT [REF]", _manual),
    ("foreign", "ID ACTION SIZE SYMBOL MKT|LIMIT [REF]", _foreign),
    ("next-id", "ID ORDERID", _next_id),
    ("midnight", "", _midnight),
)
