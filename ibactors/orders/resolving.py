"""An admin's word on an order, against what is known of it: it settles what evidence leaves open, and contradicts none."""

from ibactors.orders.evidence import Verdict
from ibactors.orders.order import Order, Status

WORDS = (Verdict.NOT_RECEIVED, Verdict.FILLED, Verdict.CANCELLED, Verdict.EXPIRED, Verdict.REJECTED, Verdict.CLOSED_UNVERIFIED)
"""What may be said."""


def why_not_resolve(order: Order, verdict: Verdict, epoch: int | None) -> str | None:
    """Why it may not be said of the order, or None. *epoch* is that of the present session."""
    open_question = order.status is Status.UNKNOWN or (order.status.is_terminal and order.fills_unverified)
    nothing_happened = verdict in {Verdict.NOT_RECEIVED, Verdict.REJECTED}
    reasons = {
        f"it is {order.status}, by evidence": not open_question,
        "IB shows it alive in this session": order.is_live and epoch is not None and order.seen_epoch == epoch,
        "IB has shown it: it was received": verdict is Verdict.NOT_RECEIVED and order.seen,
        f"{order.greatest_filled:f} of it are filled": nothing_happened and order.greatest_filled > 0,
    }
    return next((reason for reason, holds in reasons.items() if holds), None)
