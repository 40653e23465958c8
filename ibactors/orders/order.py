"""An order and everything known of it. Frozen: `states.advance` makes the next one from evidence."""

import enum
from decimal import Decimal

from ibactors.model.times import Value
from ibactors.orders.fills import Fill, Totals, quantity_of, totals_of
from ibactors.orders.prices import Adjusted
from ibactors.orders.terms import Terms
from ibactors.orders.tokens import order_ref


class Status(enum.StrEnum):
    """Our word for what an order is; IB's own words stay beside it."""

    PENDING_NEW = "pending_new"
    HELD = "held"
    WORKING = "working"
    PARTIALLY_FILLED = "partially_filled"
    PENDING_REPLACE = "pending_replace"
    PENDING_CANCEL = "pending_cancel"
    INACTIVE = "inactive"
    UNKNOWN = "unknown"
    FILLED = "filled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REJECTED = "rejected"
    NOT_RECEIVED = "not_received"
    CLOSED_UNVERIFIED = "closed_unverified"

    @property
    def is_terminal(self) -> bool:
        """True when nothing more is expected. Late evidence is taken nevertheless."""
        return self in _TERMINAL


_TERMINAL = frozenset({
    Status.FILLED, Status.CANCELLED, Status.EXPIRED, Status.REJECTED, Status.NOT_RECEIVED, Status.CLOSED_UNVERIFIED,
})  # fmt: skip

LIVE_WORDS = frozenset({"PreSubmitted", "Submitted", "PendingCancel"})
"""IB's words for an order that it has and that may trade."""
CANCELLED_WORDS = frozenset({"Cancelled", "ApiCancelled"})
PENDING_WORDS = frozenset({"ApiPending", "PendingSubmit"})
"""IB's words that are not evidence of acceptance; they can last for ever."""
WORDS = LIVE_WORDS | CANCELLED_WORDS | PENDING_WORDS | {"Filled", "Inactive"}


CHILDREN = frozenset({"tp", "sl"})
"""Roles of a bracket's children."""


class Incarnation(Value, frozen=True, kw_only=True, omit_defaults=True):
    """One order at IB under our number. There is one, unless IB made two of it (a change during a break did)."""

    perm_id: int | None = None
    word: str = ""
    why_held: str = ""
    epoch: int = 0

    @property
    def is_live(self) -> bool:
        """True while IB's last word says that it may trade."""
        return self.word in LIVE_WORDS


class Change(Value, frozen=True, kw_only=True, omit_defaults=True):
    """A replace that is wanted or on its way; one at a time."""

    change_id: str
    terms: Terms
    asked_at: float
    written_at: float | None = None
    notional: Decimal | None = None
    expires_at: float | None = None
    adjusted: dict[str, Adjusted] = {}  # noqa: RUF012  # msgspec copies empty defaults


class Cancel(Value, frozen=True, kw_only=True, omit_defaults=True):
    """A cancel is an intent: it goes out once the order's number is proven, and again while the order is seen alive."""

    by: str
    asked_at: float
    reason: str = ""
    written_at: float | None = None
    tries: int = 0


class Refused(Value, frozen=True, kw_only=True, omit_defaults=True):
    """A cancel that IB refused: the order was not in a state for it (161), and may be in one later."""

    by: str
    reason: str = ""
    at: float
    """When IB refused it last."""
    times: int = 1


class Kin(Value, frozen=True, kw_only=True):
    """A member of a bracket, or of orders that were placed together."""

    order_id: str
    client_order_id: str
    role: str


class Remark(Value, frozen=True, kw_only=True):
    """Something that IB said of the order, with its number."""

    at: float
    code: int
    text: str


