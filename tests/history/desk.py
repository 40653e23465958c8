"""The history actor before a simulator whose clock stands still, in a trio run of a background thread; and the simulator's own truth."""

import datetime as dt
import threading
from collections.abc import Awaitable, Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import msgspec
import outcome
import trio

from ibactors.actors.connection import ConnectionRef
from ibactors.actors.connection_actor import connection_builder
from ibactors.actors.history import HistoryRef
from ibactors.actors.history_actor import HistoryActor
from ibactors.actors.history_questions import BarPage, BarsQuestion
from ibactors.bridge.session import run_session
from ibactors.config import Settings
from ibactors.history.sizes import SIZES
from ibactors.kernel.supervisor import Supervisor, open_supervisor
from ibactors.model.bars import Bar, BarSize, What
from ibactors.sim import Simulator, SimulatorOptions
from ibactors.sim.history.farm import first_moment
from ibactors.sim.history.past import Past
from ibactors.sim.history.query import BarQuery
from ibactors.sim.market import hours
from ibactors.sim.market.instruments import Instrument
from tests.unit.unobserved import Unobserved

T = TypeVar("T")

NOW = dt.datetime(2026, 11, 24, 17, 3, 20, tzinfo=dt.UTC)
MIB = 1024 * 1024
WAIT = 60.0


@dataclass
class Desk:
    """One history actor, fresh unless it is kept."""

    simulator: Simulator
    supervisor: Supervisor
    connection: ConnectionRef
    history: HistoryRef = field(default_factory=lambda: HistoryRef(NOW.timestamp))

    async def open(self, cache: int = 64 * MIB) -> None:
        await self.supervisor.start(self.history, lambda: HistoryActor(self.history, self.connection, cache_octets=cache))

    async def close(self) -> None:
        self.supervisor.stop(self.history, reason="the example is over")
        await trio.lowlevel.checkpoint()

    async def pages(self, question: BarsQuestion, breaks: AbstractSet[int] = frozenset()) -> list[BarPage]:
        """All pages of a question; while those of the numbers *breaks* are made, the session breaks."""
        found: list[BarPage] = []
        while not found or found[-1].next_page_token:
            token = found[-1].next_page_token or "" if found else ""
            await self.connection.sessions.until(lambda session: session.up)
            async with trio.open_nursery() as nursery:
                if len(found) in breaks:
                    nursery.start_soon(self._break)
                found.append(await self.history.bars(msgspec.structs.replace(question, page_token=token), caller="test", wait=WAIT))
                nursery.cancel_scope.cancel(reason="the page is there")
        return found

    async def _break(self) -> None:
        """Drop the session as soon as something is asked in it."""
        asked = self.simulator.gateway.counters.received
        while True:
            await trio.lowlevel.checkpoint()
            if self.simulator.gateway.counters.received != asked:
                self.simulator.control.execute("drop")
                return


CLOSING = 5.0
"""Seconds that a desk may take to close."""


class Bureau:
    """A simulator and a session with it; desks come and go."""

    def __init__(self) -> None:
        self.simulator = Simulator(SimulatorOptions(port=0, rate=0.001, now=lambda: NOW))
        self.simulator.control.execute("pacing off")
        self.connection = ConnectionRef()
        self._token: trio.lowlevel.TrioToken
        self._ready, self._finish = threading.Event(), trio.Event()
        self._supervisor: Supervisor
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        self._ready.wait()

    def run(self, act: Callable[[Desk], Awaitable[T]]) -> T:
        """Do something at a fresh desk."""

        async def at_a_desk() -> T:
            desk = Desk(self.simulator, self._supervisor, self.connection)
            await desk.open()
            try:
                return await act(desk)
            finally:
                with trio.move_on_after(CLOSING, shield=True):
                    await desk.close()

        return trio.from_thread.run(at_a_desk, trio_token=self._token)

    def close(self) -> None:
        self._token.run_sync_soon(self._finish.set)
        self._thread.join()
        self._outcome.unwrap()

    def _run(self) -> None:
        self._outcome = outcome.capture(trio.run, self._live)
        self._ready.set()

    async def _live(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        async with trio.open_nursery() as nursery:
            ports = await nursery.start(self.simulator.run)
            async with open_supervisor() as self._supervisor:
                settings = Settings(gateway_port=ports.port, connect_timeout=5.0)
                build = connection_builder(self.connection, settings, Unobserved(), partial(run_session))
                await self._supervisor.start(self.connection, build)
                await self.connection.sessions.until(lambda session: session.up)
                self._ready.set()
                await self._finish.wait()
            nursery.cancel_scope.cancel(reason="the test is over")


def truth(simulator: Simulator, instrument: Instrument, bar: BarSize, what: What, *, rth: bool, start: int, end: int) -> list[Bar]:
    """What one endless request would give: every bar that begins within [start, end), whole, as far as the present."""
    size = SIZES[bar]
    past, head = Past(simulator.gateway.market, instrument), first_moment(instrument)
    # Beyond the range by whole weeks and months, so that none of them is cut.
    beyond = dt.timedelta(days=40 if size.is_dated else 2)
    begin = max(dt.datetime.fromtimestamp(start, dt.UTC) - beyond, head)
    until = min(dt.datetime.fromtimestamp(end, dt.UTC) + beyond, NOW)
    query = _Endless(size_s=size.seconds, end=until, count=1, unit="D", regular=rth, head=head, since=begin)
    found: list[Bar] = []
    for bucket in query.buckets(instrument):
        at = int(dt.datetime.combine(bucket.day, dt.time(), dt.UTC).timestamp()) if query.daily else int(bucket.start.timestamp())
        if not start <= at < end:
            continue
        live = simulator.gateway.market.mark(instrument) if bucket.until > NOW else None
        known = past.sum(bucket.pieces, what.upper(), start=bucket.start, day=bucket.day, live=live)
        found.append(
            Bar(
                at=at,
                open=_shown(past, known.open, what),
                high=_shown(past, known.high, what),
                low=_shown(past, known.low, what),
                close=_shown(past, known.close, what),
                volume=None if known.volume < 0 else known.volume,
                vwap=None if known.count < 0 else float(past.text(known.average, finer=1)),
                count=None if known.count < 0 else known.count,
            )
        )
    return found


def _shown(past: Past, price: float, what: What) -> float:
    return float(past.text(price, finer=1 if what is What.MIDPOINT else 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Endless(BarQuery):
    """A request without a limit: all sessions since a moment."""

    since: dt.datetime

    def sessions(self, instrument: Instrument) -> list[tuple[dt.date, hours.Span]]:
        found = hours.spans(instrument.trading_hours, instrument.time_zone, self.since, self.end, regular=self.regular)
        return [s for s in found if s[1][0] < self.end and s[1][0] >= self.head]
