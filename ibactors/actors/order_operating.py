"""What an admin does by hand: settle what evidence leaves open."""

import time

import structlog

from ibactors.actors.connection import ConnectionRef
from ibactors.actors.order_asks import Adopt, Reconcile, Resolve
from ibactors.actors.order_audit import acted
from ibactors.actors.order_keeper import Keeper
from ibactors.actors.order_placing import book_of
from ibactors.actors.order_reconciling import Reconciler
from ibactors.errors import GatewayDisconnected, IbactorsError
from ibactors.orders.adopting import adopt, adopted
from ibactors.orders.errors import OrderNotFound, OrderNotResolvable
from ibactors.orders.evidence import Judged
from ibactors.orders.order import Order
from ibactors.orders.resolving import why_not_resolve

log = structlog.get_logger(__name__)


class Operator:
    """Carries out what an admin says of orders."""

    def __init__(self, keeper: Keeper, connection: ConnectionRef, reconciler: Reconciler) -> None:
        self._keeper = keeper
        self._connection = connection
        self._reconciler = reconciler

    async def adopt(self, msg: Adopt) -> None:
        """Take over the orders of ours that IB shows and the journal does not have. Trading stays halted until an admin resumes it."""
        try:
            msg.reply.send(await self._adopt(msg.by))
        except IbactorsError as error:
            msg.reply.fail(error)

    async def _adopt(self, by: str) -> tuple[Order, ...]:
        keeper, desk = self._keeper, self._keeper.desk
        if desk is None or await self._reconciler.reconcile() is None:
            raise GatewayDisconnected("IB's lists could not be read.")
        behind, now = self._reconciler.behind, time.time()
        found = [adopted(token, rows, keeper.ref.mode, desk.client_id, now) for token, rows in behind.items()]
        book = book_of(self._connection, keeper, desk)
        orders = await keeper.writer.write(lambda tx: [adopt(tx, order, book) for order in found])
        for order in orders:
            keeper.book.put(order)
            keeper.show(order)
            acted("order_adopted", by, order)
        await keeper.give_all({order.order_id: behind[order.token] for order in orders})
        keeper.ref.changed()
        self._reconciler.behind = {}
        return tuple(keeper.ref.shown.get(order.order_id, order) for order in orders)

    async def reconcile(self, msg: Reconcile) -> None:
        """Compare with IB's lists, now."""
        done = await self._reconciler.reconcile()
        if done is None:
            msg.reply.fail(GatewayDisconnected("IB's lists could not be read."))
        else:
            msg.reply.send(done)

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
                acted("order_resolved", msg.by, order, became=str(msg.verdict), reason=msg.reason)
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
