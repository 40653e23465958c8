"""Orders that are placed together and of which one cancels the others: `POST /orders/groups`."""

from datetime import UTC, datetime
from typing import Annotated

import msgspec
from quart import request

from ibactors.keys import Scope
from ibactors.orders.reading import read_body
from ibactors.orders.request import GroupBody, resolve_client_order_id
from ibactors.web.contract.orders import OrderShown
from ibactors.web.operation import Answer, Call, Nothing, Operation
from ibactors.web.rest.order_answers import group_answer
from ibactors.web.rest.orders import PLACING, orders_of, wait_of


class GroupPlaced(msgspec.Struct, frozen=True, kw_only=True):
    """The orders of one request, as they are now."""

    orders: Annotated[tuple[OrderShown, ...], msgspec.Meta(description="In the order of the request.")]


async def place_group(call: Call[Nothing, GroupBody]) -> Answer:
    received, body = datetime.now(UTC), call.body
    orders = orders_of(call)
    client_order_id = resolve_client_order_id(body, request.headers.get("Idempotency-Key"))
    wait = wait_of(body.wait)
    placed = await orders.place_group(body, client_order_id, call.caller.name, received)
    return group_answer(await orders.family(placed.order, wait=wait), replayed=placed.replayed)


def _read(data: bytes) -> GroupBody:
    return read_body(data, GroupBody)


OPERATIONS = (
    Operation(
        method="POST",
        path="/orders/groups",
        handle=place_group,
        summary="Place orders of which one cancels the others: all of them, or none",
        description=(
            "They are judged and written down together and leave in one write; when IB refuses one, the others are cancelled. One "
            "client_order_id stands for all: repeat the request with it as often as you like."
        ),
        tag="Orders",
        scope=Scope.TRADE,
        query=Nothing,
        body=GroupBody,
        read=_read,
        headers={"Idempotency-Key": "Means the same as client_order_id; one of them is needed."},
        returns=GroupPlaced,
        accepted=GroupPlaced,
        problems=PLACING,
    ),
)
