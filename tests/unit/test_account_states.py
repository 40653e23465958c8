"""What listeners to the accounts hear, with a connection that is a stand-in."""

from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from ibactors.actors.account import ACCOUNT_TERMS, ASK_AGAIN_LONGEST, PUBLISH_WAIT, AccountRef, AccountStates, account_builder
from ibactors.actors.connection import ConnectionRef
from ibactors.actors.known_accounts import Item, KnownAccounts, Refused
from ibactors.bridge.accounts import AccountHalf, AccountListener
from ibactors.errors import GatewayDisconnected, GatewayRefused
from ibactors.kernel.supervisor import open_supervisor
from ibactors.model.accounts import Figure, PortfolioItem, Position
from ibactors.model.sessions import SessionPhase, SessionStatus
from ibactors.model.times import now, rfc3339

ACCOUNT = "DU1"
ARRIVED = 1_800_000_000.0


class StandIn(ConnectionRef):
    """Sessions come and go as the test says; who watches the accounts is kept."""

    def __init__(self) -> None:
        super().__init__()
        self.feeds: list[AccountListener] = []
        self.refused: str | None = None

    def watch_accounts(self, listener: AccountListener) -> None:
        self.feeds.append(listener)

    def accounts_told(self, epoch: int, *, complete: bool, refused: str | None) -> None:  # noqa: ARG002  # what is not asked for here
        self.refused = refused

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
    feed.figure_seen("NetLiquidation", figure(value), ARRIVED)
    feed.position_seen(position(5.0), ARRIVED)
    feed.complete("summary", ARRIVED)
    feed.complete("positions", ARRIVED)


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
            connection.feeds[0].figure_seen("NetLiquidation", figure("99.00"), ARRIVED)
            await settle()
            assert not heard, "a part of the first set is no state"
            fill(connection.feeds[0])
            await settle()
            assert [shown(states) for states in heard] == [("100.00", [5.0])]
            for value in ("101.00", "102.00"):
                connection.feeds[0].figure_seen("NetLiquidation", figure(value), ARRIVED)
            connection.feeds[0].position_seen(position(0.0), ARRIVED)
            await settle()
            assert [shown(states) for states in heard[1:]] == [("102.00", [])], "changes are collected"
            connection.feeds[0].figure_seen("NetLiquidation", figure("103.00"), ARRIVED)
            connection.enter(SessionPhase.BACKING_OFF, 1)
            await settle()
            assert [states.is_stale for states in heard[2:]] == [True]
            connection.enter(SessionPhase.SYNCING, 2)
            await wait_all_tasks_blocked()
            connection.feeds[0].figure_seen("NetLiquidation", figure("104.00"), ARRIVED)
            await settle()
            assert len(heard) == 3, "what the old session still says is not heard"
            fill(connection.feeds[1], "200.00")
            await settle()
            assert [shown(states) for states in heard[3:]] == [("200.00", [5.0])]
            assert heard[3].epoch == 2
    assert autojump_clock.current_time() - started == pytest.approx(12 * PUBLISH_WAIT)


REFUSAL = GatewayRefused("IB answered 321: the limit of 50", ib_code=321)


@pytest.mark.parametrize("refused", ["summary", "positions"])
async def test_refused_half_reaches_callers_at_once_and_the_other_works(refused: AccountHalf, autojump_clock: MockClock) -> None:
    other: AccountHalf = "positions" if refused == "summary" else "summary"
    connection, account = StandIn(), AccountRef()
    async with open_supervisor() as supervisor:
        await supervisor.start(account, account_builder(account, connection))
        connection.enter(SessionPhase.SYNCING, 1)
        await wait_all_tasks_blocked()
        feed = connection.feeds[0]
        begun = trio.current_time()
        feed.refused(refused, REFUSAL)
        feed.complete(other, ARRIVED)
        with pytest.raises(GatewayRefused, match="limit of 50"):
            await account.book(None, needs=refused)
        await account.book(None, needs=other)
        assert trio.current_time() == begun
        assert refused in (connection.refused or "")
        assert "321" in (connection.refused or "")
        await trio.sleep(ACCOUNT_TERMS.ask_again + 1)
        assert len(connection.feeds) == 2, "it is asked for again"
        feed.complete(refused, ARRIVED)
        await account.book(None, needs=refused)
        assert connection.refused is None


