"""Changes of orders: `PATCH /orders/{order_id}`."""

import re
from datetime import UTC, datetime

from quart import request

from ibactors.actors.order_asks import ChangeOrder
from ibactors.errors import InvalidRequest
from ibactors.keys import Scope
from ibactors.orders import errors as e
from ibactors.orders.reading import read_body
from ibactors.orders.request import ChangeBody, check_change, resolve_change_id
from ibactors.orders.tokens import new_change_id
from ibactors.web.contract.orders import OrderShown
from ibactors.web.operation import Answer, Call, Operation
from ibactors.web.rest.order_answers import changed_answer
from ibactors.web.rest.orders import TAKING, OrderQuery, check_ours, orders_of, wait_of


async def change_order(call: Call[OrderQuery, ChangeBody]) -> Answer:
    received, body = datetime.now(UTC), call.body
    orders = orders_of(call)
    check_ours(call.query.order_id)
    given = resolve_change_id(body, request.headers.get("Idempotency-Key"))
    wait = wait_of(body.wait)
    check_change(body, received)
    change = ChangeOrder(
        order_id=call.query.order_id,
        body=body,
        change_id=given or new_change_id(),
        key=call.caller.name,
        received=received,
        revision=revision_of(request.headers.get("If-Match")),
    )
    return changed_answer(await orders.change(change, wait=wait), repeatable=given is not None)


def revision_of(header: str | None) -> int | None:
    """The revision that If-Match names."""
    if header is None or header.strip() == "*":
        return None
    found = re.fullmatch(r'"([0-9]{1,9})"', header.strip())
    if found is None:
        raise InvalidRequest("If-Match is not a revision.", field="If-Match", remedy='Send it as in If-Match: "3".')
    return int(found[1])


def _read_change(data: bytes) -> ChangeBody:
    return read_body(data, ChangeBody)


OPERATIONS = (
    Operation(
        method="PATCH",
        path="/orders/{order_id}",
        handle=change_order,
        summary="Change an order",
        description=(
            "Only what changes. IB takes other prices, another quantity, day for gtc and back, and another good_till; nothing else."
            " Give a change_id: repeated with it, the change is made at most once and the answer is what came of it."
        ),
        tag="Orders",
        scope=Scope.TRADE,
        query=OrderQuery,
        body=ChangeBody,
        read=_read_change,
        headers={
            "Idempotency-Key": "Means the same as change_id.",
            "If-Match": "The revision that the order must have, in double quotes.",
        },
        returns=OrderShown,
        accepted=OrderShown,
        problems=(
            *TAKING,
            e.OrderNotFound,
            e.OrderNotChangeable,
            e.OrderNotOurs,
            e.RevisionChanged,
            e.PreviewRequired,
            e.ChangeIdReused,
            e.ChangeRejected,
            e.ChangeNotSent,
        ),
    ),
)
