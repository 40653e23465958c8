"""What IB's words for a status change in an order's facts."""

from ibactors.orders.draft import Draft, Kind, Want
from ibactors.orders.evidence import CompletedSeen, FromIb
from ibactors.orders.fills import known_amount
from ibactors.orders.order import CANCELLED_WORDS, LIVE_WORDS, PENDING_WORDS, WORDS, Remark, Status

REASON_WAIT = 2.0
"""Seconds within which an error and an ending belong together."""


def on_word(draft: Draft, seen: FromIb, word: str, why_held: str | None = None) -> None:
    """Note *word*; a word that IB's documents do not have changes nothing but asks for a look."""
    if word not in WORDS:
        draft.want(Want.RECONCILE)
        return
    if draft.order.status.is_terminal and word not in CANCELLED_WORDS | {"Filled"} and not _revive(draft, seen, word):
        return
    draft.incarnation(seen, word, why_held)
    order = draft.order
    standing = {each.word for each in order.incarnations}
    if word in LIVE_WORDS and order.is_live:
        draft.set(acknowledged_at=order.acknowledged_at or seen.at, doubt=None, candidates=(), inactive_at=None, ended_at=None)
    elif word in PENDING_WORDS and order.acknowledged_at is not None:
        # An order that was alive and is listed as pending is on its way with new terms (MOC, LOC).
        draft.set(doubt=None)
    elif word == "Filled":
        draft.set(filled_word_at=order.filled_word_at or seen.at, doubt=None, acknowledged_at=order.acknowledged_at or seen.at)
    elif word == "Inactive" and "Inactive" in standing:
        draft.set(inactive_at=order.inactive_at or seen.at, doubt=None)
        _blame_ends(draft, seen.at)
    elif word in CANCELLED_WORDS:
        draft.set(ended_at=order.ended_at or seen.at, doubt=None)
        _blame_ends(draft, seen.at)


def _blame_ends(draft: Draft, at: float) -> None:
    """An error that came just before an ending, of an order that nobody wanted cancelled, is its reason: it was rejected."""
    order = draft.order
    if order.cancel is None and order.blame is not None and order.refusal is None and 0 <= at - order.blame.at <= REASON_WAIT:
        draft.set(refusal=order.blame)


def _revive(draft: Draft, seen: FromIb, word: str) -> bool:
    """Whether a word of life raises an order that was called over; True when it does.

    An ending by IB's own word yields only to a list, as frames are doubled and delayed. One by our judgement yields to any frame.
    """
    order = draft.order
    if order.status is Status.FILLED:
        return bool(seen.perm_id) and seen.perm_id not in {each.perm_id for each in order.incarnations}
    judged = order.verdict is not None or order.withdrawn is not None
    if word not in LIVE_WORDS or not (judged or seen.listed):
        if word in LIVE_WORDS or word == "Inactive":
            draft.want(Want.RECONCILE)
        return word in LIVE_WORDS and bool(seen.perm_id) and seen.perm_id not in {each.perm_id for each in order.incarnations}
    draft.tell(Kind.LATE, f"IB shows it alive after it had been called {order.status}.")
    draft.set(
        verdict=None,
        verdict_reason=None,
        withdrawn=None,
        refusal=None,
        blame=None,
        ended_at=None,
        inactive_at=None,
        end_reason=None,
        late=True,
    )
    draft.want(Want.CANCEL_LATE)
    return True


def on_completed(draft: Draft, seen: CompletedSeen) -> None:
    """A row of the completed orders. Its second text decides where the first is odd: "Cancelled by System:" is not Filled."""
    draft.set(seen=True)
    text = seen.completed_status.strip()
    word = next((word for word in ("Cancelled", "Filled", "Inactive") if text.startswith(word)), seen.status)
    if text.startswith("Rejected") or word == "Inactive":
        if draft.order.refusal is None and not draft.order.filled:
            draft.set(refusal=Remark(at=seen.at, code=0, text=text or "IB calls it inactive and completed."), doubt=None)
        word = "Cancelled"
    filled = known_amount(seen.filled)
    if filled is not None and filled > (draft.order.ib_filled or 0):
        draft.set(ib_filled=filled)
    if word == "Cancelled" and text:
        draft.set(end_reason=draft.order.end_reason or text)
    on_word(draft, seen, word)
