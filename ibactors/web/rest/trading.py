"""Trading as a whole: whether it is on, halted, compared with IB; the switch to stop it, which any trading key has, and to go on."""

from typing import Annotated

import msgspec

from ibactors.errors import ActorDown, AskTimeout, GatewayDisconnected, MailboxFull
from ibactors.keys import Scope
from ibactors.model.times import whole
from ibactors.orders import errors as e
from ibactors.web.contract.trading import Trading, trading_shown
from ibactors.web.operation import Call, Nothing, Operation

_ASKED = (ActorDown, MailboxFull, AskTimeout, e.TradingOff)


class HaltBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to stop."""

    cancel: Annotated[
        str,
        msgspec.Meta(
            pattern=whole("entries|ours|all|none"), description="Which orders to cancel: entries, ours, all (by hand too) or none."
        ),
    ] = "entries"
    reason: Annotated[str, msgspec.Meta(pattern=whole(r"[\x20-\x7e]{1,200}"), description="Why: 1 to 200 printable ASCII characters.")] = (
        "by request"
    )


class DeadmanBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long the key may be silent."""

    seconds: Annotated[int, msgspec.Meta(ge=0, le=86400, description="Seconds from 1 to 86400; 0 removes the switch.")]


class DeadmanShown(msgspec.Struct, frozen=True, kw_only=True):
    """The switch of the key that asks."""

    key: str
    """Name of the key that asks."""
    seconds: int
    """For how long it may be silent; 0 where the switch was removed."""


async def put_deadman(call: Call[Nothing, DeadmanBody]) -> DeadmanShown:
    await call.site.orders.set_deadman(call.caller.name, call.body.seconds)
    return DeadmanShown(key=call.caller.name, seconds=call.body.seconds)


async def get_trading(call: Call[Nothing, Nothing]) -> Trading:
    return _state(call)


async def halt_trading(call: Call[Nothing, HaltBody]) -> Trading:
    await call.site.orders.halt(f"key:{call.caller.name}", call.body.reason, call.body.cancel)
    return _state(call)


async def resume_trading(call: Call[Nothing, Nothing]) -> Trading:
    await call.site.orders.resume(f"key:{call.caller.name}")
    return _state(call)


async def reconcile_orders(call: Call[Nothing, Nothing]) -> Trading:
    await call.site.orders.reconcile()
    return _state(call)


def _state(call: Call[Nothing, HaltBody] | Call[Nothing, Nothing]) -> Trading:
    return trading_shown(call.site.orders, call.site.connection.sessions.value)


OPERATIONS = (
    Operation(
        method="GET",
        path="/trading",
        handle=get_trading,
        summary="Whether trading is on, halted, and compared with IB",
        tag="Trading",
        scope=Scope.READ,
        query=Nothing,
        body=Nothing,
        returns=Trading,
    ),
    Operation(
        method="POST",
        path="/trading/halt",
        handle=halt_trading,
        summary="Stop trading: nothing but cancels is sent",
        description="By default entries are cancelled, and orders that only reduce a position stay. It holds over restarts.",
        tag="Trading",
        scope=Scope.TRADE,
        query=Nothing,
        body=HaltBody,
        returns=Trading,
        problems=(*_ASKED, e.JournalFailed),
    ),
    Operation(
        method="PUT",
        path="/trading/deadman",
        handle=put_deadman,
        summary="Have the key's entries cancelled unless this is repeated in time",
        description="Once it has gone off the key places nothing until the next PUT. It does not outlive the machine: take day orders.",
        tag="Trading",
        scope=Scope.TRADE,
        query=Nothing,
        body=DeadmanBody,
        returns=DeadmanShown,
        problems=(*_ASKED, e.JournalFailed, e.JournalFull, e.JournalBusy, e.JournalClosed),
    ),
    Operation(
        method="POST",
        path="/trading/resume",
        handle=resume_trading,
        summary="Go on after a halt",
        tag="Trading",
        scope=Scope.ADMIN,
        query=Nothing,
        body=Nothing,
        returns=Trading,
        problems=(*_ASKED, e.TradingHalted, e.JournalFailed, e.JournalFull, e.JournalClosed),
    ),
    Operation(
        method="POST",
        path="/orders/reconcile",
        handle=reconcile_orders,
        summary="Compare the orders with IB's lists, now",
        tag="Trading",
        scope=Scope.ADMIN,
        query=Nothing,
        body=Nothing,
        returns=Trading,
        problems=(*_ASKED, GatewayDisconnected),
    ),
)
