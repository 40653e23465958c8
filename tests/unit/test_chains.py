"""Looks at the options of a chain, against a gateway as slow as IB's pace and as its options: how long, and with how many messages."""

from collections import deque
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from typing import Any, NoReturn

import msgspec
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from ibactors.actors.chains import LINES, TOTAL, ChainsRef, chains_builder
from ibactors.actors.connection import ConnectionRef
from ibactors.actors.market import MarketActor, MarketRef, MarketSettings
from ibactors.bridge.pacing import RATE, WINDOW
from ibactors.bridge.subscriptions import Subscription
from ibactors.errors import GatewayDisconnected, NoFreeLine, NoMarketData
from ibactors.kernel.supervisor import open_supervisor
from ibactors.model.contracts import OptionLeg
from ibactors.model.instruments import ContractInfo
from ibactors.model.sessions import SessionPhase, SessionStatus
from ibactors.model.times import now
from tests.unit.test_option_line import CALL

ANSWER, SILENCE = 0.1, 1000.0


class Gateway(ConnectionRef):
    """Sends at our pace; answers each look after a while, and ends it after another one."""

    def __init__(self, *, ends: float = 0.0, silent: int = 0) -> None:
        super().__init__()
        self.ends = ends
        self.silent = silent
        """Each so manieth has no answer."""
        self.queued: deque[Any] = deque()
        self.open: dict[Hashable, Any] = {}
        self.requests = self.cancels = self.most_open = 0
        self.sessions.publish(SessionStatus(phase=SessionPhase.UP, epoch=1, since=now()))

    @property
    def unsent(self) -> int:
        return len(self.queued)

    async def subscribe(self, owner: Hashable, subscription: Subscription[Any]) -> None:
        await trio.lowlevel.checkpoint()
        self.open[owner] = subscription
        self.queued.append(owner)
        self.most_open = max(self.most_open, len(self.open))

    def unsubscribe(self, owner: Hashable) -> None:
        if self.open.pop(owner, None) is not None:
            self.queued.appendleft(None)

    async def run(self) -> NoReturn:
        sent: deque[float] = deque([-WINDOW] * RATE, maxlen=RATE)
        async with trio.open_nursery() as nursery:
            while True:
                await trio.sleep_until(sent[0] + WINDOW)
                if not self.queued:
                    await trio.sleep(0.01)
                    continue
                sent.append(trio.current_time())
                owner = self.queued.popleft()
                if owner is None:
                    self.cancels += 1
                else:
                    self.requests += 1
                    nursery.start_soon(self._answer, owner, bool(self.silent) and self.requests % self.silent == 0)
            raise AssertionError

    async def _answer(self, owner: Hashable, is_silent: bool) -> None:
        await trio.sleep(SILENCE if is_silent else ANSWER)
        if (line := self.open.get(owner)) is not None:
            line.listener.looked(OptionLeg(con_id=1, local_symbol="", timestamp=now()), frozenset())
        await trio.sleep(self.ends)
        if (line := self.open.pop(owner, None)) is not None:
            line.listener.ended()


def options(count: int) -> tuple[ContractInfo, ...]:
    return tuple(msgspec.structs.replace(CALL, con_id=number + 1) for number in range(count))


@asynccontextmanager
async def looking(gateway: Gateway, *, lines: int = 100) -> AsyncIterator[tuple[ChainsRef, MarketRef]]:
    chains, market = ChainsRef(), MarketRef()
    settings = MarketSettings(max_lines=lines, caller_lines=lines, stream_lines=0)
    async with open_supervisor() as supervisor, trio.open_nursery() as nursery:
        nursery.start_soon(gateway.run)
        await supervisor.start(market, lambda: MarketActor(market, gateway, supervisor, settings))
        await supervisor.start(chains, chains_builder(chains, gateway, market))
        yield chains, market
        nursery.cancel_scope.cancel(reason="the test is over")


async def look(chains: ChainsRef, count: int) -> tuple[tuple[OptionLeg, ...], float]:
    begun = trio.current_time()
    legs = await chains.look(options(count), greeks=True, open_interest=False, caller="desk")
    return legs, trio.current_time() - begun


PACE = (400 - RATE) / RATE * WINDOW
"""Seconds that IB's pace forces for 400 messages."""


