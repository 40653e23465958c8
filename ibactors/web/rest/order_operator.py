"""An admin's word on orders of which IB shows nothing any more: evidence has come to its end, and somebody has looked elsewhere."""

from typing import Annotated

import msgspec

from ibactors.errors import ActorDown, AskTimeout, GatewayDisconnected, MailboxFull
from ibactors.keys import Scope
from ibactors.model.times import whole
from ibactors.orders import errors as e
from ibactors.orders.evidence import Verdict
from ibactors.orders.resolving import WORDS
from ibactors.web.contract.orders import OrderShown, shown
from ibactors.web.operation import Call, Nothing, Operation
from ibactors.web.rest.orders import OrderId, OrderQuery, orders_of

_RESOLVING = (
    *(ActorDown, MailboxFull, AskTimeout, e.TradingOff, e.OrderNotFound, e.OrderNotResolvable),
    *(e.JournalFailed, e.JournalFull, e.JournalBusy, e.JournalClosed),
)
As = Annotated[str, msgspec.Meta(pattern=whole("|".join(WORDS)), description=f"What became of it: {', '.join(WORDS)}.")]
Reason = Annotated[str, msgspec.Meta(pattern=whole(r"[\x20-\x7e]{1,200}"), description="Why: 1 to 200 printable ASCII characters.")]


class ResolveBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What became of an order."""

    became: As = msgspec.field(name="as")
    reason: Reason = "by hand"


class ResolveManyBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What became of several orders: of all of them the same."""

    order_ids: Annotated[tuple[OrderId, ...], msgspec.Meta(min_length=1, max_length=500, description="Our ids, 1 to 500.")]
    became: As = msgspec.field(name="as")
    reason: Reason = "by hand"


class Resolved(msgspec.Struct, frozen=True, kw_only=True):
    """The orders, as they are now."""

    orders: tuple[OrderShown, ...]
    """Each with its state."""


async def resolve_order(call: Call[OrderQuery, ResolveBody]) -> OrderShown:
    orders, body = orders_of(call), call.body
    (order,) = await orders.resolve((call.query.order_id,), Verdict(body.became), body.reason, f"key:{call.caller.name}")
    return shown(order)


async def resolve_orders(call: Call[Nothing, ResolveManyBody]) -> Resolved:
    orders, body = orders_of(call), call.body
    found = await orders.resolve(body.order_ids, Verdict(body.became), body.reason, f"key:{call.caller.name}")
    return Resolved(orders=tuple(map(shown, found)))


async def adopt_orders(call: Call[Nothing, Nothing]) -> Resolved:
    return Resolved(orders=tuple(map(shown, await orders_of(call).adopt(f"key:{call.caller.name}"))))


OPERATIONS = (
    Operation(
        method="POST",
        path="/orders/{order_id}/resolve",
        handle=resolve_order,
        summary="Say what became of an order that is unknown",
        description="For what IB's lists do not tell any more: look in TWS or in a statement first. It sends nothing and makes no fills.",
        tag="Trading",
        scope=Scope.ADMIN,
        query=OrderQuery,
        body=ResolveBody,
        returns=OrderShown,
        problems=_RESOLVING,
    ),
    Operation(
        method="POST",
        path="/orders/resolve",
        handle=resolve_orders,
        summary="Say what became of several orders: of all of them, or of none",
        tag="Trading",
        scope=Scope.ADMIN,
        query=Nothing,
        body=ResolveManyBody,
        returns=Resolved,
        problems=_RESOLVING,
    ),
    Operation(
        method="POST",
        path="/orders/adopt",
        handle=adopt_orders,
        summary="Take over orders of ours that IB shows and the journal does not have",
        description="After the journal was lost, or an old copy was put back (`journal_behind`). Trading stays halted until it is resumed.",
        tag="Trading",
        scope=Scope.ADMIN,
        query=Nothing,
        body=Nothing,
        returns=Resolved,
        problems=(*_RESOLVING, GatewayDisconnected),
    ),
)
