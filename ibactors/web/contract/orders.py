"""An order as clients see it, in answers and in streams."""

from decimal import Decimal

from ibactors.model.times import Value, rfc3339
from ibactors.orders.order import Order
from ibactors.orders.prices import Adjusted
from ibactors.orders.terms import Algo, Condition, Leg
from ibactors.web.contract.codec import encode

_TEXTS = 2000
"""Orders whose text is kept; of more the oldest are written anew."""


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
    """The last status that IB has told of it."""
    perm_id: int | None
    """IB's permanent id; null until IB has told it."""
    order_id: int
    """The number under which it was sent."""
    client_id: int
    """Of the API session that sent it; the number counts within it."""
    why_held: str | None
    """IB's reason for holding it, such as `locate`."""
    order_ref: str
    """The text by which the service knows the order again."""
    epoch: int | None
    """The last session in which IB has shown it; null for none."""


class WarningShown(Value, frozen=True, kw_only=True):
    """A notice of IB's."""

    ib_code: int
    text: str
    """In IB's words."""


class MemberShown(Value, frozen=True, kw_only=True):
    """A member of a bracket or group; its state is that of `GET /orders/{order_id}`."""

    order_id: str
    client_order_id: str
    role: str
    """`parent`, `take_profit` or `stop_loss`; `member` of a group."""


class GroupShown(Value, frozen=True, kw_only=True):
    """Orders of one request: a bracket, which is an order and its children, or orders of which one cancels the others."""

    kind: str
    """`bracket` or `oca`."""
    parent: str | None
    """The parent's order_id; null where there is no parent."""
    members: tuple[MemberShown, ...]
    """The parent first."""


class OcaShown(Value, frozen=True, kw_only=True):
    """A one-cancels-all group."""

    group: str
    """The caller's name of it."""
    type: str
    """What a fill does to the others: `cancel_with_block`, `reduce_with_block` or `reduce`."""


class OrderShown(Value, frozen=True, kw_only=True):
    """An order, as it is on disk."""

    order_id: str
    client_order_id: str
    revision: int
    """One more with each change of its terms; `If-Match` of a change takes it."""
    status: str
    """What it is, from `pending_new` to an end; `unknown` while nobody can tell."""
    status_reason: str | None
    """Why it is that, where there is a reason."""
    adjusted: dict[str, Adjusted]
    """Prices that were put on the tick as `rounding` says, by member."""
    sent: bool | None
    """False: IB certainly never saw it. null: nobody knows yet."""
    new_client_order_id_allowed: bool
    """True where it is certain that it did and will do nothing: that alone permits another client_order_id."""
    account: str
    instrument: InstrumentShown
    """What is traded."""
    side: str
    quantity: Decimal | None
    """Of the whole order; null where IB computes it."""
    cash_quantity: Decimal | None
    type: str
    """Type of the order, such as `limit`."""
    limit_price: Decimal | None
    stop_price: Decimal | None
    trail_amount: Decimal | None
    trail_percent: Decimal | None
    limit_offset: Decimal | None
    time_in_force: str
    good_till: str | None
    good_after: str | None
    session: str
    """Hours that it may trade in: `regular`, `extended` or `overnight`."""
    legs: tuple[Leg, ...]
    algo: Algo | None
    conditions: tuple[Condition, ...]
    conditions_cancel_order: bool
    conditions_ignore_rth: bool
    extra: dict[str, bool | int | str]
    filled_quantity: Decimal
    """Sum of its executions, corrections replaced."""
    remaining_quantity: Decimal | None
    """What its executions leave of the quantity; null where IB computes that."""
    average_price: Decimal | None
    """Of its executions, by quantity; null without one."""
    commission: Decimal | None
    """Of all its executions; null while one is missing, or where currencies differ."""
    commission_currency: str | None
    """What the commission is in."""
    fills_pending: bool
    """IB has told of more filled than the executions show."""
    fills_disputed: bool
    """The executions add up to more than IB counts or than was ordered."""
    fills_unverified: bool
    """It ended out of sight: there may be fills that nobody told of."""
    late: bool
    """IB told of it after it had been called over."""
    unknown_terms: bool
    """A change was broken off: either of two terms may be the present ones."""
    change_id: str | None
    """Of the change that is pending."""
    candidates: tuple[str, ...]
    """Orders at IB without our token that could be this one."""
    group: GroupShown | None
    """What was placed together with it; null where nothing was."""
    role: str | None
    """What it is to its bracket: `parent`, `take_profit`, `stop_loss`; `member` of a group."""
    oca: OcaShown | None
    ib: AtIb
    """IB's own words and numbers."""
    warnings: tuple[WarningShown, ...]
    """Notices of IB's about it, oldest first."""
    source: str
    """`ibactors`: who placed it."""
    key: str
    """Name of the key that placed it."""
    created: str
    """When it was taken."""
    updated: str
    """When something last changed."""
    sequence: int
    """In the journal, of the last event about it; 0 where that is older than events are kept."""
    cursor: str | None
    """The place behind that event: `after` of events and streams takes it, and brings what happened since. Null where there is none."""


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
        adjusted={name: each for name, each in order.adjusted.items() if getattr(terms, name) == each.sent},
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
        role=_role(order, order.role) if order.kin else None,
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
        sequence=order.sequence,
        cursor=order.cursor or None,
    )


_ROLES = {"": "parent", "tp": "take_profit", "sl": "stop_loss"}


def _role(order: Order, role: str) -> str:
    return _ROLES[role] if order.in_bracket else "member"


def _group(order: Order) -> GroupShown | None:
    if not order.kin:
        return None
    members = tuple(
        MemberShown(order_id=each.order_id, client_order_id=each.client_order_id, role=_role(order, each.role)) for each in order.kin
    )
    bracket = order.in_bracket
    return GroupShown(kind="bracket" if bracket else "oca", parent=(order.parent or order.order_id) if bracket else None, members=members)


class OrderTexts:
    """Orders as JSON, written once for each state of them."""

    def __init__(self) -> None:
        self._written: dict[str, tuple[Order, bytes]] = {}

    def of(self, order: Order) -> bytes:
        """The resource."""
        known = self._written.get(order.order_id)
        if known is not None and known[0] is order:
            return known[1]
        text = encode(shown(order))
        if known is None and len(self._written) >= _TEXTS:
            del self._written[next(iter(self._written))]
        self._written[order.order_id] = order, text
        return text
