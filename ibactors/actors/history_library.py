"""What is known of the past, and what IB is asked for to know more: contracts, sessions, first moments, bars by stretches.

Everything here is shared: whoever wants what somebody else is waiting for waits with them, and what is finished is kept.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

import trio

from ibactors.actors.history_loads import Load, Loads, Patience
from ibactors.bridge.history import bar_fields, check_kind, first_moment, past_bars, read_bars, schedule
from ibactors.errors import (
    CompetingSession,
    GatewayDisconnected,
    GatewayRefused,
    GatewayTimeout,
    IbactorsError,
    InvalidRequest,
    NoHistory,
)
from ibactors.history.cache import Cache, Finished
from ibactors.history.calendar import Calendar, read_sessions
from ibactors.history.merge import LATE, finished, forms, within
from ibactors.history.pacing import Ration
from ibactors.history.plan import Wanted, utc, wanted
from ibactors.history.rows import Rows, fields_of
from ibactors.history.sizes import DAY, SIZES, Size
from ibactors.model.bars import BarSize, What
from ibactors.model.instruments import ContractInfo, Instrument

T = TypeVar("T")

_DAY = 86_400.0
_FRESH = 300.0
"""Seconds for which the sessions of the present are not asked for again."""
_KNOWN = 4096
"""Contracts, first moments and calendars that are kept, each."""
SMALL_KEPT = 183 * DAY
"""Seconds for which IB keeps bars of up to 30 s."""
_TURN = 32
"""Bars that are read in one step, as an answer may have thousands and others wait for a quote: about half a millisecond."""
_HEADS = {What.ADJUSTED_LAST: What.TRADES, What.BID_ASK: What.BID}


class _Kept(Generic[T]):
    """Values for a time; the oldest give way."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._values: OrderedDict[Hashable, tuple[float, T]] = OrderedDict()

    def get(self, key: Hashable, *, within: float = math.inf) -> T | None:
        found = self._values.get(key)
        return found[1] if found is not None and trio.current_time() - found[0] < min(within, self._seconds) else None

    def put(self, key: Hashable, value: T) -> None:
        self._values.pop(key, None)
        self._values[key] = trio.current_time(), value
        if len(self._values) > _KNOWN:
            self._values.popitem(last=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Which bars."""

    contract: ContractInfo
    bar: BarSize
    what: What
    rth: bool

    @property
    def size(self) -> Size:
        """Of its bars."""
        return SIZES[self.bar]

    @property
    def key(self) -> Hashable:
        """What tells it from others."""
        return self.contract.con_id, self.contract.exchange, self.bar, self.what, self.rth

    @property
    def is_open_ended(self) -> bool:
        """Whether IB takes no end for it."""
        return self.what is What.ADJUSTED_LAST


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """The bars of one stretch."""

    rows: Rows
    forming: int | None = None
    """The time of the bar that may still change."""
    gone: bool = False
    """Whether IB keeps nothing that old."""


class Library:
    """All that is known; belongs to one incarnation of the history actor."""

    def __init__(self, loads: Loads, cache: Cache, stride: trio.Lock, now: Callable[[], float] = time.time) -> None:
        self.loads = loads
        self._stride = stride
        self.cache = cache
        self.now = now
        """The time by which bars are finished: Unix seconds."""
        self._contracts: _Kept[ContractInfo] = _Kept(_DAY)
        self._heads: _Kept[int] = _Kept(_DAY)
        self._calendars: _Kept[tuple[Calendar | None, str]] = _Kept(_DAY / 2)

    async def contract(self, instrument: Instrument, patience: Patience) -> ContractInfo:
        """The one contract that is meant. Raises ContractNotFound, ContractAmbiguous, or InvalidRequest for a combination."""

        async def work(load: Load[ContractInfo]) -> ContractInfo:
            info = await self.loads.find(load, instrument)
            if not info.con_id:
                raise InvalidRequest("IB has no history of combinations.", field="symbol", remedy="Ask for the legs, each by its con_id.")
            self._contracts.put(instrument, info)
            return info

        known = self._contracts.get(instrument)
        return await self.loads.get(("contract", instrument), work, patience) if known is None else known

    async def head(self, contract: ContractInfo, what: What, *, rth: bool, patience: Patience) -> int | None:
        """Since when there are data, in Unix seconds; None where IB does not tell."""
        kind = What.TRADES if what.endswith("_volatility") else _HEADS.get(what, what)
        key = ("head", contract.con_id, contract.exchange, kind, rth)

        async def work(load: Load[int]) -> int:
            try:
                head = await self.loads.ask_one(load, first_moment(contract, what=kind, rth=rth))
            except NoHistory:
                head = 0
            self._heads.put(key, head)
            return head

        known = self._heads.get(key)
        return (await self.loads.get(key, work, patience) if known is None else known) or None

    async def calendar(self, contract: ContractInfo, begin: int, end: int, *, rth: bool, patience: Patience) -> tuple[Calendar | None, str]:
        """The sessions within [begin, end), as far as they have come, and their zone; None where IB lists none."""
        now = self.now()
        found: list[Calendar] = []
        zone, at = "", begin
        while at < min(end, now):
            window = SIZES[BarSize.D1].stretch_of(at)
            known, zone = await self._window(contract, window, rth=rth, needed=min(end, now), patience=patience)
            if known is None:
                return None, zone
            found.append(known)
            at = window[1]
        if not found:
            return None, zone
        # A session that spans two windows is in both.
        sessions = {session.opens: session for known in found for session in known.sessions}
        return Calendar(since=found[0].since, until=found[-1].until, sessions=tuple(sessions.values())), zone

    async def _window(
        self, contract: ContractInfo, window: tuple[int, int], *, rth: bool, needed: float, patience: Patience
    ) -> tuple[Calendar | None, str]:
        key = ("schedule", contract.con_id, contract.exchange, rth, window[0])
        known = self._calendars.get(key)
        if known is None or (known[0] is not None and known[0].until < min(needed, window[1])):
            known = self._calendars.get(key, within=_FRESH)
        if known is not None:
            return known
        return await self.loads.get(key, partial(self._ask_window, contract, window, key, rth=rth), patience)

    async def _ask_window(
        self, contract: ContractInfo, window: tuple[int, int], key: Hashable, load: Load[tuple[Calendar | None, str]], *, rth: bool
    ) -> tuple[Calendar | None, str]:
        now = int(self.now())
        begin, end = window
        asked = Wanted(end="" if end >= now else utc(end), duration=f"{min(365, (min(end, now) - begin) // DAY + 3)} D")
        calendar, zone = None, ""
        try:
            zone, rows = await self.loads.ask_one(load, schedule(contract, end=asked.end, duration=asked.duration, rth=rth))
            sessions = tuple(session for session in read_sessions(zone, rows) if session.closes > begin and session.opens < end)
            calendar = Calendar(since=begin, until=min(end, now), sessions=sessions)
        except (GatewayDisconnected, CompetingSession):
            raise
        except (IbactorsError, ValueError):
            pass  # without it more is asked for than is needed
        self._calendars.put(key, (calendar, zone))
        return calendar, zone

    async def piece(self, series: Series, stretch: tuple[int, int], patience: Patience, enough: Callable[[Finished], bool]) -> Piece:
        """The bars of a stretch, as far as there are any yet; only those that are kept, if they are *enough*."""
        key = (series.key, stretch[0])
        kept = None if series.is_open_ended else self.cache.get(key, self.now())
        if kept is not None and (kept.until >= stretch[1] or enough(kept)):
            return Piece(rows=kept.rows)
        calendar = None
        if not series.size.is_dated:
            calendar, _ = await self.calendar(series.contract, *stretch, rth=series.rth, patience=patience)
        elif series.size.seconds == DAY and stretch[1] > self.now() - DAY:
            # Only for whether the newest day is over.
            calendar, _ = await self.calendar(series.contract, int(self.now()), stretch[1], rth=series.rth, patience=patience)
        begin = stretch[0] if kept is None else kept.until
        asked = self._wanted(series, begin, stretch[1], calendar)
        if asked is None:
            return self._piece(series, kept.rows if kept is not None else Rows(), calendar, self.now())
        ration = self._ration(series, asked) if series.size.is_small else None
        fetch = _Fetch(series=series, stretch=stretch, begin=begin, asked=asked, kept=kept, ration=ration, calendar=calendar)
        return await self.loads.get((key, begin), lambda load: self._fetch(load, fetch, key, patience), patience, ration)

    def _wanted(self, series: Series, begin: int, end: int, calendar: Calendar | None) -> Wanted | None:
        now = self.now()
        if series.is_open_ended:
            return Wanted(end="", duration=wanted(series.size, begin, math.ceil(now), now=now, calendar=calendar).duration)
        if calendar is not None and not series.size.is_dated and calendar.count(begin, min(end, int(now))) == 0:
            return None  # no session, no bars
        return wanted(series.size, begin, end, now=now, calendar=calendar)

    def _ration(self, series: Series, asked: Wanted) -> Ration:
        subject = series.contract.con_id, series.contract.exchange, series.what
        return Ration(question=(series.key, asked), subject=subject, weight=2 if series.what is What.BID_ASK else 1)

    async def _fetch(self, load: Load[Piece], fetch: "_Fetch", key: Hashable, patience: Patience) -> Piece:
        series, now = fetch.series, self.now()
        spec = past_bars(
            series.contract,
            text=series.size.text,
            end=fetch.asked.end,
            duration=fetch.asked.duration,
            what=series.what,
            rth=series.rth,
        )
        kept = fetch.kept.rows if fetch.kept is not None else Rows()
        try:
            message = await self.loads.ask_one(load, spec, fetch.ration)
            rows = kept + await _read(message, fetch, self._stride)
        except NoHistory as exc:
            gone = await self._nothing(fetch, exc, Patience(patience.caller, 60.0))
            return Piece(rows=kept, gone=gone and not len(kept))
        if not series.is_open_ended:
            since = fetch.kept.since if fetch.kept is not None else now
            done = finished(series.size, rows, fetch.stretch[1], now=now, since=since)
            if done.until:
                self.cache.put(key, done)
        return self._piece(series, rows, fetch.calendar, now)

    def _piece(self, series: Series, rows: Rows, calendar: Calendar | None, now: float) -> Piece:
        """*now* is when IB was asked: a bar that was over only by the time of its answer may have been cut."""
        last = rows.bar(len(rows) - 1) if len(rows) else None
        forming = last.at if last is not None and forms(series.size, last, now=now, calendar=calendar) else None
        return Piece(rows=rows, forming=forming)

    async def _nothing(self, fetch: "_Fetch", error: NoHistory, patience: Patience) -> bool:
        """IB says that there are no bars: whether there is nothing so old. Raises GatewayTimeout if there should be some."""
        series, begin, end = fetch.series, fetch.begin, fetch.stretch[1]
        now = int(self.now())
        check_kind(series.contract, series.what)
        if series.size.is_small and end <= now - SMALL_KEPT:
            return True
        head = await self.head(series.contract, series.what, rth=series.rth, patience=patience)
        if head is not None and head >= end:
            return True
        # Delayed data are up to twenty minutes late, so that a session may have begun and have no bars yet.
        calendar, _ = await self.calendar(series.contract, begin, end, rth=series.rth, patience=patience)
        since, until = max(begin, head or begin), min(end, now - LATE)
        if until <= since or (calendar is not None and calendar.count(since, until) == 0):
            return False
        raise GatewayTimeout(f"{error} But there were sessions in that time; ask again later.", ib_code=error.ib_code)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fetch:
    """One question to IB, and why it is asked."""

    series: Series
    stretch: tuple[int, int]
    begin: int
    """Where what is kept ends."""
    asked: Wanted
    kept: Finished | None
    ration: Ration | None
    calendar: Calendar | None


async def _read(message: list[str], fetch: _Fetch, stride: trio.Lock) -> Rows:
    """What belongs to the stretch of the bars of a message 17, read a turn at a time. Raises GatewayRefused."""
    found: list[Rows] = []
    try:
        fields = bar_fields(message)
        for n in range(0, len(fields), 8 * _TURN):
            async with stride:
                bars = [fields_of(*bar) for bar in read_bars(fields[n : n + 8 * _TURN])]
                found.append(within(fetch.series.size, bars, fetch.begin, fetch.stretch[1]))
    except (ValueError, IndexError) as exc:
        raise GatewayRefused("The gateway was asked for bars and gave an answer that cannot be read.") from exc
    return Rows.joined(found)
