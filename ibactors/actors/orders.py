"""The address of whoever keeps the orders: what may be asked (`order_asks.py`), and read at any time. The actor is in `orders_actor.py`."""

import os
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Never

import trio
from msgspec.structs import replace

from ibactors.actors.order_asks import (
    Adopt,
    Bury,
    Cancel,
    CancelMany,
    Changed,
    ChangeOrder,
    Find,
    FindChange,
    HaltTrading,
    Imported,
    ImportExecutions,
    ListEvents,
    ListExecutions,
    ListOrders,
    OrdersMessage,
    Place,
    Placed,
    PlaceGroup,
    Preview,
    PreviewChange,
    Previewed,
    Reconcile,
    Reconciled,
    Resolve,
    ResumeTrading,
    SetDeadman,
    TakeSnapshot,
)
from ibactors.bridge.order_desk import OrderDesk
from ibactors.bridge.vigil import boot_time
from ibactors.kernel.ref import Ref
from ibactors.kernel.topic import Topic
from ibactors.model.sessions import SessionStatus
from ibactors.orders.evidence import Verdict as Word
from ibactors.orders.executed import Executions, Wanted
from ibactors.orders.fences import running_since
from ibactors.orders.halts import Halt
from ibactors.orders.keeping import UNCHANGED
from ibactors.orders.matching import ForeignOrder
from ibactors.orders.order import Order
from ibactors.orders.permits import fell_at_once
from ibactors.orders.previews import Tokens
from ibactors.orders.reader import Page, Snapshot
from ibactors.orders.request import GroupBody, PlaceBody
from ibactors.orders.safety import Limits, Mode
from ibactors.orders.shelf import Shelf
from ibactors.orders.terms import Side

HALT_FILE = "HALT"


