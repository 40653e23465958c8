# ruff: noqa: ARG002  # autojump_clock acts by being asked for
"""A series of live bars over silence, nights without a word and histories that fail."""

from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from typing import Any

import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from ibactors.actors.bars import BarsRef, BarsRefs, Series
from ibactors.actors.bars_actor import LONGEST_QUIET, QUIET, BarsDirectory
from ibactors.actors.connection import ConnectionRef
from ibactors.actors.history import HistoryRef
from ibactors.actors.history_questions import BarPage, BarsQuestion
from ibactors.bridge.live_bars import ArrivedBar, BarLine
from ibactors.bridge.requests import RequestSpec
from ibactors.bridge.subscriptions import Subscription
from ibactors.errors import Doubtful, GatewayDisconnected, IbactorsError, MarketDataNotSubscribed
from ibactors.history.rows import Rows, fields_of
from ibactors.kernel.supervisor import open_supervisor
from ibactors.model.bars import BarSize
from ibactors.model.instruments import Instrument
from ibactors.model.sessions import SessionPhase, SessionStatus
from ibactors.model.times import now
from tests.unit.test_lines import CONTRACT

BEGIN = 1_800_000_000 // 60 * 60


class StandIn(ConnectionRef):
    """Sessions come and go as the test says; every contract is known."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[BarLine] = []
        self.refusals = 0
        """How often there is no session when something is subscribed to, though there was one just before."""

    async def subscribe(self, owner: Hashable, subscription: Subscription[Any]) -> None:
        await trio.lowlevel.checkpoint()
        if self.refusals:
            self.refusals -= 1
            raise GatewayDisconnected("The session ended.")
        assert isinstance(subscription, BarLine)
        self.opened.append(subscription)

    async def request(self, spec: RequestSpec[Any]) -> tuple[Any, ...]:
        await trio.lowlevel.checkpoint()
        return (CONTRACT,)

    def unsubscribe(self, owner: Hashable) -> None:
        """It is forgotten with the test."""

    def enter(self, phase: SessionPhase, epoch: int = 1) -> None:
        self.sessions.publish(SessionStatus(phase=phase, epoch=epoch, since=now(), reason=None, accounts=("DU1",)))


class Past(HistoryRef):
    """Has every minute, or fails."""

    def __init__(self) -> None:
        super().__init__(lambda: BEGIN + trio.current_time())
        self.error: IbactorsError | None = None
        self.asked: list[tuple[int, int]] = []

    async def bars(self, question: BarsQuestion, *, caller: str, wait: float) -> BarPage:
        await trio.lowlevel.checkpoint()
        begin, end = question.start or 0, question.end or 0
        self.asked.append(((begin - BEGIN) // 60, (end - BEGIN) // 60))
        if self.error is not None:
            raise self.error
        rows = Rows(fields_of(at, (1.0, 2.0, 0.5, 7.0), 10, 1.0, 1) for at in range(-(-begin // 60) * 60, end, 60))
        return BarPage(contract=CONTRACT, rows=rows, forming=None, next_page_token=None)


class Watching:
    """One series, and a client that listens."""

    def __init__(self, ref: BarsRef, connection: StandIn, past: Past) -> None:
        self.ref, self.connection, self.past = ref, connection, past
        self.heard: list[Any] = []

    def hear(self, message: Any) -> None:
        value = message.value
        if type(value).__name__ == "LiveBar":
            minute = int(value.t[14:16]) - (BEGIN // 60) % 60
            self.heard.append((minute % 60, "backfill" if value.backfill else "final" if value.final else "forming"))
        else:
            self.heard.append(type(value).__name__)

    async def say(self, minute: int, place: int = -1) -> None:
        """A bar grows, in its last second."""
        await trio.sleep(max(0.0, 60 * minute + 59.5 - trio.current_time()))
        read = BEGIN + 60 * minute, (1.0, 2.0, 0.5, 7.0), 10.0, 1.0, 1.0
        self.connection.opened[place].listener.told(ArrivedBar(read, BEGIN + trio.current_time(), updated=True))
        await wait_all_tasks_blocked()


@asynccontextmanager
async def watching(bar: BarSize = BarSize.M1, *, refusals: int = 0) -> AsyncIterator[Watching]:
    connection, refs, past = StandIn(), BarsRefs(), Past()
    connection.refusals = refusals
    connection.enter(SessionPhase.UP)
    async with open_supervisor() as supervisor:
        await supervisor.start(refs, lambda: BarsDirectory(refs, connection, past, supervisor))
        ref = await refs.of(Series(instrument=Instrument(symbol="AAPL"), bar=bar), caller="desk")
        there = Watching(ref, connection, past)
        with ref.updates.listening(there.hear):
            await wait_all_tasks_blocked()
            yield there


async def test_subscription_that_ends_without_a_word_is_made_anew_and_its_bars_are_filled(autojump_clock: MockClock) -> None:
    async with watching() as there:
        await there.say(0)
        await there.say(1)
        await trio.sleep(3 * 60 + QUIET)
        assert len(there.connection.opened) >= 2, "in the night IB ends some of them"
        await there.say(8)
        await trio.sleep(1)
        assert there.heard[:4] == [(0, "forming"), (0, "final"), (1, "forming"), (1, "final")], "it is over, though nothing more came"
        assert there.heard[4:] == [(8, "forming"), *((minute, "backfill") for minute in range(2, 8))]
        opened = len(there.connection.opened)
        await trio.sleep(2 * LONGEST_QUIET)
        assert len(there.connection.opened) - opened < 2 * LONGEST_QUIET / QUIET / 2, "less and less often"


async def test_a_subscription_to_small_bars_that_was_never_asked_for_is_given_back(autojump_clock: MockClock) -> None:
    async with watching(BarSize.S30, refusals=70) as there:
        await trio.sleep(120)
        assert len(there.connection.opened) == 1
        assert there.past.pacing.used == 1


async def test_what_came_while_the_gateway_was_silent_is_asked_of_history(autojump_clock: MockClock) -> None:
    async with watching() as there:
        await there.say(0)
        await there.say(1)
        there.connection.enter(SessionPhase.SILENT)
        await there.say(2)
        there.connection.enter(SessionPhase.UP)
        await there.say(3)
        await trio.sleep(1)
        assert there.heard == [
            (0, "forming"), (0, "final"), (1, "forming"), "BarsStale", (2, "forming"), (1, "backfill"), (2, "backfill"), (3, "forming"),
        ]  # fmt: skip


async def test_what_history_cannot_tell_is_a_gap_and_ib_is_asked_again_after_a_doubt(autojump_clock: MockClock) -> None:
    async with watching() as there:
        there.past.error = MarketDataNotSubscribed("no")
        await there.say(0)
        await there.say(1)
        there.connection.opened[-1].listener.failed(Doubtful("10182", ib_code=10182))
        await trio.sleep(6)
        assert len(there.connection.opened) == 2
        await there.say(4)
        await trio.sleep(1)
        assert there.heard == [(0, "forming"), (0, "final"), (1, "forming"), "BarsStale", (4, "forming"), "Gap"]
        assert there.past.asked == [(1, 4)]


async def test_sequence_has_no_hole(autojump_clock: MockClock) -> None:
    async with watching() as there:
        sequences: list[int] = []
        with there.ref.updates.listening(lambda message: sequences.append(message.value.sequence)):
            for minute in (0, 1, 5, 6):
                await there.say(minute)
            await trio.sleep(20)
        assert sequences == list(range(sequences[0], sequences[0] + len(sequences)))


async def test_bar_that_is_over_and_whose_end_was_not_seen_is_not_the_present_one(autojump_clock: MockClock) -> None:
    async with watching() as there:
        await there.say(0)
        await trio.sleep(30)
        read = BEGIN + 60, (1.0, 2.0, 0.5, 7.0), 10.0, 1.0, 1.0
        there.connection.opened[-1].listener.told(ArrivedBar(read, BEGIN + trio.current_time(), updated=True))
        assert there.ref.forming is not None
        await trio.sleep(60)
        assert there.ref.forming is None


async def test_who_comes_again_gets_each_final_bar_that_it_missed_and_the_present_one(autojump_clock: MockClock) -> None:
    async with watching() as there:
        told: list[Any] = []
        with there.ref.updates.listening(lambda message: told.append(message.value)):
            for minute in (0, 1, 2, 3):
                await there.say(minute)
        seen = next(bar for bar in told if bar.final)
        missed = [message.value for message in there.ref.since(seen.sequence, current=True)]
        assert [(bar.t, bar.final) for bar in missed] == [
            *((bar.t, True) for bar in told if bar.final and bar.t > seen.t),
            (told[-1].t, False),
        ]
        assert [message.value for message in there.ref.since(None, current=True)] == [told[-1]]
        assert there.ref.since(told[-1].sequence, current=True) == []
        assert [message.value.final for message in there.ref.since(seen.sequence, current=False)] == [True, True], "it may be old"
        there.connection.enter(SessionPhase.LOST)
        await wait_all_tasks_blocked()
        missed = [message.value for message in there.ref.since(told[-1].sequence, current=True)]
        assert [type(each).__name__ for each in missed] == ["BarsStale"]
