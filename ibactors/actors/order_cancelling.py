"""Cancels: intents that are on disk first, and sent as soon as the order's number is proven ours in this session.

IB applies a cancel to whichever order has the number. So it waits for the proof; it is repeated while the order is seen alive.
"""

import itertools
import time
from collections.abc import Iterable

from msgspec.structs import replace

from ibactors.actors.connection import ConnectionRef
from ibactors.actors.order_asks import Bury, CancelMany
from ibactors.actors.order_audit import acted, governed
from ibactors.actors.order_keeper import Keeper
from ibactors.actors.order_placing import queue_frame, queue_frames
from ibactors.actors.orders import boot_now
from ibactors.bridge.order_desk import OrderDesk
from ibactors.bridge.order_frames import cancel_frame, global_cancel_frame
from ibactors.errors import GatewayDisconnected, IbactorsError
from ibactors.orders.draft import Kind
from ibactors.orders.evidence import CancelAsked, Sent
from ibactors.orders.order import Order, Status
from ibactors.orders.permits import HALT, SEND_WITHIN, Fence, cancels_again, is_proven, why_not_cancel_blind
from ibactors.orders.placing import bury, send
from ibactors.orders.transaction import Transaction
from ibactors.orders.verdicts import Pass

MOST_CANCELS_WAITING = 36
"""Cancels that wait at the gateway's pace: so many leave within the time that a frame has."""


