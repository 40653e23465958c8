"""Looking after the journal from outside: is it sound, and what does it say. For the command `ibactors journal`."""

import re
import secrets
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import msgspec

from ibactors.orders.order import Order
from ibactors.orders.reader import Reader

_ACCOUNT = re.compile(r"\b([A-Z]{1,3})\d{4,}(\d{3})\b")
_PROMISES = {
    "orders that were placed twice": "SELECT order_id FROM sends WHERE kind = 'place' GROUP BY order_id HAVING count(*) > 1",
    "orders without a placement": "SELECT order_id FROM orders WHERE order_id NOT IN (SELECT order_id FROM sends WHERE kind = 'place')",
    "numbers given above those that were taken": (
        "SELECT order_id FROM orders AS o WHERE ib_order_id > coalesce((SELECT highest FROM ids WHERE login = o.login"
        " AND client_id = o.client_id), 0)"
    ),
    "numbers in the range of requests": "SELECT order_id FROM orders WHERE ib_order_id >= 1 << 30",
    "events ahead of the sequence": "SELECT sequence FROM events WHERE sequence > (SELECT value FROM meta WHERE name = 'sequence')",
    "gaps in the sequence": (
        "SELECT sequence FROM events WHERE sequence > (SELECT min(sequence) FROM events)"
        " AND sequence - 1 NOT IN (SELECT sequence FROM events)"
    ),
    "executions of orders that are not there": "SELECT execution_id FROM executions WHERE order_id NOT IN (SELECT order_id FROM orders)",
}


def check(path: Path) -> list[str]:
    """What is wrong with the journal at *path*, in sentences; empty when nothing is. It may be in use meanwhile."""
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    try:
        found = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(20)") if row[0] != "ok"]
        found += [f"{row[0]}: a row of it refers to nothing." for row in connection.execute("PRAGMA foreign_key_check")]
        for promise, query in _PROMISES.items():
            rows = connection.execute(f"{query} LIMIT 20").fetchall()  # of the table above
            if rows:
                found.append(f"There are {promise}: {', '.join(str(row[0]) for row in rows)}.")
        for order_id, state in connection.execute("SELECT order_id, state FROM orders"):
            try:
                msgspec.json.decode(state, type=Order)
            except msgspec.MsgspecError as error:
                found.append(f"The state of {order_id} cannot be read: {error}.")
    except sqlite3.DatabaseError as error:
        return [f"{path} cannot be read: {error}."]
    finally:
        connection.close()
    return found


def export(path: Path, *, mask: bool = True) -> Iterator[str]:
    """The journal as JSON lines: its head, then every entry in order. Account numbers are masked unless told otherwise."""
    reader = Reader(path)
    try:
        journal_id, sequence = reader.place()
        yield msgspec.json.encode({"journal_id": journal_id, "sequence": sequence}).decode()
        after, more = 0, True
        while more:
            page = reader.entries(after)
            for entry in page.entries:
                line = msgspec.json.encode(entry).decode()
                yield _ACCOUNT.sub(r"\1***\2", line) if mask else line
            after, more = (page.entries[-1].sequence if page.entries else after), page.more
    finally:
        reader.close()


def restored(path: Path) -> str:
    """Give a journal that was put back from a copy a new id, so that no cursor of before means an event of now; returns the id."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        journal_id = secrets.token_hex(6)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("UPDATE meta SET value = ? WHERE name = 'journal_id'", (journal_id,))
    finally:
        connection.close()
    return journal_id
