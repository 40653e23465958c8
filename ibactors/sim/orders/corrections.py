"""Corrections and busts of executions: the broker takes back what it said, and the account with it.

A correction is the same execution again with a higher number behind the last dot of its id. A bust is not documented
by the API; here it is a correction to size 0.
"""

import dataclasses

from ibactors.sim.ledger import Account
from ibactors.sim.orders.book import OrderBook
from ibactors.sim.orders.life import Fill, Order
from ibactors.sim.orders.margin import commission


def correct(book: OrderBook, account: Account, order: Order, size: int, price: float) -> None:
    """Replace the order's last execution; ValueError when it has none, or is a combination."""
    if not order.fills:
        raise ValueError(f"order {order.order_id} has no execution")
    if order.ticket.legs:
        raise ValueError("executions of combinations are not corrected here")
    old = order.fills[-1]
    if not old.size:
        raise ValueError(f"the last execution of order {order.order_id} is busted already")
    cost = commission(old.instrument, size, price) if size else 0.0
    _trade(account, old, -old.size, old.price, -old.commission)
    realized = _trade(account, old, size, price, cost) if size else None
    earlier = order.fills[-2] if len(order.fills) > 1 else None
    before, average = (earlier.cumulated, earlier.average) if earlier is not None else (0, 0.0)
    total = before + size
    new = dataclasses.replace(
        old,
        exec_id=_next_revision(old.exec_id),
        size=size,
        price=price,
        cumulated=total,
        average=(average * before + price * size) / total if total else 0.0,
        commission=cost,
        realized=realized,
    )
    order.fills[-1] = new
    book.fills.append(new)
    book.notices.executed(order, [new])
    book.notices.charged(order, [new])


def _trade(account: Account, fill: Fill, size: int, price: float, cost: float) -> float | None:
    return account.trade(fill.instrument, size if fill.buys else -size, price, cost)


def _next_revision(exec_id: str) -> str:
    base, _, revision = exec_id.rpartition(".")
    return f"{base}.{int(revision) + 1:02}"
