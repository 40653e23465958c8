"""What an admin does by hand: settle what evidence leaves open."""

import time

import structlog

from ibactors.actors.order_asks import Resolve
from ibactors.actors.order_keeper import Keeper
from ibactors.orders.errors import OrderNotFound, OrderNotResolvable
from ibactors.orders.evidence import Judged
from ibactors.orders.order import Order
from ibactors.orders.resolving import why_not_resolve

log = structlog.get_logger(__name__)


class Operator:
    """Carries out what an admin says of orders."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper

    async def resolve(self, msg: Resolve) -> None:
        """Apply an admin's word to all orders that it names, in one transaction; nothing is sent by it."""
        orders = [await self._find(order_id) for order_id in dict.fromkeys(msg.order_ids)]
        desk = self._keeper.desk
        for order_id, order in zip(dict.fromkeys(msg.order_ids), orders, strict=True):
            if order is None:
                msg.reply.fail(OrderNotFound(f"There is no order {order_id!r}."))
                return
            why = why_not_resolve(order, msg.verdict, None if desk is None else desk.log.epoch)
            if why is not None:
                msg.reply.fail(OrderNotResolvable(f"{order_id} cannot be called {msg.verdict}: {why}."))
                return
        judged = Judged(at=time.time(), verdict=msg.verdict, reason=msg.reason, by=msg.by)
        await self._keeper.give_all({order.order_id: (judged,) for order in orders if order is not None})
        for order in orders:
            if order is not None:
                log.warning("order_resolved", order_id=order.order_id, verdict=msg.verdict, by=msg.by)
        msg.reply.send(tuple(self._keeper.ref.shown.get(order.order_id, order) for order in orders if order is not None))

    async def _find(self, order_id: str) -> Order | None:
        """One order; an old one is taken into memory, as its state is about to change."""
        keeper = self._keeper
        if (known := keeper.book.get(order_id)) is not None:
            return known
        found = await keeper.read(keeper.reader.order, order_id)
        if found is not None and keeper.book.get(order_id) is None:
            keeper.book.put(found)
        return keeper.book.get(order_id)
