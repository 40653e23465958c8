"""What listeners to the accounts hear, with a connection that is a stand-in."""

from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from ibactors.actors.account import PUBLISH_WAIT, AccountRef, AccountStates, account_builder
from ibactors.actors.connection import ConnectionRef
from ibactors.bridge.incoming import AccountListener
from ibactors.kernel.supervisor import open_supervisor
from ibactors.model.accounts import Figure, Position
from ibactors.model.sessions import SessionPhase, SessionStatus
from ibactors.model.times import now

ACCOUNT = "DU1"


class StandIn(ConnectionRef):
    """Sessions come and go as the test says; who watches the accounts is kept."""

    def __init__(self) -> None:
        super().__init__()
        self.feeds: list[AccountListener] = []

    def watch_accounts(self, listener: AccountListener) -> None:
        self.feeds.append(listener)

    def synced(self, epoch: int) -> None:
        pass

    def enter(self, phase: SessionPhase, epoch: int) -> None:
        self.sessions.publish(SessionStatus(phase=phase, epoch=epoch, since=now(), reason=None, accounts=(ACCOUNT,)))


def figure(value: str) -> Figure:
    return Figure(value=value, currency="USD", account=ACCOUNT)


def position(amount: float) -> Position:
    texts: dict[str, Any] = dict.fromkeys(("exchange", "local_symbol", "trading_class", "expiry", "right", "multiplier"), "")
    known: dict[str, Any] = {
        "account": ACCOUNT,
        "symbol": "AAPL",
        "sec_type": "STK",
        "currency": "USD",
        "avg_cost": 1.0,
        "con_id": 7,
        "strike": 0.0,
    }
    return Position(position=amount, **known, **texts)


def fill(feed: AccountListener, value: str = "100.00") -> None:
    feed.figure_seen("NetLiquidation", figure(value))
    feed.position_seen(position(5.0))
    feed.complete("summary")
    feed.complete("positions")


def shown(states: AccountStates) -> Any:
    value: Any = states.by_account[ACCOUNT].value
    return getattr(value, "account_summary", None) and (
        value.account_summary["NetLiquidation"].value,
        [held.position for held in value.positions],
    )


async def test_listeners_hear_the_whole_state_and_nothing_old(autojump_clock: MockClock) -> None:
    started = autojump_clock.current_time()
    connection, account = StandIn(), AccountRef()
    heard: list[AccountStates] = []

    async def settle() -> None:
        await trio.sleep(2 * PUBLISH_WAIT)
        await wait_all_tasks_blocked()

    async with open_supervisor() as supervisor:
        await supervisor.start(account, account_builder(account, connection))
        with account.states.listening(heard.append) as states:
            assert states.is_stale
            connection.enter(SessionPhase.SYNCING, 1)
            await wait_all_tasks_blocked()
            connection.feeds[0].figure_seen("NetLiquidation", figure("99.00"))
            await settle()
            assert not heard, "a part of the first set is no state"
            fill(connection.feeds[0])
            await settle()
            assert [shown(states) for states in heard] == [("100.00", [5.0])]
            for value in ("101.00", "102.00"):
                connection.feeds[0].figure_seen("NetLiquidation", figure(value))
            connection.feeds[0].position_seen(position(0.0))
            await settle()
            assert [shown(states) for states in heard[1:]] == [("102.00", [])], "changes are collected"
            connection.feeds[0].figure_seen("NetLiquidation", figure("103.00"))
            connection.enter(SessionPhase.BACKING_OFF, 1)
            await settle()
            assert [states.is_stale for states in heard[2:]] == [True]
            connection.enter(SessionPhase.SYNCING, 2)
            await wait_all_tasks_blocked()
            connection.feeds[0].figure_seen("NetLiquidation", figure("104.00"))
            await settle()
            assert len(heard) == 3, "what the old session still says is not heard"
            fill(connection.feeds[1], "200.00")
            await settle()
            assert [shown(states) for states in heard[3:]] == [("200.00", [5.0])]
            assert heard[3].epoch == 2
    assert autojump_clock.current_time() - started == pytest.approx(12 * PUBLISH_WAIT)
