# ruff: noqa: ARG002  # autojump_clock acts by being asked for; listeners are told more than they note
"""Profit and loss: from IB's messages to whoever asks, and nothing from before a break."""

from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from ibactors.actors import profits
from ibactors.actors.connection import ConnectionRef
from ibactors.actors.profits import IDLE_WAIT, TIMEOUT, ProfitsActor, ProfitsRef
from ibactors.bridge.profits import ProfitLine
from ibactors.bridge.subscriptions import Subscription
from ibactors.errors import (
    ActorDown,
    Doubtful,
    GatewayDisconnected,
    GatewayRefused,
    GatewayTimeout,
    IbactorsError,
    InvalidRequest,
    TooManyProfits,
)
from ibactors.kernel.supervisor import open_supervisor
from ibactors.model.accounts import Profit, ProfitKey
from ibactors.model.instruments import Instrument
from ibactors.model.sessions import SessionPhase, SessionStatus
from ibactors.model.times import now
from tests.conftest import ErrorLog
from tests.unit.test_requests import Line, line

ACCOUNT = ProfitKey(account="DU1")
POSITION = ProfitKey(account="DU1", con_id=265598)
UNSET = "1.7976931348623157E308"


class Heard:
    def __init__(self) -> None:
        self.said: list[Any] = []

    def told(self, profit: Profit) -> None:
        self.said.append((profit.daily, profit.unrealized, profit.realized, profit.position, profit.value))

    def failed(self, error: IbactorsError) -> None:
        self.said.append(type(error))

    def interrupted(self, error: IbactorsError) -> None:
        self.said.append("interrupted")

    def resumed(self) -> None:
        self.said.append("resumed")


def subscribed(there: Line, key: ProfitKey, instrument: Instrument | None = None) -> tuple[int, Heard]:
    heard = Heard()
    return there.session.subscribe(ProfitLine(key, instrument, heard)), heard


def say(there: Line, *fields: object) -> None:
    there.say(*fields)
    there.inbox.packet_done()


async def test_figures_that_are_missing_are_none_and_not_zero(autojump_clock: MockClock) -> None:
    async with line() as there:
        account, of_account = subscribed(there, ACCOUNT)
        position, of_position = subscribed(there, POSITION)
        say(there, 94, account, "12.5", "-3", UNSET)
        say(there, 94, account, "12.5", "", "0")
        say(there, 94, account, "12.5")
        say(there, 95, position, "100", "1.5", "2.5", UNSET, "20123.0")
        say(there, 95, position, "0", "", "NaN", "7", "0")
        assert of_account.said == [(12.5, -3.0, None, None, None), (12.5, None, 0.0, None, None), (12.5, None, None, None, None)]
        assert of_position.said == [(1.5, 2.5, None, 100.0, 20123.0), (None, None, 7.0, 0.0, 0.0)]


async def test_subscription_names_account_model_and_contract_and_is_cancelled(autojump_clock: MockClock) -> None:
    async with line() as there:
        account, _ = subscribed(there, ProfitKey(account="DU1", model="Growth"))
        position, _ = subscribed(there, POSITION)
        await wait_all_tasks_blocked()
        there.session.unsubscribe(account)
        there.session.unsubscribe(position)
        await wait_all_tasks_blocked()
        assert there.sent == [
            ["92", str(account), "DU1", "Growth"],
            ["94", str(position), "DU1", "", "265598"],
            ["93", str(account)],
            ["95", str(position)],
        ]


async def test_figures_that_cannot_be_read_fail_and_do_not_leave_the_old_ones(autojump_clock: MockClock) -> None:
    async with line() as there:
        account, heard = subscribed(there, ACCOUNT)
        say(there, 94, account, "one", "2", "3")
        assert heard.said == [GatewayRefused]


