"""Prices on the tick: by the market rule at the order's own price, in decimals, as binary fractions miss ticks by their last digit."""

import enum
from collections.abc import Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal

from ibactors.errors import InvalidRequest
from ibactors.model.times import Value
from ibactors.orders.terms import Side


class Rounding(enum.StrEnum):
    """What becomes of a price between two ticks."""

    REJECT = "reject"
    PASSIVE = "passive"
    """Buy down, sell up."""
    NEAREST = "nearest"


class Increment(Value, frozen=True, kw_only=True):
    """From this price on, prices are multiples of that (TWS message 93, marketRule)."""

    low_edge: Decimal
    increment: Decimal


class MarketRule(Value, frozen=True, kw_only=True):
    """The increments of one contract at one exchange, by rising edge."""

    rule_id: int
    increments: tuple[Increment, ...]

    def at(self, price: Decimal) -> Decimal:
        """The increment at *price*; a negative price has that of its amount."""
        found = self.increments[0].increment
        for step in self.increments:
            if step.low_edge <= abs(price):
                found = step.increment
        return found


class Adjusted(Value, frozen=True, kw_only=True):
    """A price that is sent otherwise than it was asked for."""

    asked: Decimal
    """The price of the request."""
    sent: Decimal
    """The price on the tick."""
    why: str
    """In words."""


def on_tick(price: Decimal, side: Side, rule: MarketRule, rounding: Rounding, *, field: str) -> Decimal:
    """*price*, or its neighbour on the tick. Raises InvalidRequest, naming both neighbours, where none is wanted."""
    increment = rule.at(price)
    if price % increment == 0:
        return price
    below, above = _to(price, increment, ROUND_FLOOR), _to(price, increment, ROUND_CEILING)
    match rounding:
        case Rounding.PASSIVE:
            return below if side is Side.BUY else above
        case Rounding.NEAREST:
            return _to(price, increment, ROUND_HALF_UP)
        case Rounding.REJECT:
            raise InvalidRequest(
                f"{field} {price:f} is between two ticks; the increment at this price is {increment:f} (market rule {rule.rule_id}).",
                field=field,
                remedy=f"Use {below:f} or {above:f}, or rounding=passive or nearest.",
            )


def _to(price: Decimal, increment: Decimal, how: str) -> Decimal:
    return (price / increment).to_integral_value(rounding=how) * increment


def quantity_refusal(quantity: Decimal, sec_type: str, size_increment: Decimal, min_size: Decimal) -> str | None:
    """Why a quantity cannot be ordered. Stocks list an increment of 0.0001, and the API refuses fractions of them (10243, 10318)."""
    whole: Sequence[str] = ("STK", "OPT", "FUT", "FOP", "BAG", "WAR")
    if sec_type in whole and quantity % 1 != 0:
        return f"{quantity:f} is not whole; IB takes no fractions of {sec_type} over its API."
    if size_increment > 0 and quantity % size_increment != 0:
        return f"{quantity:f} is not a multiple of the size increment {size_increment:f}."
    if quantity < min_size and sec_type not in whole:
        return f"{quantity:f} is less than the least size {min_size:f}."
    return None
