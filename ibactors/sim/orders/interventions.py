"""What control commands do to the book that no client could: fill, set free and forget orders."""

import dataclasses
import datetime as dt

from ibactors.sim.orders.book import OrderBook
from ibactors.sim.orders.life import Order, Status

# What the broker has not yet confirmed when a gateway dies: orders of the last moments never reach it.
_RECENT = dt.timedelta(seconds=5)


def fill_by_force(book: OrderBook, order_id: int) -> bool:
    """Fill the open orders of that id, whichever client's, at their limit or the market; False if there is none."""
    orders = [o for o in book.register.alive() if o.order_id == order_id and (o.works or o.hangs)]
    for order in orders:
        order.hangs = ""
        order.triggered = True
        limit = None if order.ticket.legs else order.ticket.limit
        book.filled(order, order.remaining, book.marks(order) if limit is None else [limit])
    return bool(orders)


def fill_too_late(book: OrderBook, order: Order) -> None:
    """Execute the rest of an order that is cancelled, as an exchange may that heard of the cancel too late."""
    fills = book.execute(order, order.remaining, book.marks(order))
    book.notices.executed(order, fills)
    book.notices.charged(order, fills)


def repeat_fill(book: OrderBook, order: Order) -> None:
    """Tell the last execution once more under another id; nothing was traded."""
    last = order.fills[-1]
    number, _, rest = last.exec_id.partition(".")
    again = dataclasses.replace(last, exec_id=f"{int(number, 16) ^ 0xFFFFFFFF:08x}.{rest}")
    book.notices.executed(order, [again])


def edit(book: OrderBook, order: Order, what: str, text: str) -> None:
    """Change an order as somebody does in the gateway's windows: its limit, its size or its reference; ValueError for no number."""
    ticket = order.ticket
    match what:
        case "limit":
            ticket = dataclasses.replace(ticket, limit=float(text), echo={**ticket.echo, "lmtPrice": repr(float(text))})
        case "size":
            ticket = dataclasses.replace(ticket, quantity=float(int(text)))
        case _:
            ticket = dataclasses.replace(ticket, echo={**ticket.echo, "orderRef": text})
    book.amend(order, ticket)


def expire(book: OrderBook) -> None:
    """End the day of all orders that are for the day."""
    for order in book.register.alive():
        if order.ticket.tif == "DAY":
            book.end(order, words="Expired")


def cap(book: OrderBook, order: Order, price: float) -> None:
    """Cap the price of an order, and tell so: the last field of orderStatus has it."""
    order.price_cap = price
    book.notices.status(order)
    book.notices.error(order, 2161, f"Your order was capped at {price:g} in the interest of a fair and orderly market.")


def let_go(book: OrderBook, order: Order) -> None:
    """Let an order that was told to hang work like any other."""
    order.hangs = ""
    book.notices.state(order)
    book.work(order)


def forget(book: OrderBook, which: str, now: dt.datetime) -> None:
    """Restart without some orders: those that ended, the recent ones that had not filled, or all of them."""
    for order in tuple(book.register.living.values()):
        if which == "all" or (which == "recent" and order.placed >= now - _RECENT and not order.filled):
            book.floor.leave(order)
            order.status = Status.VANISHED
    book.register.forget(lambda o: which != "all" and not (o.done if which == "ended" else o.status is Status.VANISHED))
    if which in ("ended", "all"):
        book.finished.clear()
    if which == "all":
        book.fills.clear()
