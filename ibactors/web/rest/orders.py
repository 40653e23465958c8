"""Orders: place, cancel. An answer follows from the order's state, so that repeating a request always tells the same truth."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, TypeVar

import msgspec
from quart import request

from ibactors.actors.orders import OrdersRef
from ibactors.errors import (
    ActorDown,
    AskTimeout,
    ContractAmbiguous,
    ContractNotFound,
    GatewayDisconnected,
    GatewayRefused,
    GatewayTimeout,
    InvalidRequest,
    MailboxFull,
    UnknownAccount,
)
from ibactors.keys import Scope
from ibactors.model.times import whole
from ibactors.orders import errors as e
from ibactors.orders.order import Order
from ibactors.orders.reading import read_body
from ibactors.orders.request import PlaceBody, resolve_client_order_id
from ibactors.web.contract.codec import encode
from ibactors.web.contract.orders import OrderShown, shown
from ibactors.web.contract.queries import AccountName
from ibactors.web.operation import Answer, Call, Nothing, Operation
from ibactors.web.rest.order_answers import placed_answer

B = TypeVar("B")
Q = TypeVar("Q")

WAIT = 5.0
"""Seconds that a place waits for IB's first word, unless it says otherwise."""
MOST_WAIT = 20.0
"""Below the limit that the kernel sets on an ask."""
FOREIGN = "ext_"
"""How the ids of orders of others begin."""
OrderId = Annotated[
    str,
    msgspec.Meta(
        pattern=whole("ord_[0-9A-Z]{1,32}|ext_[0-9]{1,19}(_-?[0-9]{1,10})?"),
        description="Our id of an order; `ext_…` of another's, which can be looked at alone.",
        examples=["ord_01JDQ4ZK8R3W0000"],
    ),
]
ClientId = Annotated[
    str, msgspec.Meta(pattern=whole("[A-Za-z0-9._:-]{1,64}"), description="The id that the client gave.", examples=["r-1"])
]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=MOST_WAIT, description="Seconds to wait for IB's word, up to 20.")]

ASKED = (ActorDown, MailboxFull, AskTimeout, e.TradingOff)
TAKING = (
    *ASKED, GatewayDisconnected, GatewayTimeout, GatewayRefused, ContractNotFound, ContractAmbiguous, UnknownAccount, e.BadText,
    e.TradingHalted, e.Reconciling, e.GatewayReadOnly, e.OrderNotAllowed, e.OrderLimit, e.OrderRate, e.PriceCollar, e.NoReferencePrice,
    e.NoExchangeRate, e.DeadmanExpired, e.JournalFailed, e.JournalFull, e.JournalBusy, e.JournalClosed,
)  # fmt: skip
PLACING = (
    *TAKING, e.ClientOrderIdReused, e.ClientOrderIdTaken, e.ClientOrderIdVoid, e.OrderIdsExhausted, e.PreviewRequired, e.OrderRejected,
    e.OrderNotReceived, e.OrderNotSent,
)  # fmt: skip


class OrderQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which order."""

    order_id: OrderId


class CancelQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which order, and how long to wait for its end."""

    order_id: OrderId
    wait: Seconds = 0.0


class ClientQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which order, by the client's id."""

    client_order_id: ClientId
    account: AccountName | None = None


async def place_order(call: Call[Nothing, PlaceBody]) -> Answer:
    received, body = datetime.now(UTC), call.body
    orders = orders_of(call)
    client_order_id = resolve_client_order_id(body, request.headers.get("Idempotency-Key"))
    wait = wait_of(body.wait)
    placed = await orders.place(body, client_order_id, call.caller.name, received)
    order = await orders.settled(placed.order, until_terminal=False, wait=wait)
    return placed_answer(order, replayed=placed.replayed)


def wait_of(given: Decimal | None) -> float:
    """How long to wait for IB's word, by the member `wait` of a body. Raises InvalidRequest."""
    if given is not None and not 0 <= given <= MOST_WAIT:
        raise InvalidRequest("wait is 0 to 20 seconds.", field="wait")
    return WAIT if given is None else float(given)


def check_ours(order_id: str) -> None:
    """Raises OrderNotOurs for an order of another program, or entered by hand."""
    if order_id.startswith(FOREIGN):
        raise e.OrderNotOurs(f"{order_id} is not an order of this service, which leaves it alone.")


async def cancel_order(call: Call[CancelQuery, Nothing]) -> Answer:
    orders = orders_of(call)
    check_ours(call.query.order_id)
    order = await orders.cancel(call.query.order_id, f"key:{call.caller.name}")
    order = await orders.settled(order, until_terminal=True, wait=call.query.wait)
    return _cancelling(order)


async def void_client_order(call: Call[ClientQuery, Nothing]) -> Answer:
    account = account_of(call, call.query.account)
    order = await orders_of(call).bury(account, call.query.client_order_id, call.caller.name)
    return Answer(body=b"", status=204) if order is None else _cancelling(order)


def _cancelling(order: Order) -> Answer:
    """200 when it is over, 202 while the cancel is an intent or IB has not answered it."""
    over = order.status.is_terminal
    headers = {} if over else {"Location": f"/orders/{order.order_id}", "Retry-After": "1"}
    return Answer(body=encode(shown(order)), status=200 if over else 202, headers=headers)


def orders_of(call: Call[Q, B]) -> OrdersRef:
    """Who keeps the orders. Raises TradingOff where nobody does."""
    orders = call.site.orders
    if not orders.is_on:
        raise e.TradingOff(f"Trading is {orders.mode}.", extra={"limit": str(orders.mode), "setting": "IBACTORS_TRADING"})
    return orders


def account_of(call: Call[Q, B], named: str | None) -> str:
    """The account that is named, or the only one. Raises InvalidRequest."""
    accounts = call.site.connection.sessions.value.accounts
    if named is None and len(accounts) != 1:
        raise InvalidRequest("Name the account.", field="account")
    return named or accounts[0]


def _read_place(data: bytes) -> PlaceBody:
    return read_body(data, PlaceBody)


OPERATIONS = (
    Operation(
        method="POST",
        path="/orders",
        handle=place_order,
        summary="Place an order",
        description="Repeat it with the same client_order_id as often as you like: it is placed at most once, and the answer is its state.",
        tag="Orders",
        scope=Scope.TRADE,
        query=Nothing,
        body=PlaceBody,
        read=_read_place,
        headers={"Idempotency-Key": "Means the same as client_order_id; one of them is needed."},
        returns=OrderShown,
        accepted=OrderShown,
        problems=PLACING,
    ),
    Operation(
        method="DELETE",
        path="/orders/{order_id}",
        handle=cancel_order,
        summary="Cancel an order",
        description="202 while IB has not answered; it is repeated while the order is seen alive.",
        tag="Orders",
        scope=Scope.TRADE,
        query=CancelQuery,
        body=Nothing,
        returns=OrderShown,
        accepted=OrderShown,
        problems=(*ASKED, e.OrderNotFound, e.OrderNotOurs),
    ),
    Operation(
        method="DELETE",
        path="/orders/by-client-id/{client_order_id}",
        handle=void_client_order,
        summary="Make a client_order_id void, or cancel its order",
        description="After 204 no order with this id is ever taken: the way out after a lost answer.",
        tag="Orders",
        scope=Scope.TRADE,
        query=ClientQuery,
        body=Nothing,
        returns=OrderShown,
        accepted=OrderShown,
        problems=(*ASKED, e.JournalFailed, e.JournalBusy, e.JournalClosed),
    ),
)
