# ruff: noqa: ARG002  # autojump_clock acts by being asked for
"""What keeps one subscription at IB, as a policy: whose it is, how often it is asked for again, and what is told of a break."""

from collections.abc import AsyncIterator, Hashable
from contextlib import ExitStack, asynccontextmanager
from typing import Any

import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from ibactors.actors.connection import ConnectionRef
from ibactors.actors.news import NewsDirectory, NewsKey, NewsRefs
from ibactors.actors.scans import IDLE_WAIT, ScansActor, ScansRef
from ibactors.bridge.requests import RequestSpec
from ibactors.bridge.scans import ScanTerms
from ibactors.bridge.subscriptions import Subscription
from ibactors.kernel.supervisor import Supervisor, open_supervisor
from ibactors.model.instruments import Instrument
from ibactors.model.news import ScanRow
from ibactors.model.sessions import SessionPhase, SessionStatus
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

    async def subscribe(self, owner: Hashable, subscription: Subscription[Any]) -> None:
        await trio.lowlevel.checkpoint()
        self.opened.append(subscription)
        self.open[owner] = subscription

    async def request(self, spec: RequestSpec[Any]) -> tuple[Any, ...]:
        await trio.lowlevel.checkpoint()
        return (CONTRACT,)

    def unsubscribe(self, owner: Hashable) -> None:
        self.open.pop(owner, None)

    def enter(self, phase: SessionPhase, epoch: int = 1, reason: str | None = None) -> None:
        self.sessions.publish(SessionStatus(phase=phase, epoch=epoch, since=now(), reason=reason, accounts=("DU1",)))

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
