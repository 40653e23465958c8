"""The market that an order's price is measured against, as clients see it: in previews, and where a price is refused."""

from decimal import Decimal

from ibactors.model.times import Value, rfc3339
from ibactors.orders.collar import Reference


class ReferenceShown(Value, frozen=True, kw_only=True):
    """The market that the price is measured against."""

    kind: str
    """quote: live and two-sided; last: the last trade; close: a previous close, or delayed; parent: the price of a bracket's parent."""
    bid: Decimal
    ask: Decimal
    timestamp: str
    """Of when it is."""


def reference_shown(reference: Reference) -> ReferenceShown:
    """The resource."""
    return ReferenceShown(kind=reference.kind, bid=reference.bid, ask=reference.ask, timestamp=rfc3339(reference.at))
