# ruff: noqa: ARG002  # autojump_clock acts by being asked for
"""What keeps one subscription at IB, as a policy: whose it is, how often it is asked for again, and what is told of a break."""

from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from contextlib import ExitStack, asynccontextmanager
from typing import Any

import msgspec
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from ibactors.actors.account import AccountRef
from ibactors.actors.connection import ConnectionRef
from ibactors.actors.history import HistoryRef
from ibactors.actors.holdings import HoldingsKey, HoldingsRefs
from ibactors.actors.holdings_actor import HoldingsDirectory
from ibactors.actors.lookup import Lookups
from ibactors.actors.market import MarketActor, MarketRef, MarketSettings
from ibactors.actors.market_feeds import TickersRef
from ibactors.actors.news import NewsDirectory, NewsKey, NewsRefs
from ibactors.actors.ordered import VERIFY_WAIT
from ibactors.actors.profits import ProfitsActor, ProfitsRef
from ibactors.actors.scans import IDLE_WAIT, ScansActor, ScansRef
from ibactors.actors.ticks import TicksRef
from ibactors.actors.ticks_actor import TicksActor
from ibactors.bridge.requests import RequestSpec
from ibactors.bridge.scans import ArrivedScan, ScanTerms
from ibactors.bridge.subscriptions import Subscription
from ibactors.errors import (
    ContractNotFound,
    Doubtful,
    GatewayDisconnected,
    GatewayTimeout,
    IbactorsError,
    InvalidRequest,
    MarketDataNotSubscribed,
)
from ibactors.kernel.supervisor import Supervisor, open_supervisor
from ibactors.model.accounts import PnlState, Profit
from ibactors.model.instruments import Instrument, SecType
from ibactors.model.news import ScanRow
from ibactors.model.quotes import Quote, Stale
from ibactors.model.sessions import SessionPhase, SessionStatus
from ibactors.model.ticks import LiveKind
from ibactors.model.times import now, rfc3339
from tests.conftest import ErrorLog
from tests.unit.test_lines import CONTRACT
from tests.unit.test_ticks_actor import Past

GAINERS = ScanTerms(instrument="STK", location="STK.US", code="TOP_PERC_GAIN")
DEAR_GAINERS = ScanTerms(instrument="STK", location="STK.US", code="TOP_PERC_GAIN", above_price=100.0)
ROW = ScanRow(rank=0, con_id=1, market_name=None, distance=None, benchmark=None, projection=None)


class StandIn(ConnectionRef):
    """Sessions come and go as the test says; each owner has the one subscription that it asked for last."""

    def __init__(self) -> None:
        super().__init__()
        self.open: dict[Hashable, Any] = {}
        self.opened: list[Any] = []
        """In vain, too."""
        self.requests = 0
        self.delay = 0.0
        """Of answers."""
        self.unknown: IbactorsError | None = None
        """What requests raise."""
        self.error: IbactorsError | None = None
        """What subscribing raises."""

    async def subscribe(self, owner: Hashable, subscription: Subscription[Any]) -> None:
        await trio.lowlevel.checkpoint()
        self.opened.append(subscription)
        if self.error is not None:
            raise self.error
        self.open[owner] = subscription

    async def request(self, spec: RequestSpec[Any]) -> tuple[Any, ...]:
        self.requests += 1
        await trio.sleep(self.delay)
        if self.unknown is not None:
            raise self.unknown
        return (CONTRACT,)

    def unsubscribe(self, owner: Hashable) -> None:
        self.open.pop(owner, None)

    def enter(self, phase: SessionPhase, epoch: int = 1, *, reason: str | None = None, accounts: tuple[str, ...] = ("DU1",)) -> None:
        self.sessions.publish(SessionStatus(phase=phase, epoch=epoch, since=now(), reason=reason, accounts=accounts))

    @property
    def listeners(self) -> list[Any]:
        return [subscription.listener for subscription in self.open.values()]


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[StandIn, Supervisor]]:
    connection = StandIn()
    connection.enter(SessionPhase.UP)
    async with open_supervisor() as supervisor:
        yield connection, supervisor


