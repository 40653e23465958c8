"""Executions and activities of all days since the journal began, and where some may be missing: IB itself keeps those of today."""

from typing import Annotated, Literal

import msgspec

from ibactors.errors import ActorDown, AskTimeout, InvalidRequest, MailboxFull
from ibactors.keys import Scope
from ibactors.model.times import whole
from ibactors.orders import errors as e
from ibactors.orders.executed import Wanted
from ibactors.orders.reader import ACTIVITIES
from ibactors.web.contract.executions import ExecutionShown, GapShown, execution_shown, gap_shown
from ibactors.web.contract.moments import Moment, seconds_of
from ibactors.web.contract.order_events import events_shown
from ibactors.web.contract.queries import AccountName
from ibactors.web.contract.tables import Rows
from ibactors.web.operation import Call, Nothing, Operation
from ibactors.web.rest.orders import OrderId, orders_of

_ASKED = (ActorDown, MailboxFull, AskTimeout, e.TradingOff, InvalidRequest)
Limit = Annotated[int, msgspec.Meta(ge=1, le=500, description="Rows of a page, up to 500.")]
PageToken = Annotated[str, msgspec.Meta(max_length=200, description="`next_page_token` of the page before.")]
Since = Annotated[Moment, msgspec.Meta(description="From then on; since the journal began if not given.")]
Symbol = Annotated[str, msgspec.Meta(pattern=whole(r"[\x21-\x7e]{1,40}"), description="IB's symbol of what was traded.", examples=["AAPL"])]
ActivityType = Literal["fill", "order", "halt"]


class ExecutionsQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which executions, oldest first."""

    account: AccountName | None = None
    symbol: Symbol | None = None
    order_id: OrderId | None = None
    since: Since | None = None
    limit: Limit = 100
    page_token: PageToken = ""


class ActivitiesQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which activities, oldest first."""

    type: Annotated[ActivityType, msgspec.Meta(description="fill, order or halt; all of them if not given.")] | None = None
    account: AccountName | None = None
    after: Since | None = None
    limit: Limit = 100
    page_token: PageToken = ""


class Executions(msgspec.Struct, frozen=True, kw_only=True):
    """Executions in their newest revision."""

    executions: tuple[ExecutionShown, ...]
    """Oldest first."""
    gaps: tuple[GapShown, ...]
    """Spans within which executions may be missing."""
    next_page_token: str | None


class Activity(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened, of its type."""

    type: ActivityType
    """`fill`, `order` or `halt`."""
    sequence: int
    """In the journal."""
    event: str
    """What happened, such as `accepted`, `working`, `fill` or `cancelled`."""
    timestamp: str
    """When it was written down."""
    account: str | None
    order_id: str | None
    client_order_id: str | None
    status: str | None
    """Of the order after it."""
    reason: str | None
    """Why, in words, where there is a reason."""
    ib_code: int | None
    execution: ExecutionShown | None
    """Of a fill, a correction or a commission."""


class Activities(msgspec.Struct, frozen=True, kw_only=True):
    """What happened, oldest first."""

    activities: tuple[Activity, ...]
    """Oldest first."""
    gaps: tuple[GapShown, ...]
    """Spans within which executions may be missing."""
    next_page_token: str | None


async def get_executions(call: Call[ExecutionsQuery, Nothing]) -> Executions:
    query = call.query
    since = float(seconds_of(query.since, "since") or 0)
    wanted = Wanted(
        account=query.account, order_id=query.order_id, symbol=query.symbol, since=since, token=query.page_token, limit=query.limit
    )
    found = await orders_of(call).executions(wanted)
    return Executions(
        executions=tuple(execution_shown(each.fill, each.account, each.order_id, each.client_order_id) for each in found.executions),
        gaps=tuple(map(gap_shown, found.gaps)),
        next_page_token=found.next_token,
    )


async def get_activities(call: Call[ActivitiesQuery, Nothing]) -> Activities:
    orders, query = orders_of(call), call.query
    since = float(seconds_of(query.after, "after") or 0)
    kinds = ACTIVITIES[query.type] if query.type is not None else ()
    try:
        page = await orders.events(query.page_token, account=query.account, order_id=None, limit=query.limit, kinds=kinds, since=since)
    except e.CursorGone as error:
        raise InvalidRequest("The page_token is none of this journal.", field="page_token", remedy="Begin without one.") from error
    missing = await orders.executions(Wanted(account=query.account, since=since, limit=1))
    activities = tuple(
        Activity(
            type=next((kind for kind in ("fill", "halt") if event.event in ACTIVITIES[kind]), "order"),
            sequence=event.sequence,
            event=event.event,
            timestamp=event.timestamp,
            account=event.account,
            order_id=event.order_id,
            client_order_id=event.client_order_id,
            status=event.status,
            reason=event.reason,
            ib_code=event.ib_code,
            execution=event.execution,
        )
        for event in events_shown(page)
    )
    return Activities(activities=activities, gaps=tuple(map(gap_shown, missing.gaps)), next_page_token=page.cursor if page.more else None)


OPERATIONS = (
    Operation(
        method="GET",
        path="/executions",
        handle=get_executions,
        summary="Executions of all days since the journal began, with their commissions",
        description=(
            "Of our orders, and what was traded elsewhere as far as IB told of it. A correction replaces what it corrects. `gaps` are "
            "spans within which executions may be missing: IB tells those of today, and nobody could ask then."
        ),
        tag="Orders",
        scope=Scope.READ,
        query=ExecutionsQuery,
        body=Nothing,
        returns=Executions,
        rows=Rows(of=ExecutionShown, member="executions"),
        problems=_ASKED,
    ),
    Operation(
        method="GET",
        path="/account/activities",
        handle=get_activities,
        summary="What happened, of all days since the journal began: fills, orders, halts",
        tag="Orders",
        scope=Scope.READ,
        query=ActivitiesQuery,
        body=Nothing,
        returns=Activities,
        rows=Rows(of=Activity, member="activities"),
        problems=_ASKED,
    ),
)
