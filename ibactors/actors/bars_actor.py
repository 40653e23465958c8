"""An actor for one series of live bars: a bar while it forms, then once as final.

A break, silence, a crash or a spell without updates makes the forming bar unknown; what is missing by the time that bars come again is
asked of history, and told as backfill, or as a gap where it cannot be had. IB ends some subscriptions without a word, in the night for
example: one that brings nothing while its market may be open is made anew.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import trio

from ibactors.actors.bars import BarFeed, BarsRef, BarsRefs, Filled, Look
from ibactors.actors.connection import ConnectionRef
from ibactors.actors.directory import DirectoryActor, Room
from ibactors.actors.feed import FedActor, FedMessage, FedNews, Feed, Own
from ibactors.actors.history import HistoryRef
from ibactors.actors.history_questions import BarsQuestion
from ibactors.actors.lookup import CONTRACT_LIFE, find
from ibactors.actors.subscriber import Directory
from ibactors.actors.symbol import Failed
from ibactors.bridge.live_bars import REAL_TIME, ArrivedBar, BarLine
from ibactors.bridge.quote_line import origin_of
from ibactors.bridge.subscriptions import Subscription
from ibactors.errors import (
    ActorError,
    GatewayDisconnected,
    GatewayTimeout,
    HistoryPacing,
    IbactorsError,
    TooManyBars,
)
from ibactors.history.live import Hole
from ibactors.history.pacing import Counted, Ration
from ibactors.history.rows import Rows, fields_of
from ibactors.kernel.mailbox import Mailbox
from ibactors.kernel.supervisor import Supervisor
from ibactors.model.bars import Bar, BarsStale, LiveBar, bar_time
from ibactors.model.instruments import ContractInfo
from ibactors.model.markets import Market, market_hours
from ibactors.model.times import now, rfc3339

MOST, SHARE, IDLE_WAIT = 40, 20, 30.0
"""Series at once, of the 50 requests for bars that IB has open; of one caller; seconds for which one is kept for the next."""
LOOK = 5.0
"""Seconds between two looks at the clock."""
GRACE = 15.0
"""Seconds after the end of a bar, and after its last update, when it is over for certain."""
QUIET, LONGEST_QUIET = 90.0, 900.0
"""Seconds without an update, three bars at least, after which a subscription is made anew; twice as long each time, up to the second."""
FILL_WAIT, FILL_TRIES = 30.0, 6
"""Seconds that history may take for what is missing; how often it is asked."""
LATE_WAIT, LATE_TRIES = 5.0, 2
"""Seconds for bars that history may not have yet; how often these are waited for."""
MOST_MISSING = 5000
"""Bars of one hole; more are not filled."""
MOST_HOLES = 20


class BarsDirectory(DirectoryActor[BarsRef]):
    """One incarnation of the directory of series."""

    def __init__(self, ref: BarsRefs, connection: ConnectionRef, history: HistoryRef, supervisor: Supervisor) -> None:
        def builder(bars: BarsRef) -> Callable[[], BarsActor]:
            return lambda: BarsActor(bars, connection, ref, history)

        room = Room(most=MOST, share=SHARE, idle_seconds=IDLE_WAIT)
        super().__init__(ref, supervisor, BarsRef, builder, room, lambda why: TooManyBars(f"Of series of live bars {why}"))


class BarsActor(FedActor[ArrivedBar]):
    """One incarnation."""

    def __init__(self, ref: BarsRef, connection: ConnectionRef, directory: Directory, history: HistoryRef) -> None:
        super().__init__(ref, connection, directory, idle_seconds=IDLE_WAIT)
        self._me = ref
        self._track = ref.track
        self._history = history
        self._found_at = 0.0
        self._counted: Counted | None = None
        """What is counted of a subscription that is not asked for yet."""
        self._filling: set[Hole] = set()
        """What history is being asked for."""
        self._heard_at = trio.current_time()
        self._quiet = max(QUIET, 3.0 * ref.track.size.seconds)
        """Seconds without an update after which the subscription is made anew."""

    async def run(self, mailbox: Mailbox[FedMessage, FedNews]) -> None:
        self._track.lose()
        self._fill_holes()
        self.after(LOOK, Look())
        await super().run(mailbox)

    async def subscription(self, feed: Feed) -> Subscription[Any]:
        contract = await self._look_up()
        self._reserve(contract)
        self._heard_at = trio.current_time()
        of = self._me.of
        origin = origin_of(self._me.reading, contract)
        size = self._track.size
        return BarLine(
            contract,
            feed,
            seconds=size.seconds,
            text=size.text,
            of=of.what,
            rth=of.rth,
            origin=origin,
            proven=self._proven,
            caller=self._me.holder,
        )

    def new_feed(self) -> Feed:
        return BarFeed(self._me)

    async def _look_up(self) -> ContractInfo:
        contract = self._me.contract
        if contract is None or trio.current_time() - self._found_at > CONTRACT_LIFE:
            known = None if contract is None else (self._me.reading, contract)
            self._me.reading, contract = await find(self._connection, self._me.of.instrument, known, caller=self._me.holder)
            self._me.contract, self._found_at = contract, trio.current_time()
        return contract

    def _reserve(self, contract: ContractInfo) -> None:
        """Count a subscription to small bars where IB does. It is the same question as before, but for real-time bars, which are events."""
        size, what = self._track.size, self._me.of.what
        if size.is_small:
            question = object() if size.seconds == REAL_TIME else self._me.of
            subject = contract.con_id, contract.exchange, what
            self._counted = self._history.reserve(Ration(question=question, subject=subject))

    def subscribed(self) -> None:
        self._counted = None  # from here on it may have left: it counts for as long as IB counts it

    def wait_after(self, error: IbactorsError) -> float | None:
        if self._counted is not None and isinstance(error, GatewayDisconnected):
            self._history.give_back(self._counted)  # there was no session to ask
            self._counted = None
        return float(error.retry_after) if isinstance(error, HistoryPacing) else super().wait_after(error)

    # what has come

    def took(self, value: ArrivedBar) -> None:
        self._heard_at = trio.current_time()
        self._quiet = max(QUIET, 3.0 * self._track.size.seconds)
        if not self._connection.sessions.value.current:
            return  # it may have lain in a buffer: if it is not told again, it is missing, and filled
        self._showing = True
        for bar, final in self._track.take(Rows([fields_of(*value.read)]).bar(0), self._history.now(), updated=value.updated):
            self._tell(bar, value.arrived, final=final)
        self._fill_holes()

    def show(self, value: ArrivedBar) -> None:
        """The gateway has been silent and is not any more. The newest bar is as it was then: what came meanwhile may have been dropped."""
        self.took(replace(value, updated=False))

    def void(self, error: IbactorsError) -> None:
        self._track.lose()
        self._me.forming = None
        if isinstance(error, HistoryPacing):
            self._showing = True  # who has got nothing yet is to know why, and for how long
        super().void(error)

    def voided(self, error: IbactorsError) -> Any:
        me, at = self._me, now()
        stale = BarsStale(**self._of_series(), code=error.code, reason=str(error), since=at, sequence=me.tape.next, timestamp=at)
        return me.tape.keep(stale)

    def ended(self, error: IbactorsError) -> Any:
        return Failed(error=error)

    def _tell(self, bar: Bar, arrived: float, *, final: bool, backfill: bool = False) -> None:
        message = LiveBar(
            **self._of_series(),
            t=bar_time(bar.at, self._me.of.bar),
            o=bar.open,
            h=bar.high,
            l=bar.low,
            c=bar.close,
            v=bar.volume,
            vwap=bar.vwap,
            n=bar.count,
            final=final,
            backfill=backfill,
            sequence=self._me.tape.next,
            timestamp=rfc3339(arrived),
        )
        self._me.publish(message)

    def _of_series(self) -> dict[str, Any]:
        of = self._me.of
        return self._me.names | {"bar": of.bar, "what": of.what, "rth": of.rth}

    # what time does

    def act(self, msg: Own) -> None:
        match msg:
            case Look():
                self._look()
                self.after(LOOK, Look())
            case Filled():
                self._on_filled(msg)
            case _:
                raise AssertionError(f"{msg!r} is for another kind of feed")

    def _look(self) -> None:
        quiet = trio.current_time() - self._heard_at
        forming = self._track.forming
        if forming is not None and quiet > GRACE and self._history.now() > self._track.size.over(forming.at) + GRACE:
            self._me.forming = None
            over = self._track.close()
            if over is not None:
                self._tell(over, time.time(), final=True)
            self._fill_holes()
        if self._feed is not None and quiet > self._quiet and not self._is_closed():
            self._quiet = min(2 * self._quiet, max(LONGEST_QUIET, 3.0 * self._track.size.seconds))
            self._track.lose()
            self.reopen()

    def _is_closed(self) -> bool:
        contract = self._me.contract
        hours = market_hours(contract.trading_hours, contract.liquid_hours, contract.time_zone) if contract is not None else None
        return hours is not None and hours.at(self._history.now())[0] is Market.CLOSED

    # what was missed

    def _fill_holes(self) -> None:
        """Ask history for what is missing, each hole once."""
        for hole in self._track.holes:
            if hole not in self._filling:
                self._filling.add(hole)
                self.nursery.start_soon(self._look_back, hole, name=f"actor:{self._me.name}/history")
        while len(self._track.holes) > MOST_HOLES:
            self._give_up(self._track.holes[0])

    async def _look_back(self, hole: Hole) -> None:
        rows: Rows | None = None
        for number in range(FILL_TRIES):
            try:
                rows = await self._past(hole)
            except HistoryPacing as exc:
                await trio.sleep(float(exc.retry_after))
            except (GatewayDisconnected, GatewayTimeout, ActorError):
                await trio.sleep(LATE_WAIT)
            except IbactorsError:
                break
            else:
                # The last ones may not have got there yet, if there are any.
                if number >= LATE_TRIES or (len(rows) and rows.at(len(rows) - 1) + self._track.size.seconds >= hole.end):
                    break
                await trio.sleep(LATE_WAIT)
        await self._me.post(Filled(hole=hole, rows=rows))

    async def _past(self, hole: Hole) -> Rows:
        of = self._me.of
        question = BarsQuestion(
            instrument=self._me.reading, bar=of.bar, what=of.what, rth=of.rth, start=hole.begin, end=hole.end, limit=MOST_MISSING
        )
        page = await self._history.bars(question, caller=self._me.holder, wait=FILL_WAIT)
        places = [n for n in range(len(page.rows)) if hole.begin <= page.rows.at(n) < hole.end and page.rows.at(n) != page.forming]
        return page.rows.part(places[0], places[-1] + 1) if places else Rows()

    def _on_filled(self, msg: Filled) -> None:
        self._filling.discard(msg.hole)
        if msg.hole not in self._track.holes:
            return
        if msg.rows is None:
            self._give_up(msg.hole)
            return
        self._track.holes.remove(msg.hole)
        for bar in msg.rows:
            self._tell(bar, time.time(), final=True, backfill=True)

    def _give_up(self, hole: Hole) -> None:
        """Say that nobody can tell what was there."""
        self._track.holes.remove(hole)
        self._me.publish(self._me.tape.gap("interrupted", rfc3339(hole.begin), rfc3339(hole.end)))
