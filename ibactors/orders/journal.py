"""The journal of orders: one SQLite file with one writer. It is blocking; `writer.py` runs it in a thread.

Nothing leaves the process before `commit` has returned: not to a caller, not to a stream. A failed commit closes the connection. After a
full disk only what ends orders is written; after an I/O error nothing is, as a disk that failed a sync once may lie about the next one.
"""

import os
import secrets
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from ibactors.orders.errors import JournalFailed, JournalFull
from ibactors.orders.schema import migrate
from ibactors.orders.storage import HIGH_WATER_STEP, LEAST_FREE, HighWater, Lock, Reserve, check_file_system, free_bytes
from ibactors.orders.transaction import Operation, Transaction

FILE = "orders.sqlite"
LOG = 4 * 2**20
"""Octets that the write-ahead log grows to before SQLite folds it into the file (1,000 pages)."""
Connect = Callable[[Path], sqlite3.Connection]


class Job(NamedTuple):
    """One operation of a group. `opens` says that it takes a new order or change; such ones are the first to be refused."""

    operation: Operation[object]
    opens: bool = False


Outcome = object | Exception


def connect(path: Path) -> sqlite3.Connection:
    """A connection that is used by one thread at a time, in explicit transactions, each of them durable."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5.0)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


class Journal:
    """The open file. `broken` says why no order may be taken, for health and refusals; None while all is well."""

    def __init__(self, state_path: Path, *, allow_ephemeral: bool = False, connect: Connect = connect) -> None:
        """Raises StartupError for a file that is locked, too new or in a bad place, and JournalFailed."""
        state_path.mkdir(mode=0o700, parents=True, exist_ok=True)
        check_file_system(state_path, allow_ephemeral=allow_ephemeral)
        self.path = state_path / FILE
        self._high_water = state_path / "orders.high-water"
        self._connect = connect
        self._lock = Lock(state_path / "orders.lock")
        self._reserve = Reserve(state_path / "orders.reserve")
        self.broken: str | None = None
        self.replaced: str | None = None
        """Why the file is not the one that this state path had before: an old copy, or a new file. Trading must halt."""
        self._failed = self._is_stretched = False
        self._connection: sqlite3.Connection | None = None
        self._mark = self.sequence = 0
        self.journal_id = ""
        try:
            self._open()
        except sqlite3.Error as error:
            self.close()
            raise JournalFailed(f"The journal {self.path} cannot be opened: {error}.") from error
        except BaseException:
            self.close()
            raise

    def _open(self) -> None:
        # SQLite gives its log and its index the mode of the database.
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
        self.path.chmod(0o600)
        self._connection = self._connect(self.path)
        migrate(self._connection, self.path)
        self._read_identity(self._connection)
        if not self._reserve.fill():
            self.broken = f"There is no room for a reserve of 16 MiB beside {self.path}."

    def _read_identity(self, connection: sqlite3.Connection) -> None:
        known = dict(connection.execute("SELECT name, value FROM meta").fetchall())
        self.sequence = int(known.get("sequence", 0))
        self.journal_id = str(known.get("journal_id", ""))
        mark = HighWater.read(self._high_water)
        if mark is not None and mark.betrays(self.journal_id, self.sequence):
            self.replaced = f"The journal {self.path} is not the one that was here, or an older copy of it."
            self.journal_id = ""
        if not self.journal_id:
            self.journal_id = secrets.token_hex(6)
            with connection:
                connection.execute(
                    "INSERT OR REPLACE INTO meta VALUES ('journal_id', ?), ('sequence', ?)", (self.journal_id, self.sequence)
                )
        self._raise_mark()

    @property
    def may_open(self) -> str | None:
        """Why no order may be taken now, or None."""
        if self.broken is None and free_bytes(self.path.parent) < LEAST_FREE:
            return f"Less than 256 MiB are free in {self.path.parent}."
        return self.broken

    def commit(self, jobs: Sequence[Job]) -> list[Outcome]:
        """Carry out *jobs* in one durable transaction; an outcome a job, in order: its result or its exception.

        A job that raises takes back its own rows alone. If the transaction fails, every job fails, and what the file holds is read again.
        """
        if self._failed or self._connection is None:
            return [JournalFailed(self.broken or "The journal is closed.") for _ in jobs]
        try:
            return self._commit(self._connection, jobs)
        except (sqlite3.Error, OSError) as error:
            return self._fail(error, jobs)

    def _commit(self, connection: sqlite3.Connection, jobs: Sequence[Job]) -> list[Outcome]:
        connection.execute("BEGIN IMMEDIATE")
        transaction = Transaction(connection, self.sequence)
        outcomes = [self._carry_out(transaction, job) for job in jobs]
        if transaction.sequence != self.sequence:
            transaction.run("UPDATE meta SET value = ? WHERE name = 'sequence'", (transaction.sequence,))
        connection.execute("COMMIT")
        self.sequence = transaction.sequence
        if self.sequence >= self._mark + HIGH_WATER_STEP:
            self._raise_mark()
        return outcomes

    def fold(self) -> None:
        """Fold the log into the file, while nobody waits: else SQLite does it within the commit that finds a thousand pages there.

        The first time the log is made as long as it gets. A sync that need not make a file longer as well takes less time, and the log is
        written from its beginning again once it was folded. What fails here fails again at the next commit, which tells.
        """
        if self._connection is None or self._failed or self.broken is not None:
            return
        with suppress(sqlite3.Error):
            if not self._is_stretched:
                self._is_stretched = True
                self._stretch(self._connection)
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)")

    @staticmethod
    def _stretch(connection: sqlite3.Connection) -> None:
        connection.execute("CREATE TABLE IF NOT EXISTS stretched (filling BLOB)")
        try:
            connection.execute("INSERT INTO stretched VALUES (zeroblob(?))", (LOG,))
        finally:
            connection.execute("DROP TABLE stretched")

    def _carry_out(self, transaction: Transaction, job: Job) -> Outcome:
        if job.opens and self.broken is not None:
            return JournalFull(self.broken)
        try:
            with transaction.alone():
                return job.operation(transaction)
        except (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.InterfaceError) as error:
            return error
        except sqlite3.Error:
            raise  # the disk, not the job
        except Exception as error:  # noqa: BLE001  # the job's own failure is its caller's, not the group's
            return error

    def _raise_mark(self) -> None:
        """Say beside the file how far it has come. Failing at that fails nothing: the next commit tries again."""
        try:
            HighWater(self.journal_id, self.sequence).write(self._high_water)
            self._mark = self.sequence
        except OSError:
            self._mark = self.sequence - HIGH_WATER_STEP + 1

    def _fail(self, error: Exception, jobs: Sequence[Job]) -> list[Outcome]:
        """Close, look what is on disk, and go on with what ends orders if the disk is merely full."""
        full = _is_full(error)
        first, before = self.broken is None, self.sequence
        self._disconnect()
        self.broken = f"The journal {self.path} could not be written: {error}."
        self._failed = not full
        if full:
            self._reserve.release()
        try:
            self._connection = self._connect(self.path)
            self._read_identity(self._connection)
        except (sqlite3.Error, OSError):
            self._failed = True
        if full and first and not self._failed and self.sequence == before:
            # It was rolled back: a full disk fails before the log has the commit's record. What ends orders is tried once more.
            return self.commit(jobs)
        failure = JournalFull(self.broken) if full else JournalFailed(self.broken)
        return [failure for _ in jobs]

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.close()
            except sqlite3.Error:
                self._failed = True

    def close(self) -> None:
        """Let go of the file and of the lock."""
        if self._connection is not None and not self._failed:
            self._raise_mark()
        self._disconnect()
        self._lock.release()


def _is_full(error: Exception) -> bool:
    if isinstance(error, OSError):
        return error.errno == 28  # noqa: PLR2004  # ENOSPC
    return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
