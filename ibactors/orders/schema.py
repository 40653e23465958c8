"""The tables of the journal, and how an older file becomes the present one. Migrations go forward alone."""

import shutil
import sqlite3
from pathlib import Path

from ibactors.errors import StartupError

_FIRST = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;

CREATE TABLE orders (
    order_id TEXT PRIMARY KEY, account TEXT NOT NULL, mode TEXT NOT NULL, client_order_id TEXT NOT NULL, key TEXT NOT NULL,
    token TEXT NOT NULL UNIQUE, login TEXT NOT NULL, client_id INTEGER NOT NULL, ib_order_id INTEGER NOT NULL, parent TEXT,
    is_open INTEGER NOT NULL, created REAL NOT NULL, fingerprint TEXT NOT NULL, request TEXT NOT NULL, state TEXT NOT NULL
);
CREATE UNIQUE INDEX one_order_a_client_order_id ON orders (account, client_order_id);
CREATE UNIQUE INDEX one_order_a_number ON orders (login, client_id, ib_order_id);
CREATE INDEX open_orders ON orders (is_open) WHERE is_open;
CREATE INDEX members ON orders (parent) WHERE parent IS NOT NULL;

CREATE TABLE sends (
    send_id INTEGER PRIMARY KEY, order_id TEXT NOT NULL REFERENCES orders, kind TEXT NOT NULL, ib_order_id INTEGER NOT NULL,
    client_id INTEGER NOT NULL, epoch INTEGER NOT NULL, at REAL NOT NULL, change_id TEXT, fingerprint TEXT, outcome TEXT
);
CREATE UNIQUE INDEX one_place_an_order ON sends (order_id) WHERE kind = 'place';
CREATE UNIQUE INDEX one_change_a_change_id ON sends (order_id, change_id) WHERE kind = 'change';
CREATE INDEX without_outcome ON sends (order_id) WHERE outcome IS NULL;

CREATE TABLE events (
    sequence INTEGER PRIMARY KEY, at REAL NOT NULL, account TEXT, order_id TEXT, kind TEXT NOT NULL, body TEXT NOT NULL
);
CREATE INDEX events_of_an_order ON events (order_id, sequence);
CREATE INDEX events_of_a_time ON events (at);

CREATE TABLE executions (
    execution_id TEXT PRIMARY KEY, base TEXT NOT NULL, revision INTEGER NOT NULL, order_id TEXT, account TEXT NOT NULL,
    at REAL NOT NULL, body TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX executions_of_an_order ON executions (order_id, base, revision);
CREATE INDEX executions_of_a_time ON executions (at);

CREATE TABLE ids (login TEXT NOT NULL, client_id INTEGER NOT NULL, highest INTEGER NOT NULL, PRIMARY KEY (login, client_id));
CREATE TABLE tombstones (
    account TEXT NOT NULL, client_order_id TEXT NOT NULL, key TEXT NOT NULL, at REAL NOT NULL, PRIMARY KEY (account, client_order_id)
);
CREATE TABLE halts (
    halt_id INTEGER PRIMARY KEY, at REAL NOT NULL, by TEXT NOT NULL, reason TEXT NOT NULL, cancel TEXT NOT NULL,
    resumed_at REAL, resumed_by TEXT
);
CREATE TABLE deadmen (key TEXT PRIMARY KEY, seconds REAL NOT NULL, wall REAL NOT NULL, boot REAL NOT NULL, fired_at REAL);
CREATE TABLE complete (account TEXT NOT NULL, since REAL NOT NULL, until REAL NOT NULL);
CREATE TABLE positions (
    account TEXT NOT NULL, con_id INTEGER NOT NULL, quantity TEXT NOT NULL, at REAL NOT NULL, PRIMARY KEY (account, con_id)
);
CREATE TABLE groups (account TEXT NOT NULL, key TEXT NOT NULL, name TEXT NOT NULL, generation INTEGER NOT NULL,
    PRIMARY KEY (account, key, name));
CREATE TABLE frames (frame_id INTEGER PRIMARY KEY, at REAL NOT NULL, order_id TEXT, text BLOB NOT NULL);
CREATE INDEX frames_of_a_time ON frames (at);
"""

_SECOND = """
CREATE INDEX executions_of_a_base ON executions (base, revision);
"""

MIGRATIONS: tuple[str, ...] = (_FIRST, _SECOND)
"""The n-th turns a file of version n into one of version n + 1. A migration that was ever released is not edited."""


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Bring the file at *path* up to date, all or nothing, after a copy of it was put beside it. Raises StartupError."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(MIGRATIONS):
        raise StartupError(
            f"The journal {path} has the schema {version}; this version of ibactors knows {len(MIGRATIONS)}. "
            "Start the version that wrote it; `ibactors journal cancel-all` works with any."
        )
    if version == len(MIGRATIONS):
        return
    if version:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        shutil.copy2(path, path.with_name(f"{path.name}.schema-{version}"))
    statements = "".join(MIGRATIONS[version:])
    try:
        connection.executescript(f"BEGIN IMMEDIATE; {statements} PRAGMA user_version = {len(MIGRATIONS)}; COMMIT;")
    except sqlite3.Error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
