"""What may be sent, decided in the step of the write: the last look before bytes leave. Each function says why not, or None."""

from collections.abc import Iterable

from ibactors.model.times import Value
from ibactors.orders.errors_seen import RECENT
from ibactors.orders.evidence import OpenOrderSeen, Sent
from ibactors.orders.order import Order, Status

SEND_WITHIN = 2.0
"""Seconds from the commit within which a frame leaves or is withdrawn, on the clock that counts through suspends (CLOCK_BOOTTIME)."""

HALT = "halt"
"""The reason of a cancel that belongs to a halt."""
MOST_PATIENCE = 60.0
"""Seconds at most after which a cancel is asked for again that IB has refused, again and again."""


class Fence(Value, frozen=True, kw_only=True):
    """The world as it was when the frame was made. A frame of another world is not sent."""

    kind: Sent
    socket: int
    """Counts sockets of this process."""
    epoch: int
    """Counts sessions; also 1101 begins one."""
    incarnation: int
    """Of the actor that keeps the orders: a new one withdraws its predecessor's frames, then reads the journal."""
    mode: str
    account: str
    send_before: float


class Present(Value, frozen=True, kw_only=True):
    """The world in the step of the write."""

    socket: int
    epoch: int
    incarnation: int
    mode: str
    accounts: frozenset[str]
    """Those that the session manages and that may trade."""
    boot: float
    connected: bool
    """False from 1100 or 2110 on, and while a probe is unanswered."""
    halted: bool
    buffer_empty: bool
    """Bytes that wait in the transport would leave at a time that nobody chose."""


def why_not_send(fence: Fence, present: Present) -> str | None:
    """Why a frame must be withdrawn instead of written. A cancel passes a halt and a mode that allows no order."""
    opens = fence.kind is not Sent.CANCEL
    reasons = {
        "session_changed": (fence.socket, fence.epoch) != (present.socket, present.epoch),
        "orders_restarted": fence.incarnation != present.incarnation,
        "gateway_disconnected": not present.connected,
        "socket_full": not present.buffer_empty,
        "too_late": present.boot >= fence.send_before,
        "trading_halted": opens and present.halted,
        "trading_mode_changed": opens and (fence.mode != present.mode or fence.account not in present.accounts),
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def why_not_change(order: Order, epoch: int) -> str | None:
    """Why no replace may be sent: for a number that the gateway does not know it would be a new order."""
    words = {each.word for each in order.incarnations}
    unfit = order.status in {Status.PENDING_NEW, Status.UNKNOWN, Status.INACTIVE} or order.status.is_terminal
    reasons = {
        f"it is {order.status}": unfit,
        "it was taken over from IB's lists, which do not have all its terms": order.adopted,
        "a cancel is pending": order.cancel is not None or "PendingCancel" in words,
        "a change is pending": order.change is not None and order.change.written_at is not None,
        "its present terms are unknown": order.unknown_terms,
        "it was adopted from IB's lists, which do not tell all of its terms": order.adopted,
        "this session has not shown it yet": order.seen_epoch != epoch,
        "IB does not show one living order of it": len(order.incarnations) != 1 or not order.is_live,
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def is_proven(order: Order, epoch: int) -> bool:
    """True when its number is ours beyond doubt in this session: IB showed our token under it, or we wrote it on this very socket.

    A cancel is applied to whichever order has the number; it waits for this.
    """
    return epoch in {order.seen_epoch, order.written_epoch}


def cancels_again(order: Order, listed_at: float, now: float) -> bool:
    """Whether to ask again for a cancel that IB refused: its lists, read since, have shown the order alive.

    A halt's or another of the service's own is meant; what a caller asked for is the caller's to repeat.
    Each refusal doubles the time until the next attempt.
    """
    refused = order.refused_cancel
    if refused is None or not refused.reason or order.cancel is not None or not order.is_live:
        return False
    return listed_at > refused.at and now >= refused.at + min(2.0**refused.times, MOST_PATIENCE)


def why_not_cancel_blind(order: Order, next_valid_id: int, open_orders: Iterable[OpenOrderSeen] | None) -> str | None:
    """Why a member of a broken bracket may not be cancelled by its number alone, in the session after the break.

    The number must have been used (IB's next one is above it), and both lists of this session must not show anybody else under it.
    """
    if next_valid_id <= order.ib_order_id:
        return "IB has not used the number, or its sequence was reset"
    if open_orders is None:
        return "the open orders are not known yet"
    for row in open_orders:
        if (row.client_id, row.order_id) == (order.client_id, order.ib_order_id) and row.token != order.token:
            return "the number is another order's"
    return None


def broken_group(refused: Order, members: Iterable[Order]) -> tuple[str, ...]:
    """Which of the orders that came together with a refused one to cancel.

    Of a bracket, before the parent has evidence: all that were written, by their numbers, as untransmitted parts are invisible and one
    click in TWS would send them. A refused stop loss of a living parent: the parent's rest, which would be without its protection.
    Of a group, whose members stand or fall together: all, unless one has traded, which ends the others by itself, or unless it is later
    than its placing that one is refused: a protective order must not vanish then.
    """
    everyone = list(members)
    living = [each for each in everyone if each.order_id != refused.order_id and not each.status.is_terminal]
    if refused.kin and not refused.in_bracket:
        has_traded = any(each.greatest_filled for each in everyone)
        return () if has_traded or not fell_at_once(refused) else tuple(each.order_id for each in living)
    parent = next((each for each in everyone if each.parent is None), None)
    if parent is None or parent.order_id == refused.order_id or parent.acknowledged_at is None:
        return tuple(each.order_id for each in living if each.written_at is not None)
    return (parent.order_id,) if refused.role == "sl" and parent in living else ()


def fell_at_once(order: Order) -> bool:
    """Whether an order was refused, or never received, when it was placed; IB may show one alive for a moment before it refuses it."""
    gone = order.status in {Status.REJECTED, Status.NOT_RECEIVED}
    return gone and (order.acknowledged_at is None or order.updated - order.acknowledged_at <= RECENT)
