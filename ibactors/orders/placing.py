"""Placing in the journal: one transaction that makes an intent durable, with the number that it will have at IB, before a byte leaves.

An account's client_order_id is taken for ever, whatever key sends it. The database itself refuses a second placement of one order.
"""

import msgspec
from msgspec.structs import replace

from ibactors.model.times import Value
from ibactors.orders.draft import Event, Kind
from ibactors.orders.errors import ClientIdChanged, ClientOrderIdVoid, OrderIdsExhausted
from ibactors.orders.evidence import Sent
from ibactors.orders.fills import Fill
from ibactors.orders.order import Order
from ibactors.orders.terms import Oca
from ibactors.orders.tokens import token_of
from ibactors.orders.transaction import Entry, EventBody, Transaction, encoded

FIRST_REQUEST_ID = 2**30
"""Requests count from here in every session; the ids of orders stay below, so that an error's number says whose it is."""


def is_order_id(number: int) -> bool:
    """Whose an error of IB is: an order's, or a request's. By its number's range alone, as both count upwards from somewhere."""
    return 0 < number < FIRST_REQUEST_ID


class Book(Value, frozen=True, kw_only=True):
    """Whose number space it is: a login at IB and a client id."""

    login: str
    client_id: int


class Group(Value, frozen=True, kw_only=True):
    """A caller's one-cancels-all group, and what it is called at IB."""

    account: str
    key: str
    name: str
    generation: int
    sent: Oca


class Intent(Value, frozen=True, kw_only=True):
    """One request to place: an order, all members of a bracket, parent first, or all of a group. Their `ib_order_id` is given here."""

    orders: tuple[Order, ...]
    group: Group | None = None
    request: str
    """The request as parsed, as JSON text; kept so that a repetition can be compared."""
    fingerprint: str
    book: Book
    epoch: int
    next_valid_id: int
    """Of the session (TWS message 9)."""
    highest_seen: int = 0
    """The highest number of our client id in any list of this session."""


class Placed(Value, frozen=True, kw_only=True):
    """The orders are in the journal and may be sent, once."""

    orders: tuple[Order, ...]
    entries: tuple[Entry, ...]


class Existing(Value, frozen=True, kw_only=True):
    """The client_order_id is known: the answer is this order, whatever its state."""

    order: Order
    key: str
    fingerprint: str
    request: str


def place(tx: Transaction, intent: Intent) -> Placed | Existing:
    """Take the ids and write the rows. Raises ClientOrderIdVoid, OrderIdsExhausted."""
    first = intent.orders[0]
    if (known := find_client_order(tx, first.account, first.client_order_id)) is not None:
        return known
    for each in intent.orders[1:]:  # of an adopted family the first may be missing
        if (known := _existing(tx, each.account, each.client_order_id, each.token)) is not None and known.order.adopted:
            return known
    if tx.row("SELECT 1 FROM tombstones WHERE account = ? AND client_order_id = ?", (first.account, first.client_order_id)):
        raise ClientOrderIdVoid(f"{first.client_order_id!r} was deleted before an order with it came.")
    numbers = take_ids(tx, intent.book, len(intent.orders), next_valid_id=intent.next_valid_id, highest_seen=intent.highest_seen)
    orders = numbered(intent.orders, numbers[0], intent.book.client_id)
    if (group := intent.group) is not None:
        values = (group.account, group.key, group.name, group.generation)
        tx.run("INSERT OR REPLACE INTO groups VALUES (?, ?, ?, ?)", values)
    return Placed(orders=orders, entries=tuple(_insert(tx, intent, order) for order in orders))


def numbered(orders: tuple[Order, ...], first: int, client_id: int) -> tuple[Order, ...]:
    """The orders with the numbers that they have at IB, from *first* on."""
    return tuple(replace(order, ib_order_id=number, client_id=client_id) for number, order in enumerate(orders, first))


def _insert(tx: Transaction, intent: Intent, order: Order) -> Entry:
    head = not order.role
    tx.run(
        "INSERT INTO orders (order_id, account, mode, client_order_id, key, token, login, client_id, ib_order_id, parent, is_open, created,"
        " fingerprint, request, state) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?, ?)",
        (
            *(order.order_id, order.account, order.mode, order.client_order_id, order.key, order.token, intent.book.login),
            *(order.client_id, order.ib_order_id, order.parent, order.created),
            *(intent.fingerprint if head else "", intent.request if head else "{}", encoded(order)),
        ),
    )
    send(tx, order, Sent.PLACE, epoch=intent.epoch, at=order.created)
    body = EventBody(event=Event(kind=Kind.ACCEPTED, at=order.created), order=order)
    return tx.note(Kind.ACCEPTED, order.created, body, account=order.account, order_id=order.order_id)


