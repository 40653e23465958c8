"""The gateway's setting Read-Only API: what it refuses, and how."""

from ibactors.sim.request import invalid
from ibactors.sim.session import Session
from ibactors.sim.wire.frames import FieldReader

# Requests that a read-only gateway refuses, and how many fields stand before the order's id; None when they have none.
_REFUSED = {
    "placeOrder": 1,
    "cancelOrder": 2,
    "reqOpenOrders": None,
    "reqAllOpenOrders": None,
    "reqAutoOpenOrders": None,
    "reqCompletedOrders": None,
    "reqGlobalCancel": None,
    "reqIds": None,
}


def refuses(session: Session, name: str, body: bytes) -> bool:
    """Whether a request was answered with 321 because the API is read-only; BadField for one without an id."""
    if not session.gateway.quirks.read_only or name not in _REFUSED:
        return False
    before, order_id = _REFUSED[name], -1
    if before is not None:
        fields = FieldReader(body)
        fields.skip(before)
        order_id = fields.identifier()
    invalid(session, order_id, "The API interface is currently in Read-Only mode.")
    return True
