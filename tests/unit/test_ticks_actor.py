# ruff: noqa: ARG002  # autojump_clock acts by being asked for
"""Ticks one by one as a policy: numbers, holes and their filling, refusals, crashes; and the same of books."""

from collections.abc import AsyncIterator, Hashable
from contextlib import ExitStack, asynccontextmanager
from typing import Any

import msgspec
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from ibactors.actors.connection import ConnectionRef
from ibactors.actors.depth import DepthRef
from ibactors.actors.depth_actor import DepthActor
from ibactors.actors.history import HistoryRef
from ibactors.actors.history_questions import TickPage, TicksQuestion
from ibactors.actors.ticks import KEPT, TicksRef
from ibactors.actors.ticks_actor import TRIES, TicksActor
from ibactors.bridge.subscriptions import Subscription
from ibactors.errors import (
    DepthLimit,
    Doubtful,
    GatewayDisconnected,
    HistoryPacing,
    IbactorsError,
    MarketDataNotSubscribed,
    TicksLimit,
)
from ibactors.kernel.pool import MEMBER_POLICY
from ibactors.kernel.supervisor import open_supervisor
from ibactors.model.bars import Tick
from ibactors.model.depth import DepthRow
from ibactors.model.instruments import Instrument
from ibactors.model.sessions import SessionPhase, SessionStatus
from ibactors.model.ticks import LiveKind
from ibactors.model.times import now, rfc3339
from tests.conftest import ErrorLog
from tests.unit.test_connection import CONTRACT

BEGAN = 1_700_000_000
FOUND = (Instrument.of_id(CONTRACT.con_id, "SMART"), CONTRACT)


class StandIn(ConnectionRef):
    """Sessions come and go as the test says."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[Any] = []

    async def subscribe(self, owner: Hashable, subscription: Subscription[Any]) -> None:
        await trio.lowlevel.checkpoint()
        self.opened.append(subscription)

    def unsubscribe(self, owner: Hashable) -> None:
        pass

    def enter(self, phase: SessionPhase, epoch: int) -> None:
        self.sessions.publish(SessionStatus(phase=phase, epoch=epoch, since=now(), reason=None, accounts=("DU1",)))

    @property
    def listener(self) -> Any:
        return self.opened[-1].listener


class Past(HistoryRef):
    """IB's past ticks, as the test says."""

    def __init__(self) -> None:
        super().__init__()
        self.tape: list[Tick] = []
        self.error: IbactorsError | None = None
        self.asked: list[TicksQuestion] = []

    async def ticks(self, question: TicksQuestion, *, caller: str, wait: float) -> TickPage:
        await trio.lowlevel.checkpoint()
        self.asked.append(question)
        if self.error is not None:
            raise self.error
        start = rfc3339(question.start or 0)
        return TickPage(contract=CONTRACT, ticks=tuple(tick for tick in self.tape if tick.t >= start), next_page_token=None)


class Market:
    def retire(self, ref: Any) -> None:
        pass


class Scene:
    """One instrument, followed."""

    def __init__(self, connection: StandIn, past: Past, ref: TicksRef, told: list[Any]) -> None:
        self.connection, self.past, self.ref, self.told = connection, past, ref, told

    def trade(self, *prices: float, at: int, sent: bool = True) -> None:
        """Trades in a second; not *sent* are those that the break swallows."""
        self.past.tape += [Tick(t=rfc3339(BEGAN + at), price=price, size=1, exchange="IEX") for price in prices]
        if sent:
            raw = [{"t": rfc3339(BEGAN + at), "price": price, "size": 1, "exchange": "IEX", "timestamp": now()} for price in prices]
            self.connection.listener.ticked(raw)

    @property
    def shown(self) -> list[Any]:
        """Prices; with `+` for those that are filled in; codes of gaps."""
        return [m.code if hasattr(m, "code") else f"+{m.price:g}" if m.backfill else f"{m.price:g}" for m in self.told]

    def follow_on(self) -> None:
        numbers = [message.sequence for message in self.told]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


@asynccontextmanager
async def followed() -> AsyncIterator[Scene]:
    connection, past, told = StandIn(), Past(), list[Any]()
    ref = TicksRef("AAPL", LiveKind.LAST, FOUND, connection.sessions)
    async with open_supervisor() as supervisor:
        await supervisor.start(ref, lambda: TicksActor(ref, connection, Market(), past, idle_seconds=60.0), MEMBER_POLICY)
        with ExitStack() as stack:
            stack.enter_context(ref.updates.listening(lambda value: told.append(getattr(value, "value", value))))
            connection.enter(SessionPhase.UP, 1)
            await wait_all_tasks_blocked()
            yield Scene(connection, past, ref, told)


