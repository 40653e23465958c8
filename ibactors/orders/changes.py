"""A change of terms: asked, written, then seen in IB's echo, refused, or broken off."""

from decimal import Decimal

from msgspec.structs import replace

from ibactors.orders.derive import NO_ANSWER
from ibactors.orders.draft import Draft, Kind, Want
from ibactors.orders.evidence import ChangeAsked, Echo, OpenOrderSeen
from ibactors.orders.order import Change, Status
from ibactors.orders.terms import LIMIT_PRICED, STOP_PRICED, OrderType, Terms

STALE_ECHO = 5.0
"""Seconds in which the terms before a change may still be echoed by a delayed frame."""

NOT_SENT = "not_sent"
"""The reason of a change whose frame was taken back."""


def change_asked(draft: Draft, asked: ChangeAsked) -> None:
    """Note the intent. The caller has checked that there is none yet; a second one changes nothing."""
    if draft.order.change is None and not draft.order.status.is_terminal:
        change = Change(
            change_id=asked.change_id,
            terms=asked.terms,
            asked_at=asked.at,
            notional=asked.notional,
            expires_at=asked.expires_at,
            adjusted=asked.adjusted,
        )
        draft.set(change=change)
        draft.tell(Kind.REPLACE_PENDING, change_id=asked.change_id)


def change_written(draft: Draft) -> None:
    """Its frame left."""
    change = draft.order.change
    if change is not None and change.written_at is None:
        draft.set(change=replace(change, written_at=draft.at))


def change_refused(draft: Draft, reason: str, *, code: int | None = None) -> None:
    """The order lives on as it was."""
    change = draft.order.change
    if change is not None:
        draft.set(change=None, unknown_terms=False)
        draft.tell(Kind.REPLACE_REJECTED, reason, code=code, change_id=change.change_id)


def changes_on_end(draft: Draft, status: Status) -> None:
    """The order is over: no change can happen to it any more. Which terms were the last is not asked again."""
    change = draft.order.change
    if change is not None:
        quantity = change.terms.quantity
        took = quantity is not None and draft.order.terms.quantity is not None and draft.order.filled > draft.order.terms.quantity
        if took:
            _accept(draft, change)
        else:
            change_refused(draft, f"The order is {status}.")


def changes_on_echo(draft: Draft, seen: OpenOrderSeen) -> None:
    """Compare IB's echo with what was sent: the change that is under way, or one that somebody made elsewhere."""
    order, echo = draft.order, seen.echo
    change = order.change
    if change is not None and change.written_at is not None:
        if shows(echo, change.terms) and took(echo, change.terms, order.terms):
            _accept(draft, change)
            return
        if shows(echo, change.terms) or shows(echo, order.terms):
            _undecided(draft, seen, change)
            return
    if shows(echo, order.terms):
        draft.set(unknown_terms=False)
        return
    delayed = order.former is not None and order.replaced_at is not None and seen.at - order.replaced_at < STALE_ECHO
    if delayed and order.former is not None and shows(echo, order.former) and not seen.listed:
        return
    if order.change is not None:
        change_refused(draft, "IB shows other terms than were asked for.")
    _elsewhere(draft, echo)


def _undecided(draft: Draft, seen: OpenOrderSeen, change: Change) -> None:
    """The echo shows the old terms, or old and new look alike in it.

    A change that is refused also shows the order unchanged before the reason comes, and one that is still on its way to IB when the session
    breaks shows it so in the next; only a list, after the wait, decides.
    """
    waited = change.written_at is not None and seen.at >= change.written_at + NO_ANSWER
    if draft.order.unknown_terms and seen.listed and waited:
        unseen = not differing(change.terms, draft.order.terms)
        if shows(seen.echo, change.terms) and (unseen or took(seen.echo, change.terms, draft.order.terms)):
            _accept(draft, change)
        else:
            change_refused(draft, "IB shows the order unchanged.")


def _accept(draft: Draft, change: Change) -> None:
    order = draft.order
    draft.set(terms=change.terms, former=order.terms, replaced_at=draft.at, change=None, unknown_terms=False, revision=order.revision + 1)
    draft.set(notional=order.notional if change.notional is None else change.notional, adjusted={**order.adjusted, **change.adjusted})
    if (change.terms.time_in_force, change.terms.good_till) != (order.terms.time_in_force, order.terms.good_till):
        draft.set(expires_at=change.expires_at)
    draft.tell(Kind.REPLACED, change_id=change.change_id)


def _elsewhere(draft: Draft, echo: Echo) -> None:
    order = draft.order
    terms = order.terms
    if echo.quantity is not None and terms.quantity is not None:
        terms = replace(terms, quantity=echo.quantity)
    if terms.type in LIMIT_PRICED and echo.limit_price is not None:
        terms = replace(terms, limit_price=echo.limit_price)
    if terms.type in STOP_PRICED and echo.stop_price is not None:
        terms = replace(terms, stop_price=echo.stop_price)
    draft.set(terms=terms, former=order.terms, replaced_at=draft.at, unknown_terms=False, revision=order.revision + 1)
    draft.tell(Kind.CHANGED_ELSEWHERE)
    draft.want(Want.RECONCILE)


def shows(echo: Echo, terms: Terms) -> bool:
    """True when the echo is that of *terms*, by what IB echoes as it was sent: quantity, limit of limit types, stop of stop types.

    Everything else is filled in by IB: a STP's first openOrder carries a limit that nobody sent, a trailing stop moves.
    """
    return (
        _same(echo.quantity, terms.quantity)
        and (terms.type not in LIMIT_PRICED or _same(echo.limit_price, terms.limit_price))
        and (terms.type not in STOP_PRICED or _same(echo.stop_price, terms.stop_price))
    )


def took(echo: Echo, new: Terms, old: Terms) -> bool:
    """True when the echo has everything in which *new* differs from *old*, as far as IB echoes it at all."""
    seen = {
        "quantity": echo.quantity,
        "limit": echo.limit_price,
        "aux": echo.stop_price,
        "percent": echo.trail_percent,
        "offset": echo.limit_offset,
        "time_in_force": echo.time_in_force,
        "good_till": echo.good_till,
    }
    told = {name: value for name, value in differing(new, old).items() if seen[name] is not None}
    return bool(told) and all(seen[name] == value for name, value in told.items())


def differing(new: Terms, old: Terms) -> dict[str, Decimal | str | float | None]:
    """What an echo would show of *new* that it would not show of *old*."""
    before = _echoed(old)
    return {name: value for name, value in _echoed(new).items() if value != before[name]}


def _echoed(terms: Terms) -> dict[str, Decimal | str | float | None]:
    """What IB sends back as it was sent: a moving stop's trigger is not, nor a limit that it made up from an offset."""
    trails = terms.type is OrderType.TRAILING_STOP_LIMIT
    aux = terms.stop_price if terms.type in STOP_PRICED else terms.trail_amount if trails else terms.trail_amount or terms.limit_offset
    return {
        "quantity": terms.quantity,
        "limit": terms.limit_price if terms.type in LIMIT_PRICED else None,
        "aux": aux,
        "percent": terms.trail_percent,
        "offset": terms.limit_offset if trails else None,
        "time_in_force": terms.time_in_force.upper(),
        "good_till": terms.good_till.timestamp() if terms.good_till is not None else None,
    }


def _same(seen: Decimal | None, sent: Decimal | None) -> bool:
    return seen is None or sent is None or seen == sent