async def test_scans_that_differ_in_a_filter_alone_are_two_and_end_by_themselves(autojump_clock: MockClock) -> None:
    async with connected() as (connection, supervisor):
        scans = ScansRef()
        await supervisor.start(scans, lambda: ScansActor(scans, connection, supervisor))
        told: dict[ScanTerms, list[Any]] = {GAINERS: [], DEAR_GAINERS: []}
        with ExitStack() as listening:
            for terms, messages in told.items():
                ref = await scans.of(terms, caller="desk")
                listening.enter_context(ref.updates.listening(messages.append))
                await wait_all_tasks_blocked()
            assert len(connection.open) == 2, "the second must not take the place of the first, whose listener would hear nothing more"
            for listener in connection.listeners:
                listener.told(ArrivedScan((ROW,), 1_700_000_000.0))
            assert [len(messages) for messages in told.values()] == [1, 1]
        await trio.sleep(3 * IDLE_WAIT)
        assert not connection.open
        assert not scans.running
        assert {ref.name for ref in supervisor} == {"scans"}


async def test_news_of_other_providers_are_another_subscription(autojump_clock: MockClock) -> None:
    async with connected() as (connection, supervisor):
        news = NewsRefs()
        await supervisor.start(news, lambda: NewsDirectory(news, connection, supervisor))
        for providers in ("", "BRFG", "DJNL"):
            await news.of(NewsKey(instrument=Instrument(symbol="AAPL"), providers=providers), caller="desk")
            await wait_all_tasks_blocked()
        assert len(connection.open) == 3
        assert len({ref.name for ref in supervisor}) == 4, "and each can be told from the others"


async def _follow_scan(connection: StandIn, supervisor: Supervisor) -> None:
    scans = ScansRef()
    await supervisor.start(scans, lambda: ScansActor(scans, connection, supervisor))
    await scans.of(GAINERS, caller="desk")


async def _follow_symbol(connection: StandIn, supervisor: Supervisor) -> None:
    market = MarketRef()
    await supervisor.start(market, lambda: MarketActor(market, connection, supervisor, MarketSettings()))
    await market.open(Instrument(symbol="AAPL"), caller="desk", stream=True)


async def _follow_ticks(connection: StandIn, supervisor: Supervisor) -> None:
    ref = TicksRef("AAPL", LiveKind.LAST, (Instrument.of_id(1), CONTRACT), connection.sessions)
    await supervisor.start(ref, lambda: TicksActor(ref, connection, TickersRef(connection), HistoryRef(), idle_seconds=60.0))


@pytest.mark.parametrize("error", [Doubtful("a farm is broken"), GatewayDisconnected("dropped"), GatewayTimeout("slow")])
@pytest.mark.parametrize("follow", [_follow_scan, _follow_symbol, _follow_ticks])
async def test_each_news_of_the_session_is_one_more_attempt_and_no_more_after_it(
    follow: Callable[[StandIn, Supervisor], Awaitable[None]], error: IbactorsError, autojump_clock: MockClock
) -> None:
    async with connected() as (connection, supervisor):
        connection.error = error
        await follow(connection, supervisor)
        for number in range(50):
            connection.enter(SessionPhase.FARM_DEGRADED, reason=f"farm {number}")
            await trio.sleep(0.1)
        connection.opened.clear()
        await trio.sleep(8)
        assert len(connection.opened) <= 9, "attempts that set timers, each of which makes one more, are ever more"


