# autojump_clock acts by being asked for
"""IB keeps the portfolio of one account current at a time: those of several come in turns, and nobody's is taken away for nothing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from ibactors.bridge.accounts import LONGEST_TURN
from ibactors.bridge.session import TURN, take_turns
from tests.unit.test_gateway_texts import Accounts
from tests.unit.test_requests import Line, line


@asynccontextmanager
async def two_accounts() -> AsyncIterator[Line]:
    async with line() as there, trio.open_nursery() as nursery:
        there.session.accounts = ("DU1", "DU2")
        nursery.start_soon(take_turns, there.session)
        there.session.watch_accounts(Accounts())
        await wait_all_tasks_blocked()
        yield there
        nursery.cancel_scope.cancel(reason="the test is over")


def updates(there: Line) -> list[tuple[str, str]]:
    """On or off, and for whom."""
    return [(fields[2], fields[3]) for fields in there.sent if fields[0] == "6"]


async def test_each_account_has_its_turn_when_the_one_before_is_in(autojump_clock: MockClock) -> None:
    async with two_accounts() as there:
        await trio.sleep(TURN)
        assert updates(there) == [("1", "DU1")], "that of the first is not in yet"
        there.say(54, 1, "DU1")
        await trio.sleep(2)
        there.say(54, 1, "DU2")
        await trio.sleep(2)
        there.say(54, 1, "DU1")
        assert updates(there)[1:] == [("0", "DU1"), ("1", "DU2"), ("0", "DU2"), ("1", "DU1")]
        await trio.sleep(TURN / 2)
        assert len(updates(there)) == 5, "later turns are long"
        await trio.sleep(TURN)
        assert updates(there)[5:] == [("0", "DU1"), ("1", "DU2")]


@pytest.mark.parametrize("code", [2100, 2101])
async def test_whoever_took_it_over_keeps_it_until_it_is_asked_for_anew(code: int, autojump_clock: MockClock) -> None:
    async with two_accounts() as there:
        there.say(54, 1, "DU1")
        there.say(4, 2, -1, code, "API client has been unsubscribed from account data.", "")
        await trio.sleep(10 * TURN)
        assert updates(there) == [("1", "DU1")]
        there.session.watch_accounts(Accounts())
        await wait_all_tasks_blocked()
        there.say(54, 1, "DU1")
        await trio.sleep(2 * TURN)
        assert updates(there)[-1] == ("1", "DU2")


async def test_what_our_own_turn_calls_forth_is_no_loss(autojump_clock: MockClock) -> None:
    async with two_accounts() as there:
        there.say(54, 1, "DU1")
        await trio.sleep(2)
        there.say(4, 2, -1, 2100, "New account data requested from TWS.", "")
        there.say(54, 1, "DU2")
        await trio.sleep(2)
        assert updates(there)[-1] == ("1", "DU1")


async def test_portfolio_that_does_not_come_makes_way_but_not_while_ib_is_away(autojump_clock: MockClock) -> None:
    async with two_accounts() as there:
        there.say(4, 2, -1, 1100, "Connectivity lost", "")
        await trio.sleep(3 * LONGEST_TURN)
        assert updates(there) == [("1", "DU1")]
        there.say(4, 2, -1, 1102, "Connectivity restored", "")
        await trio.sleep(2)
        assert updates(there)[-1] == ("1", "DU2")
