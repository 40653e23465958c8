"""Which past ticks belong into the hole between the last tick before a break and the first ones after it.

IB's ticks have no identity and their times are whole seconds, so that both ends of a hole lie within a second of which some ticks were
delivered. They are found by their values, in their order; where that does not fit, nobody can know what is missing, and it is told so.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar


class Dated(Protocol):
    """A tick."""

    @property
    def t(self) -> str:
        """Its second; in the order of time as a text."""

    @property
    def essence(self) -> tuple[object, ...]:
        """What tells it from others, live or past."""


D = TypeVar("D", bound=Dated)


@dataclass(frozen=True, slots=True)
class Filling(Generic[D]):
    """What to put into a hole."""

    missing: tuple[D, ...]
    begins: bool
    """Whether it follows without a hole on what was delivered before."""
    ends: bool
    """Whether what came after the hole follows on it without another."""


def fill(past: Sequence[D], before: Sequence[D], after: Sequence[D]) -> Filling[D]:
    """What of the *past* is missing, which begins with the second of the last tick *before*; that has all ticks of this second.

    *after* are the ticks that came since, at least one; *past* was asked for before the last of them came.
    """
    count = len(before)
    begins = [tick.essence for tick in past[:count]] == [tick.essence for tick in before]
    if not begins:
        last = before[-1].t if before else ""
        count = sum(tick.t <= last for tick in past)
    rest = past[count:]
    start = _meeting(rest, after)
    if start is None:
        return Filling(tuple(tick for tick in rest if tick.t < after[0].t), begins, ends=False)
    return Filling(tuple(rest[:start]), begins, ends=True)


def _meeting(rest: Sequence[D], after: Sequence[D]) -> int | None:
    """Where the past goes over into what came since: from there to its end both are the same."""
    live = [tick.essence for tick in after]
    for start in range(max(0, len(rest) - len(after)), len(rest)):
        if [tick.essence for tick in rest[start:]] == live[: len(rest) - start]:
            return start
    return None
