"""What is written down of orders that are there: new states with their events and fills, changes, and what time removes."""

from msgspec.structs import replace

from ibactors.model.times import Value
from ibactors.orders.draft import Step
from ibactors.orders.evidence import Sent
from ibactors.orders.fills import Fill, totals_of
from ibactors.orders.order import Order
from ibactors.orders.placing import load, send, settle_send
from ibactors.orders.transaction import Entry, EventBody, Transaction, encoded

EVENTS_KEPT = 400 * 86_400.0
FRAMES_KEPT = 30 * 86_400.0


def save(tx: Transaction, step: Step) -> tuple[Entry, ...]:
    """Write the new state, its fills and its events; returns the entries with their numbers."""
    order = step.order
    for event in step.events:
        if event.fill is not None:
            _keep_fill(tx, order, event.fill)
    state = replace(order, fills=(), cursor="")
    told = replace(state, totals=totals_of(order.fills)) if order.fills else state
    tx.run("UPDATE orders SET state = ?, is_open = ? WHERE order_id = ?", (encoded(state), not order.status.is_terminal, order.order_id))
    return tuple(
        tx.note(event.kind, event.at, EventBody(event=event, order=told), account=order.account, order_id=order.order_id)
        for event in step.events
    )


def _keep_fill(tx: Transaction, order: Order, fill: Fill) -> None:
    """Each revision of an execution has a row of its own; a commission is written into it. What was taken for a stranger's is ours now."""
    tx.run(
        "INSERT INTO executions (execution_id, base, revision, order_id, account, at, body) VALUES (?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (execution_id) DO UPDATE SET body = excluded.body, order_id = excluded.order_id",
        (fill.execution_id, fill.base, fill.revision, order.order_id, order.account, fill.time, encoded(fill)),
    )


class Known(Value, frozen=True, kw_only=True):
    """The change_id was used for this order before."""

    order: Order
    fingerprint: str
    outcome: str | None


def begin_change(tx: Transaction, step: Step, change_id: str, fingerprint: str, *, epoch: int) -> tuple[Entry, ...] | Known:
    """Write a change down before it is sent, or find the one that had this change_id."""
    order = step.order
    row = tx.row(
        "SELECT fingerprint, outcome FROM sends WHERE order_id = ? AND kind = ? AND change_id = ?", (order.order_id, Sent.CHANGE, change_id)
    )
    if row is not None:
        present = load(tx, order.order_id) or order
        return Known(order=present, fingerprint=str(row[0] or ""), outcome=None if row[1] is None else str(row[1]))
    send(tx, order, Sent.CHANGE, epoch=epoch, at=order.updated, change_id=change_id, fingerprint=fingerprint)
    return save(tx, step)


UNCHANGED = "unchanged"
"""The outcome of a change that asked for what the order had: it was never sent."""


def note_unchanged(tx: Transaction, order: Order, change_id: str, fingerprint: str, *, epoch: int, at: float) -> None:
    """Use a change_id up: repeated later, when the order has other terms, it must not bring these back."""
    send(tx, order, Sent.CHANGE, epoch=epoch, at=at, change_id=change_id, fingerprint=fingerprint)
    settle_send(tx, order.order_id, Sent.CHANGE, UNCHANGED, change_id=change_id)


def keep_frame(tx: Transaction, at: float, text: bytes, *, order_id: str | None = None) -> None:
    """Keep a raw frame: those that could not be applied, and those that decided something."""
    tx.run("INSERT INTO frames (at, order_id, text) VALUES (?, ?, ?)", (at, order_id, text))


PRUNED = 500
"""Rows that one `prune` removes at most: an order that is placed waits for no more."""


def prune(tx: Transaction, at: float, *, most: int = PRUNED) -> int:
    """Remove events after 400 days and frames after 30, at most so many of each; orders and executions stay for ever.

    Of events the beginning goes, and never the last: by what is left, a reader sees whether it missed any.
    """
    events = tx.run(
        "DELETE FROM events WHERE sequence < (WITH oldest AS (SELECT sequence, at FROM events ORDER BY sequence LIMIT :most + 1)"
        " SELECT coalesce(min(iif(at >= :since, sequence, NULL)), max(sequence)) FROM oldest)",
        {"since": at - EVENTS_KEPT, "most": most},
    )
    frames = tx.run(
        "DELETE FROM frames WHERE frame_id IN (SELECT frame_id FROM frames WHERE at < ? ORDER BY frame_id LIMIT ?)",
        (at - FRAMES_KEPT, most),
    )
    return events + frames


def executions_were_complete(tx: Transaction, account: str, since: float, until: float) -> None:
    """Note that IB told all executions of this span, joining it with the spans that it touches."""
    row = tx.row("SELECT min(since), max(until) FROM complete WHERE account = ? AND since <= ? AND until >= ?", (account, until, since))
    low, high = row or (None, None)
    if isinstance(low, float) and isinstance(high, float):
        tx.run("DELETE FROM complete WHERE account = ? AND since <= ? AND until >= ?", (account, until, since))
        since, until = min(since, low), max(until, high)
    tx.run("INSERT INTO complete VALUES (?, ?, ?)", (account, since, until))


def keep_positions(tx: Transaction, account: str, positions: dict[int, str], at: float) -> None:
    """A snapshot of the account's positions by con_id: what later tells how much they moved out of sight."""
    tx.run("DELETE FROM positions WHERE account = ?", (account,))
    for con_id, quantity in positions.items():
        tx.run("INSERT INTO positions VALUES (?, ?, ?, ?)", (account, con_id, quantity, at))