async def test_ticks_are_told_at_once_with_numbers_that_rise_by_one(autojump_clock: MockClock) -> None:
    async with followed() as scene:
        scene.trade(1, 2, 2, at=0)
        scene.trade(3, at=1)
        assert scene.shown == ["1", "2", "2", "3"]
        scene.follow_on()
        assert not scene.past.asked


@pytest.mark.parametrize("same_session", [True, False])
async def test_a_hole_is_filled_before_what_came_after_it(same_session: bool, autojump_clock: MockClock) -> None:
    async with followed() as scene:
        scene.trade(1, 2, at=0)
        if same_session:
            scene.connection.listener.interrupted(GatewayDisconnected("2103"))
        else:
            scene.connection.enter(SessionPhase.BACKING_OFF, 1)
        scene.trade(3, at=0, sent=False)
        scene.trade(4, 5, at=3, sent=False)
        if same_session:
            scene.connection.listener.resumed()
        else:
            scene.connection.enter(SessionPhase.UP, 2)
        await wait_all_tasks_blocked()
        scene.trade(6, at=3)
        await wait_all_tasks_blocked()
        scene.trade(7, at=4)
        assert scene.shown == ["1", "2", "+3", "+4", "+5", "6", "7"]
        scene.follow_on()


async def test_a_silent_gateway_may_have_swallowed_ticks(autojump_clock: MockClock) -> None:
    async with followed() as scene:
        scene.trade(1, at=0)
        scene.connection.enter(SessionPhase.SILENT, 1)
        scene.trade(2, at=1, sent=False)
        scene.connection.enter(SessionPhase.UP, 1)
        scene.trade(3, at=2)
        await wait_all_tasks_blocked()
        assert scene.shown == ["1", "+2", "3"]


async def test_a_past_that_lags_behind_is_asked_again_by_another_question(autojump_clock: MockClock) -> None:
    async with followed() as scene:
        scene.trade(1, at=0)
        scene.connection.listener.interrupted(GatewayDisconnected("2103"))
        scene.trade(2, at=1, sent=False)
        scene.trade(3, at=2)
        late = scene.past.tape.pop()
        await wait_all_tasks_blocked()
        assert scene.shown == ["1"]
        scene.past.tape.append(late)
        await trio.sleep(10)
        assert scene.shown == ["1", "+2", "3"]
        assert len({question.limit for question in scene.past.asked}) == len(scene.past.asked) == 2


async def test_what_cannot_be_filled_is_told_as_a_gap(autojump_clock: MockClock) -> None:
    async with followed() as scene:
        scene.trade(1, at=0)
        scene.connection.listener.interrupted(GatewayDisconnected("2103"))
        scene.past.error = HistoryPacing("too many", retry_after=15)
        scene.trade(3, at=2)
        await trio.sleep(60)
        assert scene.shown == ["1", "interrupted", "3"]
        assert (scene.told[1].lost, scene.told[1].begin, scene.told[1].end) == (None, rfc3339(BEGAN), rfc3339(BEGAN + 2))
        scene.follow_on()


async def test_a_past_that_never_reaches_the_present_leaves_a_gap_at_its_end(autojump_clock: MockClock) -> None:
    async with followed() as scene:
        scene.trade(1, at=0)
        scene.connection.listener.interrupted(GatewayDisconnected("2103"))
        scene.trade(2, at=1, sent=False)
        scene.trade(3, at=4)
        scene.past.tape.pop()
        await trio.sleep(120)
        assert scene.shown == ["1", "+2", "interrupted", "3"]
        assert len(scene.past.asked) == TRIES
        scene.follow_on()


async def test_a_second_break_while_a_hole_is_filled_makes_one_hole_of_both(autojump_clock: MockClock) -> None:
    async with followed() as scene:
        scene.trade(1, at=0)
        scene.connection.listener.interrupted(GatewayDisconnected("2103"))
        scene.trade(2, at=1, sent=False)
        scene.trade(3, at=2)
        scene.connection.listener.interrupted(GatewayDisconnected("2103 again"))
        scene.trade(4, at=3, sent=False)
        scene.trade(5, at=4)
        await trio.sleep(60)
        assert scene.shown == ["1", "+2", "+3", "+4", "5"]
        scene.follow_on()