def take_ids(tx: Transaction, book: Book, count: int, *, next_valid_id: int, highest_seen: int = 0) -> range:
    """The next *count* numbers: above IB's, above all that were ever given, above all that were seen. Raises OrderIdsExhausted."""
    row = tx.row("SELECT highest FROM ids WHERE login = ? AND client_id = ?", (book.login, book.client_id))
    highest = row[0] if row and isinstance(row[0], int) else 0
    first = max(next_valid_id, highest + 1, highest_seen + 1, 1)
    if first + count > FIRST_REQUEST_ID:
        raise OrderIdsExhausted(f"The next order id would be {first}; ids of orders stay below {FIRST_REQUEST_ID}.")
    tx.run("INSERT OR REPLACE INTO ids VALUES (?, ?, ?)", (book.login, book.client_id, first + count - 1))
    return range(first, first + count)


def send(tx: Transaction, order: Order, kind: Sent, *, epoch: int, at: float, change_id: str | None = None, fingerprint: str = "") -> None:
    """Note that a frame is about to be queued. A second placement of an order is an IntegrityError."""
    tx.run(
        "INSERT INTO sends (order_id, kind, ib_order_id, client_id, epoch, at, change_id, fingerprint) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (order.order_id, kind, order.ib_order_id, order.client_id, epoch, at, change_id, fingerprint or None),
    )


def settle_send(tx: Transaction, order_id: str, kind: Sent, outcome: str, *, change_id: str | None = None) -> None:
    """Note what became of the newest send of this kind: `written`, or `withdrawn: why`. Lazily: without it, it is unknown after a crash."""
    tx.run(
        "UPDATE sends SET outcome = ? WHERE send_id = (SELECT max(send_id) FROM sends WHERE order_id = ? AND kind = ? AND change_id IS ?)",
        (outcome, order_id, kind, change_id),
    )


def find_client_order(tx: Transaction, account: str, client_order_id: str) -> Existing | None:
    """The order that has this client_order_id, or None."""
    return _existing(tx, account, client_order_id, token_of(account, client_order_id))


def _existing(tx: Transaction, account: str, client_order_id: str, token: str) -> Existing | None:
    """By its client_order_id, or, as an adopted one is found, by its token."""
    row = tx.row(
        "SELECT order_id, key, fingerprint, request FROM orders WHERE (account = ? AND client_order_id = ?) OR token = ?",
        (account, client_order_id, token),
    )
    if row is None:
        return None
    order_id, key, fingerprint, request = map(str, row)
    order = load(tx, order_id)
    return Existing(order=order, key=key, fingerprint=fingerprint, request=request) if order else None


_STATE = (
    "SELECT state, (SELECT value FROM meta WHERE name = 'journal_id') || '-' ||"
    " (SELECT max(sequence) FROM events WHERE order_id = orders.order_id) FROM orders WHERE order_id = ?"
)


def load(tx: Transaction, order_id: str) -> Order | None:
    """An order as it was last saved, with its fills."""
    row = tx.row(_STATE, (order_id,))
    if row is None:
        return None
    bodies = tx.rows(
        "SELECT body FROM executions AS e WHERE order_id = ? AND revision ="
        " (SELECT max(revision) FROM executions WHERE base = e.base) ORDER BY at, execution_id",
        (order_id,),
    )
    return joined(str(row[0]), [str(body) for (body,) in bodies], cursor=str(row[1] or ""))


def joined(state: str, fills: list[str], *, cursor: str = "") -> Order:
    """An order from its state, which is saved without fills and cursor, and from its executions."""
    text = f"[{','.join(fills)}]"
    return replace(msgspec.json.decode(state, type=Order), fills=msgspec.json.decode(text, type=tuple[Fill, ...]), cursor=cursor)


def bury(tx: Transaction, account: str, client_order_id: str, *, key: str, at: float) -> Existing | None:
    """Make a client_order_id void for ever, unless an order has it: then that order."""
    known = find_client_order(tx, account, client_order_id)
    if known is None:
        tx.run("INSERT OR IGNORE INTO tombstones VALUES (?, ?, ?, ?)", (account, client_order_id, key, at))
    return known


def bind_client_id(tx: Transaction, book: Book) -> None:
    """Check, at each session, that the open orders of this login are held by this client id. Raises ClientIdChanged."""
    row = tx.row("SELECT client_id FROM orders WHERE login = ? AND is_open AND client_id != ? LIMIT 1", (book.login, book.client_id))
    if row is not None:
        raise ClientIdChanged(f"The session has the client id {book.client_id}; client id {row[0]!r} holds open orders.")
