"""An order as clients see it, and the status that an answer about it has: always that of the order, never that of the attempt."""

from decimal import Decimal
from typing import Any

from ibactors.errors import IbactorsError
from ibactors.model.times import Value, rfc3339
from ibactors.orders.errors import OrderNotReceived, OrderNotSent, OrderRejected
from ibactors.orders.fills import average_price, commission_total
from ibactors.orders.order import Order, Status
from ibactors.web.contract.codec import encode
from ibactors.web.operation import Answer


class InstrumentShown(Value, frozen=True, kw_only=True):
    """What is traded."""

    con_id: int
    symbol: str
    sec_type: str
    exchange: str
    currency: str


class AtIb(Value, frozen=True, kw_only=True):
    """IB's own words and numbers."""

    status: str | None
    perm_id: int | None
    order_id: int
    client_id: int
    why_held: str | None
    order_ref: str
    epoch: int | None


class WarningShown(Value, frozen=True, kw_only=True):
    """A notice of IB's."""

    ib_code: int
    text: str


class OrderShown(Value, frozen=True, kw_only=True):
    """An order, as it is on disk."""

    order_id: str
    client_order_id: str
    revision: int
    status: str
    status_reason: str | None
    sent: bool | None
    """False: IB certainly never saw it. null: nobody knows yet."""
    new_client_order_id_allowed: bool
    account: str
    instrument: InstrumentShown
    side: str
    quantity: Decimal | None
    type: str
    limit_price: Decimal | None
    stop_price: Decimal | None
    trail_amount: Decimal | None
    trail_percent: Decimal | None
    limit_offset: Decimal | None
    time_in_force: str
    good_till: str | None
    session: str
    filled_quantity: Decimal
    remaining_quantity: Decimal | None
    average_price: Decimal | None
    commission: Decimal | None
    commission_currency: str | None
    fills_pending: bool
    fills_disputed: bool
    fills_unverified: bool
    late: bool
    unknown_terms: bool
    candidates: tuple[str, ...]
    ib: AtIb
    warnings: tuple[WarningShown, ...]
    source: str
    key: str
    created: str
    updated: str


def shown(order: Order) -> OrderShown:
    """The resource."""
    terms = order.terms
    amount, currency = commission_total(order.fills)
    last = order.incarnations[-1] if order.incarnations else None
    rest = None if terms.quantity is None else max(terms.quantity - order.filled, Decimal(0))
    return OrderShown(
        order_id=order.order_id,
        client_order_id=order.client_order_id,
        revision=order.revision,
        status=order.status,
        status_reason=order.reason,
        sent=order.sent,
        new_client_order_id_allowed=order.new_attempt_is_safe,
        account=order.account,
        instrument=InstrumentShown(
            con_id=terms.con_id, symbol=terms.symbol, sec_type=terms.sec_type, exchange=terms.exchange, currency=terms.currency
        ),
        side=terms.side,
        quantity=terms.quantity,
        type=terms.type,
        limit_price=terms.limit_price,
        stop_price=terms.stop_price,
        trail_amount=terms.trail_amount,
        trail_percent=terms.trail_percent,
        limit_offset=terms.limit_offset,
        time_in_force=terms.time_in_force,
        good_till=None if terms.good_till is None else rfc3339(terms.good_till.timestamp()),
        session=terms.session,
        filled_quantity=order.filled,
        remaining_quantity=rest,
        average_price=average_price(order.fills),
        commission=amount,
        commission_currency=currency,
        fills_pending=order.fills_pending,
        fills_disputed=order.fills_disputed,
        fills_unverified=order.fills_unverified,
        late=order.late,
        unknown_terms=order.unknown_terms,
        candidates=order.candidates,
        ib=AtIb(
            status=(last.word or None) if last else None,
            perm_id=order.perm_id,
            order_id=order.ib_order_id,
            client_id=order.client_id,
            why_held=(last.why_held or None) if last else None,
            order_ref=order.ref,
            epoch=order.seen_epoch,
        ),
        warnings=tuple(WarningShown(ib_code=each.code, text=each.text) for each in order.warnings),
        source="ibactors",
        key=order.key,
        created=rfc3339(order.created),
        updated=rfc3339(order.updated),
    )


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
