"""The actor that keeps the orders: the only writer of the journal, the only sender of orders.

A start: frames of the predecessor are withdrawn, the journal is read, every open order loses its session, and nothing new is taken before
the lists of this session were compared. A crash is therefore an interruption, never a second order.
"""

import time
from typing import Never, NoReturn, assert_never

import structlog
import trio

from ibactors.actors.account import AccountRef
from ibactors.actors.connection import ConnectionRef
from ibactors.actors.market import MarketRef
from ibactors.actors.order_asks import (
    Adopt,
    Bury,
    Cancel,
    CancelMany,
    ChangeOrder,
    Find,
    FindChange,
    HaltTrading,
    ImportExecutions,
    ListEvents,
    ListExecutions,
    ListOrders,
    OrdersMessage,
    Place,
    PlaceGroup,
    Preview,
    PreviewChange,
    Reconcile,
    Resolve,
    ResumeTrading,
    SetDeadman,
    TakeSnapshot,
)
from ibactors.actors.order_book import Book
from ibactors.actors.order_cancelling import Canceller
from ibactors.actors.order_changing import Changer
from ibactors.actors.order_deadmen import Deadmen
from ibactors.actors.order_halting import Brake
from ibactors.actors.order_importing import Importer
from ibactors.actors.order_judging import Judge
from ibactors.actors.order_keeper import Keeper
from ibactors.actors.order_looking import Looker
from ibactors.actors.order_operating import Operator
from ibactors.actors.order_placing import Placer
from ibactors.actors.order_previewing import Previewer
from ibactors.actors.order_reconciling import Reconciler, bind
from ibactors.actors.order_settings import key_rules_of, open_journal, rules_of
from ibactors.actors.order_terms import Surveyor
from ibactors.actors.order_tidying import REMEMBERED, keep_small
from ibactors.actors.orders import OrdersRef
from ibactors.config import Settings
from ibactors.kernel.actor import Actor
from ibactors.kernel.mailbox import Mailbox
from ibactors.model.sessions import SessionStatus
from ibactors.orders.derive import next_deadline
from ibactors.orders.draft import Kind, Want
from ibactors.orders.errors import OrderNotFound, TradingOff
from ibactors.orders.evidence import SessionLost, TimePassed
from ibactors.orders.halts import halts_in_force
from ibactors.orders.journal_reading import Reading, reading
from ibactors.orders.order import Order
from ibactors.orders.shelf import Shelf
from ibactors.orders.tripwires import Tripwires

log = structlog.get_logger(__name__)

TICK = 0.25
"""Seconds between two looks at deadlines, waiting cancels and the halt file."""


