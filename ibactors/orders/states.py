"""The state machine: evidence in, events and the new state out. A pure function that never raises, whatever the evidence says.

Handlers note facts; `derive.py` says which status follows from them. What is doubled or late changes nothing and tells nothing. An ending
is overruled only by evidence of life: by a list, which shows the present, or by an execution.
"""

from typing import assert_never

from msgspec.structs import replace

from ibactors.orders.changes import NOT_SENT, change_asked, change_refused, change_written, changes_on_echo, changes_on_end
from ibactors.orders.derive import CANCEL_WAIT, EVENT_OF, EXECUTIONS_WAIT, MOST_CANCELS, NO_ANSWER, derive
from ibactors.orders.draft import Draft, Kind, Step, Want
from ibactors.orders.errors_seen import on_error
from ibactors.orders.evidence import (
    CancelAsked,
    ChangeAsked,
    CommissionSeen,
    CompletedSeen,
    ErrorSeen,
    Evidence,
    ExecutionSeen,
    FromIb,
    Judged,
    OpenOrderSeen,
    Sent,
    SessionLost,
    StatusSeen,
    TimePassed,
    UndecodedSeen,
    Verdict,
    Withdrawn,
    Written,
)
from ibactors.orders.fills import known_amount
from ibactors.orders.order import Cancel, Order, Status
from ibactors.orders.ours import fits, is_about
from ibactors.orders.trades import on_commission, on_execution
from ibactors.orders.words import on_completed, on_word


def advance(order: Order, evidence: Evidence) -> Step:
    """What *evidence* makes of *order*."""
    draft = Draft(order, evidence.at)
    try:
        _apply(draft, evidence)
    except (ArithmeticError, ValueError, TypeError, LookupError, AttributeError) as error:
        # A frame that cannot be applied must not take all orders down with it, again and again after each restart.
        draft = Draft(order, evidence.at)
        draft.set(doubt=f"A frame about it could not be applied: {error!r}")
        draft.want(Want.QUARANTINE, Want.RECONCILE)
    _settle(draft, order)
    return draft.step(order)


def _apply(draft: Draft, evidence: Evidence) -> None:
    if isinstance(evidence, FromIb):
        if is_about(draft, evidence):
            _from_ib(draft, evidence)
        return
    match evidence:
        case CommissionSeen():
            on_commission(draft, evidence)
        case Written():
            _written(draft, evidence)
        case Withdrawn():
            _withdrawn(draft, evidence)
        case SessionLost():
            _session_lost(draft, evidence)
        case TimePassed():
            _time_passed(draft)
        case ChangeAsked():
            change_asked(draft, evidence)
        case CancelAsked():
            _cancel_asked(draft, evidence)
        case Judged():
            _judged(draft, evidence)
        case _:
            assert_never(evidence)


def _cancel_asked(draft: Draft, asked: CancelAsked) -> None:
    if draft.order.cancel is None and not draft.order.status.is_terminal:
        draft.set(cancel=Cancel(by=asked.by, asked_at=asked.at, reason=asked.reason))
        if asked.reason == Kind.GROUP_BROKEN:
            draft.tell(Kind.GROUP_BROKEN, "Another member of the bracket was refused.")


def _from_ib(draft: Draft, seen: FromIb) -> None:
    if draft.order.status is Status.NOT_RECEIVED:
        _adopt(draft)
    match seen:
        case OpenOrderSeen():
            _open_order(draft, seen)
        case StatusSeen():
            _status(draft, seen)
        case ExecutionSeen():
            on_execution(draft, seen)
        case ErrorSeen():
            on_error(draft, seen)
        case CompletedSeen():
            on_completed(draft, seen)
        case UndecodedSeen():
            draft.set(seen=True, doubt="IB told something of it that could not be read.")
            draft.want(Want.QUARANTINE)


def _adopt(draft: Draft) -> None:
    """IB tells of an order that it was thought never to have had: whatever the frame says, that judgement was wrong."""
    draft.tell(Kind.LATE, "IB tells of it after it had been called not_received.")
    draft.tell(Kind.ADOPTED)
    doubt = "IB told of it after it had been called not_received."
    draft.set(status=Status.UNKNOWN, verdict=None, verdict_reason=None, late=True, seen=True, doubt=doubt)
    draft.want(Want.RECONCILE, Want.CANCEL_LATE)


def _open_order(draft: Draft, seen: OpenOrderSeen) -> None:
    if not fits(draft, seen.echo.con_id, seen.echo.side):
        return
    order = draft.order
    if order.seen_epoch is None and seen.order_ref != order.ref:
        draft.want(Want.ORDER_REF_UNRELIABLE)
    _note_twin(draft, seen)
    if seen.token is not None:
        draft.set(seen_epoch=seen.epoch)
    draft.set(seen=True)
    if order.parent is not None and seen.oca_group:
        draft.set(ib_group=seen.oca_group, ib_group_type=seen.oca_type)
    if not order.status.is_terminal:
        changes_on_echo(draft, seen)
    on_word(draft, seen, seen.status)