@pytest.mark.parametrize("ends", [0.0, 0.5, 0.9])
async def test_200_strikes_take_the_time_that_400_messages_take(ends: float, autojump_clock: MockClock) -> None:
    gateway = Gateway(ends=ends)
    async with looking(gateway) as (chains, market):
        legs, seconds = await look(chains, 400)
        assert seconds <= PACE + 0.5
        assert not [leg for leg in legs if leg.problem]
        assert gateway.cancels == 0, "what is about to end by itself costs no message"
        assert gateway.most_open <= LINES
        await wait_all_tasks_blocked()
        assert not market.loans


async def test_looks_that_do_not_end_by_themselves_are_cancelled_and_no_line_is_held_for_longer(autojump_clock: MockClock) -> None:
    gateway = Gateway(ends=11.0)
    async with looking(gateway) as (chains, market):
        legs, seconds = await look(chains, 400)
        assert not [leg for leg in legs if leg.problem]
        assert seconds <= 2 * PACE + 1.0
        await trio.sleep(3)
        assert (gateway.cancels, len(gateway.open), len(market.loans)) == (400, 0, 0)


async def test_answer_does_not_wait_for_the_end_of_looks(autojump_clock: MockClock) -> None:
    gateway = Gateway(ends=0.9)
    async with looking(gateway) as (chains, _):
        _, seconds = await look(chains, 20)
        assert seconds < 0.3


async def test_options_without_an_answer_hold_up_no_other(autojump_clock: MockClock) -> None:
    gateway = Gateway(silent=20)
    async with looking(gateway) as (chains, _):
        legs, seconds = await look(chains, 400)
        assert seconds < PACE + 6, "four seconds for the last one that is silent"
        assert [leg.problem for leg in legs if leg.problem] == [NoMarketData.code] * 20


@pytest.mark.parametrize("lines", [1, 5, 20])
async def test_few_lines_suffice(lines: int, autojump_clock: MockClock) -> None:
    gateway = Gateway(ends=11.0)
    async with looking(gateway, lines=lines) as (chains, _):
        legs, seconds = await look(chains, 40)
        assert not [leg for leg in legs if leg.problem]
        assert gateway.most_open <= lines
        assert seconds < TOTAL / 2


async def test_no_line_is_a_refusal_at_once(autojump_clock: MockClock) -> None:
    gateway = Gateway()
    async with looking(gateway, lines=10) as (chains, market), market.borrowed(10, caller="other"):
        begun = trio.current_time()
        with pytest.raises(NoFreeLine):
            await look(chains, 400)
        assert trio.current_time() - begun < 1


async def test_lines_that_come_free_meanwhile_are_used(autojump_clock: MockClock) -> None:
    gateway = Gateway(ends=11.0)
    async with looking(gateway, lines=41) as (chains, market), trio.open_nursery() as nursery:
        async with market.borrowed(40, caller="other"):
            nursery.start_soon(look, chains, 100)
            await trio.sleep(1)
            assert gateway.most_open == 1
        await trio.sleep(2)
        assert gateway.most_open > 20


async def test_break_of_the_session_refuses_all_of_it(autojump_clock: MockClock) -> None:
    gateway = Gateway()
    async with looking(gateway) as (chains, market), trio.open_nursery() as nursery:

        async def ask() -> None:
            with pytest.raises(GatewayDisconnected):
                await look(chains, 400)

        nursery.start_soon(ask)
        await trio.sleep(2)
        gateway.sessions.publish(SessionStatus(phase=SessionPhase.UP, epoch=2, since=now()))
        await wait_all_tasks_blocked()
        assert not market.loans


async def test_option_that_is_interrupted_says_so_though_ticks_came_in_the_same_packet(autojump_clock: MockClock) -> None:
    gateway = Gateway(silent=1)
    async with looking(gateway) as (chains, _), trio.open_nursery() as nursery:
        answers: list[Any] = []

        async def ask() -> None:
            answers.append(await look(chains, 2))

        nursery.start_soon(ask)
        await trio.sleep(1)
        first, second = gateway.open.values()
        first.price(1, 10.0, 1.0)
        first.interrupt(GatewayDisconnected("2103"))
        first.packet_done(1_700_000_000.0)
        second.price(1, 10.0, 1.0)
        second.packet_done(1_700_000_000.0)
    ((legs, _seconds),) = answers
    assert [(leg.bid, leg.problem) for leg in legs] == [(None, GatewayDisconnected.code), (10.0, None)]
