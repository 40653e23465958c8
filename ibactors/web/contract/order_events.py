"""What happened to orders, as clients see it: the same by long poll, by server-sent events and on the WebSocket."""

from collections.abc import Iterator

import msgspec

from ibactors.model.times import rfc3339
from ibactors.orders.elsewhere import ELSEWHERE
from ibactors.orders.fills import Fill
from ibactors.orders.reader import Page, Snapshot, cursor_of
from ibactors.orders.transaction import Entry, EventBody
from ibactors.web.contract.executions import ExecutionShown, execution_shown
from ibactors.web.contract.orders import OrderShown, shown

PART = 100
"""Orders of a snapshot that go into one message; clients limit how long a message may be."""


class EventShown(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="order"):
    """Something that happened to an order, or to trading as a whole."""

    sequence: int
    """In the journal. Whoever gets an event again knows it by this."""
    previous: int
    """The sequence of the event before this one, among those that were asked for; 0 for none. Other than what came last: there is a gap."""
    cursor: str
    """The place behind it."""
    event: str
    """What happened, such as `accepted`, `working`, `fill` or `cancelled`."""
    timestamp: str
    """When it was written down."""
    account: str | None
    """Null for what is of no account, such as a halt."""
    order_id: str | None
    """The service's id of the order; null where it is about none of ours."""
    client_order_id: str | None = None
    status: str | None = None
    """Of the order after it."""
    reason: str | None = None
    """Why, in words, where there is a reason."""
    ib_code: int | None = None
    """IB's number of the error or notice that is the reason."""
    execution: ExecutionShown | None = None
    """Of a fill, a correction or a commission."""
    change_id: str | None = None
    order: OrderShown | None = None
    """The order after it."""


class OrdersShown(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="orders"):
    """The open orders at one place of the journal: with it a stream begins that goes on from nowhere."""

    orders: tuple[OrderShown, ...]
    """100 at most."""
    sequence: int
    """The newest event that they include."""
    cursor: str
    """The place behind which everything later comes; to be kept once the last part is there."""
    more: bool
    """A further part of the same comes next."""
    reset: bool
    """The place that was asked for is not of this journal any more: what was known before is void."""


def events_shown(page: Page) -> tuple[EventShown, ...]:
    """The events of a page."""
    previous, events = page.previous, []
    for entry in page.entries:
        events.append(_event(entry, previous, cursor_of(page.journal_id, entry.sequence)))
        previous = entry.sequence
    return tuple(events)


def snapshot_shown(snapshot: Snapshot, *, reset: bool) -> Iterator[OrdersShown]:
    """The parts of a snapshot, one at least."""
    cursor = cursor_of(snapshot.journal_id, snapshot.sequence)
    for start in range(0, max(len(snapshot.orders), 1), PART):
        part = snapshot.orders[start : start + PART]
        more = start + PART < len(snapshot.orders)
        yield OrdersShown(orders=tuple(map(shown, part)), sequence=snapshot.sequence, cursor=cursor, more=more, reset=reset)


def _event(entry: Entry, previous: int, cursor: str) -> EventShown:
    plain = EventShown(
        sequence=entry.sequence,
        previous=previous,
        cursor=cursor,
        event=entry.kind,
        timestamp=rfc3339(entry.at),
        account=entry.account,
        order_id=entry.order_id,
    )
    if entry.kind == ELSEWHERE:
        fill = msgspec.json.decode(entry.body, type=Fill)
        return msgspec.structs.replace(plain, execution=execution_shown(fill, entry.account, None, None))
    if entry.order_id is None:
        return plain
    body = msgspec.json.decode(entry.body, type=EventBody)
    name = body.order.client_order_id
    return msgspec.structs.replace(
        plain,
        client_order_id=name,
        status=body.order.status,
        reason=body.event.reason,
        ib_code=body.event.code,
        execution=None if body.event.fill is None else execution_shown(body.event.fill, entry.account, entry.order_id, name),
        change_id=body.event.change_id,
        order=shown(msgspec.structs.replace(body.order, cursor=cursor)),
    )