async def test_half_of_which_a_row_cannot_be_read_is_told_beside_its_refusal(autojump_clock: MockClock) -> None:
    connection, account = StandIn(), AccountRef()
    async with open_supervisor() as supervisor:
        await supervisor.start(account, account_builder(account, connection))
        connection.enter(SessionPhase.SYNCING, 1)
        await wait_all_tasks_blocked()
        fill(connection.feeds[0])
        connection.feeds[0].unreadable("positions")
        with pytest.raises(GatewayRefused, match="cannot be read"):
            await account.book(None, needs="positions")
        assert "positions" in (connection.refused or "")
        await trio.sleep(ACCOUNT_TERMS.ask_again + 1)
        fill(connection.feeds[1])
        await account.book(None, needs="positions")
        assert connection.refused is None


async def test_portfolio_that_is_taken_over_again_and_again_is_asked_for_at_the_same_pace(autojump_clock: MockClock) -> None:
    connection, account = StandIn(), AccountRef()
    async with open_supervisor() as supervisor:
        await supervisor.start(account, account_builder(account, connection))
        connection.enter(SessionPhase.SYNCING, 1)
        await wait_all_tasks_blocked()
        fill(connection.feeds[0])
        answered = 0
        for _ in range(3600):
            await trio.sleep(2)
            if len(connection.feeds) > answered:
                answered = len(connection.feeds)
                connection.feeds[-1].refused("portfolio", REFUSAL)
        assert 7200 / ASK_AGAIN_LONGEST - 1 <= len(connection.feeds) <= 7200 / ASK_AGAIN_LONGEST + 2, (
            "two programs must not chase each other"
        )


@pytest.mark.parametrize("refused", ["summary", "positions"])
async def test_half_that_ib_sends_no_more_is_not_shown_any_more(refused: AccountHalf, autojump_clock: MockClock) -> None:
    connection, account = StandIn(), AccountRef()
    async with open_supervisor() as supervisor:
        await supervisor.start(account, account_builder(account, connection))
        connection.enter(SessionPhase.SYNCING, 1)
        await wait_all_tasks_blocked()
        fill(connection.feeds[0])
        await trio.sleep(1)
        connection.feeds[0].refused(refused, REFUSAL)
        await trio.sleep(1)
        with pytest.raises(GatewayRefused, match="limit of 50"):
            await account.book(None, needs=refused)
        assert account.states.value.is_stale
        await trio.sleep(ACCOUNT_TERMS.ask_again * 2)
        fill(connection.feeds[-1], "200.00")
        await trio.sleep(1)
        assert shown(account.states.value) == ("200.00", [5.0])


async def test_silent_gateway_leaves_nothing_to_be_shown_until_it_answers(autojump_clock: MockClock) -> None:
    connection, account = StandIn(), AccountRef()
    async with open_supervisor() as supervisor:
        await supervisor.start(account, account_builder(account, connection))
        connection.enter(SessionPhase.SYNCING, 1)
        await wait_all_tasks_blocked()
        fill(connection.feeds[0])
        await trio.sleep(2 * PUBLISH_WAIT)
        connection.enter(SessionPhase.SILENT, 1)
        assert account.states.value.is_stale
        with pytest.raises(GatewayDisconnected):
            await account.book(None, needs="summary")
        connection.enter(SessionPhase.UP, 1)
        await trio.sleep(2 * PUBLISH_WAIT)
        assert shown(account.states.value) == ("100.00", [5.0])
        assert len(connection.feeds) == 1, "nothing was lost"


def worth(quantity: float, value: float | None) -> PortfolioItem:
    figures = dict.fromkeys(("market_price", "market_value", "unrealized_pnl", "realized_pnl"), value)
    return PortfolioItem(account=ACCOUNT, con_id=7, position=quantity, timestamp=rfc3339(ARRIVED), **figures)


def take(*items: Item) -> Position | None:
    known = KnownAccounts()
    for item in items:
        known.take(item, ARRIVED)
    positions = known.book(ACCOUNT, owners=None).positions
    return positions[0] if positions else None


@pytest.mark.parametrize(
    "news",
    [
        (position(0.0), position(5.0)),
        (position(-5.0),),
        (position(6.0),),
        (worth(6.0, 120.0),),
        (worth(5.0, None),),
        (Refused(what="portfolio", error=REFUSAL),),
    ],
    ids=["closed and opened again", "turned", "bought", "bought, told by the portfolio first", "unset", "taken over by another client"],
)
def test_no_figure_outlives_the_position_that_it_is_of(news: tuple[Item, ...]) -> None:
    held = take(position(5.0), worth(5.0, 100.0))
    assert held is not None
    assert (held.market_value, held.market_timestamp) == (100.0, rfc3339(ARRIVED))
    held = take(position(5.0), worth(5.0, 100.0), *news)
    assert held is not None
    assert (held.market_price, held.market_value, held.unrealized_pnl, held.realized_pnl) == (None, None, None, None)
