"""Past bars as callers see them, and pages of them as JSON."""

from collections import OrderedDict
from collections.abc import Hashable
from contextlib import AbstractAsyncContextManager
from functools import lru_cache

import msgspec
import trio

from ibactors.actors.history_questions import BarPage, BarsQuestion
from ibactors.model.bars import DATED, Bar
from ibactors.model.times import Value, rfc3339

_TURN = 25
"""Bars that are written in one step: a quarter of a millisecond, for which others wait."""
_OCTETS = 16 * 1024 * 1024
"""Of the pages that are kept as they were written."""


class PastBar(Value, frozen=True, kw_only=True, gc=False):
    """One bar."""

    t: str
    """When it begins, in UTC; a date for bars of a day and longer: the session's, or the last session's of a week or month."""
    o: float
    """The first price."""
    h: float
    """The highest price."""
    l: float  # noqa: E741  # as every chart has it
    """The lowest price."""
    c: float
    """The last price."""
    v: float | int | None
    """Null, as the next two, where there is none: quotes, midpoints and currencies."""
    vwap: float | None
    """The average price, weighted by volume."""
    n: int | None
    """Trades."""
    complete: bool
    """False for a bar that may still change."""


class BarTexts:
    """Pages of bars as JSON, each written once for all who ask for the same bars; the least recently asked for give way.

    They are known by what is in them, so that nothing has to be forgotten when a bar changes.
    """

    def __init__(self, octets: int = _OCTETS) -> None:
        self._most = octets
        self._octets = 0
        self._kept: OrderedDict[Hashable, bytes] = OrderedDict()
        self._written: dict[Hashable, trio.Event] = {}
        """Those that are being written, until they are."""

    async def of(self, question: BarsQuestion, page: BarPage, stride: AbstractAsyncContextManager[object]) -> bytes:
        """The bars, separated by commas. Written in steps, as ten thousand of them are a megabyte."""
        async with stride:
            key = page.rows.digest, page.forming, question.descending, question.bar in DATED
        while key in self._written:
            await self._written[key].wait()
        if (text := self._kept.get(key)) is not None:
            self._kept.move_to_end(key)
            return text
        self._written[key] = trio.Event()
        try:
            text = await _write(question, page, stride)
        finally:
            # One that was cancelled leaves the page to the next who waits for it.
            self._written.pop(key).set()
        self._keep(key, text)
        return text

    def _keep(self, key: Hashable, text: bytes) -> None:
        self._kept[key] = text
        self._octets += len(text)
        while self._octets > self._most:
            self._octets -= len(self._kept.popitem(last=False)[1])


async def _write(question: BarsQuestion, page: BarPage, stride: AbstractAsyncContextManager[object]) -> bytes:
    places = range(len(page.rows))
    if question.descending:
        places = places[::-1]
    dated = question.bar in DATED
    parts: list[bytes] = []
    for n in range(0, len(places), _TURN):
        async with stride:
            bars = [past_bar(page.rows.bar(place), dated=dated, forming=page.forming) for place in places[n : n + _TURN]]
            parts.append(msgspec.json.encode(bars)[1:-1])
    return b",".join(parts)


def past_bar(bar: Bar, *, dated: bool, forming: int | None) -> PastBar:
    """One bar, as callers see it."""
    day, second = divmod(bar.at, 86_400)
    date = _date(day)
    return PastBar(
        t=date if dated else f"{date}T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}.000000Z",
        o=bar.open,
        h=bar.high,
        l=bar.low,
        c=bar.close,
        v=bar.volume,
        vwap=bar.vwap,
        n=bar.count,
        complete=bar.at != forming,
    )


@lru_cache(maxsize=1024)
def _date(day: int) -> str:
    return rfc3339(day * 86_400)[:10]
