"""Market rules: from which price on which increment holds. contractData names them, reqMarketRule tells them."""

from collections.abc import Mapping

Increments = tuple[tuple[str, str], ...]

# Rule id: (price from which it holds, increment), lowest first.
MARKET_RULES: Mapping[int, Increments] = {
    25: (("0.0", "0.01"),),
    26: (("0.0", "0.01"),),
    32: (("0.0", "0.01"),),
    67: (("0.0", "0.25"),),
    110: (("0.0", "0.05"), ("3.0", "0.1")),
    239: (("0.0", "0.00005"),),
    1386: (("0.0", "0.0001"),),
    4563: (("0.0", "0.0001"), ("1.0", "0.01")),
}


def increment(rule: int, price: float) -> float:
    """The smallest step of a price, at that price."""
    return max(float(step) for low, step in MARKET_RULES[rule] if abs(price) >= float(low))


def coarser(rule: int, min_tick: str) -> tuple[tuple[int, int], ...]:
    """A rule of several increments in whole numbers of the minimum tick, lowest first; empty for one that has one."""
    increments = MARKET_RULES[rule]
    if len(increments) == 1:
        return ()
    tick = float(min_tick)
    return tuple((round(float(low) / tick), round(float(step) / tick)) for low, step in increments)


def snapped(ticks: int, grid: tuple[tuple[int, int], ...]) -> int:
    """The nearest price that the rule allows, in minimum ticks."""
    step = max((s for low, s in grid if ticks >= low), default=1)
    return max(1, round(ticks / step) * step)
