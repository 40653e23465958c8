"""GET /orders/stream: the channel of orders as server-sent events; an event's id is the place in the journal behind it."""

from typing import Any

import msgspec
from quart import request

from ibactors.errors import TooManyStreams, TooManySubscriptions
from ibactors.keys import Scope
from ibactors.model.encoded import Encoded
from ibactors.orders.errors import TradingOff
from ibactors.web.contract.changes import StatusChange
from ibactors.web.contract.order_events import EventShown, OrdersShown
from ibactors.web.contract.queries import AccountName
from ibactors.web.operation import EVENT_STREAM, Answer, Call, Nothing, Operation, Pieces
from ibactors.web.stream.channels import command_for
from ibactors.web.stream.orders import LONGEST_CURSOR, ORDERS, After
from ibactors.web.stream.slot import Slot
from ibactors.web.stream.sse import serve


class OrderStreamQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose orders, and from where on, if no `Last-Event-ID` says so."""

    account: AccountName | None = None
    after: After = ""


async def get_order_stream(call: Call[OrderStreamQuery, Nothing]) -> Pieces | Answer:
    after = request.headers.get("Last-Event-ID", "") or call.query.after
    if len(after) > LONGEST_CURSOR:  # no place, and answered as any other that is none: an EventSource could not send a better one
        after = "?"
    command = command_for(ORDERS, account=call.query.account, after=after)
    return await serve(call, [(ORDERS, source) for source in ORDERS.wanted(call.system, command)], _place)


def _place(_slot: Slot | None, value: Encoded[Any]) -> str | None:
    """Behind an event; behind a snapshot once it is whole."""
    message = value.value
    return message.cursor if isinstance(message, EventShown) or (isinstance(message, OrdersShown) and not message.more) else None


OPERATIONS = (
    Operation(
        method="GET",
        path="/orders/stream",
        handle=get_order_stream,
        summary="What happens to orders, as server-sent events",
        tag="Orders",
        scope=Scope.READ,
        query=OrderStreamQuery,
        body=Nothing,
        returns=EventShown | OrdersShown | StatusChange,
        media_type=EVENT_STREAM,
        problems=(TradingOff, TooManyStreams, TooManySubscriptions),
        description=(
            "Every event once, in the order of the journal. The id of an event is its cursor: with it as `Last-Event-ID`, or as `after`, "
            "a client goes on without a gap, over restarts of either side. Without a place, or with one that is not of this journal any "
            "more, the open orders come first. A slow reader falls behind in the journal: nothing is skipped."
        ),
    ),
)