async def test_a_crash_costs_no_tick(autojump_clock: MockClock, error_log: ErrorLog) -> None:
    async with followed() as scene:
        scene.trade(1, 2, at=0)
        scene.connection.listener.ticked([{"price": object()}])  # nothing can be made of that
        await trio.sleep(5)
        scene.trade(3, at=1, sent=False)
        scene.trade(4, at=2)
        await trio.sleep(60)
        assert scene.shown == ["1", "2", "+3", "4"]
        scene.follow_on()
        assert any("TypeError" in str(line) or "missing" in str(line) for line in error_log.take())


@pytest.mark.parametrize("error", [TicksLimit("10190", ib_code=10190), Doubtful("something is broken")])
async def test_who_had_it_before_asks_again_when_the_place_is_taken(error: IbactorsError, autojump_clock: MockClock) -> None:
    async with followed() as scene:
        scene.trade(1, at=0)
        scene.connection.enter(SessionPhase.UP, 2)
        await wait_all_tasks_blocked()
        scene.connection.listener.failed(error)
        await trio.sleep(14)
        assert len(scene.connection.opened) == 2, "IB takes one request for an instrument in 15 seconds"
        await trio.sleep(2)
        assert len(scene.connection.opened) == 3
        assert not scene.ref.over


@pytest.mark.parametrize("error", [TicksLimit("10190", ib_code=10190), MarketDataNotSubscribed("10189", ib_code=10189)])
async def test_a_refusal_ends_it(error: IbactorsError, autojump_clock: MockClock) -> None:
    async with followed() as scene:
        scene.connection.listener.failed(error)
        assert scene.told[-1].error is error
        assert scene.ref.over


async def test_who_comes_again_gets_what_is_kept_and_a_gap_for_the_rest(autojump_clock: MockClock) -> None:
    async with followed() as scene:
        scene.trade(*range(1, KEPT + 11), at=0)
        tape, first, last = scene.ref.tape, scene.told[0].sequence, scene.told[-1].sequence
        assert tape.since(last) == []
        assert [kept.value.sequence for kept in tape.since(last - 2)] == [last - 1, last]
        gap, *kept = [encoded.value for encoded in tape.since(first)]
        assert (gap.code, gap.lost, gap.sequence + 1) == ("forgotten", 9, kept[0].sequence)
        for stranger in (5, last + 10**9):
            assert tape.since(stranger)[0].value.lost is None


class Book:
    def __init__(self, connection: StandIn, ref: DepthRef, told: list[Any]) -> None:
        self.connection, self.ref, self.told = connection, ref, told

    def bid(self, *prices: float) -> None:
        rows = tuple(DepthRow(price=price, size=1, maker="IEX") for price in prices)
        self.connection.listener.changed(rows, rows, 1_700_000_000.0, len(prices))


@asynccontextmanager
async def book(rows: int = 2) -> AsyncIterator[Book]:
    connection, told = StandIn(), list[Any]()
    ref = DepthRef("AAPL", FOUND, connection.sessions, smart=True)
    async with open_supervisor() as supervisor:
        await supervisor.start(ref, lambda: DepthActor(ref, connection, Market(), idle_seconds=60.0), MEMBER_POLICY)
        with ref.view(rows).listening(lambda value: told.append(getattr(value, "value", value))):
            connection.enter(SessionPhase.UP, 1)
            await wait_all_tasks_blocked()
            yield Book(connection, ref, told)


@asynccontextmanager
async def unwatched_book() -> AsyncIterator[Book]:
    connection = StandIn()
    ref = DepthRef("AAPL", FOUND, connection.sessions, smart=True)
    async with open_supervisor() as supervisor:
        await supervisor.start(ref, lambda: DepthActor(ref, connection, Market(), idle_seconds=60.0), MEMBER_POLICY)
        connection.enter(SessionPhase.UP, 1)
        await wait_all_tasks_blocked()
        yield Book(connection, ref, [])


async def test_books_are_cut_and_only_the_newest_is_told(autojump_clock: MockClock) -> None:
    async with book() as scene:
        for price in range(1, 101):
            scene.bid(price, price - 1, price - 2)
            await trio.sleep(0.01)
        await trio.sleep(1)
        assert len(scene.told) < 25
        assert [row.price for row in scene.told[-1].bids] == [100, 99]
        assert scene.told[-1].sequence == 300


