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
from ibactors.orders.draft import Step
from ibactors.orders.errors import JournalFailed, OrderNotFound, OrderNotResolvable
from ibactors.orders.evidence import Judged
from ibactors.orders.order import Order
from ibactors.orders.resolving import why_not_resolve
from ibactors.orders.transaction import Transaction

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
        behind, now, book = dict(self._reconciler.behind), time.time(), book_of(self._connection, keeper, desk)
        found = [(adopted(token, rows, keeper.ref.mode, desk.client_id, now), rows) for token, rows in behind.items()]
        steps: list[Step] = []

        def write_down(tx: Transaction) -> None:
            steps[:] = [step for order, rows in found if (step := adopt(tx, order, book, rows)) is not None]

        def taken() -> None:
            for step in steps:
                keeper.admit(step)
                acted("order_adopted", by, step.order)
            keeper.ref.changed()

        await keeper.must_write(write_down, taken)
        for token in behind:
            self._reconciler.behind.pop(token, None)
        # What IB told of them between its lists and now was nobody's.
        self._reconciler.due.set()
        return tuple(keeper.ref.shown.get(step.order.order_id, step.order) for step in steps)

    async def reconcile(self, msg: Reconcile) -> None:
        """Compare with IB's lists, now."""
        done = await self._reconciler.reconcile()
        if done is None:
            msg.reply.fail(GatewayDisconnected("IB's lists could not be read."))
        else:
            msg.reply.send(done)

    async def resolve(self, msg: Resolve) -> None:
        """Apply an admin's word to all orders that it names, in one transaction; nothing is sent by it."""
        keeper, names = self._keeper, tuple(dict.fromkeys(msg.order_ids))
        read = {name: keeper.book.get(name) or await keeper.read(keeper.reader.order, name) for name in names}
        await keeper.drain()
        # From here to the write in memory nothing waits: what is judged is what is settled.
        desk, orders = keeper.desk, {name: keeper.book.get(name) or read[name] for name in names}
        for name, order in orders.items():
            if order is None:
                msg.reply.fail(OrderNotFound(f"There is no order {name!r}."))
                return
            why = why_not_resolve(order, msg.verdict, None if desk is None else desk.log.epoch)
            if why is not None:
                msg.reply.fail(OrderNotResolvable(f"{name} cannot be called {msg.verdict}: {why}."))
                return
        known = [order for order in orders.values() if order is not None]
        for order in known:
            keeper.book.have(order)  # an old one is taken into memory, as its state is about to change
        judged = Judged(at=time.time(), verdict=msg.verdict, reason=msg.reason, by=msg.by)
        if not await keeper.give_all({order.order_id: (judged,) for order in known}):
            msg.reply.fail(JournalFailed(keeper.journal.broken or "The journal could not be written."))
            return
        for order in known:
            acted("order_resolved", msg.by, order, became=str(msg.verdict), reason=msg.reason)
        msg.reply.send(tuple(keeper.ref.shown.get(order.order_id, order) for order in known))
