"""What may be asked of who keeps the orders, and the answers that are made for it. The address that posts all this is in `orders.py`."""

from dataclasses import dataclass
from datetime import datetime

from ibactors.kernel.ref import Ask
from ibactors.model.times import Value
from ibactors.orders.canonical import Canonical
from ibactors.orders.collar import Reference
from ibactors.orders.evidence import Verdict as Word
from ibactors.orders.executed import Executions, Wanted
from ibactors.orders.limits import Verdict
from ibactors.orders.order import Order
from ibactors.orders.previews import WhatIf
from ibactors.orders.reader import ChangeKept, Page, Snapshot
from ibactors.orders.request import ChangeBody, GroupBody, PlaceBody
from ibactors.orders.statement import Traded
from ibactors.orders.terms import Side


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ListOrders(Ask[tuple[Order, ...]]):
    """A page of orders by age, oldest first."""

    is_open: bool | None
    account: str | None
    symbol: str | None
    since: float
    """Placed then or later, Unix seconds."""
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


class Imported(Value, frozen=True, kw_only=True):
    """What came of a statement."""

    known: int
    new: int
    order_ids: tuple[str, ...]
    """Orders of ours that it has executions of."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImportExecutions(Ask[Imported]):
    """Take over the executions of a statement."""

    executions: tuple[Traded, ...]
    by: str
    account: str = ""
    whole: tuple[float, float] | None = None
    """The span in which they are all that there are of the account."""


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
    verdict: Word
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
    halts: int
    """`OrdersRef.halts` when it was said."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SetDeadman(Ask[None]):
    """Register, renew or, with 0 seconds, remove a key's switch."""

    key: str
    seconds: float


class Placed(Value, frozen=True, kw_only=True):
    """The order that a request stands for."""

    order: Order
    replayed: bool
    """Whether an earlier request has placed it."""


class Reconciled(Value, frozen=True, kw_only=True):
    """The last comparison with IB's lists."""

    epoch: int = 0
    at: float | None = None
    unfit: str | None = None
    """Why nothing followed from what the lists lacked."""
    foreign_orders: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Place(Ask[Placed]):
    """Place an order, or find the one that an equal request has placed."""

    body: PlaceBody
    client_order_id: str
    key: str
    received: datetime


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlaceGroup(Ask[Placed]):
    """Place orders that stand or fall together, or find those that an equal request has placed; the first stands for them."""

    body: GroupBody
    client_order_id: str
    key: str
    received: datetime


class Previewed(Value, frozen=True, kw_only=True):
    """What a request would come to."""

    account: str
    assessed: Canonical
    """As it would be sent."""
    verdict: Verdict
    reference: Reference | None
    """What the price is measured against."""
    answer: WhatIf
    margin_currency: str | None
    token: str | None
    """What placing may ask for; None where placing would be refused."""
    valid_until: float | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Preview(Ask[Previewed]):
    """Ask IB what an order would do, without placing it."""

    body: PlaceBody
    key: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PreviewChange(Ask[Previewed]):
    """Ask IB what an order would do with other terms, without changing it."""

    order_id: str
    body: ChangeBody
    key: str
    revision: int | None = None
    """Which the order must have."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cancel(Ask[Order]):
    """Have an order cancelled: an intent, which is carried out as soon as it may be."""

    order_id: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bury(Ask[Order | None]):
    """Make a client_order_id void; the order that has it, if there is one, which is then cancelled."""

    account: str
    client_order_id: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Find(Ask[Order | None]):
    """One order, by our id or by the client's."""

    order_id: str | None = None
    account: str = ""
    client_order_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reconcile(Ask[Reconciled]):
    """Compare with IB's lists, now."""


OrdersMessage = (
    Adopt
    | Resolve
    | SetDeadman
    | Place
    | PlaceGroup
    | Preview
    | PreviewChange
    | ChangeOrder
    | FindChange
    | Cancel
    | CancelMany
    | Bury
    | Find
    | ListOrders
    | ListEvents
    | TakeSnapshot
    | ListExecutions
    | ImportExecutions
    | HaltTrading
    | ResumeTrading
    | Reconcile
)
