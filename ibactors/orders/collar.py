"""The price collar: no order far from the market, by the best reference there is. Which one it was is told with the answer."""

import enum
from decimal import Decimal

from ibactors.model.times import Value
from ibactors.orders.safety import SETTINGS, Limits, Refusal
from ibactors.orders.terms import OrderType, Side, Terms

NEWEST = 2.0
"""Seconds after which the market is looked at once more before an order is taken."""


class ReferenceKind(enum.StrEnum):
    """What a price is measured against, best first."""

    QUOTE = "quote"
    """Live and two-sided, not stale by our own rule."""
    LAST = "last"
    """The last trade, or the close, of today."""
    CLOSE = "close"
    """The previous close, or anything delayed: for limit orders alone, with the wide collar."""
    PARENT = "parent"
    """The price of the bracket's parent, for its children."""


class Reference(Value, frozen=True, kw_only=True):
    """The market, or what stands for it."""

    kind: ReferenceKind
    bid: Decimal
    ask: Decimal
    """Equal to the bid where there is one price."""
    at: float
    scale: Decimal | None = None
    """What a distance is a percentage of, where that is not the price: a combination's may be near zero."""


_LIMITED = frozenset({OrderType.LIMIT, OrderType.LIMIT_ON_CLOSE, OrderType.MIDPRICE, OrderType.RELATIVE, OrderType.PEGGED_TO_MIDPOINT})
_STOPS = frozenset({OrderType.STOP, OrderType.STOP_LIMIT})
_TOUCHED = frozenset({OrderType.MARKET_IF_TOUCHED, OrderType.LIMIT_IF_TOUCHED})
_MARKET = frozenset({OrderType.MARKET, OrderType.MARKET_TO_LIMIT, OrderType.SNAP_TO_MARKET, OrderType.SNAP_TO_MIDPOINT})
_HUNDRED = Decimal(100)


def collar_refusal(terms: Terms, reference: Reference | None, limits: Limits) -> Refusal | None:
    """Why the price is refused, or None."""
    if reference is None or (reference.kind is ReferenceKind.CLOSE and (terms.type not in _LIMITED or terms.limit_price is None)):
        had = "nothing" if reference is None else "a previous close or delayed data, which serves limit orders alone"
        return Refusal(
            code="no_reference_price", detail=f"The price cannot be checked: there is {had}.", setting=SETTINGS["collar_percent"]
        )
    wide = reference.kind is ReferenceKind.CLOSE
    name = "collar_wide_percent" if wide else "collar_percent"
    percent = limits.collar_wide_percent if wide else limits.collar_percent
    return _limit(terms, reference, percent, name) or _trigger(terms, reference) or _spread(terms, reference, percent, name)


def _limit(terms: Terms, reference: Reference, percent: Decimal, name: str) -> Refusal | None:
    """A buy limit far above the ask, a sell limit far below the bid. A limit behind a trigger is measured against the trigger."""
    if terms.limit_price is None:
        return None
    buys = terms.side is Side.BUY
    behind = terms.type in _STOPS | _TOUCHED or terms.type is OrderType.TRAILING_STOP_LIMIT
    against = terms.stop_price if behind and terms.stop_price is not None else (reference.ask if buys else reference.bid)
    beyond = terms.limit_price - against if buys else against - terms.limit_price
    base = abs(against) if reference.scale is None or behind else reference.scale
    if beyond * _HUNDRED <= percent * base:
        return None
    value = beyond * _HUNDRED / base if base else beyond * _HUNDRED
    what = "the stop price" if behind else f"the {'ask' if buys else 'bid'}"
    where = "above" if buys else "below"
    measure = f"{value:.1f} % {where} {what} of {against:f}"
    detail = f"A {terms.side} limit of {terms.limit_price:f} is {measure} ({reference.kind}, limit {percent:f} %)."
    return Refusal(code="price_collar", detail=detail, limit=percent, value=round(value, 4), setting=SETTINGS[name], name=name)


def _trigger(terms: Terms, reference: Reference) -> Refusal | None:
    """A stop on the wrong side of the market would trigger at once; so would a touched order, whose sides are the other way round."""
    if terms.stop_price is None or terms.type not in _STOPS | _TOUCHED:
        return None
    above = (terms.side is Side.BUY) == (terms.type in _STOPS)
    market = reference.bid if above else reference.ask
    if terms.stop_price > market if above else terms.stop_price < market:
        return None
    where = "below" if above else "above"
    detail = f"A {terms.side} {terms.type} at {terms.stop_price:f} is {where} the market of {market:f} and would trigger at once."
    return Refusal(
        code="price_collar",
        detail=detail,
        limit=market,
        value=terms.stop_price,
        setting=SETTINGS["collar_percent"],
        name="collar_percent",
    )


def _spread(terms: Terms, reference: Reference, percent: Decimal, name: str) -> Refusal | None:
    """An order without a limit takes the other side of the book, wherever that is."""
    if terms.type not in _MARKET or terms.limit_price is not None:
        return None
    middle = abs(reference.bid + reference.ask) / 2 if reference.scale is None else reference.scale
    spread = reference.ask - reference.bid
    if spread * _HUNDRED <= percent * middle:
        return None
    value = spread * _HUNDRED / middle if middle else spread * _HUNDRED
    detail = f"The spread is {value:.1f} % (limit {percent:f} %): {reference.bid:f} to {reference.ask:f}."
    return Refusal(code="price_collar", detail=detail, limit=percent, value=round(value, 4), setting=SETTINGS[name], name=name)
