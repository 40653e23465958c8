"""The channel of orders: what happened to them, each event once and in order.

The journal is asked for the next page when the one before has left: a client that is slow, or was away, falls behind there, not in memory.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from typing import Annotated, Any

import msgspec
from msgspec.structs import replace

from ibactors.actors.order_following import Stream
from ibactors.actors.orders import OrdersRef
from ibactors.kernel.topic import Topic
from ibactors.keys import Scope
from ibactors.model.encoded import Encoded
from ibactors.orders.errors import TradingOff
from ibactors.orders.reader import Snapshot, cursor_of
from ibactors.web.contract.order_events import EventShown, OrdersShown, events_shown, snapshot_shown
from ibactors.web.contract.queries import AccountName
from ibactors.web.stream.channel import Channel
from ibactors.web.stream.source import Source
from ibactors.web.system import System

LONGEST_CURSOR = 40
After = Annotated[
    str,
    msgspec.Meta(
        max_length=LONGEST_CURSOR, description="The cursor of the last event that is known; without it the open orders come first."
    ),
]


class OrdersParameters(msgspec.Struct, frozen=True, kw_only=True):
    """Whose orders, and from where on."""

    account: AccountName | None = None
    after: After | None = None


def source_of(system: System, parameters: OrdersParameters) -> Source:
    """The events behind a place. One source, whatever it names: who names another wants that in place of the first."""
    orders = system.site.orders
    stream = Stream(orders, parameters.after or "", account=parameters.account)
    return Source(
        key="orders",
        open=partial(_open, orders),
        pull=partial(_pull, stream),
        position=f"orders-{orders.journal_id}",
        resumed=lambda number: source_of(system, replace(parameters, after=cursor_of(orders.journal_id, number))),
    )


def _sources(system: System, parameters: OrdersParameters) -> list[Source]:
    return [source_of(system, parameters)]


async def _open(orders: OrdersRef, _holder: str, _until_stopped: ExitStack) -> Topic[None]:
    if not orders.is_on:
        raise TradingOff(f"Trading is {orders.mode}.", extra={"limit": str(orders.mode), "setting": "IBACTORS_TRADING"})
    return Topic(None)


async def _pull(stream: Stream) -> Sequence[Encoded[EventShown | OrdersShown]]:
    found = await stream.next()
    shown = snapshot_shown(found, reset=stream.was_reset) if isinstance(found, Snapshot) else events_shown(found)
    return [Encoded(message) for message in shown]


ORDERS: Channel[Any] = Channel(
    name="orders",
    summary="what happens to orders, each event once, in place of symbols",
    scope=Scope.READ,
    parameters=OrdersParameters,
    sources=_sources,
    messages={
        "order": (EventShown, "Something that happened to an order, in the journal's sequence; none is skipped."),
        "orders": (OrdersShown, "The open orders, before the first event, where no place was named to go on from."),
    },
    conflated=False,
)
