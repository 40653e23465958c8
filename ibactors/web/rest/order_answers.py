"""The answers about an order and a change of it: the status is always that of the order, never that of the attempt."""

from collections.abc import Sequence
from typing import Any

from ibactors.actors.order_asks import Changed
from ibactors.errors import IbactorsError
from ibactors.orders.changes import NOT_SENT
from ibactors.orders.codes import GATEWAY_SETTINGS
from ibactors.orders.draft import Event, Kind
from ibactors.orders.errors import ChangeNotSent, ChangeRejected, OrderNotReceived, OrderNotSent, OrderRejected
from ibactors.orders.keeping import UNCHANGED
from ibactors.orders.order import Order, Status
from ibactors.orders.permits import fell_at_once
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


def group_answer(orders: Sequence[Order], *, replayed: bool) -> Answer:
    """The answer of a group. Raises the verdict of the one that IB has none of, once the others are over and nothing was traded."""
    rows, fallen = {"orders": tuple(map(shown, orders))}, [order for order in orders if fell_at_once(order)]
    over = all(order.status.is_terminal for order in orders)
    if fallen and over and not any(order.greatest_filled for order in orders):
        allowed = all(order.new_attempt_is_safe or order.status is Status.CANCELLED for order in orders)
        verdict = _verdict(fallen[0])
        if verdict is not None:
            verdict.extra |= rows | {"new_client_order_id_allowed": allowed}
            raise verdict
    headers: dict[str, str] = {"Location": f"/orders/{orders[0].order_id}"}
    if replayed:
        headers["Idempotent-Replayed"] = "true"
    status = 200 if replayed else 201
    if any(order.status in _OPEN_QUESTIONS for order in orders) or (fallen and not over):
        status, headers["Retry-After"] = 202, "1"
    return Answer(body=encode(rows), status=status, headers=headers)


def _verdict(order: Order) -> IbactorsError | None:
    extra: dict[str, Any] = {"order": shown(order), "new_client_order_id_allowed": order.new_attempt_is_safe}
    if order.status is Status.NOT_RECEIVED:
        return OrderNotReceived(f"IB never had the order: {order.reason or 'it shows nothing of it'}", extra=extra)
    if order.status is not Status.REJECTED:
        return None
    if order.withdrawn is not None:
        return OrderNotSent(f"The order was taken back before it was written: {order.withdrawn}.", extra=extra)
    code = order.refusal.code if order.refusal is not None else None
    if (setting := GATEWAY_SETTINGS.get(code or 0)) is not None:
        extra["hint"] = f"{setting} {OrderRejected.hint}"
    return OrderRejected(f"IB rejected the order: {order.reason}", ib_code=code or None, extra=extra)


def changed_answer(done: Changed, *, repeatable: bool) -> Answer:
    """The answer of a change. Raises what came of it where that is not the change: first answer and repetition agree."""
    order, event = done.order, done.kept.event if done.kept is not None else None
    if event is not None and event.kind is Kind.REPLACE_REJECTED:
        raise _not_made(order, event)
    over = event is not None or (done.kept is not None and done.kept.outcome == UNCHANGED)
    headers: dict[str, str] = {"Location": f"/orders/{order.order_id}"}
    if done.replayed:
        headers["Idempotent-Replayed"] = "true"
    if not repeatable:
        # Without a change_id of the client's a repetition is another change, which may undo a later one.
        headers["Ibactors-Do-Not-Repeat"] = "true"
    if not over:
        headers["Retry-After"] = "1"
    return Answer(body=encode(shown(order)), status=200 if over else 202, headers=headers)


def _not_made(order: Order, event: Event) -> IbactorsError:
    extra: dict[str, Any] = {"order": shown(order)}
    if event.reason == NOT_SENT:
        return ChangeNotSent("The change was taken back before it was written.", extra=extra)
    return ChangeRejected(f"The change was not made: {event.reason}", ib_code=event.code, extra=extra)
