"""What control commands do to the book that no client could: fill, set free and forget orders."""

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


def let_go(book: OrderBook, order: Order) -> None:
    """Let an order that was told to hang work like any other."""
    order.hangs = ""
    book.notices.state(order)
    book.work(order)


def forget(book: OrderBook, which: str, now: dt.datetime) -> None:
    """Start anew without some orders: those that ended, the recent ones that had not filled, or all of them."""
    for order in tuple(book.register.living.values()):
        if which == "all" or (which == "recent" and order.placed >= now - _RECENT and not order.filled):
            book.floor.leave(order)
            order.status = Status.VANISHED
    book.register.forget(lambda o: which != "all" and not (o.done if which == "ended" else o.status is Status.VANISHED))
    if which in ("ended", "all"):
        book.finished.clear()
    if which == "all":
        book.fills.clear()
