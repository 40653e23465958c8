"""The answer about a placed order: its status is always that of the order, never that of the attempt."""

from typing import Any

from ibactors.errors import IbactorsError
from ibactors.orders.errors import OrderNotReceived, OrderNotSent, OrderRejected
from ibactors.orders.order import Order, Status
from ibactors.web.contract.codec import encode
from ibactors.web.contract.orders import shown
from ibactors.web.operation import Answer

_OPEN_QUESTIONS = frozenset({Status.PENDING_NEW, Status.UNKNOWN})


def placed_answer(order: Order, *, replayed: bool) -> Answer:
    """The answer of a place. Raises the verdict where IB has none of it: first answer and repetition agree."""
    if (verdict := _verdict(order)) is not None:
        raise verdict
    headers: dict[str, str] = {"Location": f"/orders/{order.order_id}"}
    if replayed:
        headers["Idempotent-Replayed"] = "true"
    status = 200 if replayed else 201
    if order.status in _OPEN_QUESTIONS:
        status, headers["Retry-After"] = 202, "1"
    return Answer(body=encode(shown(order)), status=status, headers=headers)


def _verdict(order: Order) -> IbactorsError | None:
    extra: dict[str, Any] = {"order": shown(order), "new_client_order_id_allowed": order.new_attempt_is_safe}
    if order.status is Status.NOT_RECEIVED:
        return OrderNotReceived(f"IB never had the order: {order.reason or 'it shows nothing of it'}", extra=extra)
    if order.status is not Status.REJECTED:
        return None
    if order.withdrawn is not None:
        return OrderNotSent(f"The order was taken back before it was written: {order.withdrawn}.", extra=extra)
    code = order.refusal.code if order.refusal is not None else None
    return OrderRejected(f"IB rejected the order: {order.reason}", ib_code=code or None, extra=extra)