class Canceller:
    """Sends the cancels that are wanted."""

    def __init__(self, keeper: Keeper, connection: ConnectionRef, live_accounts: frozenset[str]) -> None:
        self._keeper = keeper
        self._connection = connection
        self._live_accounts = live_accounts
        self._writing: set[str] = set()
        """Orders whose cancel is being written down."""
        self._everything_queued = 0.0
        self._blind: set[tuple[str, int]] = set()
        """Orders, and the session in which their number is cancelled without a proof."""

    async def want(self, order: Order, at: float, by: str, reason: str = "") -> Order:
        """Note that an order is to be cancelled. Of a frame that would open it and still waits nothing is sent."""
        if order.cancel is None:
            acted("order_cancelled", by, order, reason=reason)
        order = await self._keeper.give(order.order_id, CancelAsked(at=at, by=by, reason=reason))
        desk = self._keeper.desk
        withdrawn = desk is not None and desk.withdraw(order.order_id, "cancelled_before_it_was_sent")
        if withdrawn or (desk is not None and desk.log.tells_of(order.order_id)):
            await self._keeper.drain()
            order = self._keeper.book.get(order.order_id) or order
        if not order.status.is_terminal:
            await self._send((order,))
        return self._keeper.book.get(order.order_id) or order

    async def want_all(self, orders: Iterable[Order], at: float, by: str, reason: str = "") -> None:
        """The same of many: what waits is taken back, the intents are one transaction, then the cancels go as the pace allows."""
        desk, wanted = self._keeper.desk, tuple(orders)
        for order in wanted:
            if order.cancel is None:
                acted("order_cancelled", by, order, reason=reason)
            if desk is not None:
                desk.withdraw(order.order_id, "cancelled_before_it_was_sent")
        asked = CancelAsked(at=at, by=by, reason=reason)
        await self._keeper.give_all({order.order_id: (asked,) for order in wanted})
        await self._keeper.drain()
        await self.send_due()

    async def cancel_remains(self, present: Pass, desk: OrderDesk) -> None:
        """Cancel, by their numbers, the parts of a bracket that a break may have left at the gateway, where nobody sees them.

        One click in TWS would transmit them. 10147 is the good answer.
        """
        self._blind = {each for each in self._blind if each[1] == present.epoch}
        rows = None if present.open_orders is None or present.all_open_orders is None else (*present.open_orders, *present.all_open_orders)
        for each in self._keeper.book.open:
            order = self._keeper.book.get(each.order_id) or each  # as it is after the waits for those before it
            seen = any(member.seen for member in self._keeper.book.family(order))
            here = order.status is not Status.UNKNOWN or order.written_epoch == present.epoch or seen
            if not order.in_bracket or here or (order.order_id, present.epoch) in self._blind:
                continue
            if why_not_cancel_blind(order, desk.next_valid_id, rows) is None:
                self._blind.add((order.order_id, present.epoch))
                await self.want(order, time.time(), "ibactors", Kind.GROUP_BROKEN)

    async def bury(self, msg: Bury) -> None:
        """Make a client_order_id void, or cancel the order that has it."""
        keeper = self._keeper
        try:
            found = await keeper.must_write(lambda tx: bury(tx, msg.account, msg.client_order_id, key=msg.key, at=time.time()))
        except IbactorsError as error:
            msg.reply.fail(error)
            return
        if found is None:
            governed("client_order_id_voided", f"key:{msg.key}", client_order_id=msg.client_order_id, account=msg.account)
            msg.reply.send(None)
            return
        family = () if found.order.in_bracket else keeper.book.family(found.order)  # a bracket's children go with their parent
        order = keeper.book.get(found.order.order_id)
        order = found.order if order is None else order
        for each in family or (order,):
            if not each.status.is_terminal and each.order_id in keeper.book:
                order = await self.want(each, time.time(), f"key:{msg.key}")
        msg.reply.send(order)

    async def take_many(self, msg: CancelMany) -> None:
        """Cancel all open orders that fit."""
        wanted = (("account", msg.account), ("symbol", msg.symbol), ("side", msg.side))
        orders = [
            order for order in self._keeper.book.open if all(value is None or getattr(order.terms, name) == value for name, value in wanted)
        ]
        await self.want_all(orders, time.time(), msg.by)
        msg.reply.send(tuple(self._keeper.book.get(order.order_id) or order for order in orders))

    def everything(self) -> None:
        """Have IB cancel all that the login has open, orders entered by hand too, as soon as it is reached (reqGlobalCancel, 58).

        Not repeated after a start of the service: what was entered by hand since then must not vanish.
        """
        self._keeper.ref.everything_due, self._everything_queued = True, 0.0

    def _send_everything(self) -> None:
        desk = self._keeper.desk
        if not self._keeper.ref.everything_due or desk is None or not desk.connected or boot_now() < self._everything_queued + SEND_WITHIN:
            return
        try:
            message = global_cancel_frame(desk.client)
        except GatewayDisconnected:
            return
        self._everything_queued = boot_now()
        fence = Fence(
            kind=Sent.CANCEL,
            socket=desk.socket,
            epoch=desk.log.epoch,
            incarnation=self._keeper.ref.incarnation,
            mode=self._keeper.ref.mode,
            account="",
            send_before=boot_now() + SEND_WITHIN,
        )
        queue_frames(self._keeper, self._connection, desk, (), fence, self._live_accounts, (message,), self._everything_leaves)

    def _everything_leaves(self) -> str | None:
        """Nothing stands against it any more, unless trading goes on again: it is written in this step."""
        if not self._keeper.ref.everything_due:
            return "trading_resumed"
        self._keeper.ref.everything_due = False
        governed("everything_cancelled", "ibactors")
        return None

    async def repeat(self, order: Order) -> None:
        """Send the cancel of an order again that is seen alive."""
        newest = self._keeper.book.get(order.order_id)
        if newest is not None and newest.cancel is not None:
            self._keeper.book.put(replace(newest, cancel=replace(newest.cancel, written_at=None)))

    async def ask_again(self) -> None:
        """Ask again for what a halt, a switch or a broken group wants cancelled and IB has refused, until the order is over."""
        listed, session, ref = self._keeper.ref.reconciled, self._connection.sessions.value, self._keeper.ref
        if listed.at is None or listed.epoch != session.epoch:
            return
        now = time.time()
        for each in self._keeper.book.open:
            order = self._keeper.book.get(each.order_id) or each  # as it is after the waits for those before it
            refused = order.refused_cancel
            if refused is not None and cancels_again(order, listed.at, now) and (refused.reason != HALT or ref.halted is not None):
                await self.want(order, now, refused.by, refused.reason)

    async def send_due(self) -> None:
        """Send every cancel that waits, and may go now: as many as leave in time, the others have the next turn."""
        self._send_everything()
        desk = self._keeper.desk
        room = 0 if desk is None else MOST_CANCELS_WAITING - desk.cancels
        due = (order for order in self._keeper.book.open if order.cancel is not None and order.cancel.written_at is None)
        await self._send(itertools.islice(filter(self._may_go, due), max(room, 0)))

    def _may_go(self, order: Order) -> bool:
        """Whether its number is proven, and IB is there; else it stays an intent."""
        desk = self._keeper.desk
        if desk is None or not desk.connected or order.cancel is None:
            return False
        proven = is_proven(order, desk.log.epoch) or (order.order_id, desk.log.epoch) in self._blind
        return proven and order.order_id not in self._writing and desk.is_free_of(order.order_id)

    async def _send(self, orders: Iterable[Order]) -> None:
        """Send the cancels of those that may go, noted in one transaction."""
        desk, ready = self._keeper.desk, [order for order in orders if self._may_go(order)]
        if desk is None or not ready:
            return
        epoch, incarnation = desk.log.epoch, self._keeper.ref.incarnation
        names = {order.order_id for order in ready}

        def write_down(tx: Transaction) -> None:
            for order in ready:
                send(tx, order, Sent.CANCEL, epoch=epoch, at=order.updated)

        self._writing |= names
        try:
            messages = [cancel_frame(desk.client, order) for order in ready]
            await self._keeper.write(write_down)  # a disk that fails stops no cancel
        except GatewayDisconnected:
            return
        finally:
            self._writing -= names
        for order, message in zip(ready, messages, strict=True):
            self._queue(order, desk, epoch, incarnation, message)

    def _queue(self, order: Order, desk: OrderDesk, epoch: int, incarnation: int, message: str) -> None:
        newest = self._keeper.book.get(order.order_id) or order
        if newest.status.is_terminal or not desk.is_free_of(order.order_id):
            return
        fence = Fence(
            kind=Sent.CANCEL,
            socket=desk.socket,
            epoch=epoch,
            incarnation=incarnation,
            mode=order.mode,
            account=order.account,
            send_before=boot_now() + SEND_WITHIN,
        )
        queue_frame(self._keeper, self._connection, desk, newest, fence, self._live_accounts, message)
