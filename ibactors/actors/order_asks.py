"""What is read from the journal, changes, and what an admin may say where evidence has come to its end."""

from dataclasses import dataclass
from datetime import datetime

from ibactors.kernel.ref import Ask
from ibactors.model.times import Value
from ibactors.orders.evidence import Verdict
from ibactors.orders.executed import Executions, Wanted
from ibactors.orders.order import Order
from ibactors.orders.reader import ChangeKept, Page, Snapshot
from ibactors.orders.request import ChangeBody
from ibactors.orders.terms import Side


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ListOrders(Ask[tuple[Order, ...]]):
    """A page of orders by age, oldest first."""

    is_open: bool | None
    account: str | None
    after: str
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ListEvents(Ask[Page]):
    """Entries of the journal behind a cursor."""

    after: str
    account: str | None
    order_id: str | None
    limit: int
    kinds: tuple[str, ...] = ()
    """Of certain kinds, or of all."""
    since: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TakeSnapshot(Ask[Snapshot]):
    """The open orders, and the place in the journal at which they are that."""

    account: str | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ListExecutions(Ask[Executions]):
    """Executions by time, and where some may be missing."""

    wanted: Wanted


class Changed(Value, frozen=True, kw_only=True):
    """A change, and the order that it is of."""

    order: Order
    change_id: str
    kept: ChangeKept | None
    """What the journal has of it; None while it is not over."""
    replayed: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ChangeOrder(Ask[Changed]):
    """Change an order's terms, or find the change that an equal request has asked for."""

    order_id: str
    body: ChangeBody
    change_id: str
    key: str
    received: datetime
    revision: int | None = None
    """Which the order must have."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FindChange(Ask[Changed]):
    """What became of a change."""

    order_id: str
    change_id: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CancelMany(Ask[tuple[Order, ...]]):
    """Have all open orders cancelled that fit; None fits everything."""

    account: str | None
    symbol: str | None
    side: Side | None
    by: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Resolve(Ask[tuple[Order, ...]]):
    """Say what became of orders of which IB shows nothing: all of them, or none."""

    order_ids: tuple[str, ...]
    verdict: Verdict
    reason: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Adopt(Ask[tuple[Order, ...]]):
    """Take over the orders of ours that IB shows and the journal does not have."""

    by: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HaltTrading(Ask[None]):
    """Stop trading."""

    by: str
    reason: str
    cancel: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ResumeTrading(Ask[None]):
    """Go on."""

    by: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SetDeadman(Ask[None]):
    """Register, renew or, with 0 seconds, remove a key's switch."""

    key: str
    seconds: float
