"""The journal: what is in it is durable, once, in order; and what it does when the disk does not."""

import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
from msgspec.structs import replace
from trio.testing import MockClock, wait_all_tasks_blocked

from ibactors.errors import StartupError
from ibactors.orders import audit, schema, storage
from ibactors.orders import journal as journal_module
from ibactors.orders.draft import Step
from ibactors.orders.errors import ClientOrderIdVoid, CursorGone, JournalBusy, JournalClosed, JournalFailed, JournalFull, OrderIdsExhausted
from ibactors.orders.evidence import Evidence, Sent, Withdrawn, Written
from ibactors.orders.executed import Wanted
from ibactors.orders.halts import Deadman, Halt, Resume, deadmen, fire, halt, halts_in_force, resume, watch
from ibactors.orders.journal import Job, Journal, connect
from ibactors.orders.keeping import Known, begin_change, executions_were_complete, keep_frame, keep_positions, prune, save
from ibactors.orders.order import Order
from ibactors.orders.placing import Book, Existing, Intent, bind_client_id, bury, place, send, settle_send
from ibactors.orders.reader import Reader
from ibactors.orders.states import advance
from ibactors.orders.storage import HighWater, check_file_system, file_system_of
from ibactors.orders.transaction import Entry, Operation, T, Transaction
from ibactors.orders.writer import FOLDED_AFTER, QUIET, Writer
from tests.orders.orderkit import ACCOUNT, NOON, Life, order

WRITTEN = Written(at=NOON, kind=Sent.PLACE, epoch=1)
BOOK = Book(login="paper", client_id=1)


def open_journal(path: Path, **options: Any) -> Journal:
    return Journal(path, allow_ephemeral=True, **options)


def do(journal: Journal, operation: Operation[T], *, opens: bool = False) -> T:
    outcome: Any
    (outcome,) = journal.commit([Job(operation, opens)])
    if isinstance(outcome, Exception):
        raise outcome
    result: T = outcome
    return result


def intent(*orders: Order, next_valid_id: int = 1, **fields: Any) -> Intent:
    base = Intent(orders=orders, request="{}", fingerprint="f", book=BOOK, epoch=1, next_valid_id=next_valid_id)
    return replace(base, **fields)


def placing(*orders: Order, **fields: Any) -> Operation[Any]:
    return lambda tx: place(tx, intent(*orders, **fields))


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = open_journal(tmp_path)
    yield opened
    opened.close()


