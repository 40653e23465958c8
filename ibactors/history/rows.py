"""Bars packed into 64 octets each, as a year of minutes is a hundred thousand of them."""

import math
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from itertools import pairwise

from ibactors.model.bars import Bar

_WIDTH = 8
_NONE = math.nan
Fields = tuple[float, float, float, float, float, float, float, float]
"""at, open, high, low, close, volume, vwap, count; NaN for what there is not."""


class Rows:
    """Bars in the order of their times; none is there twice. Never changed."""

    __slots__ = ("_values",)

    def __init__(self, fields: Iterable[Fields] = ()) -> None:
        """Of several bars of one time the last counts."""
        by_time = {row[0]: row for row in fields}
        self._values = array("d", [value for at in sorted(by_time) for value in by_time[at]])

    @classmethod
    def joined(cls, parts: "Sequence[Rows]") -> "Rows":
        """All of these; of several bars of one time the last counts. Where each part follows the one before, none is looked at again."""
        filled = [part for part in parts if len(part)]
        if any(one.at(len(one) - 1) >= following.at(0) for one, following in pairwise(filled)):
            return cls(row for part in filled for row in part._fields())
        rows = cls()
        for part in filled:
            rows._values.extend(part._values)  # noqa: SLF001  # its own kind
        return rows

    @property
    def octets(self) -> int:
        """What it takes in memory."""
        return len(self._values) * 8

    @property
    def digest(self) -> bytes:
        """The same for equal bars, and for no others."""
        return blake2b(self._values, digest_size=16).digest()

    def __len__(self) -> int:
        return len(self._values) // _WIDTH

    def __iter__(self) -> Iterator[Bar]:
        return (self.bar(n) for n in range(len(self)))

    def at(self, n: int) -> int:
        """When the bar at place *n* begins."""
        return int(self._values[n * _WIDTH])

    def bar(self, n: int) -> Bar:
        """The bar at place *n*."""
        at, opened, high, low, close, volume, vwap, count = self._values[n * _WIDTH : (n + 1) * _WIDTH]
        return Bar(
            at=int(at),
            open=opened,
            high=high,
            low=low,
            close=close,
            volume=None if volume != volume else int(volume) if volume.is_integer() else volume,  # noqa: PLR0124  # NaN
            vwap=None if vwap != vwap else vwap,  # noqa: PLR0124
            count=None if count != count else int(count),  # noqa: PLR0124
        )

    def _fields(self) -> Iterator[Fields]:
        values = iter(self._values)
        return zip(*[values] * _WIDTH, strict=True)

    def between(self, begin: float, end: float) -> "Rows":
        """Those that begin within [begin, end)."""
        times = self._values[::_WIDTH]
        return self.part(bisect_left(times, begin), bisect_left(times, end))

    def part(self, first: int, last: int) -> "Rows":
        """Those from one place to another."""
        rows = Rows()
        rows._values = self._values[first * _WIDTH : last * _WIDTH]  # its own kind
        return rows

    def __add__(self, later: "Rows") -> "Rows":
        """These and *later* ones. Raises ValueError if they are not later."""
        if len(self) and len(later) and self.at(len(self) - 1) >= later.at(0):
            raise ValueError(f"{later.at(0)} does not come after {self.at(len(self) - 1)}")
        rows = Rows()
        rows._values = self._values + later._values
        return rows


def fields_of(at: int, prices: tuple[float, float, float, float], volume: float, vwap: float, count: float) -> Fields:
    """One bar as IB sent it: -1 stands for what its kind does not have."""
    return (at, *prices, _NONE if volume < 0 else volume, _NONE if vwap == -1 or count < 0 else vwap, _NONE if count < 0 else count)
