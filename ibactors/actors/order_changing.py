"""Changing: one frame with all the terms of an order, for an order that this very session has shown alive, and no other.

For a number that the gateway does not know a change would be a new order. So it passes every check of one, is on disk before it leaves, is
looked at once more in the step of the write, and is never written twice.
"""

import time
from decimal import Decimal

import structlog
from msgspec.structs import replace

from ibactors.actors.connection import ConnectionRef
from ibactors.actors.order_asks import Changed, ChangeOrder, FindChange, PreviewChange
from ibactors.actors.order_audit import acted
from ibactors.actors.order_judging import Assessed, Judge, entry_of
from ibactors.actors.order_keeper import Keeper
from ibactors.actors.order_placing import last_moment, queue_frames
from ibactors.actors.order_terms import Surveyor, expires_at
from ibactors.actors.orders import boot_now
from ibactors.bridge.order_desk import OrderDesk
from ibactors.bridge.order_frames import place_frame
from ibactors.bridge.order_lists import Listed
from ibactors.errors import IbactorsError, InvalidRequest
from ibactors.kernel.ref import Reply
from ibactors.model.times import Value
from ibactors.orders.canonical import Canonical, Member, Tradable, changed
from ibactors.orders.claims import Claims
from ibactors.orders.collar import Reference
from ibactors.orders.errors import ChangeIdReused, ChangeNotSent, JournalFailed, OrderNotChangeable, OrderNotFound, RevisionChanged
from ibactors.orders.evidence import ChangeAsked, Sent, Withdrawn
from ibactors.orders.keeping import Known, begin_change, note_unchanged
from ibactors.orders.limits import Candidate
from ibactors.orders.order import Order
from ibactors.orders.permits import SEND_WITHIN, Fence, why_not_change
from ibactors.orders.prices import Adjusted
from ibactors.orders.reader import ChangeKept
from ibactors.orders.request import ChangeBody, InstrumentBody, deadline_of, fingerprint
from ibactors.orders.transaction import Transaction

log = structlog.get_logger(__name__)


class _Survey(Value, frozen=True, kw_only=True):
    """What a change is judged by besides the order."""

    listed: Listed
    tradable: Tradable
    reference: Reference | None
    rate: Decimal
    underlying: Decimal | None


def mark_of(order: Order, body: ChangeBody) -> str:
    """What a preview of a change is for: this change of this order, as it is now. After any other change it is for nothing."""
    return f"{order.order_id} {order.revision} {fingerprint(body)}"


