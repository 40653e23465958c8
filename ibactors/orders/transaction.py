"""One transaction of the journal: what an operation may do with the database, and the sequence numbers that it takes."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeVar

import msgspec

from ibactors.model.times import Value
from ibactors.orders.draft import Event
from ibactors.orders.order import Order

T = TypeVar("T")
Cell = str | int | float | bytes | None
Row = tuple[Cell, ...]
Values = Sequence[Cell] | Mapping[str, Cell]
"""In the order of the question marks of a statement, or by name."""

_encode = msgspec.json.Encoder().encode


class Entry(Value, frozen=True, kw_only=True, omit_defaults=True):
    """A line of the journal, as it is read back: an event, its number, and the order as it was after it."""

    sequence: int
    at: float
    kind: str
    account: str | None = None
    order_id: str | None = None
    body: msgspec.Raw


class EventBody(Value, frozen=True, kw_only=True, omit_defaults=True):
    """What an entry about an order holds."""

    event: Event
    order: Order


class Transaction:
    """Given to each operation while the transaction is open. Numbers taken here are void if the transaction fails."""

    def __init__(self, connection: sqlite3.Connection, sequence: int) -> None:
        self._connection = connection
        self.sequence = sequence
        """The last number taken."""

    def run(self, statement: str, values: Values = ()) -> int:
        """Execute one statement; returns the number of rows that it changed."""
        return self._connection.execute(statement, values).rowcount

    def rows(self, statement: str, values: Values = ()) -> list[Row]:
        """All rows of a query. Callers bound them by LIMIT or by what they ask for."""
        return self._connection.execute(statement, values).fetchall()

    def row(self, statement: str, values: Values = ()) -> Row | None:
        """The first row, or None."""
        found: Row | None = self._connection.execute(statement, values).fetchone()
        return found

    def note(self, kind: str, at: float, body: object, *, account: str | None = None, order_id: str | None = None) -> Entry:
        """Append an entry with the next number."""
        text = encoded(body)
        number = self.sequence + 1
        self.run(
            "INSERT INTO events (sequence, at, account, order_id, kind, body) VALUES (?, ?, ?, ?, ?, ?)",
            (number, at, account, order_id, kind, text),
        )
        self.sequence = number
        return Entry(sequence=number, at=at, kind=kind, account=account, order_id=order_id, body=msgspec.Raw(text.encode()))

    @contextmanager
    def alone(self) -> Iterator[None]:
        """A SAVEPOINT: an operation that fails takes back its own rows and numbers, and nobody else's in the group."""
        before = self.sequence
        self.run("SAVEPOINT operation")
        try:
            yield
        except BaseException:
            self.sequence = before
            if self._connection.in_transaction:  # a full disk or an I/O error may have ended all of it
                self.run("ROLLBACK TO operation")
                self.run("RELEASE operation")
            raise
        self.run("RELEASE operation")


Operation = Callable[[Transaction], T]


def encoded(value: object) -> str:
    """A value as JSON text; decimals are text in it, so that nothing is rounded."""
    return _encode(value).decode()