def test_a_place_is_there_after_a_restart_with_its_number_and_event(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    placed = do(journal, placing(order(1), next_valid_id=41))
    assert [o.ib_order_id for o in placed.orders] == [41]
    journal.close()
    again = open_journal(tmp_path)
    reader = Reader(again.path)
    assert reader.order(placed.orders[0].order_id) == replace(placed.orders[0], cursor=f"{again.journal_id}-1")
    assert [e.kind for e in reader.entries().entries] == ["accepted"]
    assert reader.unsettled() == (placed.orders[0].order_id,)
    do(again, lambda tx: settle_send(tx, placed.orders[0].order_id, Sent.PLACE, "written"))
    assert reader.unsettled() == ()
    reader.close()
    again.close()


def test_the_same_client_order_id_finds_the_order_that_has_it(journal: Journal) -> None:
    first = do(journal, placing(order(1)))
    known = do(journal, placing(order(2, name="o-1")))
    assert isinstance(known, Existing)
    assert known.order == replace(first.orders[0], cursor=f"{journal.journal_id}-1")
    assert journal.sequence == 1


def test_the_database_refuses_a_second_placement_of_an_order(journal: Journal) -> None:
    placed = do(journal, placing(order(1)))
    with pytest.raises(sqlite3.IntegrityError):
        do(journal, lambda tx: send(tx, placed.orders[0], Sent.PLACE, epoch=1, at=NOON))


def test_the_database_refuses_a_second_order_under_a_number(journal: Journal) -> None:
    do(journal, placing(order(1), order(2, parent=order(1).order_id)))
    with pytest.raises(sqlite3.IntegrityError):
        do(journal, lambda tx: tx.run("UPDATE orders SET ib_order_id = 1"))


def test_members_of_a_bracket_are_placed_together_or_not_at_all(journal: Journal) -> None:
    parent = order(1, name="b")
    child = order(2, name="b/tp", role="tp", parent=parent.order_id)
    placed = do(journal, placing(parent, child))
    assert [o.ib_order_id for o in placed.orders] == [1, 2]
    clash = order(3, name="c"), order(4, name="b/tp")
    with pytest.raises(sqlite3.IntegrityError):
        do(journal, placing(*clash))
    assert do(journal, lambda tx: tx.rows("SELECT count(*) FROM orders")) == [(2,)]
    assert do(journal, placing(order(5))).orders[0].ib_order_id == 3


def test_ids_never_go_back(journal: Journal, tmp_path: Path) -> None:
    assert do(journal, placing(order(1), next_valid_id=100)).orders[0].ib_order_id == 100
    assert do(journal, placing(order(2), next_valid_id=50)).orders[0].ib_order_id == 101
    assert do(journal, placing(order(3), next_valid_id=50, highest_seen=300)).orders[0].ib_order_id == 301
    journal.close()
    again = open_journal(tmp_path)
    assert do(again, placing(order(4), next_valid_id=1)).orders[0].ib_order_id == 302
    other = Book(login="live", client_id=1)
    assert do(again, placing(order(5), book=other)).orders[0].ib_order_id == 1
    again.close()


def test_a_failed_operation_takes_back_its_own_rows_and_numbers_alone(journal: Journal) -> None:
    def fails(tx: Transaction) -> None:
        tx.note("halt", NOON, {"x": 1})
        raise ValueError("no")

    outcomes: list[Any] = [*journal.commit([Job(placing(order(1))), Job(fails), Job(placing(order(2)))])]
    assert isinstance(outcomes[1], ValueError)
    assert [o.entries[0].sequence for o in (outcomes[0], outcomes[2])] == [1, 2]
    assert audit.check(journal.path) == []


def test_a_saved_step_is_what_is_read(journal: Journal) -> None:
    placed = do(journal, placing(order(1)))
    life = Life(placed.orders[0], written=False)
    life.give(WRITTEN).open().fill(4, "x.01").fill(3, "x.02").paid("x.02", "1.25")
    entries: list[Entry] = []
    replay = Life(placed.orders[0], written=False)
    for step in _steps(replay):
        entries += do(journal, partial(save, step=step))
    reader = Reader(journal.path)
    assert reader.order(life.order.order_id) == replace(replay.order, cursor=f"{journal.journal_id}-{entries[-1].sequence}")
    assert replay.order.fills == life.order.fills
    assert [entry.sequence for entry in entries] == list(range(2, 2 + len(entries)))
    (found,) = reader.executions(Wanted(account=ACCOUNT), covered_until=None).executions
    assert (found.fill.quantity, found.order_id, found.client_order_id) == (3, life.order.order_id, life.order.client_order_id)
    assert reader.executions(Wanted(order_id="ord_other"), covered_until=None).executions == ()
    reader.close()


def _steps(life: Life) -> list[Step]:
    """The steps of a life with a fill, its correction and its commission."""
    steps: list[Step] = []
    give = life.give

    def keep(evidence: Evidence) -> Life:
        steps.append(advance(life.order, evidence))
        return give(evidence)

    life.give = keep  # type: ignore[method-assign]
    life.give(WRITTEN)
    life.open().fill(4, "x.01").fill(3, "x.02").paid("x.02", "1.25")
    return steps


def test_a_change_id_is_used_once_for_each_order(journal: Journal) -> None:
    placed = do(journal, placing(order(1)))
    life = Life(placed.orders[0]).open()
    step = Step(order=life.order)
    assert do(journal, lambda tx: begin_change(tx, step, "c1", "f1", epoch=1)) == ()
    do(journal, lambda tx: settle_send(tx, life.order.order_id, Sent.CHANGE, "replaced", change_id="c1"))
    known = do(journal, lambda tx: begin_change(tx, step, "c1", "f1", epoch=1))
    assert isinstance(known, Known)
    assert (known.fingerprint, known.outcome) == ("f1", "replaced")
    assert do(journal, lambda tx: begin_change(tx, step, "c2", "f1", epoch=1)) == ()


@pytest.mark.usefixtures("journal")
def test_a_second_process_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="Another process"):
        open_journal(tmp_path)


