"""What an error with an order's number does to the order: by the table, and by what is being asked of it."""

from msgspec.structs import replace

from ibactors.orders.changes import change_refused
from ibactors.orders.codes import Action, Meaning, hold_reason, is_read_only, meaning_of
from ibactors.orders.draft import Draft, Kind, Want
from ibactors.orders.evidence import ErrorSeen
from ibactors.orders.order import Order, Refused, Remark, Status

RECENT = 2.0
"""Seconds in which an error may still be the answer to a placement that IB has begun to show."""
MOST_WARNINGS = 20
"""Notices kept with an order; the oldest go."""


def on_error(draft: Draft, seen: ErrorSeen) -> None:
    """Apply one error or notice."""
    if is_read_only(seen.code, seen.text):
        draft.want(Want.READ_ONLY)
    action = _asked(draft.order, seen)
    meaning = meaning_of(seen.code, action) if action is not None else _unasked(seen.code)
    remark = Remark(at=seen.at, code=seen.code, text=seen.text)
    match meaning:
        case Meaning.CONFIRMS:
            _cancelled(draft, seen)
        case Meaning.REFUSES if action is Action.PLACE:
            _rejected(draft, seen, remark)
        case Meaning.REFUSES if action is Action.CHANGE:
            change_refused(draft, seen.text, code=seen.code)
        case Meaning.REFUSES:
            _not_cancelled(draft, seen.at)
            draft.tell(Kind.CANCEL_REJECTED, seen.text, code=seen.code)
            draft.want(Want.RECONCILE)
        case Meaning.HOLDS | Meaning.WARNS:
            if (hold := hold_reason(seen.code, seen.text)) is not None:
                draft.set(hold=hold)
            _warn(draft, remark)
        case Meaning.NOT_FOUND:
            draft.want(Want.RECONCILE)
            _not_found(draft, action, remark)
        case Meaning.DROPPED:
            _dropped(draft, action, remark)
        case Meaning.UNKNOWN:
            draft.set(blame=remark)
            _warn(draft, remark)
            draft.want(Want.RECONCILE)


def _asked(order: Order, seen: ErrorSeen) -> Action | None:
    """The pending action that the code can be an answer to: a place without evidence, a change, a cancel, a place of a moment ago."""
    fresh = order.acknowledged_at is None or seen.at - order.acknowledged_at <= RECENT or order.inactive_at is not None
    placing = not order.status.is_terminal or order.refusal is None
    pending = [
        (Action.PLACE, order.acknowledged_at is None and order.inactive_at is None and not order.status.is_terminal),
        (Action.CHANGE, order.change is not None and order.change.written_at is not None),
        (Action.CANCEL, order.cancel is not None and (order.cancel.written_at is not None or order.cancel.tries > 0)),
        (Action.PLACE, fresh and placing and order.cancel is None),
    ]
    return next((action for action, is_pending in pending if is_pending and meaning_of(seen.code, action) is not Meaning.UNKNOWN), None)


def _unasked(code: int) -> Meaning:
    """What a code says when nothing is pending: notices and 202 mean what they always do, a refusal is a riddle."""
    meaning = meaning_of(code, Action.PLACE)
    return meaning if meaning in {Meaning.WARNS, Meaning.HOLDS, Meaning.CONFIRMS} else Meaning.UNKNOWN


def _cancelled(draft: Draft, seen: ErrorSeen) -> None:
    draft.set(seen=True, ended_at=draft.order.ended_at or seen.at, doubt=None, end_reason=draft.order.end_reason or seen.text)
    # 202 names a number and no incarnation: of two, only IB's own word ends each.
    if len(draft.order.incarnations) <= 1 and not draft.order.status.is_terminal:
        draft.incarnation(seen, "Cancelled")


def _not_cancelled(draft: Draft, at: float) -> None:
    before, cancel = draft.order.refused_cancel, draft.order.cancel
    if cancel is not None:
        times = 1 if before is None else before.times + 1
        draft.set(cancel=None, refused_cancel=Refused(by=cancel.by, reason=cancel.reason, at=at, times=times))


def _rejected(draft: Draft, seen: ErrorSeen, remark: Remark) -> None:
    order = draft.order
    if order.filled:
        draft.set(blame=remark)
        _warn(draft, remark)
        draft.want(Want.RECONCILE)
        return
    if order.status is Status.CANCELLED and order.ended_at is not None and remark.at - order.ended_at > RECENT:
        return
    draft.set(refusal=remark, doubt=None, seen=True)
    if len(order.incarnations) == 1 and order.incarnations[0].is_live:
        # It was shown alive for a moment, then refused; its word of life is over.
        draft.incarnation(seen, "Cancelled")
        draft.want(Want.RECONCILE)


def _warn(draft: Draft, remark: Remark) -> None:
    known = {(each.code, each.text) for each in draft.order.warnings}
    if (remark.code, remark.text) not in known:
        draft.set(warnings=(*draft.order.warnings, remark)[-MOST_WARNINGS:])
        draft.tell(Kind.WARNING, remark.text, code=remark.code)


def _not_found(draft: Draft, action: Action | None, remark: Remark) -> None:
    """IB does not know the number. That is not a refusal, and ends nothing by itself."""
    if action is Action.PLACE:
        draft.set(doubt=remark.text)
    elif action is Action.CHANGE:
        draft.set(unknown_terms=True)
    _warn(draft, remark)


def _dropped(draft: Draft, action: Action | None, remark: Remark) -> None:
    """IB threw messages away and does not say which. A cancel may be repeated; a place or a change never is."""
    order = draft.order
    draft.want(Want.RECONCILE)
    if action is Action.PLACE:
        draft.set(doubt=remark.text)
    elif action is Action.CHANGE:
        draft.set(unknown_terms=True)
    elif action is Action.CANCEL and order.cancel is not None and order.cancel.tries <= 1:
        draft.set(cancel=replace(order.cancel, written_at=None))
        draft.want(Want.REPEAT_CANCEL)