class OrdersActor(Actor[OrdersMessage, Never]):
    """One incarnation."""

    mailbox_size = 1024

    def __init__(self, ref: OrdersRef, connection: ConnectionRef, account: AccountRef, market: MarketRef, settings: Settings) -> None:
        super().__init__(ref)
        self._me = ref
        self._connection = connection
        self._settings = settings
        self._surveyor = Surveyor(connection, account, market)
        self._live = frozenset(settings.live_accounts)
        self._looked = time.time()
        self._bound = 0
        self._keeper: Keeper
        self._placer: Placer
        self._operator: Operator
        self._previewer: Previewer
        self._canceller: Canceller
        self._changer: Changer
        self._deadmen: Deadmen
        self._brake: Brake
        self._reconciler: Reconciler
        self._looker: Looker
        self._importer: Importer

    async def run(self, mailbox: Mailbox[OrdersMessage, Never]) -> None:
        if not self._me.is_on:
            await self.serve(mailbox)
        self._me.incarnation += 1
        journal = open_journal(self._settings)
        try:
            async with trio.open_nursery() as writing, reading(journal.path) as points, reading(journal.path) as pages:
                self._keeper = Keeper(self._me, self._connection, journal, points, Tripwires(self._settings.halt_after))
                writing.start_soon(self._keeper.writer.run, name="actor:orders/journal")
                await self._serve(mailbox, pages)
        finally:
            self._me.is_recalled = False
            journal.close()

    async def _serve(self, mailbox: Mailbox[OrdersMessage, Never], pages: Reading) -> NoReturn:
        keeper = self._keeper
        self._canceller = Canceller(keeper, self._connection, self._live)
        self._deadmen = Deadmen(keeper, self._canceller, self._surveyor.positions)
        self._brake = Brake(keeper, self._canceller, self._surveyor.positions)
        rules = rules_of(self._settings)
        self._me.limits = rules.limits
        judge = Judge(
            keeper,
            self._connection,
            self._surveyor,
            rules,
            key_rules_of(self._settings),
            self._live,
            self._deadmen.has_gone_off,
            needs_preview=self._settings.require_preview,
        )
        self._placer = Placer(keeper, self._connection, judge, self._live)
        self._changer = Changer(keeper, self._connection, self._surveyor, judge, self._live)
        self._previewer = Previewer(keeper, self._connection, self._surveyor, judge, self._changer, self._live)
        self._reconciler = Reconciler(keeper, self._connection, self._canceller, self._settings.gateway)
        self._operator = Operator(keeper, self._connection, self._reconciler)
        self._looker = Looker(keeper, pages, self.nursery)
        self._importer = Importer(keeper)
        self._me.reconciled = type(self._me.reconciled)()
        keeper.desks.attend()
        await self._recall()
        await self._deadmen.recall()
        with self._connection.sessions.listening(self._session_changed) as session:
            self._session_changed(session)
            self.nursery.start_soon(keeper.take_in, name="actor:orders/evidence")
            self.nursery.start_soon(self._reconciler.run, name="actor:orders/reconciliation")
            self.nursery.start_soon(self._look, name="actor:orders/deadlines")
            self.nursery.start_soon(keep_small, keeper, name="actor:orders/tidying")
            await self.serve(mailbox)

    async def _recall(self) -> None:
        """Read the journal; what was on its way has lost its session."""
        keeper, reader = self._keeper, self._keeper.reader
        if keeper.journal.replaced is not None:
            keeper.halt(f"journal_behind: {keeper.journal.replaced}")
        orders = await keeper.read(lambda: list(reader.recent(time.time() - REMEMBERED)))
        keeper.book = Book(orders)
        self._me.shown, self._me.is_recalled = Shelf(orders), True
        halts = await keeper.writer.write(halts_in_force)
        if halts and self._me.halted is None:
            self._me.halted = halts[0].reason
        if halts:
            keeper.noted, self._me.halt_noted = self._me.halted, halts[0]
        lost = SessionLost(at=time.time(), reason="The service was restarted.")
        await keeper.give_all({order.order_id: (lost,) for order in keeper.book.open})
        for order in keeper.book.all:
            keeper.look_at_family(order)

    def _session_changed(self, session: SessionStatus) -> None:
        if session.up:
            self._keeper.desks.attend()
        self._reconciler.session_changed(session)

    async def _look(self) -> NoReturn:
        """What nobody brings: time, cancels that may go now, what evidence called for, the file that halts."""
        while True:
            with trio.move_on_after(TICK):
                await self._keeper.wanted.wait()
            self._keeper.wanted = trio.Event()
            await self._brake.look()
            self._me.read_only = None if self._keeper.desk is None else self._keeper.desk.log.read_only
            await self._bind()
            await self._pass_time()
            self._previewer.cancel_alarmed()
            await self._answer_wants()
            await self._deadmen.look()
            await self._canceller.ask_again()
            await self._canceller.send_due()
            self._me.notice(self._connection.sessions.value)

    async def _bind(self) -> None:
        """Whether this client id holds the open orders, once a socket."""
        keeper, desk = self._keeper, self._keeper.desk
        if desk is None or desk.socket == self._bound:
            return
        if await bind(keeper, self._connection, desk):
            self._bound = desk.socket

    async def _pass_time(self) -> None:
        now, before = time.time(), self._looked
        self._looked = now
        due = {}
        for order in self._keeper.book.open:
            deadline = next_deadline(order, before)
            if deadline is not None and deadline <= now:
                due[order.order_id] = (TimePassed(at=now),)
        if due:
            await self._keeper.give_all(due)

    async def _answer_wants(self) -> None:
        wants, self._keeper.wants = self._keeper.wants, {}
        for order_id, each in wants.items():
            order = self._keeper.book.get(order_id)
            if order is None:
                continue
            log.info("order_wants", order_id=order_id, wants=sorted(each))
            if each & {Want.RECONCILE, Want.EXECUTIONS, Want.DUPLICATE}:
                self._reconciler.due.set()
            if Want.GROUP in each:
                await self._canceller.want(order, time.time(), "ibactors", Kind.GROUP_BROKEN)
            if Want.REPEAT_CANCEL in each:
                await self._canceller.repeat(order)
            if Want.DUPLICATE in each or (Want.CANCEL_LATE in each and self._settings.late_orders == "cancel"):
                await self._canceller.want(order, time.time(), "ibactors", "late" if Want.CANCEL_LATE in each else "duplicate_at_broker")

    async def handle(self, msg: OrdersMessage) -> None:
        if not self._me.is_on:
            msg.reply.fail(TradingOff(f"Trading is {self._me.mode}.", extra={"limit": str(self._me.mode), "setting": "IBACTORS_TRADING"}))
            return
        match msg:
            case Place() | PlaceGroup():
                msg.reply.defer()
                self.nursery.start_soon(self._placer.take, msg, name="actor:orders/place")
            case Preview() | PreviewChange():
                msg.reply.defer()
                self.nursery.start_soon(self._previewer.take, msg, name="actor:orders/preview")
            case ChangeOrder() | FindChange():
                msg.reply.defer()
                self.nursery.start_soon(self._changer.take, msg, name="actor:orders/change")
            case Cancel():
                await self._cancel(msg)
            case CancelMany():
                await self._canceller.take_many(msg)
            case Bury():
                await self._canceller.bury(msg)
            case Find():
                msg.reply.send(await self._find(msg))
            case ListEvents() | TakeSnapshot() | ListExecutions() | ListOrders():
                self._looker.answer(msg)
            case SetDeadman():
                await self._deadmen.put(msg)
            case Adopt() | Resolve() | HaltTrading() | ResumeTrading() | Reconcile() | ImportExecutions():
                await self._govern(msg)
            case _:
                assert_never(msg)

    async def _govern(self, msg: Adopt | Resolve | HaltTrading | ResumeTrading | Reconcile | ImportExecutions) -> None:
        """What is about trading as a whole, or by an admin's hand."""
        match msg:
            case Adopt():
                msg.reply.defer()
                self.nursery.start_soon(self._operator.adopt, msg, name="actor:orders/adopt")
            case ImportExecutions():
                msg.reply.defer()
                self.nursery.start_soon(self._importer.take, msg, name="actor:orders/import")
            case Resolve():
                await self._operator.resolve(msg)
            case HaltTrading():
                await self._brake.halt(msg)
            case ResumeTrading():
                await self._brake.resume(msg)
            case Reconcile():
                msg.reply.defer()
                self.nursery.start_soon(self._operator.reconcile, msg, name="actor:orders/reconcile")
            case _:
                assert_never(msg)

    async def _cancel(self, msg: Cancel) -> None:
        order = await self._find(Find(order_id=msg.order_id))
        if order is None:
            msg.reply.fail(OrderNotFound(f"There is no order {msg.order_id!r}."))
        elif order.status.is_terminal or order.order_id not in self._keeper.book:
            msg.reply.send(order)
        else:
            msg.reply.send(await self._canceller.want(order, time.time(), msg.by))

    async def _find(self, msg: Find) -> Order | None:
        reader = self._keeper.reader
        if msg.order_id is not None:
            return self._me.shown.get(msg.order_id) or await self._keeper.read(reader.order, msg.order_id)
        found = await self._keeper.read(reader.by_client_order_id, msg.account, msg.client_order_id)
        return None if found is None else self._me.shown.get(found.order.order_id, found.order)
