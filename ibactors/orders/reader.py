"""Reading the journal: on a connection of its own that cannot write, in pages, so that no reader ever stands before a commit."""

import sqlite3
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import msgspec
from msgspec.structs import replace

from ibactors.model.times import Value
from ibactors.orders.draft import Event, Kind
from ibactors.orders.elsewhere import ELSEWHERE
from ibactors.orders.errors import CursorGone
from ibactors.orders.executed import Executions, Wanted, account_gaps, executions, gaps
from ibactors.orders.order import Order
from ibactors.orders.placing import Existing, find_client_order, load
from ibactors.orders.transaction import Entry, EventBody, Transaction, encoded

_FILLS = frozenset({Kind.FILL, Kind.CORRECTION, Kind.COMMISSION, ELSEWHERE})
_HALTS = frozenset({"halt", "resume", Kind.DEADMAN})
ACTIVITIES: Mapping[str, Collection[str]] = {
    "fill": _FILLS,
    "halt": _HALTS,
    "order": frozenset(Kind) - _FILLS - _HALTS,
}
"""Kinds of entries, as people ask for them."""
PAGE = 500
"""Rows that one read takes at most: a long reader would keep the log from being folded into the file."""


_ORDERS = (
    "SELECT order_id FROM orders WHERE order_id > :after AND (:is_open IS NULL OR is_open = :is_open) AND created >= :since"
    " AND (:account IS NULL OR account = :account) AND (:symbol IS NULL OR json_extract(state, '$.terms.symbol') = :symbol)"
    " ORDER BY order_id LIMIT :limit"
)
_ENTRIES = (
    "SELECT sequence, at, kind, account, order_id, body FROM events"
    " WHERE sequence > :after AND (:account IS NULL OR account = :account) AND :order_id IS NULL"
    " AND (:kinds IS NULL OR kind IN (SELECT value FROM json_each(:kinds))) AND at >= :since ORDER BY sequence LIMIT :limit"
)
_ENTRIES_OF_ORDER = _ENTRIES.replace(":order_id IS NULL", "order_id = :order_id")
_BEFORE = (
    "SELECT sequence FROM events WHERE sequence < :sequence AND (:account IS NULL OR account = :account) AND :order_id IS NULL"
    " ORDER BY sequence DESC LIMIT 1"
)
_BEFORE_OF_ORDER = _BEFORE.replace(":order_id IS NULL", "order_id = :order_id")


class Page(Value, frozen=True, kw_only=True):
    """Entries in order, and the cursor behind the last of them."""

    entries: tuple[Entry, ...]
    previous: int
    """The number of the entry before the first one, among those that were asked for; 0 for none."""
    journal_id: str
    cursor: str
    more: bool
    """True when there are more entries already."""


class Snapshot(Value, frozen=True, kw_only=True):
    """The open orders as they were at a place of the journal: what follows is behind its cursor."""

    orders: tuple[Order, ...]
    journal_id: str
    sequence: int


class ChangeKept(Value, frozen=True, kw_only=True):
    """A change that was asked for, and what came of it."""

    fingerprint: str
    outcome: str | None
    """Of its frame: `written`, `withdrawn: why`, `unchanged`; None when nobody knows."""
    event: Event | None
    """The one that ended it; None while it is pending."""


def cursor_of(journal_id: str, sequence: int) -> str:
    """A place in this very journal: after a restore the same number would mean another event."""
    return f"{journal_id}-{sequence}"