async def test_a_figure_that_is_refused_does_not_hold_up_the_others(autojump_clock: MockClock) -> None:
    async with connected() as (connection, supervisor):
        profits, holdings, account = ProfitsRef(), HoldingsRefs(), AccountRef()
        await supervisor.start(profits, lambda: ProfitsActor(profits, connection, supervisor))
        await supervisor.start(holdings, lambda: HoldingsDirectory(holdings, connection, account, profits, supervisor))
        connection.enter(SessionPhase.UP, accounts=("DU1", "DU2"))
        ref = await holdings.of(HoldingsKey(channel="pnl"), caller="desk")
        await trio.sleep(1)
        first, second = connection.listeners
        second.failed(InvalidRequest("not of this account"))
        await trio.sleep(1)
        first.told(Profit(timestamp=now(), daily=1.0))
        await trio.sleep(1)
        first.told(Profit(timestamp=now(), daily=2.0))
        await trio.sleep(1)
        state = ref.states.value.by_account["DU1"].value
        assert isinstance(state, PnlState)
        assert state.daily == 2.0, "what is told five times a second is not ten seconds old"


async def test_quote_that_comes_between_a_pause_and_the_news_of_it_does_not_keep_the_old_one_current(autojump_clock: MockClock) -> None:
    async with connected() as (connection, supervisor):
        market = MarketRef()
        await supervisor.start(market, lambda: MarketActor(market, connection, supervisor, MarketSettings()))
        ref = await market.open(Instrument(symbol="AAPL"), caller="desk", stream=True)
        told: list[Any] = []
        with ref.updates.listening(lambda update: told.append(type(getattr(update, "value", update)))):
            await wait_all_tasks_blocked()
            line = connection.opened[0]
            for bid in (1.0, 2.0):
                line.price(1, bid, 1.0)
                line.packet_done(1_700_000_000.0 + bid)
                paused = msgspec.structs.replace(connection.sessions.value, phase=SessionPhase.SILENT, reason="paused")
                connection.sessions.foresee(paused)  # as at the first step after a pause, before anybody is told
            connection.sessions.publish(paused)
            assert told == [Quote, Stale]
            connection.enter(SessionPhase.UP)
            assert told == [Quote, Stale, Quote]


async def test_scan_of_before_a_silence_has_the_time_of_its_arrival_after_it(autojump_clock: MockClock) -> None:
    async with connected() as (connection, supervisor):
        scans = ScansRef()
        await supervisor.start(scans, lambda: ScansActor(scans, connection, supervisor))
        ref = await scans.of(GAINERS, caller="desk")
        told: list[Any] = []
        with ref.updates.listening(lambda message: told.append(message.value)):
            await wait_all_tasks_blocked()
            line = connection.opened[0]
            line.take(["20", "3", "7", "0"])
            line.packet_done(1_700_000_000.0)
            connection.enter(SessionPhase.SILENT)
            connection.enter(SessionPhase.UP)
        assert [getattr(message, "timestamp", None) for message in told] == [
            "2023-11-14T22:13:20.000000Z",
            None,
            "2023-11-14T22:13:20.000000Z",
        ]


@asynccontextmanager
async def headlines() -> AsyncIterator[tuple[StandIn, list[str]]]:
    async with connected() as (connection, supervisor):
        news = NewsRefs()
        await supervisor.start(news, lambda: NewsDirectory(news, connection, supervisor))
        ref = await news.of(NewsKey(instrument=Instrument(symbol="AAPL")), caller="desk")
        told: list[str] = []
        with ref.updates.listening(lambda message: told.append(getattr(message.value, "headline", "gap"))):
            await wait_all_tasks_blocked()
            yield connection, told


def tell(connection: StandIn, headline: str) -> None:
    members = {"time": now(), "provider": "BRFG", "article_id": "1", "headline": headline, "extra": None, "timestamp": now()}
    connection.opened[-1].listener.told(members)


async def test_headlines_that_a_crash_may_have_cost_are_a_gap(autojump_clock: MockClock, error_log: ErrorLog) -> None:
    async with headlines() as (connection, told):
        tell(connection, "first")
        connection.opened[-1].listener.told({"nonsense": object()})
        await trio.sleep(5)
        tell(connection, "second")
        assert told == ["first", "gap", "second"]
        assert error_log.take()


