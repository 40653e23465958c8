"""Option computations (message 21): what IB's model makes of an option, beside each of its prices or as the answer to a calculation."""

from collections.abc import Sequence

from ibactors.bridge.contracts import float_or_none
from ibactors.model.contracts import OptionCalculation

LIVE_MODEL, DELAYED_MODEL = 13, 83
"""Tick types of the model's own computation. Those beside bid, ask and last (10 to 12, 80 to 82) take that price for right."""
CUSTOM = 53
"""The answer to a calculation."""
_NOT_COMPUTED = -2.0
_LARGEST_DELTA = 1.0


def calculation(values: Sequence[float]) -> OptionCalculation:
    """From the numbers in the message's order. -1, for greeks -2, and DBL_MAX mean that one was not computed."""
    volatility, delta, price, dividends, gamma, vega, theta, underlying = values
    return OptionCalculation(
        implied_volatility=_positive(volatility),
        option_price=_positive(price),
        underlying_price=_positive(underlying),
        present_value_of_dividends=_positive(dividends),
        delta=delta if abs(delta) <= _LARGEST_DELTA else None,
        gamma=_greek(gamma),
        theta=_greek(theta),
        vega=_greek(vega),
    )


def _positive(value: float) -> float | None:
    return None if value < 0 else float_or_none(value)


def _greek(value: float) -> float | None:
    return None if value == _NOT_COMPUTED else float_or_none(value)