class Order(Value, frozen=True, kw_only=True, omit_defaults=True):
    """One order of ours."""

    order_id: str
    client_order_id: str
    account: str
    mode: str
    """`paper` or `live`. With the account it is the book that the order stands in."""
    key: str
    """Name of the key that placed it."""
    token: str
    label: str = ""
    role: str = ""
    """Empty, or what a member is to its bracket, `tp` or `sl`; of orders that were placed together, from the second on, its place."""
    parent: str | None = None
    adopted: bool = False
    """It was taken over from IB's lists: neither its client_order_id nor its full terms are known."""
    kin: tuple[Kin, ...] = ()
    """All members of its bracket, itself included, parent first; or all orders that were placed together with it."""
    oca_name: str = ""
    """What its caller calls its one-cancels-all group; `terms.oca` has what IB calls it."""
    ib_group: str = ""
    """The group that IB has put a bracket's child into; a change sends it back (10326 else)."""
    ib_group_type: int = 0
    terms: Terms
    adjusted: dict[str, Adjusted] = {}  # noqa: RUF012  # msgspec copies empty defaults
    """Prices that were put on the tick, by member; those of them count that the terms still have."""
    ib_order_id: int
    client_id: int
    notional: Decimal | None = None
    """In the account's base currency, as the limits counted it when it was taken."""
    created: float
    updated: float
    revision: int = 1
    cursor: str = ""
    """The place in the journal behind the last durable event about it, which is not part of its state. Empty once that event is pruned."""
    expires_at: float | None = None
    """When its time in force is over by the contract's calendar, Unix seconds; None for good-till-cancelled."""

    status: Status = Status.PENDING_NEW
    reason: str | None = None

    written_at: float | None = None
    written_epoch: int | None = None
    withdrawn: str | None = None
    """Why its frame was taken back before a byte of it was written."""
    seen: bool = False
    """A frame of IB about it was accepted, ever. Such an order was received, whatever is missing later."""
    seen_epoch: int | None = None
    """The last session in which an openOrder showed our token under our number."""
    acknowledged_at: float | None = None
    """When IB first showed it alive or executed it."""
    incarnations: tuple[Incarnation, ...] = ()
    ended_at: float | None = None
    """When IB first called it cancelled."""
    end_reason: str | None = None
    """IB's words on a cancel: the text of 202, or of a completed order."""
    inactive_at: float | None = None
    filled_word_at: float | None = None
    hold: str | None = None
    """Why IB holds it back, by a notice."""
    fills: tuple[Fill, ...] = ()
    totals: Totals | None = None
    """Of the fills as they were, in the journal's entries, which leave the fills themselves out."""
    ib_filled: Decimal | None = None
    """The greatest quantity that IB reported as filled, by status or by an execution's running total."""
    refusal: Remark | None = None
    blame: Remark | None = None
    """The last error that the table does not explain at this point; a reason if the order turns out to be gone."""
    doubt: str | None = None
    """Why it is not known what became of it."""
    verdict: Status | None = None
    """What a reconciliation or an admin decided; evidence of life overrules it."""
    verdict_reason: str | None = None
    candidates: tuple[str, ...] = ()
    late: bool = False
    change: Change | None = None
    cancel: Cancel | None = None
    refused_cancel: Refused | None = None
    """The last cancel that IB refused."""
    unknown_terms: bool = False
    """A change was broken off: either of two terms may be the present ones."""
    former: Terms | None = None
    replaced_at: float | None = None
    warnings: tuple[Remark, ...] = ()

    @property
    def in_bracket(self) -> bool:
        """Whether it is the parent or a child of a bracket."""
        return any(each.role in CHILDREN for each in self.kin)

    @property
    def sequence(self) -> int:
        """The number in the journal of the last durable event about it; 0 for none."""
        return int(self.cursor.rpartition("-")[2] or 0)

    @property
    def ref(self) -> str:
        """The orderRef that is sent."""
        return order_ref(self.label, self.token)

    @property
    def perm_id(self) -> int | None:
        """IB's permanent id, once it is known."""
        return next((each.perm_id for each in self.incarnations if each.perm_id is not None), None)

    @property
    def sent(self) -> bool | None:
        """Whether IB may have it: False when its frame was certainly not written, None when nobody knows."""
        if self.withdrawn is not None or (self.written_at is None and self.doubt is None and not self.seen):
            return False
        return True if self.seen or self.doubt is None else None

    @property
    def new_attempt_is_safe(self) -> bool:
        """True when it is certain that this one did and will do nothing: a new client_order_id may be taken for another attempt."""
        return self.status in {Status.REJECTED, Status.NOT_RECEIVED} and not self.greatest_filled

    @property
    def is_live(self) -> bool:
        """True while IB's last word on any incarnation says that it may trade."""
        return any(each.is_live for each in self.incarnations)

    @property
    def filled(self) -> Decimal:
        """The sum of its executions, corrections replaced, legs left out."""
        return quantity_of(self.fills) if self.totals is None else self.totals.quantity

    @property
    def traded(self) -> Totals:
        """What its executions come to."""
        return totals_of(self.fills) if self.totals is None else self.totals

    @property
    def fills_pending(self) -> bool:
        """True while IB has told of more filled than its executions show."""
        if self.filled_word_at is not None and self.terms.quantity is not None and self.filled < self.terms.quantity:
            return True
        return self.ib_filled is not None and self.ib_filled > self.filled

    @property
    def fills_disputed(self) -> bool:
        """True when the executions add up to more than IB counts or than was ordered: some may be there twice under two ids."""
        if self.ib_filled is not None and self.filled > self.ib_filled:
            return True
        return self.terms.quantity is not None and self.filled > self.terms.quantity

    @property
    def fills_unverified(self) -> bool:
        """True when it ended out of sight, so that there may be fills which nobody told us of."""
        return self.verdict in {Status.CLOSED_UNVERIFIED, Status.EXPIRED}

    @property
    def greatest_filled(self) -> Decimal:
        """What limits count: the greater of the executions' sum and IB's own figure."""
        return max(self.filled, self.ib_filled or Decimal(0))
