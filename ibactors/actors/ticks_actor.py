"""An actor that follows one instrument tick by tick: every tick gets a number, and is told to all who listen, in order.

After a break the hole is filled from IB's past ticks as soon as the first new one has come, which waits for that; where the past does not
fit, a gap says from when to when nobody knows.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import msgspec
import structlog
import trio

from ibactors.actors.backfill import fill
from ibactors.actors.connection import ConnectionRef
from ibactors.actors.history import HistoryRef
from ibactors.actors.history_questions import TicksQuestion
from ibactors.actors.ordered import OrderedActor, OrderedFeed, Swamped
from ibactors.actors.subscriber import Directory
from ibactors.actors.ticks import TicksRef
from ibactors.bridge.tick_line import RawTick, TickLine
from ibactors.errors import ActorError, GatewayDisconnected, IbactorsError
from ibactors.model.bars import Tick
from ibactors.model.gaps import GapCode
from ibactors.model.instruments import Instrument
from ibactors.model.sessions import SessionStatus
from ibactors.model.ticks import LiveKind, LiveTick
from ibactors.model.times import now, seconds_of

log = structlog.get_logger(__name__)

TRIES = 4
"""IB's past may lag behind by some seconds: it is asked so often for the hole, and the first ticks after it."""
TRY_WAIT = 3.0
MOST_PAGES = 5
"""Of a thousand past ticks. A longer hole is told as a gap."""
MOST_WAITING = 10_000
"""Ticks that wait for a hole to be filled."""
PATIENCE = 30.0
"""Seconds that a page of past ticks may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """IB's past ticks have been looked at; None when they could not be had, or are too many."""

    hole: "Hole"
    past: list[LiveTick] | None


@dataclass(frozen=True, slots=True, eq=False)
class Hole:
    """A break after some tick."""

    begin: str
    """Time of the last tick, or of the first request."""
    tries: int = 0


