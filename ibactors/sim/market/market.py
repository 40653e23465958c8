"""The one market that all clients see: a walk for each instrument that anyone looks at, and its pace.

Lines watch instruments; the task `run` steps each watched instrument at the rate, jittered, and hands the change to its watchers. Prices of
unwatched instruments (positions) move when they are read.
"""

import datetime as dt
import heapq
import random
from collections.abc import Callable
from typing import NoReturn, Protocol

import trio

from ibactors.sim.market.clockprices import ClockWalk, PriceClock
from ibactors.sim.market.greeks import option_price
from ibactors.sim.market.hours import is_open, last_open
from ibactors.sim.market.instruments import Instrument
from ibactors.sim.market.listing import Catalogue
from ibactors.sim.market.ticks import Change
from ibactors.sim.market.walk import Field, PriceWalk

_DAYS_PER_YEAR = 365
_STEPS_PER_TURN = 8
MIN_RATE = 0.001
MAX_RATE = 1000.0


class Watcher(Protocol):
    """A line, or the orders on an instrument, as the market sees it."""

    is_line: bool
    hears_all: bool
    """Whether it is told also what no client can be sent."""

    def moved(self, change: Change) -> None:
        """Take note of a change; called in the market's task, so it must not block."""


class Market:
    """All prices. `silent` tells whether a fault keeps an instrument's ticks from the clients, `updates` counts changes."""

    def __init__(
        self,
        catalogue: Catalogue,
        *,
        seed: int,
        rate: float,
        now: Callable[[], dt.datetime],
        silent: Callable[[Instrument], bool],
        clock: PriceClock | None = None,
        keeps_hours: bool = False,
    ) -> None:
        self.catalogue = catalogue
        self.rate = rate
        self.seed = seed
        self.updates = 0
        self.began = now()
        self.keeps_hours = keeps_hours
        self._now = now
        self._silent = silent
        self._clock = clock
        self._jitter = random.Random(f"{seed}:jitter")
        self._walks: dict[int, PriceWalk] = {}
        self._watchers: dict[int, list[Watcher]] = {}
        self._due: list[tuple[float, int]] = []
        self._scheduled: set[int] = set()
        self._hurry = trio.Event()

    def walk(self, instrument: Instrument) -> PriceWalk:
        """The walk of an instrument, begun on first use."""
        walk = self._walks.get(instrument.con_id)
        if walk is None:
            walk = self._begin(instrument)
            walk.stepped_at = trio.current_time()
            self._walks[instrument.con_id] = walk
        return walk

    def look(self, instrument: Instrument) -> Change:
        """All present values of an instrument."""
        walk = self.walk(instrument)
        return Change(walk, walk.look(self._epoch()))

    def mark(self, instrument: Instrument) -> float:
        """The price to value a position with, moved on first if nobody watches the instrument."""
        walk = self.walk(instrument)
        now = trio.current_time()
        due = now - walk.stepped_at >= 1 / self.rate
        if instrument.con_id not in self._watchers and due and self.is_open(instrument):
            walk.stepped_at = now
            walk.step(self._epoch())
        return walk.mark

    def watch(self, instrument: Instrument, watcher: Watcher) -> None:
        """Start reporting changes of `instrument`."""
        self._watchers.setdefault(instrument.con_id, []).append(watcher)
        if instrument.con_id not in self._scheduled:
            self._scheduled.add(instrument.con_id)
            self._schedule(instrument.con_id, trio.current_time())
            self._hurry.set()

    def unwatch(self, instrument: Instrument, watcher: Watcher) -> None:
        """Stop reporting to this watcher; does nothing if it was not watching."""
        watchers = self._watchers.get(instrument.con_id, [])
        if watcher in watchers:
            watchers.remove(watcher)
        if not watchers:
            self._watchers.pop(instrument.con_id, None)

    def lines(self) -> dict[str, int]:
        """How many lines each instrument has, by local symbol; for `stats`."""
        catalogue = self.catalogue.by_con_id
        counts: dict[str, int] = {}
        for con_id, watchers in self._watchers.items():
            name = catalogue[con_id].local_symbol
            counts[name] = counts.get(name, 0) + sum(w.is_line for w in watchers)
        return {name: count for name, count in counts.items() if count}

    def set_rate(self, rate: float) -> None:
        """Change the pace of all instruments at once."""
        self.rate = rate
        now = trio.current_time()
        self._due = [(now + self._interval(), con_id) for _, con_id in self._due]
        heapq.heapify(self._due)
        self._hurry.set()

    def fix(self, instrument: Instrument, bid: float, ask: float, last: float) -> None:
        """Set exact prices and tell the watchers; ValueError for a price off the tick grid."""
        self._publish(instrument, self.walk(instrument).fix(bid, ask, last, self._epoch()))

    def release(self, instrument: Instrument) -> None:
        """Let a fixed price walk again."""
        self.walk(instrument).frozen = False

    def halt(self, instrument: Instrument, *, halted: bool) -> None:
        """Stop or resume trading and send the halted tick."""
        self.walk(instrument).halted = halted
        self._publish(instrument, {Field.HALTED})

    async def run(self) -> NoReturn:
        """Step the watched instruments when they are due."""
        stepped = 0
        while True:
            if not self._due or self._due[0][0] > trio.current_time():
                deadline = self._due[0][0] if self._due else float("inf")
                with trio.move_on_at(deadline):
                    await self._hurry.wait()
                self._hurry = trio.Event()
                continue
            due, con_id = heapq.heappop(self._due)
            if con_id in self._watchers:
                self._schedule(con_id, due)
                self._step(self.catalogue.by_con_id[con_id])
            else:
                self._scheduled.discard(con_id)
            # A few instruments per turn: a server with thousands of lines must not hold up the loop it shares, but one that falls behind
            # has to send the ticks of several at once to each client.
            stepped = (stepped + 1) % _STEPS_PER_TURN
            if stepped == 0:
                await trio.lowlevel.checkpoint()

    def _begin(self, instrument: Instrument) -> PriceWalk:
        epoch = self._epoch()
        if not self.is_open(instrument):
            # What is known of a closed market is of its last session, Friday's at a weekend.
            epoch = int(last_open(instrument.trading_hours, instrument.time_zone, self._now()).timestamp())
        if self._clock is not None and self._clock.knows(instrument):
            return ClockWalk(instrument, self.seed, self._epoch(), self._clock)
        anchor = self._option_model(instrument) if instrument.is_option else None
        return PriceWalk(instrument, self.seed, epoch, anchor)

    def _step(self, instrument: Instrument) -> None:
        unheard = self._silent(instrument) and not any(watcher.hears_all for watcher in self._watchers[instrument.con_id])
        if unheard or not self.is_open(instrument):
            return
        walk = self.walk(instrument)
        walk.stepped_at = trio.current_time()
        self._publish(instrument, walk.step(self._epoch()))

    def _publish(self, instrument: Instrument, fields: set[Field]) -> None:
        watchers = self._watchers.get(instrument.con_id)
        if not fields or not watchers:
            return
        silent = self._silent(instrument)
        change = Change(self.walk(instrument), fields)
        self.updates += 1
        for watcher in tuple(watchers):
            if watcher.hears_all or not silent:
                watcher.moved(change)

    def _schedule(self, con_id: int, last_due: float) -> None:
        # After a pause of the loop the missed steps are skipped, not made up for in a burst.
        start = max(last_due, trio.current_time() - 1 / self.rate)
        heapq.heappush(self._due, (start + self._interval(), con_id))

    def _interval(self) -> float:
        return self._jitter.uniform(0.6, 1.4) / self.rate

    def _epoch(self) -> int:
        return int(self._now().timestamp())

    def years_left(self, option: Instrument) -> float:
        """The years to an option's expiry, at least one day."""
        expiry = dt.datetime.strptime(option.last_trade_date, "%Y%m%d").replace(tzinfo=dt.UTC)
        return max(1, (expiry - self._now()).days) / _DAYS_PER_YEAR

    def is_open(self, instrument: Instrument) -> bool:
        """Whether an instrument trades now; always, unless the market keeps hours."""
        return not self.keeps_hours or is_open(instrument.trading_hours, instrument.time_zone, self._now())

    def _option_model(self, option: Instrument) -> Callable[[], float]:
        underlying = self.catalogue.by_con_id[option.under_con_id]

        def fair() -> float:
            return option_price(
                spot=self.mark(underlying),
                strike=float(option.strike),
                years=self.years_left(option),
                call=option.right == "C",
            )

        return fair
