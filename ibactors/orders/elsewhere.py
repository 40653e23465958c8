"""Executions of nobody's here: of other clients, by hand, by copies of our orders. They are kept, told, and never part of an order."""

import msgspec
from msgspec.structs import replace

from ibactors.orders.evidence import CommissionSeen, ExecutionSeen
from ibactors.orders.fills import Fill, commission_of, fill_of, known_amount
from ibactors.orders.matching import source_of
from ibactors.orders.transaction import Entry, Transaction, encoded

ELSEWHERE = "elsewhere"
"""What an entry about one is called: it was executed, corrected, or has its commission now."""


def keep_elsewhere(tx: Transaction, seen: ExecutionSeen, commission: CommissionSeen | None, *, source: str | None = None) -> Entry | None:
    """Write an execution down, unless the journal has it, or a correction of it. A sum that is no number is left out."""
    fill = fill_of(seen, leg=False)
    if fill is None:
        return None
    known = tx.row("SELECT max(revision) FROM executions WHERE base = ?", (fill.base,))
    if known is not None and known[0] is not None and int(known[0]) >= fill.revision:
        return None
    fill = replace(fill, source=source or source_of(seen))
    fill = _paid(fill, commission) or fill
    tx.run(
        "INSERT INTO executions (execution_id, base, revision, order_id, account, at, body) VALUES (?, ?, ?, NULL, ?, ?, ?)",
        (fill.execution_id, fill.base, fill.revision, seen.account, fill.time, encoded(fill)),
    )
    return tx.note(ELSEWHERE, seen.at, fill, account=seen.account)


def pay_elsewhere(tx: Transaction, seen: CommissionSeen) -> Entry | None:
    """Join a commission to an execution that is no order's here; None when there is none, or it is known already."""
    row = tx.row("SELECT body, account FROM executions WHERE execution_id = ? AND order_id IS NULL", (seen.execution_id,))
    paid = _paid(msgspec.json.decode(str(row[0]), type=Fill), seen) if row is not None else None
    if row is None or paid is None:
        return None
    tx.run("UPDATE executions SET body = ? WHERE execution_id = ?", (encoded(paid), paid.execution_id))
    return tx.note(ELSEWHERE, seen.at, paid, account=str(row[1]))


def _paid(fill: Fill, seen: CommissionSeen | None) -> Fill | None:
    """The fill with a commission that says something new, or None."""
    amount = commission_of(seen) if seen is not None else None
    if seen is None or amount is None or (amount, seen.currency) == (fill.commission, fill.commission_currency):
        return None
    return replace(fill, commission=amount, commission_currency=seen.currency, realized=known_amount(seen.realized))
