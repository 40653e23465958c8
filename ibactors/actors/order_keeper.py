"""Keeps the orders of one incarnation: evidence in, new states on disk, then shown. The only writer of the journal.

In memory a state is new in the step in which its evidence is taken; it is told to nobody before it is durable. Writes are queued in that
same step, so that the journal has them in the order of memory.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

import structlog
import trio
from msgspec.structs import replace

from ibactors.actors.connection import ConnectionRef
from ibactors.actors.order_book import Book
from ibactors.actors.order_desks import Desks
from ibactors.actors.order_elsewhere import Elsewhere
from ibactors.actors.orders import OrdersRef
from ibactors.bridge.evidence_log import Entry
from ibactors.bridge.order_desk import OrderDesk
from ibactors.orders.commissions import EarlyCommissions
from ibactors.orders.draft import Kind, Step, Want
from ibactors.orders.errors import JournalFailed, JournalFull
from ibactors.orders.evidence import CommissionSeen, Evidence, ExecutionSeen, FromIb, Sent, SessionLost, Withdrawn, Written
from ibactors.orders.halts import Halt, halt
from ibactors.orders.journal import Journal
from ibactors.orders.journal_reading import Reading
from ibactors.orders.keeping import keep_frame, save
from ibactors.orders.order import Order, Status
from ibactors.orders.permits import broken_group
from ibactors.orders.placing import settle_send
from ibactors.orders.previews import Previews
from ibactors.orders.reader import cursor_of
from ibactors.orders.states import advance
from ibactors.orders.transaction import Transaction
from ibactors.orders.tripwires import Tripwires
from ibactors.orders.writer import Writer

log = structlog.get_logger(__name__)

R = TypeVar("R")

_MOST_REASONS = 16  # for one halt, of different kinds
_HALTING = {
    Want.NOT_OURS: "not_ours: a number of ours carries another order",
    Want.ORDER_REF_UNRELIABLE: "order_ref_unreliable: IB does not send back what identifies our orders",
    Want.QUARANTINE: "quarantine: a message about an order could not be applied",
}
_STRANGE = frozenset({Want.FOREIGN_COPY, Want.NOT_OURS})
"""It names an order of ours, and is about another."""


class Keeper:
    """The orders of one incarnation."""

    def __init__(self, ref: OrdersRef, connection: ConnectionRef, journal: Journal, reading: Reading, tripwires: Tripwires) -> None:
        self.ref = ref
        self.tripwires = tripwires
        self._connection = connection
        self.journal = journal
        self.writer = Writer(journal, ref.durable)
        ref.read_lag = lambda: self.writer.lag
        self.reader = reading.reader
        self.read = reading.look
        """Looks one thing up. What reads pages does so elsewhere (`order_looking.py`)."""
        ref.journal_id = journal.journal_id
        self.book = Book()
        self.previews = Previews(self._order_of_preview)
        self.alarmed: deque[Order] = deque()
        """Previews of which IB tells as of orders; their numbers are to be cancelled."""
        self.highest_seen = 0
        """The highest number of our client id in any list of this session."""
        self.listed_epoch = 0
        """The last session in which a list of executions was whole."""
        self.wants: dict[str, set[Want]] = {}
        """What evidence called for, by order, until somebody does it."""
        self.wanted = trio.Event()
        self.noted: str | None = None
        """The halt that is on disk."""
        self.desks = Desks(ref, connection)
        self._early = EarlyCommissions()
        self._elsewhere = Elsewhere(self._early)

    @property
    def desk(self) -> OrderDesk | None:
        """The desk of the session that is up, once this incarnation listens to it."""
        return self.desks.up

    @property
    def hears_all(self) -> bool:
        """Whether IB has listed all executions in the session that is up: what comes after that it tells by itself."""
        session = self._connection.sessions.value
        return session.up and self.listed_epoch == session.epoch

    # evidence

    async def take_in(self) -> None:
        """Apply what sessions have told, for as long as the task lives."""
        while True:
            await self.desks.arrival()
            await self.drain()

    async def drain(self) -> None:
        """Apply all that has been told so far, in its order; durable when this returns."""
        await self.desks.drain(self._apply)

    async def _apply(self, entries: list[Entry]) -> None:
        await self._fetch(entries)
        writes: list[Callable[[Transaction], object]] = []
        steps: list[Step] = []
        for entry in entries:
            strange = True
            for order in self._owners(entry):
                step = self.apply(order, entry.evidence)
                strange = bool(step.wants & _STRANGE)
                steps.append(step)
                if entry.frame and step.wants & {Want.QUARANTINE}:
                    writes.append(_keeping(entry, order))
                if isinstance(entry.evidence, Written | Withdrawn):
                    writes.append(_settling(order, entry.evidence))
            if strange and (write := self._elsewhere.take(entry.evidence)) is not None:
                writes.append(write)
        await self._save(steps, writes)

    def _owners(self, entry: Entry) -> tuple[Order, ...]:
        evidence = entry.evidence
        if self.previews.hears(evidence, entry.order_id):
            return ()
        if isinstance(evidence, SessionLost):
            return self.book.open
        if entry.order_id is not None:
            order = self.book.get(entry.order_id)
        elif isinstance(evidence, FromIb) and evidence.token is None and evidence.perm_id is None and evidence.order_id is None:
            self.halt("undecodable: a message about orders could not be read")
            return ()
        else:
            order = self.book.owner(evidence)
        if order is None and isinstance(evidence, CommissionSeen):
            self._early.keep(evidence)
        if order is None and isinstance(evidence, FromIb) and evidence.token is not None:
            self.halt(f"journal_behind: IB shows an order of ours, ~{evidence.token}, that the journal does not have")
        return () if order is None else (order,)

    async def _fetch(self, entries: Iterable[Entry]) -> None:
        """Have orders in memory that are long over, and of which IB tells again."""
        tokens = {entry.evidence.token for entry in entries if isinstance(entry.evidence, FromIb)}
        for token in tokens:
            if token is not None and self.book.by_token(token) is None:
                found = await self.read(self.reader.by_token, token)
                if found is not None:
                    self.book.have(found)

    def apply(self, order: Order, evidence: Evidence) -> Step:
        """What evidence makes of an order, in memory; whoever calls it queues the write in the same step."""
        step = advance(order, evidence)
        self.book.put(step.order)
        if any(event.kind is Kind.REJECTED for event in step.events) and step.order.withdrawn is None:
            self.halt_if(self.tripwires.rejected(evidence.at))
        for want in step.wants:
            self._want(order.order_id, want)
        if step.order.status is not order.status:
            self.look_at_family(step.order)
        if isinstance(evidence, ExecutionSeen) and (early := self._early.take(evidence.execution_id)) is not None:
            later = self.apply(step.order, early)
            return Step(order=later.order, events=(*step.events, *later.events), wants=step.wants | later.wants)
        return step

    def look_at_family(self, order: Order) -> None:
        """Want the others cancelled that must not go on without a refused member, in the step in which that is known."""
        missing = order.status is Status.REJECTED or (order.status is Status.NOT_RECEIVED and not order.in_bracket)
        if order.kin and missing and order.withdrawn is None:
            for name in broken_group(order, self.book.family(order)):
                log.warning("group_broken", order_id=name, refused=order.order_id, role=order.role)
                self._want(name, Want.GROUP)

    def _want(self, order_id: str, want: Want) -> None:
        if want is Want.DUPLICATE:
            self.halt_if(self.tripwires.duplicate([order_id]))
        if want in _HALTING:
            self.halt(_HALTING[want])
        self.wants.setdefault(order_id, set()).add(want)
        self.wanted.set()

    async def give(self, order_id: str, *evidence: Evidence) -> Order:
        """Apply what was decided here; durable, if the disk lets it, when this returns."""
        steps = []
        for each in evidence:
            order = self.book.get(order_id)
            if order is not None:
                steps.append(self.apply(order, each))
        await self._save(steps, [])
        order = self.book.get(order_id)
        if order is None:
            raise LookupError(order_id)
        return order

    async def give_all(self, evidence: Mapping[str, Sequence[Evidence]]) -> bool:
        """The same for several orders, in one transaction; False when the disk did not take it."""
        steps = [self.apply(order, each) for name, every in evidence.items() for each in every if (order := self.book.get(name))]
        return await self._save(steps, [])

    def foreseen(self, order_id: str, desk: OrderDesk) -> Order | None:
        """An order as it will be when all that its session has told so far is taken in."""
        foreseen = order = self.book.get(order_id)
        for entry in desk.log.peek(len(desk.log)):
            mine = entry.order_id == order_id or isinstance(entry.evidence, SessionLost) or self.book.owner(entry.evidence) is order
            if foreseen is not None and mine:
                foreseen = advance(foreseen, entry.evidence).order
        return foreseen

    # writing

    async def _save(self, steps: list[Step], writes: list[Callable[[Transaction], object]]) -> bool:
        known = self.ref.shown
        steps = [step for step in steps if step.events or known.get(step.order.order_id) != step.order]
        if not steps and not writes:
            return True

        last: dict[str, int] = {}

        def operation(tx: Transaction) -> int:
            for write in writes:
                write(tx)
            for step in steps:
                if entries := save(tx, step):
                    last[step.order.order_id] = entries[-1].sequence
            return tx.sequence

        def shown() -> None:
            for order in {step.order.order_id: step.order for step in steps}.values():
                self.show(order, last.get(order.order_id, 0))
            self.ref.changed()

        return await self.write(operation, shown)

    async def write(self, operation: Callable[[Transaction], object], then: Callable[[], object] = lambda: None) -> bool:
        """Write what ends or describes orders. A disk that fails halts trading, but stops no cancel: memory goes on."""
        try:
            await self.must_write(operation, then)
        except (JournalFailed, JournalFull):
            return False
        return True

    async def must_write(self, operation: Callable[[Transaction], R], then: Callable[[], object] = lambda: None) -> R:
        """Write what must be on disk. A disk that fails halts trading. Raises JournalFailed, JournalFull, and what *operation* raises."""
        try:
            return await self.writer.write(operation, then=then)
        except (JournalFailed, JournalFull) as error:
            self.halt(f"{error.code}: {error}")
            raise

    def show(self, order: Order, sequence: int = 0) -> None:
        """A state is on disk, and may be told, with the number of its last event; 0 where it came with none."""
        name = order.order_id
        cursor = cursor_of(self.journal.journal_id, sequence) if sequence else self.ref.shown.get(name, order).cursor
        shown = self.ref.shown[name] = order if order.cursor == cursor else replace(order, cursor=cursor)
        newest = self.book.get(name)
        if newest is order:
            self.book.put(shown)  # one in memory
        elif newest is not None and newest.cursor != cursor:
            self.book.put(replace(newest, cursor=cursor))

    def admit(self, step: Step) -> None:
        """Take an order of which the journal has just been told, unless it was read from there in the meantime."""
        name = step.order.order_id
        self.book.have(step.order)
        self.ref.shown.setdefault(name, step.order)
        for want in step.wants:
            self._want(name, want)

    async def forget(self, before: float) -> None:
        """Let go of orders to which nothing has happened since *before*: the journal has them. Not while evidence may call for one."""
        async with self.desks.intake:
            shown = self.ref.shown
            for order in self.book.over(before):
                if order.order_id not in self.wants and shown.get(order.order_id, order) == order:
                    self.book.forget(order)
                    shown.pop(order.order_id, None)

    # halting

    def halt(self, reason: str) -> None:
        """Stop trading of our own accord. The flag first; what waits is taken back; then, by the actor, the journal."""
        if self.ref.halted is not None:
            known = [self.ref.halted, *self.ref.further]
            if len(known) < _MOST_REASONS and all(each.partition(":")[0] != reason.partition(":")[0] for each in known):
                log.error("trading_halted", reason=reason, halted_already=self.ref.halted)
                self.ref.further.append(reason)
            return
        self.ref.halted = reason
        log.error("trading_halted", reason=reason)
        self.desks.withdraw_openings("trading_halted")
        self.wanted.set()

    def halt_if(self, reason: str | None) -> None:
        """Stop trading where there is a reason."""
        if reason is not None:
            self.halt(reason)

    def _order_of_preview(self, preview: Order, what: str) -> None:
        self.alarmed.append(preview)
        self.halt(f"preview_is_an_order: IB told {what} of the preview under the number {preview.ib_order_id}")
        self.wanted.set()

    def highest_number(self, client_id: int) -> int:
        """The highest number that anybody here has seen of a client id, whatever the login is called by now."""
        return max(self.highest_seen, self.book.highest_number(client_id))

    async def write_halt(self, by: str, reason: str, cancel: str) -> None:
        """Put a halt on disk, so that it holds over restarts."""
        self.noted = self.ref.halted or reason
        stop = Halt(at=time.time(), by=by, reason=reason, cancel=cancel)
        if await self.write(lambda tx: halt(tx, stop)):
            self.ref.halt_noted = stop


def _settling(order: Order, evidence: Written | Withdrawn) -> Callable[[Transaction], object]:
    outcome = "written" if isinstance(evidence, Written) else f"withdrawn: {evidence.reason}"
    change_id = order.change.change_id if evidence.kind is Sent.CHANGE and order.change is not None else None
    return lambda tx: settle_send(tx, order.order_id, evidence.kind, outcome, change_id=change_id)


def _keeping(entry: Entry, order: Order) -> Callable[[Transaction], object]:
    return lambda tx: keep_frame(tx, entry.evidence.at, entry.frame, order_id=order.order_id)
