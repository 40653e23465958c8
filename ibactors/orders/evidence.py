"""What is learnt about an order: frozen facts, each with the time of its arrival (Unix seconds) and the session that brought it.

`epoch` counts sessions of one process. Numbers that IB leaves unset are None here.
"""

import enum
from decimal import Decimal

from ibactors.model.times import Value
from ibactors.orders.prices import Adjusted
from ibactors.orders.terms import Side, Terms


class Fact(Value, frozen=True, kw_only=True):
    """Base of all evidence."""

    at: float


class FromIb(Fact, frozen=True, kw_only=True):
    """Base of what a frame of IB says. `token` is None where the frame has no orderRef."""

    epoch: int
    order_id: int | None = None
    """IB's number; None in completedOrder."""
    client_id: int | None = None
    perm_id: int | None = None
    token: str | None = None
    listed: bool = False
    """It came in the answer to a list request, and is therefore the present state and no late copy."""


class Echo(Value, frozen=True, kw_only=True):
    """The terms that IB says an order has."""

    con_id: int
    side: Side
    quantity: Decimal | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    """IB's `auxPrice`: the trigger, or the distance of a trailing or pegged order."""
    trail_percent: Decimal | None = None
    limit_offset: Decimal | None = None
    time_in_force: str | None = None
    """In IB's words; some that it sends are in no document."""
    good_till: float | None = None
    """Unix seconds; None also where the text cannot be read."""
    symbol: str = ""
    sec_type: str = ""
    exchange: str = ""
    currency: str = ""
    type: str = ""
    """IB's word."""


class OpenOrderSeen(FromIb, frozen=True, kw_only=True):
    """TWS message 5."""

    order_ref: str = ""
    account: str = ""
    status: str
    echo: Echo
    warning: str = ""
    parent_id: int = 0
    oca_group: str = ""
    oca_type: int = 0


class Figures(Value, frozen=True, kw_only=True):
    """A figure of the account, before an order, by how much it would change, and after it."""

    before: Decimal | None = None
    """Without the order; null, as the others, where IB has not told it."""
    change: Decimal | None = None
    """By how much the order would change it."""
    after: Decimal | None = None
    """With the order."""


class WhatIfSeen(FromIb, frozen=True, kw_only=True):
    """TWS message 5 with whatIf: a part of the answer to a preview. It is about no order."""

    initial: Figures
    maintenance: Figures
    equity_with_loan: Figures
    commission: Decimal | None = None
    commission_min: Decimal | None = None
    commission_max: Decimal | None = None
    currency: str = ""
    """Of the commission."""
    warning: str = ""


class StatusSeen(FromIb, frozen=True, kw_only=True):
    """TWS message 3."""

    status: str
    filled: Decimal | None = None
    remaining: Decimal | None = None
    average_price: Decimal | None = None
    why_held: str = ""
    market_cap_price: Decimal | None = None


class ExecutionSeen(FromIb, frozen=True, kw_only=True):
    """TWS message 11."""

    execution_id: str
    account: str = ""
    con_id: int
    symbol: str = ""
    sec_type: str
    currency: str = ""
    side: Side
    quantity: Decimal
    price: Decimal
    time: float
    """When it was traded, Unix seconds."""
    exchange: str = ""
    liquidity: str | None = None
    cumulative: Decimal | None = None


class CommissionSeen(Fact, frozen=True, kw_only=True):
    """TWS message 59. It names an execution and no order, and may come before or long after it."""

    execution_id: str
    amount: Decimal | None
    currency: str
    realized: Decimal | None = None


class ErrorSeen(FromIb, frozen=True, kw_only=True):
    """TWS message 4 with a number of the orders' range."""

    code: int
    text: str


class CompletedSeen(FromIb, frozen=True, kw_only=True):
    """TWS message 101. It has neither IB's order id nor the client's."""

    account: str = ""
    status: str
    completed_status: str = ""
    completed_time: float | None = None
    echo: Echo | None = None
    filled: Decimal | None = None


class UndecodedSeen(FromIb, frozen=True, kw_only=True):
    """A raw frame has the order's token, but cannot be decoded: the order is there, whatever it says."""


class Sent(enum.StrEnum):
    """What kind of frame is meant."""

    PLACE = "place"
    CHANGE = "change"
    CANCEL = "cancel"
    PREVIEW = "preview"
    """A what-if order, which IB answers and never executes."""


class Written(Fact, frozen=True, kw_only=True):
    """The bridge gave a frame to the socket, in this very step."""

    kind: Sent
    epoch: int


class Withdrawn(Fact, frozen=True, kw_only=True):
    """A frame left the outbox without a byte of it being written: certain, and therefore safe to say."""

    kind: Sent
    reason: str


class SessionLost(Fact, frozen=True, kw_only=True):
    """The session in which frames were written is over; what has no answer yet will get none."""

    reason: str


class TimePassed(Fact, frozen=True, kw_only=True):
    """A deadline of the order may have passed."""


class ChangeAsked(Fact, frozen=True, kw_only=True):
    """Somebody wants other terms. The journal has it; no byte was sent."""

    change_id: str
    terms: Terms
    notional: Decimal | None = None
    """Of the new terms, in the base currency, as the limits counted it."""
    expires_at: float | None = None
    """When the new time in force is over, where that changes too."""
    adjusted: dict[str, Adjusted] = {}  # noqa: RUF012  # msgspec copies empty defaults


class CancelAsked(Fact, frozen=True, kw_only=True):
    """Somebody wants the order gone."""

    by: str
    reason: str = ""


class Verdict(enum.StrEnum):
    """What a reconciliation, or an admin, says of an order that IB does not show."""

    NOT_RECEIVED = "not_received"
    CLOSED_UNVERIFIED = "closed_unverified"
    EXPIRED = "expired"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    FILLED = "filled"
    UNKNOWN = "unknown"


class Judged(Fact, frozen=True, kw_only=True):
    """A judgement. It never invents fills."""

    verdict: Verdict
    reason: str
    code: int | None = None
    by: str | None = None
    """The admin who resolved it by hand."""
    candidates: tuple[str, ...] = ()
    """Orders without our token at IB that could be this one."""


Evidence = (
    OpenOrderSeen
    | WhatIfSeen
    | StatusSeen
    | ExecutionSeen
    | CommissionSeen
    | ErrorSeen
    | CompletedSeen
    | UndecodedSeen
    | Written
    | Withdrawn
    | SessionLost
    | TimePassed
    | ChangeAsked
    | CancelAsked
    | Judged
)
