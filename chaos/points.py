"""The points of the orders' protocol at which a process may die: each lies between two steps that must hold together whatever happens.

`arm` puts an act there: a kill -9 in the chaos run, an exception of the actor's in the tests. The service itself knows nothing of it.
"""

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ibactors.actors import order_placing
from ibactors.actors.order_cancelling import Canceller
from ibactors.actors.order_changing import Changer
from ibactors.actors.order_keeper import Keeper
from ibactors.actors.order_placing import Placer
from ibactors.actors.order_reconciling import Reconciler
from ibactors.actors.orders_actor import OrdersActor
from ibactors.bridge.evidence_log import EvidenceLog
from ibactors.bridge.order_desk import OrderDesk
from ibactors.bridge.wire import GatewayClient
from ibactors.web.rest import orders as web

_PLACE, _CANCEL = "3\0", "4\0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """Right before a step, or right after it."""

    owner: Any
    step: str
    after: bool = False
    message: str = ""
    """How the message begins that is meant, where the step sends all kinds of them."""


POINTS = {
    "taken": Point(owner=Placer, step="_commit"),
    "in the transaction": Point(owner=order_placing, step="place", after=True),
    "durable": Point(owner=Placer, step="_send"),
    "queued": Point(owner=OrderDesk, step="put", after=True),
    "allowed to leave": Point(owner=OrderDesk, step="leaving", after=True),
    "on the wire": Point(owner=GatewayClient, step="write", after=True, message=_PLACE),
    "answered by IB": Point(owner=EvidenceLog, step="heard", after=True),
    "applied in memory": Point(owner=Keeper, step="_save"),
    "applied on disk": Point(owner=Keeper, step="show"),
    "told": Point(owner=web, step="placed_answer", after=True),
    "change taken": Point(owner=Changer, step="_commit"),
    "change durable": Point(owner=Changer, step="_queue"),
    "cancel wanted": Point(owner=Canceller, step="want"),
    "cancel durable": Point(owner=Canceller, step="_queue"),
    "cancel on the wire": Point(owner=GatewayClient, step="write", after=True, message=_CANCEL),
    "journal read again": Point(owner=OrdersActor, step="_recall", after=True),
    "lists read": Point(owner=Reconciler, step="_judge"),
    "lists judged": Point(owner=Reconciler, step="_report"),
}


def arm(point: Point, act: Callable[[], None], put: Callable[[Any, str, Any], None] = setattr) -> None:
    """Have *act* called each time the point is passed."""
    step = getattr(point.owner, point.step)

    def is_meant(arguments: tuple[Any, ...]) -> bool:
        return not point.message or str(arguments[-1]).startswith(point.message)

    @functools.wraps(step)
    def plain(*arguments: Any, **named: Any) -> Any:
        if not point.after and is_meant(arguments):
            act()
        outcome = step(*arguments, **named)
        if point.after and is_meant(arguments):
            act()
        return outcome

    @functools.wraps(step)
    async def waiting(*arguments: Any, **named: Any) -> Any:
        if not point.after and is_meant(arguments):
            act()
        outcome = await step(*arguments, **named)
        if point.after and is_meant(arguments):
            act()
        return outcome

    put(point.owner, point.step, waiting if inspect.iscoroutinefunction(step) else plain)
