"""What is at stake already: by the journal's own orders, with doubt counted in full."""

from collections.abc import Iterable
from decimal import Decimal

from msgspec.structs import replace

from ibactors.orders.order import Order, Status
from ibactors.orders.terms import Side, Terms

DAY = 86_400.0
NOTHING = Decimal(0)
_NEVER_TRADED = frozenset({Status.REJECTED, Status.NOT_RECEIVED})
_RETURNED = frozenset({Status.CANCELLED, Status.EXPIRED})
"""What was not filled is given back, if IB said so."""


def counts_as_open(order: Order, at: float) -> bool:
    """Unknown, pending and held orders do; so does one that went out of sight within a day, as nobody knows that it is over."""
    return not order.status.is_terminal or (order.status is Status.CLOSED_UNVERIFIED and order.updated > at - DAY)


def notional_of(order: Order) -> Decimal:
    """The order's notional; the greater of two while a change is pending or unknown."""
    changed = order.change.notional if order.change is not None else None
    return max(order.notional or NOTHING, changed or NOTHING)


def is_given_back(order: Order) -> bool:
    """Whether it is proven that nothing of it was or will be traded: no limit counts it, now or later."""
    gone = order.status in _NEVER_TRADED or (order.status in _RETURNED and order.verdict is None and bool(order.terms.quantity))
    return gone and not order.greatest_filled


def is_at_stake(order: Order) -> bool:
    """Whether it may still trade, or went out of sight: what it counts changes with time, or until it is known what became of it."""
    return order.status is Status.CLOSED_UNVERIFIED or not order.status.is_terminal


def notional_sent(order: Order) -> Decimal:
    """What it counts for the day. It is given back by proof alone: a refusal, or a cancel by IB for the part not filled."""
    if is_given_back(order):
        return NOTHING
    sent = notional_of(order)
    if order.status in _RETURNED and order.verdict is None and order.terms.quantity:
        sent *= min(Decimal(1), order.greatest_filled / order.terms.quantity)
    return sent


def day_notional(orders: Iterable[Order], at: float) -> Decimal:
    """The notional sent within 24 hours."""
    return sum((notional_sent(order) for order in orders if order.created > at - DAY), NOTHING)


def quantity_open(orders: Iterable[Order], account: str, con_id: int, side: Side, at: float) -> Decimal:
    """How much of a contract open orders of one side may still trade. Of a one-cancels-all group the greatest member counts."""
    groups: dict[str, Decimal] = {}
    for order in orders:
        terms = order.terms
        if (order.account, terms.con_id, terms.side) == (account, con_id, side) and counts_as_open(order, at):
            changed = order.change.terms.quantity if order.change is not None else None
            rest = max(terms.quantity or NOTHING, changed or NOTHING) - order.filled
            name = _group_of(order)
            groups[name] = max(groups.get(name, NOTHING), rest)
    return sum(groups.values(), NOTHING)


def _group_of(order: Order) -> str:
    if order.terms.oca is not None:
        return f"oca {order.terms.oca.group}"
    return f"children of {order.parent}" if order.parent is not None else order.order_id


def reduces(terms: Terms, position: Decimal, open_already: Decimal) -> bool:
    """True when the order, with all open ones of its side together, can only reduce the position."""
    against = (terms.side is Side.SELL and position > 0) or (terms.side is Side.BUY and position < 0)
    return against and terms.quantity is not None and terms.quantity + open_already <= abs(position)


def to_cancel(orders: Iterable[Order], positions: dict[tuple[str, int], Decimal], cancel: str, at: float) -> tuple[str, ...]:
    """Which orders a halt or a dead man's switch takes: `entries`, `ours`, `all` or `none`.

    Of entries, children of filled parents stay, and orders that together can only reduce the present position: a stop loss must not vanish
    unasked. The oldest stay first.
    """
    every = sorted((order for order in orders if not order.status.is_terminal), key=lambda order: (order.created, order.order_id))
    if cancel == "none":
        return ()
    if cancel != "entries":
        return tuple(order.order_id for order in every)
    parents = {order.order_id: order for order in orders}
    kept: list[Order] = []
    for order in every:
        parent = parents.get(order.parent or "")
        protects = parent is not None and parent.greatest_filled > 0
        terms = order.terms
        before = quantity_open(kept, order.account, terms.con_id, terms.side, at)
        together = quantity_open([*kept, order], order.account, terms.con_id, terms.side, at)
        position = positions.get((order.account, terms.con_id), NOTHING)
        rest = _with_quantity(terms, together - before)
        if protects or (not terms.is_combination and reduces(rest, position, before)):
            kept.append(order)
    stays = {order.order_id for order in kept}
    return tuple(order.order_id for order in every if order.order_id not in stays)


def _with_quantity(terms: Terms, quantity: Decimal) -> Terms:
    return replace(terms, quantity=quantity)
