# ruff: noqa: ARG002  # autojump_clock acts by being asked for
"""What keeps one subscription at IB, as a policy: whose it is, how often it is asked for again, and what is told of a break."""

from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from contextlib import ExitStack, asynccontextmanager
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from ibactors.actors.account import AccountRef
from ibactors.actors.connection import ConnectionRef
from ibactors.actors.history import HistoryRef
from ibactors.actors.holdings import HoldingsKey, HoldingsRefs
from ibactors.actors.holdings_actor import HoldingsDirectory
from ibactors.actors.market import MarketActor, MarketRef, MarketSettings
from ibactors.actors.market_feeds import TickersRef
from ibactors.actors.news import NewsDirectory, NewsKey, NewsRefs
from ibactors.actors.profits import ProfitsActor, ProfitsRef
from ibactors.actors.scans import IDLE_WAIT, ScansActor, ScansRef
from ibactors.actors.ticks import TicksRef
from ibactors.actors.ticks_actor import TicksActor
from ibactors.bridge.requests import RequestSpec
from ibactors.bridge.scans import ScanTerms
from ibactors.bridge.subscriptions import Subscription
from ibactors.errors import Doubtful, GatewayDisconnected, GatewayTimeout, IbactorsError, InvalidRequest
from ibactors.kernel.supervisor import Supervisor, open_supervisor
from ibactors.model.accounts import PnlState, Profit
from ibactors.model.instruments import Instrument
from ibactors.model.news import ScanRow
from ibactors.model.sessions import SessionPhase, SessionStatus
from ibactors.model.ticks import LiveKind
from ibactors.model.times import now
from tests.unit.test_lines import CONTRACT

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
        self.error: IbactorsError | None = None
        """What subscribing raises."""

    async def subscribe(self, owner: Hashable, subscription: Subscription[Any]) -> None:
        await trio.lowlevel.checkpoint()
        self.opened.append(subscription)
        if self.error is not None:
            raise self.error
        self.open[owner] = subscription

    async def request(self, spec: RequestSpec[Any]) -> tuple[Any, ...]:
        await trio.lowlevel.checkpoint()
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
                listener.told((ROW,))
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
