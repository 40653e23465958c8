"""Reconciliation: the orders as IB lists them, against the journal. "No answer" is never "empty"."""

import time
from collections.abc import Sequence
from typing import TypeVar

import structlog
import trio

from ibactors.actors.connection import ConnectionRef
from ibactors.actors.order_asks import Reconciled
from ibactors.actors.order_cancelling import Canceller
from ibactors.actors.order_keeper import Keeper
from ibactors.actors.order_placing import book_of
from ibactors.bridge.order_desk import OrderDesk
from ibactors.bridge.order_lists import completed_orders, executions, open_orders
from ibactors.bridge.requests import RequestSpec
from ibactors.errors import IbactorsError
from ibactors.model.sessions import SessionPhase, SessionStatus
from ibactors.orders.coverage import told_since
from ibactors.orders.errors import ClientIdChanged, JournalFailed, JournalFull
from ibactors.orders.evidence import Judged, OpenOrderSeen, UndecodedSeen, WhatIfSeen
from ibactors.orders.keeping import executions_were_complete
from ibactors.orders.matching import ForeignOrder, Row, source_of
from ibactors.orders.order import Order, Status
from ibactors.orders.placing import bind_client_id
from ibactors.orders.transaction import Transaction
from ibactors.orders.verdicts import BETWEEN, Ground, Pass, absence_decides, judge

log = structlog.get_logger(__name__)

T = TypeVar("T")

EVERY = 300.0
WHILE_UNKNOWN = 31.0
"""A little more than what two passes must lie apart."""
AFTER_FAILURE = 5.0
BREATH = 2.0
"""Seconds at least between two passes of a session: what calls for one comes in bursts, and a standing riddle must not ask for ever."""
_WHOLE = frozenset({SessionPhase.UP, SessionPhase.FARM_DEGRADED})


