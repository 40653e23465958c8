"""The next state of an order while it is being worked out: changes, what to tell, and what else ought to be done."""

import enum

import msgspec

from ibactors.model.times import Value
from ibactors.orders.evidence import FromIb
from ibactors.orders.fills import Fill
from ibactors.orders.order import Incarnation, Order


class Kind(enum.StrEnum):
    """What an event says."""

    ACCEPTED = "accepted"
    SENT = "sent"
    HELD = "held"
    WORKING = "working"
    FILL = "fill"
    CORRECTION = "correction"
    COMMISSION = "commission"
    REPLACE_PENDING = "replace_pending"
    REPLACED = "replaced"
    REPLACE_REJECTED = "replace_rejected"
    CHANGED_ELSEWHERE = "changed_elsewhere"
    CANCEL_PENDING = "cancel_pending"
    CANCEL_REJECTED = "cancel_rejected"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    EXPIRED = "expired"
    INACTIVE = "inactive"
    FILLED = "filled"
    UNKNOWN = "unknown"
    RESOLVED = "resolved"
    NOT_RECEIVED = "not_received"
    CLOSED_UNVERIFIED = "closed_unverified"
    ADOPTED = "adopted"
    LATE = "late"
    DUPLICATE_AT_BROKER = "duplicate_at_broker"
    GROUP_BROKEN = "group_broken"
    DEADMAN = "deadman"
    WARNING = "warning"


class Event(Value, frozen=True, kw_only=True, omit_defaults=True):
    """Something that happened to an order. Its sequence number is given by the transaction that makes it durable."""

    kind: Kind
    at: float
    reason: str | None = None
    code: int | None = None
    fill: Fill | None = None
    change_id: str | None = None


class Want(enum.StrEnum):
    """What evidence calls for; whoever keeps the orders does it."""

    RECONCILE = "reconcile"
    EXECUTIONS = "executions"
    """Ask IB for the executions: it told of more than it has shown."""
    REPEAT_CANCEL = "repeat_cancel"
    CANCEL_LATE = "cancel_late"
    """An order lives that was taken for dead; IBACTORS_LATE_ORDERS says what to do."""
    DUPLICATE = "duplicate_at_broker"
    """Two orders of one at IB: halt, and cancel until neither is seen."""
    FOREIGN_COPY = "foreign_copy"
    """Somebody copied the order in TWS, token and all: show it, never touch it."""
    NOT_OURS = "not_ours"
    """Our number carries another's token: alarm; the frame was not applied."""
    ORDER_REF_UNRELIABLE = "order_ref_unreliable"
    READ_ONLY = "gateway_read_only"
    GROUP = "group"
    """Cancel it: another member of its bracket was refused, without which it must not go on."""
    QUARANTINE = "quarantine"
    """The frame cannot be applied: keep it, halt."""


class Step(Value, frozen=True, kw_only=True):
    """What one piece of evidence makes of an order."""

    order: Order
    events: tuple[Event, ...] = ()
    wants: frozenset[Want] = frozenset()


class Draft:
    """An order in the making."""

    def __init__(self, order: Order, at: float) -> None:
        self.order = order
        self.at = at
        self._events: list[Event] = []
        self._wants: set[Want] = set()

    def set(self, **changes: object) -> None:
        """Replace fields of the order."""
        self.order = msgspec.structs.replace(self.order, **changes)

    def tell(
        self, kind: Kind, reason: str | None = None, *, code: int | None = None, fill: Fill | None = None, change_id: str | None = None
    ) -> None:
        """Add an event."""
        self._events.append(Event(kind=kind, at=self.at, reason=reason, code=code, fill=fill, change_id=change_id))

    def want(self, *wants: Want) -> None:
        """Ask for what should be done besides."""
        self._wants.update(wants)

    def step(self, before: Order) -> Step:
        """What came of it; the order is stamped only when something did."""
        if self.order != before:
            self.set(updated=self.at)
        return Step(order=self.order, events=tuple(self._events), wants=frozenset(self._wants))

    def incarnation(self, seen: FromIb, word: str, why_held: str | None = None) -> None:
        """Note IB's word on the incarnation that *seen* is about; the first one takes the permanent id when it becomes known."""
        known = list(self.order.incarnations)
        perm_id = seen.perm_id or None
        place = next((i for i, each in enumerate(known) if perm_id is None or each.perm_id in {None, perm_id}), None)
        if place is None:
            known.append(Incarnation(perm_id=perm_id, word=word, why_held=why_held or "", epoch=seen.epoch))
        else:
            old = known[place]
            known[place] = Incarnation(
                perm_id=old.perm_id or perm_id,
                word=_newer(old.word, word, listed=seen.listed),
                why_held=old.why_held if why_held is None else why_held,
                epoch=max(old.epoch, seen.epoch),
            )
        self.set(incarnations=tuple(known))


def _newer(old: str, new: str, *, listed: bool) -> str:
    """Which word stands. Endings outlast doubled and delayed words of life; a list shows the present, and Filled outlasts everything."""
    if old == "Filled":
        return old
    if old in {"Cancelled", "ApiCancelled"} and new not in {"Filled", "Cancelled", "ApiCancelled"} and not listed:
        return old
    return new or old