async def test_headlines_that_a_silent_gateway_may_have_dropped_are_one_gap_that_ends_with_the_silence(autojump_clock: MockClock) -> None:
    async with headlines() as (connection, told):
        tell(connection, "first")
        connection.enter(SessionPhase.SILENT)
        await trio.sleep(2)
        connection.enter(SessionPhase.UP)
        await trio.sleep(2)
        assert told == ["first", "gap"]
        tell(connection, "second")
        connection.enter(SessionPhase.UP, 2)
        await trio.sleep(2)
        tell(connection, "third")
        assert told == ["first", "gap", "second", "gap", "third"]


async def test_gap_of_headlines_is_told_before_the_first_after_an_interruption(autojump_clock: MockClock) -> None:
    async with headlines() as (connection, told):
        connection.opened[-1].listener.interrupted(GatewayDisconnected("2103"))
        tell(connection, "first")
        assert told == ["gap", "first"]


async def test_ticks_of_a_subscription_that_is_given_up_for_another_are_missed_and_asked_of_the_past(autojump_clock: MockClock) -> None:
    async with connected() as (connection, supervisor):
        past = Past()
        ref = TicksRef("AAPL", LiveKind.LAST, (Instrument.of_id(1), CONTRACT), connection.sessions)
        await supervisor.start(ref, lambda: TicksActor(ref, connection, TickersRef(connection), past, idle_seconds=60.0))
        await wait_all_tasks_blocked()
        connection.opened[0].listener.resumed()  # error 100: IB may have dropped the request
        await trio.sleep(VERIFY_WAIT + 1)
        tick = {"t": rfc3339(1_700_000_000), "price": 1.0, "size": 1, "exchange": "IEX", "timestamp": now()}
        connection.opened[0].listener.ticked([tick])  # IB had not, and it takes one request for an instrument in 15 s
        await trio.sleep(15)
        connection.opened[1].listener.ticked([tick])
        await trio.sleep(1)
        assert past.asked, "who listens must not miss a tick unknowingly"


async def test_what_a_name_means_is_looked_up_again_after_half_a_day(autojump_clock: MockClock) -> None:
    connection = StandIn()
    lookups = Lookups(connection)
    for hours in (0, 11, 13):
        await trio.sleep(hours * 3600 - trio.current_time())
        await lookups.find(Instrument(symbol="ES", sec_type=SecType.CONTFUT), caller="desk")
    assert connection.requests == 2, "the future at the front is another one by then"


@pytest.mark.parametrize("error", [None, ContractNotFound("none")])
async def test_who_asks_meanwhile_for_what_a_name_means_shares_the_question(error: IbactorsError | None, autojump_clock: MockClock) -> None:
    connection, answers = StandIn(), list[object]()
    connection.enter(SessionPhase.UP)
    connection.unknown, connection.delay = error, 1.0
    lookups, first = Lookups(connection), trio.CancelScope()

    async def ask(scope: trio.CancelScope) -> None:
        with scope:
            try:
                answers.append((await lookups.find(Instrument.of_id(1), caller="desk"))[1])
            except ContractNotFound:
                answers.append(None)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask, first)
        await wait_all_tasks_blocked()
        for _ in range(20):
            nursery.start_soon(ask, trio.CancelScope())
        await wait_all_tasks_blocked()
        first.cancel(reason="its client has gone")
    assert answers == [None if error else CONTRACT] * 20
    assert connection.requests == 2, "the second in place of the one that was given up"


async def test_failed_symbol_holds_no_line_while_it_is_remembered(autojump_clock: MockClock) -> None:
    async with connected() as (connection, supervisor):
        market = MarketRef()
        await supervisor.start(market, lambda: MarketActor(market, connection, supervisor, MarketSettings()))
        ref = await market.open(Instrument(symbol="AAPL"), caller="desk", stream=True)
        await wait_all_tasks_blocked()
        connection.listeners[0].failed(MarketDataNotSubscribed("354", ib_code=354))
        connection.enter(SessionPhase.UP, 2)
        await trio.sleep(2)
        assert len(connection.opened) == 1, "it is not counted as a line any more"
        assert ref.over