class Reconciler:
    """Asks for the lists, and says what they prove."""

    def __init__(self, keeper: Keeper, connection: ConnectionRef, canceller: Canceller, gateway: str) -> None:
        self._keeper = keeper
        self._gateway = gateway
        self._canceller = canceller
        self._connection = connection
        self._earlier: Pass | None = None
        self._synced: tuple[int, float] | None = None
        """Epoch and time at which all account data was there."""
        self._was_loading = False
        """The last pass came too early for what it lacked to prove anything."""
        self._broken = False
        """IB was not reachable at some time during the present pass."""
        self._was_away = False
        """IB was not reachable, and no pass was called for since."""
        self._unbroken_since: tuple[int, float] | None = None
        """Epoch and time of the first whole list of executions since which IB was reachable throughout."""
        self._turn = trio.Lock()
        self.behind: dict[str, tuple[Row, ...]] = {}
        """What the last pass showed of orders of ours that the journal does not have, by token."""
        self.due = trio.Event()

    def session_changed(self, session: SessionStatus) -> None:
        """Note when passes begin to count, and when one is spoilt."""
        if session.phase in _WHOLE and (self._synced is None or self._synced[0] != session.epoch):
            self._synced = session.epoch, time.time()
        if session.phase not in _WHOLE | {SessionPhase.SYNCING}:
            self._broken = self._was_away = True
        elif self._was_away or self._keeper.ref.reconciled.epoch != session.epoch:
            # A break without lost data (1102) begins no session, and what became of orders meanwhile may have been told to nobody.
            self._was_away = False
            self.due.set()

    async def run(self) -> None:
        """Reconcile at each new session, when something calls for it, while an order is unknown, and every five minutes."""
        while True:
            self.due = trio.Event()
            done = await self.reconcile()
            unknown = any(order.status is Status.UNKNOWN or order.unknown_terms for order in self._keeper.book.open)
            soon = unknown or self._was_loading
            with trio.move_on_after(AFTER_FAILURE if done is None else WHILE_UNKNOWN if soon else EVERY):
                await self.due.wait()
            if self._keeper.ref.reconciled.epoch == self._connection.sessions.value.epoch:
                await trio.sleep(BREATH)

    async def reconcile(self) -> Reconciled | None:
        """One pass and its verdicts; None when there was no session to ask, or it ended meanwhile."""
        async with self._turn:
            desk, session = self._keeper.desk, self._connection.sessions.value
            if desk is None or not session.up or not desk.connected:
                return None
            present = await self._ask(desk)
            self._was_loading = present.loading
            await self._keeper.drain()
            if not desk.alive or desk.log.epoch != present.epoch:
                return None
            return await self._judge(present, desk)

    async def _ask(self, desk: OrderDesk) -> Pass:
        if self._broken:
            self._unbroken_since = None
        self._broken = not desk.connected
        owed, epoch, began = desk.owes_an_end, desk.log.epoch, time.time()
        everybody = _without_what_ifs(await self._rows(open_orders(everybody=True)))
        ours = _without_what_ifs(await self._rows(open_orders(everybody=False)))
        done = await self._rows(completed_orders())
        executed = await self._rows(executions())
        return Pass(
            epoch=epoch,
            began=began,
            ended=time.time(),
            open_orders=ours,
            all_open_orders=everybody,
            completed=done,
            executions=executed,
            synced_at=self._synced[1] if self._synced is not None and self._synced[0] == epoch else None,
            connected=desk.connected and not self._broken,
            end_owed=owed or desk.owes_an_end,
            undecoded=desk.log.undecoded,
            undecoded_tokens=frozenset(desk.log.undecoded_tokens),
        )

    async def _rows(self, spec: RequestSpec[T]) -> tuple[T, ...] | None:
        try:
            return await self._connection.request(spec)
        except IbactorsError as error:
            log.warning("list_missing", to=spec.to, reason=str(error))
            return None

    async def _judge(self, present: Pass, desk: OrderDesk) -> Reconciled | None:
        keeper, session = self._keeper, self._connection.sessions.value
        old = await self._old(present.rows)
        # The book after the wait: what was taken in meanwhile is judged as it is now.
        orders = (*keeper.book.all, *(order for order in old if order.order_id not in keeper.book))
        ground = Ground(
            at=time.time(),
            mode=keeper.ref.mode,
            accounts=frozenset(session.accounts),
            gateway_zone=desk.gateway_zone,
            gateway_since=keeper.ref.gateway_since,
            automatic=absence_decides(keeper.ref.mode, self._gateway),
        )
        found = judge(orders, present, self._earlier, ground)
        self.behind = {token: tuple(row for row in present.rows if row.token == token) for token in found.behind}
        if found.behind:
            keeper.halt(f"journal_behind: IB shows orders of ours that the journal does not have: {', '.join(sorted(found.behind)[:5])}")
        keeper.halt_if(keeper.tripwires.duplicate(found.duplicates))
        # Rows are evidence already, each in its place; once more, now, they would be older than what came after them.
        verdicts = {
            each.order_id: judged
            for each in found.findings
            if each.order_id in keeper.book and (judged := tuple(one for one in each.evidence if isinstance(one, Judged | UndecodedSeen)))
        }
        await keeper.give_all(verdicts)
        await self._canceller.cancel_remains(present, desk)
        if present.unfit is None:
            keeper.halt_if(keeper.tripwires.unknown([order.order_id for order in keeper.book.open if order.status is Status.UNKNOWN]))
        if present.unfit is None and (self._earlier is None or self._earlier.epoch != present.epoch or _apart(self._earlier, present)):
            self._earlier = present
        await self._note_coverage(present, desk, session.accounts)
        self._keeper.ref.foreign = _foreign((*found.foreign, *found.copies), present.ended)
        return self._report(present, len(found.foreign), desk)

    async def _note_coverage(self, present: Pass, desk: OrderDesk, accounts: Sequence[str]) -> None:
        """Write down for which span the executions are known to be all that there are."""
        held = self._unbroken_since
        unbroken_since = held[1] if held is not None and held[0] == present.epoch else None
        since = told_since(present, desk.gateway_zone, unbroken_since=unbroken_since)
        if since is None:
            return
        if unbroken_since is None:
            self._unbroken_since = present.epoch, present.began

        def operation(tx: Transaction) -> None:
            for account in accounts:
                executions_were_complete(tx, account, since, present.began)

        if await self._keeper.write(operation):
            self._keeper.listed_epoch = present.epoch

    async def _old(self, rows: tuple[Row, ...]) -> tuple[Order, ...]:
        """Orders that are long over, and still in a list."""
        tokens = {row.token for row in rows if row.token is not None and self._keeper.book.by_token(row.token) is None}
        found = [await self._keeper.read(self._keeper.reader.by_token, token) for token in tokens]
        return tuple(order for order in found if order is not None)

    def _report(self, present: Pass, foreign: int, desk: OrderDesk) -> Reconciled | None:
        numbers = [row.order_id or 0 for row in present.rows if row.client_id == desk.client_id]
        self._keeper.highest_seen = max([self._keeper.highest_seen, *numbers])
        if present.open_orders is not None:
            desk.log.read_only = None  # what is listed may be sent, too
        if present.all_open_orders is None or present.open_orders is None or present.executions is None:
            return None
        self._keeper.ref.reconciled = Reconciled(epoch=present.epoch, at=present.ended, unfit=present.unfit, foreign_orders=foreign)
        return self._keeper.ref.reconciled


async def bind(keeper: Keeper, connection: ConnectionRef, desk: OrderDesk) -> bool:
    """Halt trading if another client id holds the open orders; False when the disk did not say, which halts it as well."""
    book = book_of(connection, keeper, desk)
    try:
        await keeper.must_write(lambda tx: bind_client_id(tx, book))
    except ClientIdChanged as error:
        keeper.halt(f"client_id_changed: {error}")
    except (JournalFailed, JournalFull):
        return False
    return True


def _without_what_ifs(rows: tuple[OpenOrderSeen | WhatIfSeen, ...] | None) -> tuple[OpenOrderSeen, ...] | None:
    """What lists orders alone: the answer to a preview may come between the rows of a list, in the same message."""
    return None if rows is None else tuple(row for row in rows if isinstance(row, OpenOrderSeen))


def _foreign(rows: Sequence[Row], at: float) -> tuple[ForeignOrder, ...]:
    """The open orders of others, each once: both lists of open orders may have it."""
    found = {row.perm_id or (row.client_id, row.order_id): row for row in rows if isinstance(row, OpenOrderSeen)}
    return tuple(ForeignOrder(seen=row, source=source_of(row), at=at) for row in found.values())


def _apart(earlier: Pass, present: Pass) -> bool:
    return present.began - earlier.ended >= BETWEEN
