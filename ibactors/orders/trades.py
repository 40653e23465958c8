"""Executions and commissions of an order: fills are what IB executed, never what a status says."""

import msgspec

from ibactors.orders.draft import Draft, Kind, Want
from ibactors.orders.evidence import CommissionSeen, ExecutionSeen
from ibactors.orders.fills import commission_of, fill_of, known_amount, with_fill
from ibactors.orders.order import Status
from ibactors.orders.ours import fits


def on_execution(draft: Draft, seen: ExecutionSeen) -> None:
    order = draft.order
    leg = order.terms.is_combination and seen.sec_type != "BAG"
    if not leg and not fits(draft, seen.con_id, seen.side):
        return
    fill = fill_of(seen, leg=leg)
    if fill is None:
        draft.want(Want.QUARANTINE, Want.RECONCILE)
        return
    added = with_fill(order.fills, fill)
    total = known_amount(seen.cumulative)
    if added is None:
        return
    fills, corrected = added
    # A corrected total may be smaller than what the corrected execution had said.
    heard = total if corrected is not None else max(order.ib_filled or 0, total or 0) or None
    draft.set(fills=fills, seen=True, acknowledged_at=order.acknowledged_at or seen.at, ib_filled=order.ib_filled if leg else heard)
    if seen.perm_id:
        known = next((each for each in order.incarnations if each.perm_id == seen.perm_id), None)
        draft.incarnation(seen, known.word if known else "")
    _execution_after_end(draft)
    draft.tell(Kind.CORRECTION if corrected else Kind.FILL, fill=fill)
    if not order.status.is_terminal and order.doubt is not None:
        draft.set(doubt=None)
        draft.want(Want.RECONCILE)


def _execution_after_end(draft: Draft) -> None:
    """A terminal state never refuses an execution. A refusal was wrong, and the order is unknown again."""
    order = draft.order
    if not order.status.is_terminal or order.status is Status.FILLED:
        return
    draft.tell(Kind.LATE, f"It was executed after it had been called {order.status}.")
    draft.set(late=True)
    draft.want(Want.RECONCILE)
    if order.status is Status.REJECTED:
        doubt = "It was executed although it had been refused."
        wordless = tuple(msgspec.structs.replace(each, word="") for each in order.incarnations)
        draft.set(refusal=None, withdrawn=None, doubt=doubt, incarnations=wordless, ended_at=None)


def on_commission(draft: Draft, seen: CommissionSeen) -> None:
    for position, fill in enumerate(draft.order.fills):
        if fill.execution_id != seen.execution_id:
            continue
        amount = commission_of(seen)
        if amount is None or (amount, seen.currency) == (fill.commission, fill.commission_currency):
            return
        realized = known_amount(seen.realized)
        joined = msgspec.structs.replace(fill, commission=amount, commission_currency=seen.currency, realized=realized)
        fills = draft.order.fills
        draft.set(fills=(*fills[:position], joined, *fills[position + 1 :]))
        draft.tell(Kind.COMMISSION, fill=joined)