class Reader:
    """Used by one thread at a time. Sees what is durable, and nothing else."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=False)
        self._tx = Transaction(self._connection, 0)

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def place(self) -> tuple[str, int]:
        """The journal's id and its last sequence."""
        known = dict(self._connection.execute("SELECT name, value FROM meta").fetchall())
        return str(known["journal_id"]), int(known["sequence"])

    def order(self, order_id: str) -> Order | None:
        """One order, or None."""
        return load(self._tx, order_id)

    def by_client_order_id(self, account: str, client_order_id: str) -> Existing | None:
        """The order of a client_order_id, or None."""
        return find_client_order(self._tx, account, client_order_id)

    def by_token(self, token: str) -> Order | None:
        """The order of a token, or None."""
        row = self._tx.row("SELECT order_id FROM orders WHERE token = ?", (token,))
        return load(self._tx, str(row[0])) if row else None

    def execution_of(self, execution_id: str, token: str | None, order_id: str | None) -> tuple[bool, str | None]:
        """Whether an execution is there, and whose it is or, by a token or our id, would be; None for nobody's here."""
        row = self._tx.row("SELECT order_id FROM executions WHERE execution_id = ?", (execution_id,))
        owner = self._tx.row("SELECT order_id FROM orders WHERE token = ? OR order_id = ?", (token, order_id))
        order_id = next((str(each[0]) for each in (row, owner) if each is not None and each[0] is not None), None)
        return row is not None, order_id

    def generation(self, account: str, key: str, name: str) -> int:
        """The last generation of a caller's one-cancels-all group; 0 where there was none."""
        row = self._tx.row("SELECT generation FROM groups WHERE account = ? AND key = ? AND name = ?", (account, key, name))
        return int(row[0] or 0) if row else 0

    def change(self, order_id: str, change_id: str) -> ChangeKept | None:
        """One change of an order, or None."""
        row = self._tx.row(
            "SELECT fingerprint, outcome FROM sends WHERE order_id = ? AND kind = 'change' AND change_id = ?", (order_id, change_id)
        )
        if row is None:
            return None
        found = self._tx.row(
            "SELECT body FROM events WHERE order_id = ? AND kind IN ('replaced', 'replace_rejected')"
            " AND json_extract(body, '$.event.change_id') = ? ORDER BY sequence DESC LIMIT 1",
            (order_id, change_id),
        )
        event = msgspec.json.decode(str(found[0]), type=EventBody).event if found is not None else None
        return ChangeKept(fingerprint=str(row[0] or ""), outcome=None if row[1] is None else str(row[1]), event=event)

    def orders(
        self,
        *,
        is_open: bool | None = None,
        account: str | None = None,
        symbol: str | None = None,
        since: float = 0.0,
        after: str = "",
        limit: int = PAGE,
    ) -> tuple[Order, ...]:
        """Orders by id, which is by time of birth; those after *after*."""
        values = {
            "after": after,
            "is_open": None if is_open is None else int(is_open),
            "account": account,
            "symbol": symbol,
            "since": since,
            "limit": min(limit, PAGE),
        }
        rows = self._tx.rows(_ORDERS, values)
        return tuple(found for (order_id,) in rows if (found := load(self._tx, str(order_id))) is not None)

    def every(self, *, is_open: bool | None = None) -> Iterator[Order]:
        """All orders, page by page: what is read at the start, and what a reconciliation judges."""
        after = ""
        while page := self.orders(is_open=is_open, after=after):
            yield from page
            after = page[-1].order_id

    def recent(self, since: float) -> Iterator[Order]:
        """What belongs in memory: orders that are open, those to which something happened *since*, and the kin of the open ones."""
        happened = "SELECT DISTINCT order_id FROM events WHERE at >= ? AND order_id IS NOT NULL"
        names = {str(order_id): None for (order_id,) in self._tx.rows(happened, (since,))}
        for order in self.every(is_open=True):
            names |= {order.order_id: None} | {each.order_id: None for each in order.kin}
        for name in sorted(names):
            if (found := load(self._tx, name)) is not None:
                yield found

    def unsettled(self) -> tuple[str, ...]:
        """Orders with a placement whose outcome was never noted: after a crash, whether or not it left, unknown."""
        rows = self._tx.rows("SELECT DISTINCT order_id FROM sends WHERE outcome IS NULL ORDER BY order_id")
        return tuple(str(order_id) for (order_id,) in rows)

    def entries(
        self,
        after: int = 0,
        *,
        account: str | None = None,
        order_id: str | None = None,
        kinds: Collection[str] = (),
        since: float = 0.0,
        limit: int = PAGE,
    ) -> Page:
        """The entries behind the number *after*, of certain *kinds* or of all."""
        limit = min(limit, PAGE)
        values = {
            "after": after,
            "account": account,
            "order_id": order_id,
            "kinds": encoded(sorted(kinds)) if kinds else None,
            "since": since,
            "limit": limit + 1,
        }
        # The end first: each statement sees the journal as it is then, and what came after the rows must not be behind the cursor.
        journal_id, last = self.place()
        rows = self._tx.rows(_ENTRIES if order_id is None else _ENTRIES_OF_ORDER, values)
        entries = tuple(
            Entry(
                sequence=int(n or 0),
                at=float(at or 0),
                kind=str(kind),
                account=None if who is None else str(who),
                order_id=None if which is None else str(which),
                body=msgspec.Raw(str(body).encode()),
            )
            for n, at, kind, who, which, body in rows[:limit]
        )
        more = len(rows) > limit
        # Without more, the place is the journal's end: a filtered reader does not search the same entries again.
        behind = entries[-1].sequence if entries else after
        end = behind if more else max(last, behind)
        before = self._before(entries[0].sequence, account, order_id) if entries else 0
        return Page(entries=entries, previous=before, journal_id=journal_id, cursor=cursor_of(journal_id, end), more=more)

    def _before(self, sequence: int, account: str | None, order_id: str | None) -> int:
        row = self._tx.row(
            _BEFORE if order_id is None else _BEFORE_OF_ORDER, {"sequence": sequence, "account": account, "order_id": order_id}
        )
        return int(row[0] or 0) if row else 0

    def snapshot(self, *, account: str | None = None) -> Snapshot:
        """The open orders and the place in one look: no event is in neither, and none in both."""
        self._tx.run("BEGIN")
        try:
            journal_id, sequence = self.place()
            found = tuple(order for order in self.every(is_open=True) if account in {None, order.account})
        finally:
            self._tx.run("COMMIT")
        return Snapshot(orders=found, journal_id=journal_id, sequence=sequence)

    def sequence_of(self, cursor: str) -> int:
        """The number in a cursor. Raises CursorGone when it is not one of this journal, ahead of it, or of long ago."""
        journal_id, last = self.place()
        theirs, _, number = cursor.rpartition("-")
        if theirs != journal_id or not (number.isascii() and number.isdigit()) or len(number) > 18 or int(number) > last:  # noqa: PLR2004
            raise _gone(f"{cursor!r} is not a place in this journal.", journal_id, last)
        first = self._tx.row("SELECT min(sequence) FROM events")
        if first is not None and first[0] is not None and int(number) + 1 < int(first[0]):
            raise _gone(f"What came next behind {cursor!r} is older than events are kept.", journal_id, last)
        return int(number)

    def executions(self, wanted: Wanted, *, covered_until: float | None) -> Executions:
        """A page of executions, and the gaps up to *covered_until*; None: up to the last whole list. Raises InvalidRequest."""
        found = executions(self._tx, wanted)
        return replace(found, gaps=gaps(self._tx, wanted.account, wanted.since, covered_until))

    def gaps(self, account: str, since: float, until: float) -> tuple[tuple[float, float], ...]:
        """The spans within which executions may be missing: nobody asked IB for them while it still told."""
        return tuple(account_gaps(self._tx, account, since, until))

    def positions(self, account: str) -> tuple[dict[int, str], float | None]:
        """The last snapshot of positions by con_id, and when it was taken."""
        rows = self._tx.rows("SELECT con_id, quantity, at FROM positions WHERE account = ?", (account,))
        return {int(con_id or 0): str(quantity) for con_id, quantity, _ in rows}, float(rows[0][2] or 0) if rows else None


def _gone(sentence: str, journal_id: str, last: int) -> CursorGone:
    present = cursor_of(journal_id, last)
    return CursorGone(f"{sentence} Its end is {present!r}.", extra={"cursor": present})
