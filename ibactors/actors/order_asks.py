"""What is read from the journal, and what an admin may say where evidence has come to its end."""

from dataclasses import dataclass

from ibactors.kernel.ref import Ask
from ibactors.orders.evidence import Verdict
from ibactors.orders.fills import Fill
from ibactors.orders.order import Order
from ibactors.orders.reader import Page, Snapshot


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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TakeSnapshot(Ask[Snapshot]):
    """The open orders, and the place in the journal at which they are that."""

    account: str | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ListExecutions(Ask[tuple[Fill, ...]]):
    """Executions by time."""

    account: str | None
    order_id: str | None
    since: float
    limit: int


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
