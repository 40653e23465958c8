"""Orders as they are on disk: lists, and one by either of its ids. Those that are in memory are answered from there, at once."""

import heapq
from typing import Annotated

import msgspec

from ibactors.actors.orders import OrdersRef
from ibactors.keys import Scope
from ibactors.model.times import whole
from ibactors.orders import errors as e
from ibactors.orders.fills import OURS
from ibactors.orders.matching import ForeignOrder
from ibactors.orders.order import Order
from ibactors.web.contract.codec import encode
from ibactors.web.contract.foreign_orders import UNADDRESSED, ForeignShown, foreign_shown
from ibactors.web.contract.moments import Moment, seconds_of
from ibactors.web.contract.orders import OrderShown, shown
from ibactors.web.contract.queries import AccountName
from ibactors.web.contract.tables import Rows
from ibactors.web.operation import Call, Nothing, Operation
from ibactors.web.rest.orders import ASKED, FOREIGN, ClientQuery, OrderQuery, account_of, orders_of


class ListQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which orders, oldest first."""

    status: Annotated[str, msgspec.Meta(pattern=whole("open|closed|all"), description="open, closed or all.")] = "open"
    account: AccountName | None = None
    symbol: Annotated[str, msgspec.Meta(min_length=1, max_length=40, description="As the orders show it.", examples=["AAPL"])] | None = None
    source: (
        Annotated[
            str,
            msgspec.Meta(
                pattern=whole("ibactors|manual|client:[0-9]{1,10}"), description="ibactors, manual or client:7; all if not given."
            ),
        ]
        | None
    ) = None
    after: Annotated[Moment, msgspec.Meta(description="Those that were placed then or later.")] | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=500, description="Orders of a page, up to 500.")] = 100
    page_token: Annotated[str, msgspec.Meta(max_length=40, description="From the page before.")] = ""


class Orders(msgspec.Struct, frozen=True, kw_only=True):
    """A page of orders."""

    orders: tuple[OrderShown, ...]
    """Of this service, oldest first."""
    foreign: tuple[ForeignShown, ...]
    """Open orders of others, with the first page, as they were at the last comparison with IB's lists."""
    next_page_token: str | None


async def list_orders(call: Call[ListQuery, Nothing]) -> Orders:
    query, orders = call.query, orders_of(call)
    found: tuple[Order, ...] = ()
    since = float(seconds_of(query.after, "after") or 0)
    if query.source in {None, OURS}:
        is_open = {"open": True, "closed": False}.get(query.status)
        found = await orders.list(
            is_open=is_open, account=query.account, symbol=query.symbol, since=since, after=query.page_token, limit=query.limit
        )
    return Orders(orders=tuple(map(shown, found)), foreign=_foreign(orders, query), next_page_token=_next_page(found, query))


def list_open_orders(call: Call[ListQuery, Nothing]) -> bytes | None:
    """The same of orders that are open, all of which are in memory."""
    query, orders = call.query, call.site.orders
    if query.status != "open" or query.after is not None or not orders.is_recalled:
        return None
    found: tuple[Order, ...] = ()
    if query.source in {None, OURS}:
        wanted = (each for each in orders.shown.open.values() if each.order_id > query.page_token)
        chosen = (each for each in wanted if query.account in {None, each.account} and query.symbol in {None, each.terms.symbol})
        found = tuple(heapq.nsmallest(query.limit, chosen, key=lambda order: order.order_id))
    listed = b",".join(map(call.system.order_texts.of, found))
    rest = encode(_Rest(foreign=_foreign(orders, query), next_page_token=_next_page(found, query)))
    return b'{"orders":[' + listed + b"]," + rest[1:]


class _Rest(msgspec.Struct, frozen=True, kw_only=True):
    """What comes behind the orders of a page."""

    foreign: tuple[ForeignShown, ...]
    next_page_token: str | None


def _next_page(found: tuple[Order, ...], query: ListQuery) -> str | None:
    return found[-1].order_id if len(found) == query.limit else None


def _foreign(orders: OrdersRef, query: ListQuery) -> tuple[ForeignShown, ...]:
    """Those of others that the page shows."""
    if query.status == "closed" or query.page_token or query.after is not None:
        return ()
    return tuple(foreign_shown(each) for each in orders.foreign if _wanted(each, query))


def _wanted(order: ForeignOrder, query: ListQuery) -> bool:
    seen = order.seen
    wanted = (query.account, seen.account), (query.symbol, seen.echo.symbol), (query.source, order.source)
    return all(value in {None, its} for value, its in wanted)


async def get_order(call: Call[OrderQuery, Nothing]) -> OrderShown | ForeignShown:
    orders, order_id = orders_of(call), call.query.order_id
    if not order_id.startswith(FOREIGN):
        return shown(_there(await orders.find(order_id)))
    others = {each.order_id: each for each in map(foreign_shown, orders.foreign)}
    if order_id not in others or order_id == UNADDRESSED:
        raise e.OrderNotFound("No such order of others was open when IB's lists were read last.")
    return others[order_id]


def look_at_order(call: Call[OrderQuery, Nothing]) -> bytes | None:
    """The same of one that is in memory."""
    orders = call.site.orders
    order = orders.shown.get(call.query.order_id) if orders.is_recalled else None
    return None if order is None else call.system.order_texts.of(order)


async def get_client_order(call: Call[ClientQuery, Nothing]) -> OrderShown:
    return shown(_there(await orders_of(call).find_client_order(account_of(call, call.query.account), call.query.client_order_id)))


def _there(order: Order | None) -> Order:
    if order is None:
        raise e.OrderNotFound("There is no such order.")
    return order


OPERATIONS = (
    Operation(
        method="GET",
        path="/orders",
        handle=list_orders,
        at_once=list_open_orders,
        summary="Orders, oldest first",
        tag="Orders",
        scope=Scope.READ,
        query=ListQuery,
        body=Nothing,
        returns=Orders,
        rows=Rows(of=OrderShown, member="orders"),
        problems=ASKED,
    ),
    Operation(
        method="GET",
        path="/orders/{order_id}",
        handle=get_order,
        at_once=look_at_order,
        summary="One order",
        description="By an `ext_` id one of others, as `foreign` lists it: while it is open, and as old as `as_of` says.",
        tag="Orders",
        scope=Scope.READ,
        query=OrderQuery,
        body=Nothing,
        returns=OrderShown,
        or_returns=ForeignShown,
        problems=(*ASKED, e.OrderNotFound),
    ),
    Operation(
        method="GET",
        path="/orders/by-client-id/{client_order_id}",
        handle=get_client_order,
        summary="One order, by the client's id",
        tag="Orders",
        scope=Scope.READ,
        query=ClientQuery,
        body=Nothing,
        returns=OrderShown,
        problems=(*ASKED, e.OrderNotFound),
    ),
)
