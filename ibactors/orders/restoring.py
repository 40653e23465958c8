"""Putting a copy of the journal in its place: with an id of its own, as its numbers mean other events, and with trading halted.

Every client_order_id since the copy was made is unknown to it. What of them IB still shows is taken over by `adopt`; of the rest an admin
has to be sure before trading goes on.
"""

import sqlite3
import time
from pathlib import Path

from ibactors.orders.audit import restored
from ibactors.orders.storage import Lock

REASON = "journal_restored: a copy was put in the place of the journal; orders since then are not known to it"


def restore(copy: Path, path: Path) -> None:
    """Put *copy* at *path*; what was there is kept beside it. Raises StartupError while a service has the journal."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = Lock(path.parent / "orders.lock")
    try:
        fresh = path.with_name(f"{path.name}.restoring")
        fresh.unlink(missing_ok=True)
        _copy(copy, fresh)
        restored(fresh)
        _halt(fresh)
        fresh.chmod(0o600)
        before = path.with_name(f"{path.name}.before-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}")
        for suffix in ("-wal", "-shm", ""):
            old = path.with_name(path.name + suffix)
            if old.exists():
                old.replace(before.with_name(before.name + suffix))
        # The file beside it says how far the one before had come; of this one it would say that it was replaced unseen.
        (path.parent / "orders.high-water").unlink(missing_ok=True)
        fresh.replace(path)
    finally:
        lock.release()


def _copy(copy: Path, fresh: Path) -> None:
    """By SQLite itself, so that a log beside the copy is read as well."""
    source, target = sqlite3.connect(f"{copy.absolute().as_uri()}?mode=ro", uri=True), sqlite3.connect(fresh)
    try:
        source.backup(target)
    finally:
        source.close()
        target.close()


def _halt(fresh: Path) -> None:
    connection = sqlite3.connect(fresh, isolation_level=None)
    try:
        connection.execute("PRAGMA synchronous = FULL")
        values = (time.time(), "ibactors journal restore", REASON, "none")
        connection.execute("INSERT INTO halts (at, by, reason, cancel) VALUES (?, ?, ?, ?)", values)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()