def _note_twin(draft: Draft, seen: FromIb) -> None:
    """Two permanent ids under one token and one number: IB made two orders of one."""
    known = {each.perm_id for each in draft.order.incarnations if each.perm_id}
    if seen.perm_id and known and seen.perm_id not in known:
        draft.tell(Kind.DUPLICATE_AT_BROKER, f"IB has a second order of it, with the permanent id {seen.perm_id}.")
        draft.want(Want.DUPLICATE)


def _status(draft: Draft, seen: StatusSeen) -> None:
    draft.set(seen=True)
    filled = known_amount(seen.filled)
    if filled is not None and filled > (draft.order.ib_filled or 0):
        draft.set(ib_filled=filled)
        draft.want(*((Want.EXECUTIONS,) if draft.order.status.is_terminal and draft.order.fills_pending else ()))
    on_word(draft, seen, seen.status, seen.why_held)


def _written(draft: Draft, written: Written) -> None:
    order = draft.order
    match written.kind:
        case Sent.PLACE:
            if order.written_at is None:
                draft.set(written_at=written.at, written_epoch=written.epoch)
                draft.tell(Kind.SENT)
        case Sent.CHANGE:
            change_written(draft)
        case Sent.CANCEL if order.cancel is not None:
            draft.set(cancel=replace(order.cancel, written_at=written.at, tries=order.cancel.tries + 1))
        case Sent.CANCEL:
            pass


def _withdrawn(draft: Draft, withdrawn: Withdrawn) -> None:
    order = draft.order
    if withdrawn.kind is Sent.PLACE and order.written_at is None and not order.seen:
        draft.set(withdrawn=withdrawn.reason, doubt=None)
    if withdrawn.kind is Sent.CHANGE:
        # One change at a time: it is this one's frame, and a frame that was taken back was never written.
        change_refused(draft, NOT_SENT)


def _session_lost(draft: Draft, lost: SessionLost) -> None:
    order = draft.order
    if order.status.is_terminal:
        return
    if order.acknowledged_at is None and order.withdrawn is None and order.doubt is None:
        # Written or not, after a crash nobody knows: a send without an outcome may have left.
        draft.set(doubt=lost.reason)
        draft.want(Want.RECONCILE)
    if order.change is not None:
        # Noted as written or not: the note is later than the write. Its frame's return, if it was taken back, says so for certain.
        written = order.change.written_at or lost.at
        draft.set(unknown_terms=True, change=replace(order.change, written_at=written))
        draft.want(Want.RECONCILE)
    if order.cancel is not None and order.cancel.written_at is not None:
        draft.set(cancel=replace(order.cancel, written_at=None))


def _time_passed(draft: Draft) -> None:
    order, at = draft.order, draft.at
    if order.status.is_terminal:
        return
    if order.written_at is not None and order.acknowledged_at is None and order.doubt is None and at >= order.written_at + NO_ANSWER:
        draft.set(doubt=f"IB has not answered for {NO_ANSWER:g} s.")
        draft.want(Want.RECONCILE)
    if order.filled_word_at is not None and at >= order.filled_word_at + EXECUTIONS_WAIT:
        draft.want(Want.EXECUTIONS)
    change, cancel = order.change, order.cancel
    if change is not None and change.written_at is not None and at >= change.written_at + NO_ANSWER:
        draft.set(unknown_terms=True)
        draft.want(Want.RECONCILE)
    if cancel is not None and cancel.written_at is not None and at >= cancel.written_at + CANCEL_WAIT:
        again = order.is_live and cancel.tries < MOST_CANCELS
        draft.want(Want.REPEAT_CANCEL if again else Want.RECONCILE)


def _judged(draft: Draft, judged: Judged) -> None:
    order = draft.order
    if order.status.is_terminal and judged.by is None:
        return
    if judged.verdict is Verdict.UNKNOWN:
        draft.set(doubt=judged.reason, candidates=judged.candidates)
        return
    if judged.verdict is Verdict.NOT_RECEIVED and order.seen and judged.by is None:
        # Belt and braces: what IB has shown once was received.
        draft.set(doubt=judged.reason)
        return
    draft.set(verdict=Status(judged.verdict), verdict_reason=judged.reason, doubt=None, candidates=())
    if judged.by is not None:
        draft.tell(Kind.RESOLVED, f"{judged.by}: {judged.reason}", code=judged.code)


def _settle(draft: Draft, before: Order) -> None:
    """Derive the status and tell of its change, once."""
    status, reason = derive(draft.order, draft.at)
    if status.is_terminal:
        changes_on_end(draft, status)
        status, reason = derive(draft.order, draft.at)
    draft.set(status=status, reason=reason)
    if status is before.status:
        return
    if before.status is Status.UNKNOWN and before.doubt is not None:
        draft.tell(Kind.RESOLVED, str(status))
    kind = EVENT_OF.get(status)
    if status is Status.FILLED and draft.order.fills_pending:
        kind = Kind.FILLED
    if kind is Kind.WORKING and before.status is Status.PARTIALLY_FILLED:
        kind = None
    if kind is not None:
        code = draft.order.refusal.code if status is Status.REJECTED and draft.order.refusal else None
        draft.tell(kind, reason, code=code)
