"""Cancelling many orders at once: `DELETE /orders`."""

from typing import Annotated

import msgspec
import trio

from ibactors.errors import InvalidRequest
from ibactors.keys import Scope
from ibactors.orders import errors as e
from ibactors.orders.terms import Side
from ibactors.web.contract.codec import encode
from ibactors.web.contract.orders import OrderShown, shown
from ibactors.web.contract.queries import AccountName
from ibactors.web.operation import Answer, Call, Nothing, Operation
from ibactors.web.rest.orders import ASKED, Seconds, orders_of


class CancelManyQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which open orders: those that fit every filter, of which there must be one, or `all`."""

    account: AccountName | None = None
    symbol: Annotated[str, msgspec.Meta(min_length=1, max_length=40, description="As the orders show it.", examples=["AAPL"])] | None = None
    side: Annotated[Side, msgspec.Meta(description="buy or sell.")] | None = None
    all: Annotated[bool, msgspec.Meta(description="Every open order of this service.")] = False
    wait: Seconds = 0.0


class CancelledMany(msgspec.Struct, frozen=True, kw_only=True):
    """The orders that fitted, as they are now."""

    orders: tuple[OrderShown, ...]
    """Each with its state: some may be over already."""
    open: int
    """How many of them are not over yet."""


async def cancel_orders(call: Call[CancelManyQuery, Nothing]) -> Answer:
    query, orders = call.query, orders_of(call)
    if not query.all and query.account is None and query.symbol is None and query.side is None:
        raise InvalidRequest("There is no filter.", field="all", remedy="Send all=true to cancel every open order.")
    asked = await orders.cancel_many(query.account, query.symbol, query.side, f"key:{call.caller.name}")
    deadline = trio.current_time() + query.wait
    done = [await orders.settled(each, until_terminal=True, wait=max(0.0, deadline - trio.current_time())) for each in asked]
    left = sum(not each.status.is_terminal for each in done)
    answer = CancelledMany(orders=tuple(map(shown, done)), open=left)
    headers = {"Location": "/orders", "Retry-After": "1"} if left else {}
    return Answer(body=encode(answer), status=202 if left else 200, headers=headers)


OPERATIONS = (
    Operation(
        method="DELETE",
        path="/orders",
        handle=cancel_orders,
        summary="Cancel all open orders that fit",
        description=(
            "One by one, each as an intent of its own; orders of other programs and those entered by hand are left alone."
            " What is being placed at the same moment may not be among them: POST /trading/halt stops that too."
        ),
        tag="Orders",
        scope=Scope.TRADE,
        query=CancelManyQuery,
        body=Nothing,
        returns=CancelledMany,
        accepted=CancelledMany,
        problems=(*ASKED, e.JournalFailed),
    ),
)
