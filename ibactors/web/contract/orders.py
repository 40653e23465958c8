"""An order as clients see it, in answers and in streams."""

from decimal import Decimal

from ibactors.model.times import Value, rfc3339
from ibactors.orders.order import Order
from ibactors.orders.terms import Algo, Condition, Leg


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


class MemberShown(Value, frozen=True, kw_only=True):
    """A member of a bracket; its state is that of `GET /orders/{order_id}`."""

    order_id: str
    client_order_id: str
    role: str


class GroupShown(Value, frozen=True, kw_only=True):
    """A bracket: an order and its children, of which one cancels the other."""

    kind: str
    parent: str
    members: tuple[MemberShown, ...]


class OcaShown(Value, frozen=True, kw_only=True):
    """A one-cancels-all group."""

    group: str
    type: str


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
    cash_quantity: Decimal | None
    type: str
    limit_price: Decimal | None
    stop_price: Decimal | None
    trail_amount: Decimal | None
    trail_percent: Decimal | None
    limit_offset: Decimal | None
    time_in_force: str
    good_till: str | None
    good_after: str | None
    session: str
    legs: tuple[Leg, ...]
    algo: Algo | None
    conditions: tuple[Condition, ...]
    conditions_cancel_order: bool
    conditions_ignore_rth: bool
    extra: dict[str, bool | int | str]
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
    change_id: str | None
    """Of the change that is pending."""
    candidates: tuple[str, ...]
    group: GroupShown | None
    role: str | None
    """What it is to its bracket: `parent`, `take_profit`, `stop_loss`."""
    oca: OcaShown | None
    ib: AtIb
    warnings: tuple[WarningShown, ...]
    source: str
    key: str
    created: str
    updated: str


def shown(order: Order) -> OrderShown:
    """The resource."""
    terms = order.terms
    traded = order.traded
    last = order.incarnations[-1] if order.incarnations else None
    rest = None if terms.quantity is None else max(terms.quantity - traded.quantity, Decimal(0))
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
        cash_quantity=terms.cash_quantity,
        type=terms.type,
        limit_price=terms.limit_price,
        stop_price=terms.stop_price,
        trail_amount=terms.trail_amount,
        trail_percent=terms.trail_percent,
        limit_offset=terms.limit_offset,
        time_in_force=terms.time_in_force,
        good_till=None if terms.good_till is None else rfc3339(terms.good_till.timestamp()),
        good_after=None if terms.good_after is None else rfc3339(terms.good_after.timestamp()),
        session=terms.session,
        legs=terms.legs,
        algo=terms.algo,
        conditions=terms.conditions,
        conditions_cancel_order=terms.conditions_cancel_order,
        conditions_ignore_rth=terms.conditions_ignore_rth,
        extra=terms.extra,
        filled_quantity=traded.quantity,
        remaining_quantity=rest,
        average_price=traded.average_price,
        commission=traded.commission,
        commission_currency=traded.commission_currency,
        fills_pending=order.fills_pending,
        fills_disputed=order.fills_disputed,
        fills_unverified=order.fills_unverified,
        late=order.late,
        unknown_terms=order.unknown_terms,
        change_id=order.change.change_id if order.change is not None else None,
        candidates=order.candidates,
        group=_group(order),
        role=ROLES[order.role] if order.kin else None,
        oca=OcaShown(group=order.oca_name, type=terms.oca.type) if terms.oca is not None else None,
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


ROLES = {"": "parent", "tp": "take_profit", "sl": "stop_loss"}


def _group(order: Order) -> GroupShown | None:
    if not order.kin:
        return None
    members = tuple(MemberShown(order_id=each.order_id, client_order_id=each.client_order_id, role=ROLES[each.role]) for each in order.kin)
    return GroupShown(kind="bracket", parent=order.parent or order.order_id, members=members)
