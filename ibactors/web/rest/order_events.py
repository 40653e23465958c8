"""What happened to orders, from the journal: every event has its number, and whoever was away goes on behind the last one that he had."""

from typing import Annotated

import msgspec
import trio

from ibactors.actors.order_following import Follower
from ibactors.errors import ActorDown, AskTimeout, MailboxFull
from ibactors.keys import Scope
from ibactors.orders import errors as e
from ibactors.orders.reader import Page
from ibactors.web.contract.order_events import EventShown, events_shown
from ibactors.web.contract.queries import AccountName
from ibactors.web.operation import Call, Nothing, Operation
from ibactors.web.rest.orders import OrderId, Seconds, orders_of

_ASKED = (ActorDown, MailboxFull, AskTimeout, e.TradingOff)
Limit = Annotated[int, msgspec.Meta(ge=1, le=500, description="Entries of a page, up to 500.")]
Cursor = Annotated[str, msgspec.Meta(max_length=40, description="The cursor of the page before; from the beginning when not given.")]


class EventsQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which events, and how long to wait for the first of them."""

    after: Cursor = ""
    account: AccountName | None = None
    limit: Limit = 100
    wait: Seconds = 0.0


class OrderEventsQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Events of one order."""

    order_id: OrderId
    after: Cursor = ""
    limit: Limit = 100


class OrderEvents(msgspec.Struct, frozen=True, kw_only=True):
    """A page of events; `after=` its cursor goes on without a gap."""

    events: tuple[EventShown, ...]
    """In their order."""
    cursor: str
    """The place behind the last of them."""
    more: bool
    """Whether there are further ones already."""


async def list_order_events(call: Call[EventsQuery, Nothing]) -> OrderEvents:
    orders, query = orders_of(call), call.query
    follower = Follower(orders, query.after, account=query.account, limit=query.limit)
    page = await follower.look()
    if query.wait and not page.entries:
        with trio.move_on_after(query.wait):
            page = await follower.next()
    return _shown(page)


async def get_order_events(call: Call[OrderEventsQuery, Nothing]) -> OrderEvents:
    query = call.query
    return _shown(await orders_of(call).events(query.after, account=None, order_id=query.order_id, limit=query.limit))


def _shown(page: Page) -> OrderEvents:
    return OrderEvents(events=events_shown(page), cursor=page.cursor, more=page.more)


OPERATIONS = (
    Operation(
        method="GET",
        path="/orders/events",
        handle=list_order_events,
        summary="What happened to orders, page by page; waits for the next event",
        tag="Orders",
        scope=Scope.READ,
        query=EventsQuery,
        body=Nothing,
        returns=OrderEvents,
        problems=(*_ASKED, e.CursorGone),
    ),
    Operation(
        method="GET",
        path="/orders/{order_id}/events",
        handle=get_order_events,
        summary="What happened to one order",
        tag="Orders",
        scope=Scope.READ,
        query=OrderEventsQuery,
        body=Nothing,
        returns=OrderEvents,
        problems=(*_ASKED, e.CursorGone),
    ),
)