def test_files_are_private(journal: Journal, tmp_path: Path) -> None:
    do(journal, placing(order(1)))
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert {"orders.sqlite", "orders.sqlite-wal", "orders.lock", "orders.high-water", "orders.reserve"} <= set(modes)
    assert set(modes.values()) == {0o600}


def test_a_newer_file_is_refused_and_an_older_one_is_copied_before_it_is_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_journal(tmp_path).close()
    present = len(schema.MIGRATIONS)
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, "ALTER TABLE halts ADD COLUMN extra TEXT;"))
    newer = open_journal(tmp_path)
    do(newer, lambda tx: tx.run("INSERT INTO halts (at, by, reason, cancel, extra) VALUES (1, 'a', 'b', 'none', 'c')"))
    newer.close()
    assert (tmp_path / f"orders.sqlite.schema-{present}").exists()
    monkeypatch.undo()
    with pytest.raises(StartupError, match=f"schema {present + 1}"):
        open_journal(tmp_path)


def test_a_broken_migration_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_journal(tmp_path).close()
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, "CREATE TABLE new_one (x); NONSENSE;"))
    with pytest.raises(JournalFailed):
        open_journal(tmp_path)
    monkeypatch.undo()
    journal = open_journal(tmp_path)
    assert do(journal, lambda tx: tx.row("SELECT name FROM sqlite_master WHERE name = 'new_one'")) is None
    journal.close()


class Faulty(sqlite3.Connection):
    """Fails as a disk does, at a statement of the test's choice."""

    fault: tuple[str, int] | None = None

    def execute(self, sql: str, *args: Any) -> sqlite3.Cursor:
        if Faulty.fault is not None and sql.startswith(Faulty.fault[0]):
            error = sqlite3.OperationalError("disk I/O error" if Faulty.fault[1] == sqlite3.SQLITE_IOERR else "database or disk is full")
            error.sqlite_errorcode = Faulty.fault[1]
            Faulty.fault = None
            raise error
        return super().execute(sql, *args)


def faulty(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, factory=Faulty)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    return connection


@pytest.mark.parametrize("statement", ["BEGIN", "INSERT INTO orders", "INSERT INTO events", "COMMIT"])
def test_after_an_io_error_nothing_is_taken_and_nothing_was_told(tmp_path: Path, statement: str) -> None:
    journal = open_journal(tmp_path, connect=faulty)
    do(journal, placing(order(1)))
    Faulty.fault = (statement, sqlite3.SQLITE_IOERR)
    outcomes = journal.commit([Job(placing(order(2)), opens=True), Job(placing(order(3)), opens=True)])
    assert all(isinstance(outcome, JournalFailed) for outcome in outcomes)
    with pytest.raises(JournalFailed):
        do(journal, lambda tx: halt(tx, Halt(at=NOON, by="test", reason="r", cancel="none")))
    assert "I/O error" in str(journal.may_open)
    journal.close()
    again = open_journal(tmp_path)
    assert do(again, placing(order(2))).entries[0].sequence == 2
    assert audit.check(again.path) == []
    again.close()


@pytest.mark.parametrize("statement", ["INSERT INTO orders", "INSERT INTO halts", "COMMIT"])
def test_on_a_full_disk_orders_are_refused_and_halts_are_still_written(tmp_path: Path, statement: str) -> None:
    journal = open_journal(tmp_path, connect=faulty)
    Faulty.fault = (statement, sqlite3.SQLITE_FULL)
    stop = Job(lambda tx: halt(tx, Halt(at=NOON, by="test", reason="r", cancel="none")))
    entry: Any
    refused, entry = journal.commit([Job(placing(order(1)), opens=True), stop])
    assert isinstance(refused, JournalFull)
    assert entry.sequence == 1
    assert not (tmp_path / "orders.reserve").exists()
    assert "disk is full" in str(journal.may_open)
    (entry,) = journal.commit([stop])
    assert entry.sequence == 2
    (refused,) = journal.commit([Job(placing(order(1)), opens=True)])
    assert isinstance(refused, JournalFull)
    journal.close()


