"""Which status follows from what is known. The order in which frames came does not matter here: IB promises none."""

from decimal import Decimal

from ibactors.orders.draft import Kind
from ibactors.orders.order import CANCELLED_WORDS, PENDING_WORDS, Order, Status
from ibactors.orders.terms import TimeInForce

NO_ANSWER = 10.0
"""Seconds after which a frame without an answer makes the order, or its terms, unknown."""
REASON_WAIT = 2.0
"""Seconds that Inactive waits for its reason, and within which an error explains an ending."""
EXECUTIONS_WAIT = 2.0
"""Seconds after IB's word Filled until the executions are asked for."""
FILLED_WAIT = 10.0
"""Seconds after which IB's word Filled is believed without its executions."""
CANCEL_WAIT = 5.0
"""Seconds until a cancel without an answer is sent again, or looked into."""
MOST_CANCELS = 5
"""How often one cancel is sent."""

EVENT_OF = {
    Status.HELD: Kind.HELD,
    Status.WORKING: Kind.WORKING,
    Status.INACTIVE: Kind.INACTIVE,
    Status.UNKNOWN: Kind.UNKNOWN,
    Status.CANCELLED: Kind.CANCELLED,
    Status.EXPIRED: Kind.EXPIRED,
    Status.REJECTED: Kind.REJECTED,
    Status.NOT_RECEIVED: Kind.NOT_RECEIVED,
    Status.CLOSED_UNVERIFIED: Kind.CLOSED_UNVERIFIED,
    Status.PENDING_CANCEL: Kind.CANCEL_PENDING,
}
"""The event that tells of a new status. Others have one of their own: a fill, `sent`, `replace_pending`."""


def is_complete(order: Order) -> bool:
    """True when the executions make up the whole quantity. A pending change that asks for more, or a living twin, keeps it open."""
    if len(order.incarnations) > 1 and order.is_live:
        return False
    wanted = order.terms.quantity
    if wanted is None:
        return order.filled_word_at is not None and order.filled > 0 and order.filled >= (order.ib_filled or Decimal(0))
    if order.change is not None and order.change.terms.quantity is not None:
        pick = min if order.filled_word_at is not None else max
        wanted = pick(wanted, order.change.terms.quantity)
    return order.filled >= wanted


def derive(order: Order, at: float) -> tuple[Status, str | None]:
    """The status at the time *at*, and its reason."""
    if order.withdrawn is not None:
        return Status.REJECTED, "not_sent"
    if is_complete(order):
        return Status.FILLED, None
    if order.verdict is not None:
        return order.verdict, order.verdict_reason
    return _ended(order, at) or _open(order, at)


def _ended(order: Order, at: float) -> tuple[Status, str | None] | None:
    words = {each.word for each in order.incarnations}
    over = bool(words) and words <= CANCELLED_WORDS | {"Filled"}
    if order.refusal is not None and not order.is_live and not order.filled:
        return Status.REJECTED, order.refusal.text
    if over and "Filled" in words:
        late = order.filled_word_at is not None and at - order.filled_word_at >= FILLED_WAIT
        return (Status.FILLED, "fills_pending") if late else None
    if over:
        if order.cancel is None and _time_is_over(order, order.ended_at or at):
            return Status.EXPIRED, None
        return Status.CANCELLED, _why_cancelled(order)
    if words == {"Inactive"} and order.inactive_at is not None and at - order.inactive_at >= REASON_WAIT and _is_fok(order):
        return Status.CANCELLED, "not_fillable"
    return None


def _open(order: Order, at: float) -> tuple[Status, str | None]:
    words = {each.word for each in order.incarnations}
    if order.doubt is not None:
        return Status.UNKNOWN, order.doubt
    if order.cancel is not None or "PendingCancel" in words:
        return Status.PENDING_CANCEL, order.cancel.reason or None if order.cancel else None
    if "Inactive" in words and not order.is_live:
        waited = order.inactive_at is not None and at - order.inactive_at >= REASON_WAIT
        if waited:
            return Status.INACTIVE, order.blame.text if order.blame else None
        if not order.status.is_terminal:  # else a correction has taken back what ended it
            return order.status, order.reason
    if order.change is not None:
        return Status.PENDING_REPLACE, None
    return _at_work(order, words)


def _at_work(order: Order, words: set[str]) -> tuple[Status, str | None]:
    if order.acknowledged_at is None:
        return Status.PENDING_NEW, None
    held = next((each.why_held for each in order.incarnations if each.word == "PreSubmitted" and each.why_held), None)
    if held is None and words <= PENDING_WORDS | {"PreSubmitted"}:
        held = order.hold
    if held is not None and not order.filled:
        return Status.HELD, held
    return (Status.PARTIALLY_FILLED if order.filled and not order.filled_word_at else Status.WORKING), None


def _is_fok(order: Order) -> bool:
    return order.terms.time_in_force is TimeInForce.FOK


def _time_is_over(order: Order, at: float) -> bool:
    return (
        order.terms.time_in_force in {TimeInForce.DAY, TimeInForce.GTD, TimeInForce.OPG}
        and order.expires_at is not None
        and at >= order.expires_at
    )


def _why_cancelled(order: Order) -> str | None:
    if order.end_reason is not None:
        return order.end_reason
    return f"by {order.cancel.by}" if order.cancel is not None else None


def next_deadline(order: Order, at: float) -> float | None:
    """When time alone may change the order, or call for something: the caller then brings `TimePassed`. None when it cannot."""
    if order.status.is_terminal:
        return None
    change, cancel = order.change, order.cancel
    deadlines = [
        order.written_at + NO_ANSWER if order.written_at is not None and order.acknowledged_at is None and order.doubt is None else None,
        order.inactive_at + REASON_WAIT if order.inactive_at is not None else None,
        order.filled_word_at + EXECUTIONS_WAIT if order.filled_word_at is not None else None,
        order.filled_word_at + FILLED_WAIT if order.filled_word_at is not None else None,
        change.written_at + NO_ANSWER if change is not None and change.written_at is not None else None,
        cancel.written_at + CANCEL_WAIT if cancel is not None and cancel.written_at is not None else None,
    ]
    return min((deadline for deadline in deadlines if deadline is not None and deadline > at), default=None)
