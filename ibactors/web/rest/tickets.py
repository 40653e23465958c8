"""Tickets: what a browser shows in place of its key, where it cannot send a header: in the URL of a WebSocket."""

import msgspec

from ibactors.keys import Scope
from ibactors.web.gate.access import TICKET_LIFE
from ibactors.web.operation import Call, Nothing, Operation


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    """Good for one WebSocket, `/ws/stream?ticket=…`, within `expires_in` seconds."""

    ticket: str
    """Taken once."""
    expires_in: int = int(TICKET_LIFE)
    """Seconds."""


async def post_ticket(call: Call[Nothing, Nothing]) -> Ticket:
    return Ticket(ticket=call.system.access.issue_ticket(call.caller))


OPERATIONS = (
    Operation(
        method="POST",
        path="/auth/ticket",
        handle=post_ticket,
        summary="A ticket that opens one WebSocket",
        description="For browsers, which can send no header with a WebSocket: connect to `/ws/stream?ticket=…` within 30 seconds.",
        tag="Keys",
        scope=Scope.STREAM,
        query=Nothing,
        body=Nothing,
        returns=Ticket,
    ),
)