class OrdersRef(Ref[OrdersMessage, Never]):
    """The orders, as the web layer sees them. What lies here outlives a crash of the actor, so that a halt does."""

    def __init__(self, mode: Mode, state_path: Path) -> None:
        super().__init__("orders")
        self.mode = mode
        self.halted: str | None = None
        """Why trading is stopped. The flag comes first, then the journal."""
        self.asked: HaltTrading | None = None
        """Whose word the flag is, and what is to be cancelled, until it is carried out; None for a halt of our own accord."""
        self.everything_due = False
        """Whether a global cancel waits for IB. Not over a start of the service: what is entered by hand since then must not vanish."""
        self.further: list[str] = []
        """Reasons of our own that came up while trading was halted already; each wants a resume of its own."""
        self.halts = 0
        """How often a halt was asked for: a resume is for those before it."""
        self.incarnation = 0
        self.shown = Shelf()
        """Open orders and those of the last day, as they are on disk: nothing else may be told to anybody."""
        self.is_recalled = False
        """Whether `shown` has them all. Not until the journal is read, and not after a crash until it is read again: it may know more."""
        self.reconciled = Reconciled()
        self.foreign: tuple[ForeignOrder, ...] = ()
        """Open orders of others, as of the last comparison."""
        self.limits = Limits()
        """Of the service, as the settings have them."""
        self.halt_noted: Halt | None = None
        """The halt that is on disk."""
        self.changes: Topic[int] = Topic(0)
        """Counts the states of trading as a whole; whoever listens looks then."""
        self.read_only: str | None = None
        """IB's words when the gateway refuses orders."""
        self.journal_id = ""
        """Empty until there is a journal."""
        self.sequence = 0
        self.read_lag: Callable[[], float] = lambda: 0.0
        """Seconds that the last write of the journal took to be durable."""
        self.tokens = Tokens()
        self.gateway_since = 0.0
        """Since when the gateway is known to be one and the same program."""
        self._met: OrderDesk | None = None
        self._noticed: tuple[object, ...] = ()
        self._halt_file = state_path / HALT_FILE
        self._changed = trio.Event()

    @property
    def is_on(self) -> bool:
        """Whether anything about orders is sent at all."""
        return self.mode is not Mode.OFF

    @property
    def takes_orders(self) -> bool:
        """Whether orders may ever be sent."""
        return self.mode in {Mode.PAPER, Mode.LIVE}

    @property
    def why_halted(self) -> str | None:
        """Why nothing but cancels is sent, the file for people without HTTP included."""
        if self.halted is None and os.path.exists(self._halt_file):  # noqa: PTH110  # half the time of Path's, in the step of a write
            self.halted = f"the file {HALT_FILE} is in the state path"
        return self.halted

    def leave_halt_file(self) -> bool:
        """Have a halt outlive this process where the journal does not take it; False when the disk takes nothing."""
        with suppress(OSError):
            self._halt_file.touch()
            return True
        return False

    def meet(self, desk: OrderDesk) -> None:
        """Note that a session is up, and whether its gateway is the one of the session before. Once for each socket."""
        met, self._met = self._met, desk
        if met is not desk:
            fell = met is not None and desk.client_id == met.client_id and desk.next_valid_id < met.next_valid_id
            self.gateway_since = running_since(time.time(), self.gateway_since, None if met is None else met.heard, fell=fell)

    def durable(self, sequence: int) -> None:
        """Note up to which number everything is on disk, and may be told."""
        if sequence != self.sequence:
            self.sequence = sequence
            self.changed()

    def notice(self, session: SessionStatus) -> None:
        """Have whoever listens look, if the state of trading is another one than the last time."""
        state = self.why_halted, self.halt_noted, self.read_only, self.reconciled, session.up, session.epoch, self.sequence
        if state != self._noticed:
            self._noticed = state
            self.changes.publish(self.changes.value + 1)

    def changed(self) -> None:
        """Wake who waits for an order: something is on disk."""
        event, self._changed = self._changed, trio.Event()
        event.set()

    async def settled(self, order: Order, *, until_terminal: bool, wait: float) -> Order:
        """The order as soon as IB has shown what became of it, or as it is after *wait* seconds."""
        with trio.move_on_after(wait):
            while True:
                newest = self.shown.get(order.order_id, order)
                if newest.status.is_terminal or (not until_terminal and newest.status not in {"pending_new", "unknown"}):
                    break
                await self._changed.wait()
        return self.shown.get(order.order_id, order)

    async def place(self, body: PlaceBody, client_order_id: str, key: str, received: datetime) -> Placed:
        """Place an order. Raises what it is refused with, or an ActorError: then the same request is to be repeated."""
        msg = Place(body=body, client_order_id=client_order_id, key=key, received=received)
        return await self.ask(msg, msg.reply)

    async def place_group(self, body: GroupBody, client_order_id: str, key: str, received: datetime) -> Placed:
        """Place orders that stand or fall together; the first of them stands for all. Raises as `place`."""
        msg = PlaceGroup(body=body, client_order_id=client_order_id, key=key, received=received)
        return await self.ask(msg, msg.reply)

    async def family(self, order: Order, *, wait: float) -> tuple[Order, ...]:
        """All that were placed together with an order, once IB has shown what became of each, or as they are after *wait* seconds."""
        names = [each.order_id for each in order.kin] or [order.order_id]
        members = [found for name in names if (found := self.shown.get(name) or await self.find(name)) is not None]
        deadline = trio.current_time() + wait
        for until_terminal in (False, True):
            for place, each in enumerate(members):
                left = max(0.0, deadline - trio.current_time())
                members[place] = await self.settled(each, until_terminal=until_terminal, wait=left)
            if not any(map(fell_at_once, members)):
                break
        return tuple(self.shown.get(each.order_id, each) for each in members)

    async def preview(self, body: PlaceBody, key: str) -> Previewed:
        """What a request would come to. Raises what it is refused with."""
        msg = Preview(body=body, key=key)
        return await self.ask(msg, msg.reply)

    async def preview_change(self, msg: PreviewChange) -> Previewed:
        """What a change would come to. Raises what it is refused with."""
        return await self.ask(msg, msg.reply)

    async def change(self, msg: ChangeOrder, *, wait: float) -> Changed:
        """Change an order, and wait for IB's word. Raises what it is refused with, or an ActorError: then repeat the same request."""
        asked = await self.ask(msg, msg.reply)
        if asked.kept is not None and (asked.kept.event is not None or asked.kept.outcome == UNCHANGED):
            return asked
        with trio.move_on_after(wait):
            while (order := self.shown.get(msg.order_id)) and order.change is not None and order.change.change_id == msg.change_id:
                await self._changed.wait()
        found = FindChange(order_id=msg.order_id, change_id=msg.change_id)
        return replace(await self.ask(found, found.reply), replayed=asked.replayed)

    async def cancel(self, order_id: str, by: str) -> Order:
        """Have an order cancelled. Raises OrderNotFound."""
        msg = Cancel(order_id=order_id, by=by)
        return await self.ask(msg, msg.reply)

    async def cancel_many(self, account: str | None, symbol: str | None, side: Side | None, by: str) -> tuple[Order, ...]:
        """Have all open orders cancelled that fit; those, with what became of them so far."""
        msg = CancelMany(account=account, symbol=symbol, side=side, by=by)
        return await self.ask(msg, msg.reply)

    async def bury(self, account: str, client_order_id: str, key: str) -> Order | None:
        """Make a client_order_id void, or have its order cancelled."""
        msg = Bury(account=account, client_order_id=client_order_id, key=key)
        return await self.ask(msg, msg.reply)

    async def find(self, order_id: str) -> Order | None:
        """An order, or None."""
        msg = Find(order_id=order_id)
        return await self.ask(msg, msg.reply)

    async def find_client_order(self, account: str, client_order_id: str) -> Order | None:
        """The order of a client_order_id, or None."""
        msg = Find(account=account, client_order_id=client_order_id)
        return await self.ask(msg, msg.reply)

    async def list(
        self, *, is_open: bool | None, account: str | None, symbol: str | None = None, since: float = 0.0, after: str, limit: int
    ) -> tuple[Order, ...]:
        """A page of orders."""
        msg = ListOrders(is_open=is_open, account=account, symbol=symbol, since=since, after=after, limit=limit)
        return await self.ask(msg, msg.reply)

    async def events(
        self, after: str, *, account: str | None, order_id: str | None, limit: int, kinds: Collection[str] = (), since: float = 0.0
    ) -> Page:
        """A page of what happened, of certain *kinds* or of all. Raises CursorGone."""
        msg = ListEvents(after=after, account=account, order_id=order_id, limit=limit, kinds=tuple(sorted(kinds)), since=since)
        return await self.ask(msg, msg.reply)

    async def snapshot(self, *, account: str | None) -> Snapshot:
        """The open orders, and the place behind which everything later is."""
        msg = TakeSnapshot(account=account)
        return await self.ask(msg, msg.reply)

    async def next_change(self, *, behind: str) -> None:
        """Wait until there is something behind a cursor."""
        number = int(behind.rpartition("-")[2])
        while self.sequence <= number:
            await self._changed.wait()

    async def executions(self, wanted: Wanted) -> Executions:
        """Executions by time. Raises InvalidRequest for a token that is none."""
        msg = ListExecutions(wanted=wanted)
        return await self.ask(msg, msg.reply)

    async def import_executions(self, msg: ImportExecutions) -> Imported:
        """Take over the executions of a statement. Raises InvalidRequest where an order of ours says otherwise, JournalFailed."""
        return await self.ask(msg, msg.reply)

    async def halt(self, by: str, reason: str, cancel: str) -> None:
        """Stop trading: from this step on nothing but cancels leaves."""
        msg = HaltTrading(by=by, reason=reason, cancel=cancel)
        if self.halted is None:
            self.halted, self.asked = reason, msg
        self.halts += 1
        await self.ask(msg, msg.reply)

    async def set_deadman(self, key: str, seconds: float) -> None:
        """Have a key's entries cancelled unless this is said again within *seconds*; 0 ends that."""
        msg = SetDeadman(key=key, seconds=seconds)
        await self.ask(msg, msg.reply)

    async def resume(self, by: str) -> None:
        """Go on. Raises TradingHalted while the reason stands."""
        msg = ResumeTrading(by=by, halts=self.halts)
        await self.ask(msg, msg.reply)

    async def adopt(self, by: str) -> tuple[Order, ...]:
        """Take over the orders of ours that IB shows and the journal does not have."""
        msg = Adopt(by=by)
        return await self.ask(msg, msg.reply)

    async def resolve(self, order_ids: tuple[str, ...], verdict: Word, reason: str, by: str) -> tuple[Order, ...]:
        """Say what became of orders. Raises OrderNotFound, OrderNotResolvable."""
        msg = Resolve(order_ids=order_ids, verdict=verdict, reason=reason, by=by)
        return await self.ask(msg, msg.reply)

    async def reconcile(self) -> Reconciled:
        """Compare with IB's lists."""
        msg = Reconcile()
        return await self.ask(msg, msg.reply)


def boot_now() -> float:
    """Seconds on the clock that counts through suspends: an hour-old order is not sent."""
    return boot_time()


def money(value: float) -> Decimal:
    """A binary number of IB's as the decimal that it was written as."""
    return Decimal(str(value))
