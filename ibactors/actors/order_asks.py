"""What an admin may ask of whoever keeps the orders, where evidence has come to its end."""

from dataclasses import dataclass

from ibactors.kernel.ref import Ask
from ibactors.orders.evidence import Verdict
from ibactors.orders.order import Order


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
