"""Black and Scholes: what an option is worth, how that changes, and which volatility a price implies."""

import math
from dataclasses import dataclass
from typing import TypedDict

VOLATILITY = 0.28
RATE = 0.04
_DAYS_PER_YEAR = 365
_LOWEST, _HIGHEST = 0.001, 8.0


class Terms(TypedDict):
    """What an option's worth depends on, besides volatility."""

    spot: float
    strike: float
    years: float
    call: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Greeks:
    """An option's price and its sensitivities; vega for one point of volatility, theta for one day."""

    volatility: float
    price: float
    delta: float
    gamma: float
    vega: float
    theta: float
    spot: float


def option_price(*, spot: float, strike: float, years: float, call: bool, volatility: float = VOLATILITY) -> float:
    """The price at a volatility, by default the one that the simulated market believes in."""
    deviation = volatility * math.sqrt(years)
    d1 = (math.log(spot / strike) + (RATE + volatility**2 / 2) * years) / deviation
    discounted = strike * math.exp(-RATE * years)
    price = spot * _normal(d1) - discounted * _normal(d1 - deviation)
    return price if call else price - spot + discounted


def greeks(*, spot: float, strike: float, years: float, call: bool, volatility: float = VOLATILITY) -> Greeks:
    """Price and sensitivities at a volatility."""
    root = math.sqrt(years)
    d1 = (math.log(spot / strike) + (RATE + volatility**2 / 2) * years) / (volatility * root)
    d2 = d1 - volatility * root
    density = math.exp(-(d1**2) / 2) / math.sqrt(2 * math.pi)
    sign = 1 if call else -1
    decay = -spot * density * volatility / (2 * root) - sign * RATE * strike * math.exp(-RATE * years) * _normal(sign * d2)
    return Greeks(
        volatility=volatility,
        price=option_price(spot=spot, strike=strike, years=years, call=call, volatility=volatility),
        delta=_normal(d1) if call else _normal(d1) - 1,
        gamma=density / (spot * volatility * root),
        vega=spot * density * root / 100,
        theta=decay / _DAYS_PER_YEAR,
        spot=spot,
    )


def implied_volatility(*, price: float, spot: float, strike: float, years: float, call: bool) -> float | None:
    """The volatility at which the model gives `price`; None where no volatility does."""
    low, high = _LOWEST, _HIGHEST

    def at(volatility: float) -> float:
        return option_price(spot=spot, strike=strike, years=years, call=call, volatility=volatility)

    if not at(low) <= price <= at(high):
        return None
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if at(middle) < price else (low, middle)
    return (low + high) / 2


def _normal(x: float) -> float:
    return (1 + math.erf(x / math.sqrt(2))) / 2