async def test_a_book_of_before_a_break_is_never_told_after_it(autojump_clock: MockClock) -> None:
    async with book() as scene:
        scene.bid(10)
        await trio.sleep(1)
        scene.bid(11)  # not told yet
        scene.connection.listener.interrupted(GatewayDisconnected("2103"))
        await trio.sleep(1)
        assert [type(message).__name__ for message in scene.told] == ["Depth", "DepthStale"]
        scene.bid(12)
        await trio.sleep(1)
        assert scene.told[-1].bids[0].price == 12


async def test_silence_hides_a_book_and_its_end_shows_it_again(autojump_clock: MockClock) -> None:
    async with book() as scene:
        scene.bid(10)
        await trio.sleep(1)
        scene.connection.enter(SessionPhase.SILENT, 1)
        with pytest.raises(GatewayDisconnected):
            await scene.ref.book()
        scene.connection.enter(SessionPhase.UP, 1)
        await trio.sleep(1)
        assert [type(message).__name__ for message in scene.told] == ["Depth", "DepthStale", "Depth"]


async def test_a_book_of_a_new_session_is_told_though_the_one_before_fell_silent(autojump_clock: MockClock) -> None:
    async with book() as scene:
        scene.bid(10)
        await trio.sleep(1)
        scene.connection.enter(SessionPhase.SILENT, 1)
        scene.connection.enter(SessionPhase.BACKING_OFF, 1)
        scene.connection.enter(SessionPhase.UP, 2)
        await trio.sleep(1)
        scene.bid(11)
        await trio.sleep(1)
        assert [type(message).__name__ for message in scene.told] == ["Depth", "DepthStale", "Depth"]


async def test_news_of_the_session_do_not_show_half_of_a_book_that_is_about_to_come(autojump_clock: MockClock) -> None:
    async with book() as scene:
        scene.bid(10)
        await trio.sleep(1)
        scene.connection.enter(SessionPhase.UP, 2)
        await wait_all_tasks_blocked()
        rows = (DepthRow(price=10, size=1, maker="IEX"),)
        scene.connection.listener.changed(rows, (), 1_700_000_000.0, 1)
        scene.connection.enter(SessionPhase.SYNCING, 2)
        scene.connection.listener.changed(rows, rows, 1_700_000_000.0, 1)
        await trio.sleep(1)
        assert all(message.asks for message in scene.told if hasattr(message, "asks"))


async def test_rows_that_come_after_a_pause_before_the_news_of_it_are_not_told(autojump_clock: MockClock) -> None:
    async with book() as scene:
        scene.bid(10)
        await trio.sleep(1)
        paused = msgspec.structs.replace(scene.connection.sessions.value, phase=SessionPhase.SILENT)
        scene.connection.sessions.foresee(paused)
        scene.bid(11)
        await trio.sleep(1)
        scene.connection.sessions.publish(paused)
        scene.connection.enter(SessionPhase.UP, 1)
        await trio.sleep(1)
        assert [message.bids[0].price if hasattr(message, "bids") else "stale" for message in scene.told] == [10, "stale", 11]


async def test_callers_share_a_book_wait_for_it_and_hear_of_a_refusal(autojump_clock: MockClock) -> None:
    async with book() as scene, trio.open_nursery() as nursery:
        found: list[Any] = []

        async def ask() -> None:
            try:
                found.append(await scene.ref.book())
            except IbactorsError as exc:
                found.append(exc)

        nursery.start_soon(ask)
        nursery.start_soon(ask)
        await wait_all_tasks_blocked()
        scene.bid(10)
        await trio.sleep(1)
        assert [answer.bids[0].price for answer in found] == [10, 10]
        scene.connection.listener.reset()
        nursery.start_soon(ask)
        await wait_all_tasks_blocked()
        scene.connection.enter(SessionPhase.UP, 2)
        await wait_all_tasks_blocked()
        error = MarketDataNotSubscribed("10186")
        scene.connection.listener.failed(error)
        await wait_all_tasks_blocked()
        assert found[-1] is error


async def test_a_book_without_a_row_is_not_given_up_as_ib_would_not_let_go(autojump_clock: MockClock) -> None:
    async with unwatched_book() as scene:
        await trio.sleep(29)
        assert scene.ref.idle_for() == 0, "nobody listens, but IB would not let go of it"
        await trio.sleep(2)
        assert scene.ref.idle_for() > 0, "a closed market has no book, and must not keep one of three for ever"
        scene.connection.enter(SessionPhase.UP, 2)
        await wait_all_tasks_blocked()
        assert scene.ref.idle_for() == 0
        scene.connection.listener.failed(DepthLimit("309"))
        await trio.sleep(1)
        assert scene.ref.idle_for() > 0