class TicksActor(OrderedActor):
    """One incarnation; after a crash the next one fills the hole as after a break."""

    request_gap: ClassVar[float] = 15.0  # IB takes one request for an instrument in that time

    def __init__(self, ref: TicksRef, connection: ConnectionRef, directory: Directory, history: HistoryRef, *, idle_seconds: float) -> None:
        super().__init__(ref, connection, directory, idle_seconds=idle_seconds)
        self._ticks = ref
        self._history = history
        last = next((kept.value for kept in reversed(ref.tape.newest()) if isinstance(kept.value, LiveTick)), None)
        self._hole: Hole | None = None if last is None else Hole(last.t)
        """A break, since when nothing was published."""
        self._second: list[LiveTick] = [] if last is None else _of_second(ref, last.t)
        """All published ticks of the last second of which there are any."""
        self._waiting: list[LiveTick] = []
        """Ticks that have come since a break, while its hole is being filled."""
        self._swamped = 0

    def subscription(self, feed: OrderedFeed) -> TickLine:
        me = self._ticks
        return TickLine(me.reading, me.contract, me.of, _Listener(feed), proven=self._proven, caller=me.holder)

    def took(self, item: Any) -> None:
        if isinstance(item, Swamped):
            at = now()
            self._tell_gap("swamped", at, at, lost=None)
            return
        ticks = [self._numbered(raw, place) for place, raw in enumerate(item)]
        if self._hole is None:
            self._publish(ticks)
            return
        begins, room = not self._waiting, MOST_WAITING - len(self._waiting)
        self._waiting += ticks[:room]
        self._swamped += len(ticks[room:])
        if begins:
            self._look(self._hole, 0.0)

    def broke(self, error: IbactorsError) -> None:  # noqa: ARG002  # why, is told where the session is
        # What waits lies in the past by now, which is asked for all of it.
        self._waiting.clear()
        self._swamped = 0
        if self._second:
            self._hole = Hole(self._second[-1].t)
        elif self._feed is not None and self._hole is None:
            self._hole = Hole(self._opened_at)

    def session_seen(self, session: SessionStatus) -> None:
        if not session.current:  # a gateway that says nothing may have thrown away what it should have said
            self.broke(GatewayDisconnected(session.reason or "The gateway is silent."))

    async def act(self, msg: Any) -> None:
        if isinstance(msg, Looked) and msg.hole is self._hole:
            self._looked(msg)

    def _numbered(self, raw: RawTick | dict[str, Any], place: int, *, backfill: bool = False) -> LiveTick:
        me = self._ticks
        return LiveTick(
            symbol=me.contract.symbol, con_id=me.contract.con_id, kind=me.of, sequence=me.tape.next + place, backfill=backfill, **raw
        )

    def _publish(self, ticks: list[LiveTick]) -> None:
        for tick in ticks:
            if self._second and tick.t != self._second[-1].t:
                self._second.clear()
            self._second.append(tick)
            self._ticks.publish(tick)

    def _tell_gap(self, code: GapCode, begin: str, end: str, *, lost: int | None) -> None:
        self._ticks.publish(self._ticks.tape.gap(code, begin, end, lost=lost))

    # after a break

    def _look(self, hole: Hole, wait: float) -> None:
        self.nursery.start_soon(self._ask, hole, wait, name=f"actor:{self.ref.name}/backfill")

    async def _ask(self, hole: Hole, wait: float) -> None:
        await trio.sleep(wait)
        past: list[LiveTick] | None
        try:
            past = await self._past(hole)
        except (IbactorsError, ActorError) as exc:
            log.info("backfill_failed", feed=self._ticks.name, error=str(exc))
            past = None
        await self.ref.post(Looked(hole=hole, past=past))

    async def _past(self, hole: Hole) -> list[LiveTick] | None:
        me, token, found = self._ticks, "", list[Tick]()
        instrument = Instrument.of_id(me.contract.con_id, me.names["exchange"])
        start, limit = int(seconds_of(hole.begin)), 1000 - hole.tries  # never the same again: of equal questions IB takes one in 15 s
        for _ in range(MOST_PAGES):
            question = TicksQuestion(instrument=instrument, kind=me.of.past, rth=False, start=start, limit=limit, page_token=token)
            page = await self._history.ticks(question, caller=me.holder, wait=PATIENCE)
            found += page.ticks
            token = page.next_page_token or ""
            if not token:
                at = now()
                return [self._numbered({"timestamp": at} | _members(tick), 0, backfill=True) for tick in found if self._fits(tick)]
        return None

    def _fits(self, tick: Tick) -> bool:
        """Whether IB would have sent it: trades that are not reported come only with all trades."""
        return not (self._ticks.of is LiveKind.LAST and tick.unreported)

    def _looked(self, msg: Looked) -> None:
        hole, after = msg.hole, self._waiting
        filling = None if msg.past is None or not after else fill(msg.past, self._second, after)
        if not after or (hole.tries + 1 < TRIES and filling is not None and not filling.ends):
            self._hole = Hole(hole.begin, hole.tries + 1)  # IB's past may not be so far yet
            if after:
                self._look(self._hole, TRY_WAIT)
            return
        missing = filling.missing if filling is not None else ()
        end = missing[0].t if missing else after[0].t
        if filling is None or not filling.begins:
            self._tell_gap("interrupted", hole.begin, end, lost=None)
        self._hole, self._waiting, begin = None, [], hole.begin
        self._publish(self._renumbered(missing))
        if filling is not None and not filling.ends:
            self._tell_gap("interrupted", missing[-1].t if missing else begin, after[0].t, lost=None)
        self._publish(self._renumbered(after))
        if self._swamped:
            self._tell_gap("swamped", after[-1].timestamp, now(), lost=self._swamped)
            self._swamped = 0

    def _renumbered(self, ticks: "list[LiveTick] | tuple[LiveTick, ...]") -> list[LiveTick]:
        return [msgspec.structs.replace(tick, sequence=self._ticks.tape.next + place) for place, tick in enumerate(ticks)]


def _members(tick: Tick) -> dict[str, Any]:
    """Those that are there; a tick of the past has the same as one that comes."""
    given = {name: getattr(tick, name) for name in tick.__struct_fields__}
    return {name: value for name, value in given.items() if value is not None and name in LiveTick.__struct_fields__}


def _of_second(ref: TicksRef, second: str) -> list[LiveTick]:
    return [kept.value for kept in ref.tape.newest() if isinstance(kept.value, LiveTick) and kept.value.t == second]


class _Listener:
    """Puts ticks into the actor's feed, as one item a packet."""

    def __init__(self, feed: OrderedFeed) -> None:
        self.ticked = feed.hear
        self.failed = feed.failed
        self.interrupted = feed.interrupted
        self.resumed = feed.resumed