async def test_account_is_concerned_by_every_farm_and_position_by_its_own(autojump_clock: MockClock) -> None:
    async with line() as there:
        _, of_account = subscribed(there, ACCOUNT)
        _, of_position = subscribed(there, POSITION, Instrument(symbol="AAPL", exchange="NASDAQ"))
        there.say(4, 2, -1, 2103, "Market data farm connection is broken:eufarm", "")
        assert (of_account.said, of_position.said) == (["interrupted"], [])
        there.say(4, 2, -1, 2104, "Market data farm connection is OK:eufarm", "")
        there.say(4, 2, -1, 2103, "Market data farm connection is broken:usfarm", "")
        assert of_account.said == ["interrupted", "resumed", "interrupted"]
        assert of_position.said == ["interrupted"]


class StandIn(ConnectionRef):
    """Sessions come and go as the test says; subscriptions are kept."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[ProfitLine] = []
        self.broken = 0
        """Subscriptions that are to fail as nothing should."""
        self.ended: list[Hashable] = []

    async def subscribe(self, owner: Hashable, subscription: Subscription[Any]) -> None:
        await trio.lowlevel.checkpoint()
        assert isinstance(subscription, ProfitLine)
        if self.broken:
            self.broken -= 1
            raise RuntimeError("a bug")
        self.opened.append(subscription)

    def unsubscribe(self, owner: Hashable) -> None:
        self.ended.append(owner)

    def enter(self, phase: SessionPhase, epoch: int) -> None:
        self.sessions.publish(SessionStatus(phase=phase, epoch=epoch, since=now(), reason=None, accounts=("DU1",)))

    def say(self, daily: float, place: int = -1) -> None:
        self.opened[place].listener.told(Profit(timestamp=now(), daily=daily))


class Asking:
    """The directory, and somebody who asks it."""

    def __init__(self, ref: ProfitsRef, connection: StandIn, nursery: trio.Nursery) -> None:
        self.ref, self.connection, self.nursery = ref, connection, nursery
        self.answers: list[float | type[IbactorsError] | None] = []

    async def ask(self, key: ProfitKey = ACCOUNT) -> None:
        self.nursery.start_soon(self._ask, key)
        await wait_all_tasks_blocked()

    async def _ask(self, key: ProfitKey) -> None:
        try:
            self.answers.append((await self.ref.profit(key)).daily)
        except IbactorsError as exc:
            self.answers.append(type(exc))


@asynccontextmanager
async def directory() -> AsyncIterator[Asking]:
    connection, ref = StandIn(), ProfitsRef()
    connection.enter(SessionPhase.UP, 1)
    async with open_supervisor() as supervisor, trio.open_nursery() as nursery:
        await supervisor.start(ref, lambda: ProfitsActor(ref, connection, supervisor))
        yield Asking(ref, connection, nursery)


async def test_all_who_want_one_share_it(autojump_clock: MockClock) -> None:
    async with directory() as there:
        for _ in range(3):
            await there.ask()
        there.connection.say(1.0)
        await there.ask()
        there.connection.say(2.0)
        await there.ask()
        assert there.answers == [1.0, 1.0, 1.0, 1.0, 2.0]
        assert len(there.connection.opened) == 1


async def test_one_that_nobody_wants_is_given_up_and_asked_for_anew(autojump_clock: MockClock) -> None:
    async with directory() as there:
        await there.ask()
        there.connection.say(1.0)
        await trio.sleep(IDLE_WAIT * 2)
        assert [getattr(owner, "name", None) for owner in there.connection.ended] == ["pnl:DU1"]
        assert not there.ref.running
        await there.ask()
        there.connection.say(2.0)
        await wait_all_tasks_blocked()
        assert there.answers == [1.0, 2.0]


async def test_nothing_from_before_a_break_is_shown_after_it(autojump_clock: MockClock) -> None:
    async with directory() as there:
        await there.ask()
        there.connection.say(1.0)
        there.connection.enter(SessionPhase.BACKING_OFF, 1)
        await there.ask()
        there.connection.enter(SessionPhase.SYNCING, 2)
        await there.ask()
        there.connection.say(8.0, place=0)
        await wait_all_tasks_blocked()
        assert there.answers == [1.0, GatewayDisconnected], "the old subscription is not heard"
        there.connection.say(3.0)
        await wait_all_tasks_blocked()
        assert there.answers == [1.0, GatewayDisconnected, 3.0]


async def test_interrupted_figures_are_refused_until_ib_sends_them_anew(autojump_clock: MockClock) -> None:
    async with directory() as there:
        await there.ask()
        there.connection.say(1.0)
        there.connection.opened[0].listener.interrupted(GatewayDisconnected("broken"))
        await there.ask()
        there.connection.opened[0].listener.resumed()
        await there.ask()
        assert there.answers == [1.0, GatewayDisconnected]
        assert len(there.connection.opened) == 2, "they come when they change, which may be never"
        there.connection.say(2.0)
        await wait_all_tasks_blocked()
        assert there.answers == [1.0, GatewayDisconnected, 2.0]


async def test_refusal_is_remembered_for_a_moment_and_silence_ends_with_the_timeout(autojump_clock: MockClock) -> None:
    async with directory() as there:
        await there.ask()
        there.connection.opened[0].listener.failed(InvalidRequest("no"))
        await there.ask()
        assert there.answers == [InvalidRequest, InvalidRequest]
        await trio.sleep(IDLE_WAIT)
        await there.ask()
        assert len(there.connection.opened) == 2
        await trio.sleep(TIMEOUT + 1)
        assert there.answers[2:] == [GatewayTimeout]


async def test_refusal_is_remembered_in_the_next_session_too(autojump_clock: MockClock) -> None:
    async with directory() as there:
        await there.ask()
        there.connection.opened[0].listener.failed(InvalidRequest("no"))
        there.connection.enter(SessionPhase.UP, 2)
        await there.ask()
        assert there.answers == [InvalidRequest, InvalidRequest], "nobody waits for what nothing is done for"


async def test_timeout_grows_with_what_is_asked_for_at_once(autojump_clock: MockClock) -> None:
    async with directory() as there:
        for among, least, most in ((1, 3, 3.2), (60, 5.9, 6.1), (1000, 9.9, 10.1)):
            begun = trio.current_time()
            with pytest.raises(GatewayTimeout):
                await there.ref.profit(ACCOUNT, among=among)
            assert least <= trio.current_time() - begun <= most


async def test_refusal_in_bad_times_is_none_and_what_a_silent_gateway_has_said_is_not_shown(autojump_clock: MockClock) -> None:
    async with directory() as there:
        await there.ask()
        there.connection.opened[0].listener.failed(Doubtful("refused, but a farm is broken"))
        await wait_all_tasks_blocked()
        there.connection.enter(SessionPhase.FARM_DEGRADED, 1)
        await there.ask()
        assert len(there.connection.opened) == 2
        there.connection.say(1.0)
        await wait_all_tasks_blocked()
        there.connection.enter(SessionPhase.SILENT, 1)
        await there.ask()
        there.connection.enter(SessionPhase.UP, 1)
        await there.ask()
        assert there.answers == [Doubtful, 1.0, GatewayDisconnected, 1.0]


async def test_crash_leaves_no_caller_hanging_and_the_next_incarnation_subscribes_anew(
    autojump_clock: MockClock, error_log: ErrorLog
) -> None:
    async with directory() as there:
        there.connection.broken = 1
        await there.ask()
        await trio.sleep(TIMEOUT)
        assert there.answers == [ActorDown]
        await there.ask()
        there.connection.say(1.0)
        await wait_all_tasks_blocked()
        assert there.answers == [ActorDown, 1.0]
        assert len(error_log.take()) == 1


async def test_no_more_are_kept_than_there_is_room_for(autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profits, "MOST_PROFITS", 2)
    async with directory() as there:
        for con_id in (1, 2, 3):
            await there.ask(ProfitKey(account="DU1", con_id=con_id))
        assert there.answers == [TooManyProfits]
        there.connection.say(1.0, place=0)
        there.connection.say(2.0, place=1)
        await trio.sleep(2)
        await there.ask(ProfitKey(account="DU1", con_id=3))
        there.connection.say(3.0)
        await wait_all_tasks_blocked()
        assert there.answers[0] is TooManyProfits
        assert set(there.answers[1:]) == {1.0, 2.0, 3.0}, "the one that has been idle longest gives way"