class Changer:
    """Takes changes; each runs in a task of the actor, never of its caller."""

    def __init__(self, keeper: Keeper, connection: ConnectionRef, surveyor: Surveyor, judge: Judge, live_accounts: frozenset[str]) -> None:
        self._keeper = keeper
        self._connection = connection
        self._surveyor = surveyor
        self._judge = judge
        self._live_accounts = live_accounts
        self._claims: Claims[list[Reply[Changed]]] = Claims()

    async def take(self, msg: ChangeOrder | FindChange) -> None:
        """Carry out one request, and settle its reply and that of all that joined it. Raises only what is a bug."""
        if isinstance(msg, FindChange):
            kept = await self._kept(msg.order_id, msg.change_id)
            msg.reply.send(Changed(order=await self._order(msg.order_id), change_id=msg.change_id, kept=kept, replayed=True))
            return
        joined: list[Reply[Changed]] = []
        mark = fingerprint(msg.body)
        held = self._claims.take(msg.order_id, msg.change_id, mark, joined)
        if held is not None and held.same:
            held.claim.append(msg.reply)
            return
        if held is not None:
            msg.reply.fail(ChangeIdReused(f"{msg.change_id!r} is being used for another change."))
            return
        try:
            done = await self._take(msg, mark)
        except IbactorsError as error:
            for reply in (msg.reply, *joined):
                reply.fail(error)
        else:
            msg.reply.send(done)
            for reply in joined:
                reply.send(replace(done, replayed=True))
        finally:
            self._claims.release(msg.order_id, msg.change_id, joined)

    async def _take(self, msg: ChangeOrder, mark: str) -> Changed:
        kept = await self._kept(msg.order_id, msg.change_id)
        order = await self._order(msg.order_id)
        if kept is not None:
            return self._replay(order, kept, msg.change_id, mark)
        until = deadline_of(msg.body, msg.received)
        survey = await self._survey(msg, order)
        # From here to the write in memory nothing waits: what is judged is what is changed.
        desk = self._judge.check_open(order.account)
        order = self._changeable(msg, desk)
        last = last_moment(until, ChangeNotSent)
        self._judge.check_token(msg.body.preview_token, order.account, msg.key, mark_of(order, msg.body))
        candidate, adjusted = self._candidate(order, msg.body, survey)
        if candidate.terms == order.terms:
            return await self._unchanged(order, msg.change_id, mark, desk.log.epoch)
        ends = expires_at(candidate.terms, survey.listed)
        asked = ChangeAsked(at=time.time(), change_id=msg.change_id, terms=candidate.terms, expires_at=ends, adjusted=adjusted)
        return await self._commit(order, candidate, asked, desk, msg, mark, last)

    async def assess(self, msg: PreviewChange) -> tuple[Order, Assessed]:
        """The order, and what it would be after a change: judged as the change would be, and nothing of it is kept."""
        order = await self._order(msg.order_id)
        survey = await self._survey(msg, order, asks=True)
        order = self._changeable(msg, self._judge.check_open(order.account, asks=True))
        candidate, adjusted = self._candidate(order, msg.body, survey)
        if candidate.terms == order.terms:
            raise InvalidRequest("The order has these terms already.", remedy="Give a member that changes.")
        terms = Canonical(members=(Member(role=order.role, terms=candidate.terms),), adjusted=adjusted, warnings=())
        return order, Assessed(listed=survey.listed, orders=terms, candidate=candidate)

    async def _survey(self, msg: ChangeOrder | PreviewChange, order: Order, *, asks: bool = False) -> _Survey:
        """What has to be asked for. Raises what the change is refused with already."""
        await self._keeper.drain()
        terms = self._changeable(msg, self._judge.check_open(order.account, asks=asks)).terms
        body = InstrumentBody(con_id=terms.con_id, symbol=terms.symbol if terms.legs else None, exchange=terms.exchange)
        listed, tradable = await self._surveyor.contract(body, terms.legs)
        rate = await self._surveyor.rate(order.account, listed.currency)
        underlying = await self._judge.underlying(terms, listed)
        reference = await self._surveyor.reference(listed)  # the last: what waits after it makes it old
        return _Survey(listed=listed, tradable=tradable, reference=reference, rate=rate, underlying=underlying)

    def _candidate(self, order: Order, body: ChangeBody, survey: _Survey) -> tuple[Candidate, dict[str, Adjusted]]:
        """The terms that the order would have, as the limits look at them. Raises InvalidRequest."""
        new, adjusted = changed(order.terms, body, survey.tradable)
        reference, parent = survey.reference, self._keeper.book.get(order.parent or "")
        if parent is not None and not parent.greatest_filled:
            reference = entry_of(parent.terms, reference)
        candidate = Candidate(
            terms=new,
            order_id=order.order_id,
            reference=reference,
            underlying_price=survey.underlying,
            rate=survey.rate,
            skip_collar=body.collar == "skip",
        )
        return candidate, adjusted

    async def _kept(self, order_id: str, change_id: str) -> ChangeKept | None:
        return await self._keeper.read(self._keeper.reader.change, order_id, change_id)

    async def _order(self, order_id: str) -> Order:
        order = self._keeper.ref.shown.get(order_id) or await self._keeper.read(self._keeper.reader.order, order_id)
        if order is None:
            raise OrderNotFound(f"There is no order {order_id!r}.")
        return order

    def _replay(self, order: Order, kept: ChangeKept, change_id: str, mark: str) -> Changed:
        if kept.fingerprint != mark:
            raise ChangeIdReused(f"{change_id!r} stands for another change.")
        return Changed(order=order, change_id=change_id, kept=kept, replayed=True)

    def _changeable(self, msg: ChangeOrder | PreviewChange, desk: OrderDesk) -> Order:
        """The order, as it is now. Raises OrderNotChangeable, RevisionChanged, InvalidRequest."""
        order, foreseen = self._keeper.book.get(msg.order_id), self._keeper.foreseen(msg.order_id, desk)
        if order is None or foreseen is None:
            raise OrderNotChangeable("The order is over.")
        if msg.revision not in {None, foreseen.revision}:
            raise RevisionChanged(f"The order has the revision {foreseen.revision}.")
        why = why_not_change(foreseen, desk.log.epoch)
        if why is None and (order.change is not None or foreseen.terms != order.terms or not desk.is_free_of(order.order_id)):
            why = "a change is pending"
        if why is not None:
            raise OrderNotChangeable(f"The order cannot be changed: {why}.")
        if msg.body.quantity is not None and msg.body.quantity <= order.greatest_filled:
            raise InvalidRequest(f"quantity is not above the {order.greatest_filled:f} that are filled.", field="quantity")
        return order

    async def _unchanged(self, order: Order, change_id: str, mark: str, epoch: int) -> Changed:
        """It has these terms already: nothing is sent, and the change_id is used up all the same."""
        writer, now = self._keeper.writer, time.time()
        await writer.write(lambda tx: note_unchanged(tx, order, change_id, mark, epoch=epoch, at=now), opens=True)
        return Changed(order=order, change_id=change_id, kept=await self._kept(order.order_id, change_id), replayed=False)

    async def _commit(
        self, order: Order, candidate: Candidate, asked: ChangeAsked, desk: OrderDesk, msg: ChangeOrder, mark: str, last: float
    ) -> Changed:
        """Durable first, then on its way."""
        keeper, terms, epoch, incarnation = self._keeper, candidate.terms, desk.log.epoch, self._keeper.ref.incarnation
        message = place_frame(desk.client, order, terms, parent=self._parent(order))  # what cannot be encoded is not journaled
        passed = self._judge.take(candidate, msg.key)
        asked = replace(asked, notional=passed.notional)
        self._judge.changing.add(order.order_id)
        try:
            known = await self._begin(order.order_id, asked, mark, epoch)
        finally:
            self._judge.changing.discard(order.order_id)
        kept = await self._kept(order.order_id, msg.change_id) if known is not None else None
        if kept is not None:
            return self._replay(await self._order(order.order_id), kept, msg.change_id, mark)
        acted("order_changed", f"key:{msg.key}", replace(order, terms=terms), change_id=msg.change_id)
        self._queue(order, desk, self._fence(order, desk, epoch, incarnation, last), message, msg.change_id)
        return Changed(order=keeper.ref.shown[order.order_id], change_id=msg.change_id, kept=None, replayed=False)

    async def _begin(self, order_id: str, asked: ChangeAsked, fingerprint: str, epoch: int) -> Known | None:
        """Take a change: in memory in this very step, and on disk when this returns; Known where its change_id was used before.

        Raises JournalFailed, JournalFull, JournalBusy, JournalClosed; then there is no change, in memory either.
        """
        keeper, order = self._keeper, self._keeper.book.get(order_id)
        if order is None:
            raise LookupError(order_id)
        step = keeper.apply(order, asked)
        known: Known | None = None
        last = 0

        def write_down(tx: Transaction) -> None:
            nonlocal known, last
            begun = begin_change(tx, step, asked.change_id, fingerprint, epoch=epoch)
            known, last = (begun, 0) if isinstance(begun, Known) else (None, begun[-1].sequence if begun else 0)

        refused: IbactorsError | None = None
        try:
            await keeper.writer.write(write_down, opens=True, then=lambda: None if known else keeper.show(step.order, last))
        except IbactorsError as error:
            refused = error
        if isinstance(refused, JournalFailed):
            keeper.halt(f"journal_failed: {refused}")
        if refused is not None or known is not None:
            await keeper.give(order_id, Withdrawn(at=time.time(), kind=Sent.CHANGE, reason="not_journaled"))
        if refused is not None:
            raise refused
        keeper.ref.changed()
        return known

    def _fence(self, order: Order, desk: OrderDesk, epoch: int, incarnation: int, last: float) -> Fence:
        return Fence(
            kind=Sent.CHANGE,
            socket=desk.socket,
            epoch=epoch,
            incarnation=incarnation,
            mode=order.mode,
            account=order.account,
            send_before=min(boot_now() + SEND_WITHIN, last),
        )

    def _queue(self, order: Order, desk: OrderDesk, fence: Fence, message: str, change_id: str) -> None:
        def why_not() -> str | None:
            newest = self._keeper.foreseen(order.order_id, desk)
            if newest is None or newest.change is None or newest.change.change_id != change_id:
                return "the change was given up"
            return why_not_change(newest, desk.log.epoch)

        queue_frames(self._keeper, self._connection, desk, (order.order_id,), fence, self._live_accounts, (message,), why_not)

    def _parent(self, order: Order) -> int:
        """IB's number of its parent while that lives; IB does not find one that is filled (135), and takes 0 instead."""
        parent = self._keeper.book.get(order.parent or "")
        return parent.ib_order_id if parent is not None and not parent.status.is_terminal else 0
