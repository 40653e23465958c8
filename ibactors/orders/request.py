"""Requests to place and to change, as clients send them: checked field by field, and comparable with a repetition.

Comparing takes no gateway: what counts is what the client sent, numbers as values, instants as instants.
"""

import hashlib
import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any

import msgspec
from msgspec.structs import replace

from ibactors.errors import InvalidRequest
from ibactors.model.times import Value, whole
from ibactors.orders.prices import Rounding
from ibactors.orders.terms import Condition, OcaType, OrderType, Session, Side, TimeInForce

Instant = Annotated[datetime, msgspec.Meta(tz=True)]
ClientOrderId = Annotated[str, msgspec.Meta(pattern=whole("[A-Za-z0-9._:-]{1,64}"))]
Label = Annotated[str, msgspec.Meta(pattern=whole("[A-Za-z0-9._-]{0,16}"))]

SEND_BEFORE = timedelta(seconds=10)
LATEST_SEND_BEFORE = timedelta(seconds=60)


class Body(Value, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Base of what comes in as JSON. An absent member is None: its default may change, and a repetition stays the same request."""


class InstrumentBody(Body, frozen=True, kw_only=True):
    """What is to be traded, by con_id or by description."""

    con_id: int | None = None
    symbol: str | None = None
    sec_type: str | None = None
    exchange: str | None = None
    currency: str | None = None
    primary_exchange: str | None = None
    expiry: str | None = None
    strike: Decimal | None = None
    right: str | None = None
    multiplier: str | None = None
    trading_class: str | None = None
    local_symbol: str | None = None


class LegBody(Body, frozen=True, kw_only=True):
    """A leg of a combination."""

    con_id: int
    ratio: int
    side: Side
    exchange: str | None = None
    open_close: str | None = None


class AlgoBody(Body, frozen=True, kw_only=True):
    """A strategy of IB's."""

    strategy: str
    params: dict[str, str] | None = None


class TakeProfitBody(Body, frozen=True, kw_only=True):
    """The limit order that takes the profit."""

    limit_price: Decimal


class StopLossBody(Body, frozen=True, kw_only=True):
    """The stop that limits the loss: at a price, or trailing."""

    stop_price: Decimal | None = None
    limit_price: Decimal | None = None
    trail_amount: Decimal | None = None
    trail_percent: Decimal | None = None


class BracketBody(Body, frozen=True, kw_only=True):
    """Children of the order, one of which cancels the other."""

    take_profit: TakeProfitBody | None = None
    """At least one of the two is needed."""
    stop_loss: StopLossBody | None = None
    """At least one of the two is needed."""


class OcaBody(Body, frozen=True, kw_only=True):
    """A one-cancels-all group of the caller's."""

    group: str
    """The caller's name of it; each key has names of its own."""
    type: OcaType | None = None
    """What a fill does to the others; `cancel_with_block` if not given."""


class MemberBody(Body, frozen=True, kw_only=True):
    """An order, without what belongs to the request that it comes in."""

    instrument: InstrumentBody
    """What is to be traded."""
    side: Side
    quantity: Decimal | None = None
    cash_quantity: Decimal | None = None
    type: OrderType
    """It decides which prices there must be; a refusal names the one that is missing."""
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail_amount: Decimal | None = None
    trail_percent: Decimal | None = None
    limit_offset: Decimal | None = None
    trigger_method: int | None = None
    time_in_force: TimeInForce
    good_till: Instant | None = None
    good_after: Instant | None = None
    session: Session | None = None
    """Hours that it may trade in; `regular` if not given."""
    rounding: Rounding | None = None
    """What becomes of a price between two ticks; `reject` if not given."""
    label: Label | None = None
    """Stands before our token in IB's orderRef."""
    collar: str | None = None
    """`skip` leaves out the check against the market, where that is allowed."""
    legs: list[LegBody] | None = None
    guaranteed: bool | None = None
    """Of a combination: whether its legs are executed together; false is refused."""
    algo: AlgoBody | None = None
    conditions: list[Condition] | None = None
    conditions_cancel_order: bool | None = None
    conditions_ignore_rth: bool | None = None
    extra: dict[str, Any] | None = None
    preview_token: str | None = None
    """Of an equal preview by the same key, at most 60 seconds old."""


class PlaceBody(MemberBody, frozen=True, kw_only=True):
    """POST /orders."""

    client_order_id: ClientOrderId | None = None
    account: str | None = None
    bracket: BracketBody | None = None
    """Children that take profit and limit loss."""
    oca: OcaBody | None = None
    wait: Decimal | None = None
    """Seconds to wait for IB's first word."""
    send_before: Instant | None = None
    """Not sent after this; within 60 s, 10 s after receipt if not given."""


class GroupBody(Body, frozen=True, kw_only=True):
    """POST /orders/groups: orders of which one cancels the others, and which are all taken, or none."""

    client_order_id: ClientOrderId | None = None
    """Stands for all of them; the second is called `g-1/2`, and so on."""
    account: str | None = None
    oca: OcaBody | None = None
    """The group that they join; a new one with the name of the client_order_id if not given."""
    orders: list[MemberBody]
    """2 to 10, each as in POST /orders."""
    wait: Decimal | None = None
    """Seconds to wait for IB's first word."""
    send_before: Instant | None = None
    """Not sent after this; within 60 s, 10 s after receipt if not given."""


class ChangeBody(Body, frozen=True, kw_only=True):
    """PATCH /orders/{order_id}: only what changes. Not there, as IB refuses or ignores it: side, instrument, type, OCA, session."""

    change_id: ClientOrderId | None = None
    quantity: Decimal | None = None
    """Of the whole order, filled part included."""
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail_amount: Decimal | None = None
    trail_percent: Decimal | None = None
    limit_offset: Decimal | None = None
    time_in_force: TimeInForce | None = None
    good_till: Instant | None = None
    rounding: Rounding | None = None
    """What becomes of a price between two ticks; `reject` if not given."""
    collar: str | None = None
    """`skip` leaves out the check against the market, where that is allowed."""
    preview_token: str | None = None
    """Of an equal preview by the same key, of the order as it is now, at most 60 seconds old."""
    wait: Decimal | None = None
    """Seconds to wait for IB's word."""
    send_before: Instant | None = None
    """Not sent after this; within 60 s, 10 s after receipt if not given."""


NOT_COMPARED = frozenset({"wait", "send_before", "preview_token", "client_order_id", "change_id"})
"""Members of the attempt, not of the request; the ids are what requests are looked up by."""


def comparable(body: Body) -> dict[str, object]:
    """What a repetition must say again: every member that was given, in one spelling."""
    if isinstance(body, GroupBody):
        body = replace(body, orders=[replace(each, preview_token=None) for each in body.orders])
    members = msgspec.to_builtins(body, builtin_types=(Decimal, datetime))
    plain: dict[str, object] = {name: _plain(value) for name, value in members.items() if name not in NOT_COMPARED and value is not None}
    return plain


def _plain(value: object) -> object:
    match value:
        case bool():
            return value
        case int() | Decimal():
            number = Decimal(value)
            return f"{number.normalize() if number else Decimal(0):f}"
        case datetime():
            return value.astimezone(UTC).isoformat()
        case dict():
            return {name: _plain(each) for name, each in value.items() if each is not None}
        case list() | tuple():
            return [_plain(each) for each in value]
    return value


def as_text(body: Body) -> str:
    """The request as the journal keeps it."""
    return json.dumps(comparable(body), sort_keys=True, separators=(",", ":"))


def fingerprint(body: Body) -> str:
    """SHA-256 over what is compared; kept for ever, when the request itself is long gone."""
    return hashlib.sha256(as_text(body).encode()).hexdigest()


def differing(known: str, body: Body) -> tuple[str, ...]:
    """The members in which *body* differs from a request that the journal keeps."""
    before, now = json.loads(known), comparable(body)
    return tuple(sorted(name for name in {*before, *now} if before.get(name) != now.get(name)))


def deadline_of(body: PlaceBody | GroupBody | ChangeBody, received: datetime) -> datetime:
    """Until when the request may be sent on: a request that hung on its way must not become an order that nobody waits for any more.

    Raises InvalidRequest for a `send_before` that has passed or is more than 60 s ahead; without one it is 10 s after receipt.
    """
    if body.send_before is None:
        return received + SEND_BEFORE
    if body.send_before <= received:
        raise InvalidRequest("send_before has passed; nothing was sent.", field="send_before", remedy="Decide again whether to place it.")
    if body.send_before > received + LATEST_SEND_BEFORE:
        raise InvalidRequest("send_before is more than 60 s ahead.", field="send_before")
    return body.send_before


def resolve_change_id(body: ChangeBody, header: str | None) -> str | None:
    """The change_id, from the body or from the header Idempotency-Key; None where the client gave none. Raises InvalidRequest."""
    name = body.change_id or header
    if header is not None and name != header:
        raise InvalidRequest("Idempotency-Key and change_id differ.", field="change_id", remedy="Send one, or both alike.")
    if name is not None and re.fullmatch(r"[A-Za-z0-9._:-]{1,64}", name) is None:
        raise InvalidRequest("change_id does not fit.", field="change_id", remedy="Send 1 to 64 of A-Z a-z 0-9 . _ : - .")
    return name


def check_change(body: ChangeBody, at: datetime) -> None:
    """Whether the members of a change make sense by themselves. Raises InvalidRequest."""
    if not set(comparable(body)) - {"rounding", "collar"}:
        # Of a member that is missing, as the contract wants a name; any other would do.
        raise InvalidRequest("Nothing is to be changed.", field="quantity", remedy="Give this or another member that changes.")
    for field in ("quantity", "trail_amount", "trail_percent"):
        value = getattr(body, field)
        if value is not None and value <= 0:
            raise InvalidRequest(f"{field} is not above zero.", field=field)
    if body.trail_percent is not None and body.trail_percent >= Decimal(100):
        raise InvalidRequest("trail_percent is not below 100.", field="trail_percent")
    if body.collar not in {None, "skip"}:
        raise InvalidRequest("The only value is skip.", field="collar")
    if body.good_till is not None and body.good_till <= at:
        raise InvalidRequest("good_till is in the past.", field="good_till")


def resolve_client_order_id(body: PlaceBody | GroupBody, header: str | None) -> str:
    """The client_order_id, from the body or from the header Idempotency-Key, which mean the same. Raises InvalidRequest."""
    given = body.client_order_id
    if header is not None and (given or header) != header:
        raise InvalidRequest("Idempotency-Key and client_order_id differ.", field="client_order_id", remedy="Send one, or both alike.")
    name = given or header
    if name is None or re.fullmatch(r"[A-Za-z0-9._:-]{1,64}", name) is None:
        raise InvalidRequest(
            "client_order_id is missing or does not fit.",
            field="client_order_id",
            remedy="Send 1 to 64 of A-Z a-z 0-9 . _ : - that you keep before the first attempt and repeat with every other.",
        )
    return name
