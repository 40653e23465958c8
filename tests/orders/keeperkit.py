"""Who keeps the orders, with a real journal and no gateway; its messages are handled when the test says so."""

import sqlite3
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trio
from trio.testing import wait_all_tasks_blocked

from ibactors.actors.connection import ConnectionRef
from ibactors.actors.order_cancelling import Canceller
from ibactors.actors.order_halting import Brake
from ibactors.actors.order_keeper import Keeper
from ibactors.actors.orders import OrdersRef
from ibactors.kernel.mailbox import Mailbox
from ibactors.kernel.ref import Ask, Ref
from ibactors.model.halting import HaltAfter
from ibactors.orders.halts import Halt, halts_in_force
from ibactors.orders.journal import Journal
from ibactors.orders.journal_reading import reading
from ibactors.orders.order import Order
from ibactors.orders.placing import Book, Intent, Placed, place
from ibactors.orders.safety import Mode
from ibactors.orders.tripwires import Tripwires

PATIENCE = 30.0
"""Seconds after which a thread that nobody lets go on fails its test."""


class Disk:
    """Fails, or holds each commit up, when it is told to."""

    def __init__(self) -> None:
        self.code: int | None = None
        """SQLite's, with which each commit fails."""
        self.times = 1_000
        """How many of them fail."""
        self.commits = 0
        self.free = threading.Event()
        self.free.set()
        self.reached = threading.Event()
        """Set when a commit waits for the disk to be free."""

    def connect(self, path: Path) -> sqlite3.Connection:
        """See `journal.connect`."""
        disk = self

        class Connection(sqlite3.Connection):
            def execute(self, sql: str, *args: Any) -> sqlite3.Cursor:
                if sql == "COMMIT":
                    disk.commits += 1
                    disk.reached.set()
                    assert disk.free.wait(PATIENCE)
                    if disk.code is not None and disk.times:
                        disk.times -= 1
                        error = sqlite3.OperationalError("the disk fails")
                        error.sqlite_errorcode = disk.code
                        raise error
                return super().execute(sql, *args)

        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, factory=Connection)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        return connection

    def hold(self) -> None:
        """Hold up the next commit."""
        self.reached.clear()
        self.free.clear()

    async def held(self) -> None:
        """Wait until a commit is held up, and everybody else waits."""
        assert await trio.to_thread.run_sync(self.reached.wait, PATIENCE)
        await wait_all_tasks_blocked()


@dataclass(kw_only=True)
class Desk:
    """The keeper, and who works with it."""

    ref: OrdersRef
    connection: ConnectionRef
    keeper: Keeper
    canceller: Canceller
    brake: Brake
    disk: Disk
    nursery: trio.Nursery
    mailbox: Mailbox[Any, Any]
    answers: list[Any] = field(default_factory=list)
    """What callers were answered that `ask` has begun."""
    failures: list[Exception] = field(default_factory=list)
    """With what callers were answered that `ask` has begun."""

    async def ask(self, call: Callable[[], Awaitable[object]]) -> Any:
        """Begin a call of the ref's, and return its message, which waits to be handled."""
        waiting = trio.CancelScope()

        async def asking() -> None:
            try:
                self.answers.append(await call())
            except Exception as error:  # noqa: BLE001  # whatever it is, the test looks at it
                self.failures.append(error)
            waiting.cancel(reason="the call is over")

        self.nursery.start_soon(asking)
        with waiting:
            msg = await self.mailbox.next(lambda _: None)
            assert isinstance(msg, Ask)
            return msg
        raise AssertionError(f"the call has asked for nothing: {self.failures}")

    async def placed(self, *orders: Order) -> tuple[Order, ...]:
        """Orders that are on disk and in memory, and shown."""
        intent = Intent(
            orders=orders,
            request="{}",
            fingerprint="f",
            book=Book(login="paper", client_id=1),
            epoch=1,
            next_valid_id=orders[0].ib_order_id,
        )
        found = await self.keeper.writer.write(lambda tx: place(tx, intent))
        assert isinstance(found, Placed)
        for order in found.orders:
            self.keeper.book.put(order)
            self.keeper.show(order)
        return found.orders

    async def halts(self) -> list[str]:
        """The reasons of halts that are in force on disk."""

        def look(tx: Any) -> tuple[Halt, ...]:
            return halts_in_force(tx)

        return [each.reason for each in await self.keeper.writer.write(look)]


@contextmanager
def reachable(ref: Ref[Any, Any]) -> Iterator[Mailbox[Any, Any]]:
    """Stand for an actor within the block: what it is asked is in the mailbox."""
    try:
        yield ref.open_mailbox(64)
    finally:
        ref.close_mailbox()


@asynccontextmanager
async def desk(folder: Path) -> AsyncIterator[Desk]:
    """One that trades on paper."""
    disk, ref, connection = Disk(), OrdersRef(Mode.PAPER, folder), ConnectionRef()
    journal = Journal(folder / "state", allow_ephemeral=True, connect=disk.connect)
    try:
        async with trio.open_nursery() as nursery:
            async with reading(journal.path) as points:
                keeper = Keeper(ref, connection, journal, points, Tripwires(HaltAfter()))
                nursery.start_soon(keeper.writer.run)
                canceller = Canceller(keeper, connection, frozenset())
                with reachable(ref) as mailbox:
                    yield Desk(
                        ref=ref,
                        connection=connection,
                        keeper=keeper,
                        canceller=canceller,
                        brake=Brake(keeper, canceller, dict),
                        disk=disk,
                        nursery=nursery,
                        mailbox=mailbox,
                    )
            disk.free.set()
            nursery.cancel_scope.cancel(reason="the test is over")
    finally:
        disk.free.set()
        journal.close()