def test_a_really_full_database_is_a_full_disk(tmp_path: Path) -> None:
    def small(path: Path) -> sqlite3.Connection:
        connection = connect(path)
        connection.execute(f"PRAGMA max_page_count = {limits.pop(0) if limits else 10**6}")
        return connection

    limits = [60]
    journal = open_journal(tmp_path, connect=small)
    outcomes = journal.commit([Job(lambda tx: keep_frame(tx, NOON, b"x" * 500_000)), Job(placing(order(1)), opens=True)])
    assert isinstance(outcomes[1], JournalFull)
    assert outcomes[0] is None  # tried once more, with the reserve given up
    assert audit.check(journal.path) == []
    journal.close()


def test_little_room_refuses_orders(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    assert journal.may_open is None
    monkeypatch.setattr(journal_module, "free_bytes", lambda _: storage.LEAST_FREE - 1)
    assert "256 MiB" in str(journal.may_open)


def test_a_replaced_file_is_noticed(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    do(journal, placing(order(1)))
    journal.close()
    old = (tmp_path / "orders.sqlite").read_bytes()
    journal = open_journal(tmp_path)
    reader = Reader(journal.path)
    cursor = reader.entries().cursor
    reader.close()
    do(journal, placing(order(2)))
    journal.close()
    (tmp_path / "orders.sqlite").write_bytes(old)
    back = open_journal(tmp_path)
    assert back.replaced is not None
    reader = Reader(back.path)
    with pytest.raises(CursorGone):
        reader.sequence_of(cursor)
    reader.close()
    back.close()
    (tmp_path / "orders.sqlite").unlink()
    empty = open_journal(tmp_path)
    assert empty.replaced is not None
    empty.close()
    settled = open_journal(tmp_path)
    assert settled.replaced is None
    settled.close()


def test_the_high_water_file_follows_in_steps(journal: Journal, tmp_path: Path) -> None:
    do(journal, lambda tx: [tx.note("halt", NOON, {}) for _ in range(1200)])
    assert HighWater.read(tmp_path / "orders.high-water") == HighWater(journal.journal_id, 1200)


def test_cursors_belong_to_one_journal(journal: Journal) -> None:
    do(journal, placing(order(1)))
    reader = Reader(journal.path)
    page = reader.entries()
    assert reader.sequence_of(page.cursor) == 1
    for bad in ("", "1", f"{journal.journal_id}-2", f"{journal.journal_id}-x", "abc-1", f"{journal.journal_id}-{'9' * 30}"):
        with pytest.raises(CursorGone):
            reader.sequence_of(bad)
    journal_id = audit.restored(journal.path)
    with pytest.raises(CursorGone):
        reader.sequence_of(page.cursor)
    assert reader.entries().cursor == f"{journal_id}-1"
    reader.close()


def test_pages_are_small_and_complete(journal: Journal) -> None:
    do(journal, lambda tx: [tx.note("halt", NOON, {}, account="A" if i % 3 else "B") for i in range(1300)])
    reader = Reader(journal.path)
    seen: list[int] = []
    page = reader.entries()
    while True:
        seen += [entry.sequence for entry in page.entries]
        if not page.more:
            break
        assert len(page.entries) == 500
        page = reader.entries(seen[-1])
    assert seen == list(range(1, 1301))
    filtered = reader.entries(account="B")
    assert (len(filtered.entries), filtered.more, filtered.cursor.endswith("-1300")) == (434, False, True)
    reader.close()


def test_what_is_written_while_a_page_is_read_is_in_it_or_behind_its_cursor(journal: Journal) -> None:
    """Found by the chaos run: a reader was told 1798 and then 1800."""

    class Overtaken(Reader):
        def place(self) -> tuple[str, int]:
            do(journal, placing(order(2)))
            return super().place()

    do(journal, placing(order(1)))
    reader = Overtaken(journal.path)
    page = reader.entries()
    assert f"{journal.journal_id}-{page.entries[-1].sequence}" == page.cursor
    reader.close()


def test_all_orders_are_read_page_by_page(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ibactors.orders.reader.PAGE", 2)
    for number in range(1, 6):
        placed = do(journal, placing(order(number)))
        if number % 2:
            withdrawn = Withdrawn(at=NOON, kind=Sent.PLACE, reason="x")
            do(journal, partial(save, step=advance(placed.orders[0], withdrawn)))
    reader = Reader(journal.path)
    assert [each.ib_order_id for each in reader.every()] == [1, 2, 3, 4, 5]
    assert [each.ib_order_id for each in reader.every(is_open=True)] == [2, 4]
    reader.close()


def test_a_tombstone_voids_a_client_order_id_for_ever(journal: Journal) -> None:
    assert do(journal, lambda tx: bury(tx, ACCOUNT, "o-1", key="bot", at=NOON)) is None
    with pytest.raises(ClientOrderIdVoid):
        do(journal, placing(order(1)))
    do(journal, placing(order(2)))
    existing = do(journal, lambda tx: bury(tx, ACCOUNT, "o-2", key="bot", at=NOON))
    assert existing is not None
    assert existing.order.client_order_id == "o-2"


def test_ids_stay_below_those_of_requests(journal: Journal) -> None:
    do(journal, placing(order(1), next_valid_id=2**30 - 2))
    with pytest.raises(OrderIdsExhausted):
        do(journal, placing(order(2), order(3, parent=order(2).order_id)))
    assert do(journal, placing(order(4))).orders[0].ib_order_id == 2**30 - 1
    with pytest.raises(OrderIdsExhausted):
        do(journal, placing(order(5)))


def test_open_orders_keep_their_client_id(journal: Journal) -> None:
    do(journal, placing(order(1)))
    do(journal, lambda tx: bind_client_id(tx, BOOK))
    with pytest.raises(Exception, match="client id 1 holds"):
        do(journal, lambda tx: bind_client_id(tx, Book(login="paper", client_id=2)))
    do(journal, lambda tx: bind_client_id(tx, Book(login="live", client_id=2)))


def test_halts_hold_until_they_are_resumed(journal: Journal) -> None:
    stop = Halt(at=NOON, by="key:bot", reason="test", cancel="entries")
    do(journal, lambda tx: halt(tx, stop))
    assert do(journal, halts_in_force) == (stop,)
    do(journal, lambda tx: resume(tx, Resume(at=NOON + 1, by="key:admin")))
    assert do(journal, halts_in_force) == ()


def test_a_dead_mans_switch_fires_once(journal: Journal) -> None:
    do(journal, lambda tx: watch(tx, Deadman(key="bot", seconds=30, wall=NOON, boot=5.0)))
    entry = do(journal, lambda tx: fire(tx, "bot", NOON + 31))
    assert entry is not None
    assert entry.kind == "deadman"
    assert do(journal, lambda tx: fire(tx, "bot", NOON + 32)) is None
    (fired,) = do(journal, deadmen)
    assert fired.fired_at == NOON + 31
    do(journal, lambda tx: watch(tx, Deadman(key="bot", seconds=30, wall=NOON + 60, boot=65.0)))
    assert do(journal, deadmen)[0].fired_at is None


def test_what_is_old_goes_and_orders_stay(journal: Journal) -> None:
    do(journal, placing(order(1)))
    do(journal, lambda tx: keep_frame(tx, NOON, b"frame"))
    stop = Halt(at=NOON + 86400, by="test", reason="r", cancel="none")
    do(journal, lambda tx: halt(tx, stop))
    assert do(journal, lambda tx: prune(tx, NOON + 31 * 86400)) == 1
    assert do(journal, lambda tx: prune(tx, NOON + 400 * 86400 + 1)) == 1
    assert do(journal, placing(order(1))).order.order_id == order(1).order_id
    assert do(journal, placing(order(2))).entries[0].sequence == 3


def test_what_is_old_goes_from_the_beginning_without_a_gap_and_never_the_last(journal: Journal) -> None:
    for at in (NOON, NOON + 900 * 86400, *(NOON + second for second in range(8))):  # the clock was wrong once
        do(journal, partial(halt, stop=Halt(at=at, by="test", reason="r", cancel="none")))
    reader = Reader(journal.path)
    assert do(journal, lambda tx: prune(tx, NOON + 450 * 86400)) == 1
    assert [entry.sequence for entry in reader.entries().entries] == list(range(2, 11))
    assert do(journal, lambda tx: prune(tx, NOON + 1400 * 86400, most=4)) == 4
    assert do(journal, lambda tx: prune(tx, NOON + 1400 * 86400, most=4)) == 4
    assert do(journal, lambda tx: prune(tx, NOON + 1400 * 86400, most=4)) == 0
    assert [entry.sequence for entry in reader.entries().entries] == [10]
    assert audit.check(journal.path) == []
    with pytest.raises(CursorGone):
        reader.sequence_of(f"{journal.journal_id}-4")
    reader.close()


def test_spans_of_complete_executions_join_and_the_rest_are_gaps(journal: Journal) -> None:
    for since, until in ((0.0, 10.0), (20.0, 30.0), (8.0, 12.0), (12.0, 15.0)):
        do(journal, partial(executions_were_complete, account=ACCOUNT, since=since, until=until))
    reader = Reader(journal.path)
    assert reader.gaps(ACCOUNT, 5.0, 40.0) == ((15.0, 20.0), (30.0, 40.0))
    assert reader.gaps(ACCOUNT, 21.0, 29.0) == ()
    assert reader.gaps("other", 1.0, 2.0) == ((1.0, 2.0),)
    reader.close()


def test_positions_are_a_snapshot(journal: Journal) -> None:
    do(journal, lambda tx: keep_positions(tx, ACCOUNT, {1: "10", 2: "-5"}, NOON))
    do(journal, lambda tx: keep_positions(tx, ACCOUNT, {2: "-4"}, NOON + 1))
    reader = Reader(journal.path)
    assert reader.positions(ACCOUNT) == ({2: "-4"}, NOON + 1)
    reader.close()


@pytest.mark.parametrize(
    ("kind", "refused", "when_allowed"),
    [
        ("ext4", False, False),
        ("btrfs", False, False),
        ("nfs4", True, True),
        ("cifs", True, True),
        ("fuse.sshfs", True, True),
        ("virtiofs", True, True),
        ("tmpfs", True, False),
        ("overlay", True, False),
    ],
)
def test_file_systems(tmp_path: Path, kind: str, *, refused: bool, when_allowed: bool) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"1 0 8:1 / / rw - ext4 /dev/x rw\n2 1 0:40 / {tmp_path}/a\\040b rw,noatime shared:1 - {kind} src rw\n")
    place_of = tmp_path / "a b" / "state"
    assert file_system_of(place_of, mounts) == kind
    for allowed, expected in ((False, refused), (True, when_allowed)):
        if expected:
            with pytest.raises(StartupError):
                check_file_system(place_of, allow_ephemeral=allowed, mounts=mounts)
        else:
            check_file_system(place_of, allow_ephemeral=allowed, mounts=mounts)


def test_export_tells_everything_and_masks_accounts(journal: Journal) -> None:
    do(journal, placing(order(1)))
    head, line = list(audit.export(journal.path))
    assert msgspec.json.decode(head)["sequence"] == 1
    assert ACCOUNT not in line
    assert ACCOUNT in list(audit.export(journal.path, mask=False))[1]


def test_check_finds_broken_promises(journal: Journal) -> None:
    do(journal, placing(order(1)))
    do(journal, lambda tx: tx.note("halt", NOON, {}))
    do(journal, lambda tx: tx.note("halt", NOON, {}))
    assert audit.check(journal.path) == []
    do(journal, lambda tx: tx.run("DELETE FROM events WHERE sequence = 2"))
    do(journal, lambda tx: tx.run("UPDATE orders SET ib_order_id = 7, state = '{'"))
    found = " ".join(audit.check(journal.path))
    assert "gaps in the sequence: 3" in found
    assert "above those that were taken" in found
    assert "cannot be read" in found


async def test_writes_that_wait_share_a_commit_and_keep_their_order(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    original = journal.commit

    def counted(jobs: list[Job]) -> list[object]:
        sizes.append(len(jobs))
        return original(jobs)

    monkeypatch.setattr(journal, "commit", counted)
    writer = Writer(journal)
    done: list[int] = []

    async def one(number: int) -> None:
        placed = await writer.write(placing(order(number)), opens=True)
        done.append(placed.entries[0].sequence)

    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            async with trio.open_nursery() as callers:
                for number in range(1, 101):
                    callers.start_soon(one, number)
                await trio.testing.wait_all_tasks_blocked()
                nursery.start_soon(writer.run)
            nursery.cancel_scope.cancel(reason="the test is over")
    assert sizes == [100]
    assert sorted(done) == list(range(1, 101))
    with pytest.raises(JournalClosed):
        await writer.write(halts_in_force)


def test_a_folded_journal_is_whole_without_its_log_which_grows_no_more(journal: Journal, tmp_path: Path) -> None:
    do(journal, placing(order(1)), opens=True)
    journal.fold()
    (tmp_path / "copy").write_bytes(journal.path.read_bytes())  # without the log
    copy = sqlite3.connect(tmp_path / "copy")
    assert copy.execute("SELECT count(*) FROM orders").fetchone() == (1,)
    assert copy.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'stretched'").fetchone() == (0,)
    copy.close()
    log = journal.path.with_name(journal.path.name + "-wal")
    long = log.stat().st_size
    assert long > journal_module.LOG
    for number in range(2, 40):
        do(journal, placing(order(number)), opens=True)
    journal.fold()
    assert log.stat().st_size == long


def test_a_journal_that_cannot_be_folded_goes_on(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    (pages,) = sqlite3.connect(journal.path).execute("PRAGMA page_count").fetchone()
    do(journal, lambda tx: tx.run(f"PRAGMA max_page_count = {pages + 20}"))
    journal.fold()
    do(journal, placing(order(1)), opens=True)
    assert journal.may_open is None
    journal.close()


async def test_the_journal_is_folded_once_nothing_has_come_for_a_while(
    journal: Journal, mock_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    folded = trio.Event()
    monkeypatch.setattr(journal, "fold", lambda: trio.from_thread.run_sync(folded.set))
    writer = Writer(journal)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(writer.run)
        for number in range(FOLDED_AFTER):
            mock_clock.jump(QUIET / 2)  # some at a time: no pause is long enough
            await writer.write(placing(order(number + 1)), opens=True)
            await wait_all_tasks_blocked()
        assert not folded.is_set()
        mock_clock.jump(QUIET)
        mock_clock.rate = 1.0
        with trio.fail_after(20):
            await folded.wait()
        nursery.cancel_scope.cancel(reason="the test is over")


async def test_a_caller_that_leaves_changes_nothing(journal: Journal) -> None:
    writer = Writer(journal)
    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            with trio.move_on_after(0):
                await writer.write(placing(order(1)))
            nursery.start_soon(writer.run)
            known = await writer.write(placing(order(1)))
            assert isinstance(known, Existing)
            nursery.cancel_scope.cancel(reason="the test is over")


async def test_too_many_waiting_refuse_orders_and_take_what_ends_them(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ibactors.orders.writer.MOST_WAITING", 1)
    writer = Writer(journal)
    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(writer.write, placing(order(1)))
            await trio.testing.wait_all_tasks_blocked()
            with pytest.raises(JournalBusy):
                await writer.write(placing(order(2)), opens=True)
            nursery.start_soon(writer.write, halts_in_force)
            await trio.testing.wait_all_tasks_blocked()
            nursery.start_soon(writer.run)
            await writer.write(halts_in_force)
            nursery.cancel_scope.cancel(reason="the test is over")


KILLED = """
import os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from tests.orders.orderkit import order
from ibactors.orders.journal import Job, Journal
from ibactors.orders.placing import Book, Intent, place
journal = Journal(Path(sys.argv[1]), allow_ephemeral=True)
number = journal.sequence
while True:
    number += 1
    one = Intent(orders=(order(number),), request="{}", fingerprint="f", book=Book(login="p", client_id=1), epoch=1, next_valid_id=1)
    (placed,) = journal.commit([Job(lambda tx: place(tx, one))])
    os.write(1, f"{placed.entries[0].sequence} {placed.orders[0].ib_order_id}\\n".encode())
"""


def test_killed_between_two_steps_nothing_that_was_told_is_lost(tmp_path: Path) -> None:
    told = 0
    for lines in (1, 7, 40):
        command = [sys.executable, "-c", KILLED, str(tmp_path), str(Path(__file__).parents[2])]
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=os.environ) as process:  # noqa: S603  # the script above
            assert process.stdout is not None
            for _ in range(lines):
                sequence, number = map(int, process.stdout.readline().split())
                assert sequence == number > told
                told = sequence
            process.kill()
            rest = process.stdout.read().split(b"\n")[:-1]
        told = int(rest[-1].split()[0]) if rest else told
        journal = open_journal(tmp_path)
        assert journal.sequence in {told, told + 1}  # the last one may be durable and not yet told
        assert audit.check(journal.path) == []
        told = journal.sequence
        journal.close()
