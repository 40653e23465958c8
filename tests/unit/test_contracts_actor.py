"""What is asked about contracts: once for all, kept for its time, never more than its bounds."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
import trio
from structlog.testing import capture_logs
from trio.testing import MockClock, wait_all_tasks_blocked

from ibactors.actors import contracts_actor
from ibactors.actors.connection import ConnectionRef
from ibactors.actors.contracts import DAY, HOUR, ContractsRef
from ibactors.actors.contracts_actor import UNKNOWN_LIFETIME, Cache, contracts_builder
from ibactors.bridge.requests import RequestSpec
from ibactors.errors import ActorDown, ContractNotFound, GatewayDisconnected
from ibactors.kernel.supervisor import open_supervisor
from ibactors.model.contracts import FoundContract
from ibactors.model.instruments import Instrument

ISSUER = FoundContract(
    con_id=None, symbol=None, sec_type="BOND", primary_exchange=None, currency=None, description=None, issuer_id="e1", derivatives=()
)


class Gateway(ConnectionRef):
    """A session that answers each request after a second."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, float]] = []
        self.cancelled = 0
        self.error: Exception | None = None

    async def request(self, spec: RequestSpec[Any]) -> tuple[Any, ...]:
        self.asked.append((spec.to, trio.current_time()))
        try:
            await trio.sleep(0.1)
        except trio.Cancelled:
            self.cancelled += 1
            raise
        if self.error:
            raise self.error
        return ((ISSUER,),)


@asynccontextmanager
async def running() -> AsyncIterator[tuple[ContractsRef, Gateway]]:
    gateway, ref = Gateway(), ContractsRef()
    with capture_logs():
        async with open_supervisor() as supervisor:
            await supervisor.start(ref, contracts_builder(ref, gateway))
            yield ref, gateway


async def test_equal_searches_are_one_and_are_kept_for_an_hour(autojump_clock: MockClock) -> None:
    async with running() as (ref, gateway):
        async with trio.open_nursery() as nursery:
            for text in ("ibm", "IBM", "Ibm"):
                nursery.start_soon(partial(ref.search, text, caller="a"))
        assert await ref.search("IBM", caller="b") == (ISSUER,)
        assert len(gateway.asked) == 1
        await trio.sleep(HOUR + 1)
        await ref.search("IBM", caller="b")
        assert len(gateway.asked) == 2


async def test_callers_search_in_turns_a_second_apart(autojump_clock: MockClock) -> None:
    async with running() as (ref, gateway):
        async with trio.open_nursery() as nursery:
            for number in range(4):
                nursery.start_soon(partial(ref.search, f"G{number}", caller="greedy"))
            await wait_all_tasks_blocked()
            nursery.start_soon(partial(ref.search, "modest", caller="modest"))
        times = [when for _, when in gateway.asked]
        assert all(later - earlier >= 1 for earlier, later in pairwise(times))
        assert [to for to, _ in gateway.asked].index("search for 'modest'") <= 2


async def test_what_is_not_known_is_kept_for_a_moment_and_a_break_is_not(autojump_clock: MockClock) -> None:
    async with running() as (ref, gateway):
        gateway.error = ContractNotFound("no")
        for _ in range(3):
            with pytest.raises(ContractNotFound):
                await ref.contract(1, caller="a")
        assert len(gateway.asked) == 1
        await trio.sleep(UNKNOWN_LIFETIME + 1)
        gateway.error = GatewayDisconnected("gone")
        for _ in range(2):
            with pytest.raises(GatewayDisconnected):
                await ref.contract(1, caller="a")
        assert len(gateway.asked) == 3


async def test_question_of_a_caller_who_left_is_withdrawn(autojump_clock: MockClock) -> None:
    async with running() as (ref, gateway):
        with trio.move_on_after(0.05):
            await ref.details(Instrument(symbol="SPX"), caller="a")
        await wait_all_tasks_blocked()
        assert gateway.cancelled == 1


async def test_crash_in_the_middle_leaves_no_caller_hanging(autojump_clock: MockClock) -> None:
    async with running() as (ref, gateway):
        gateway.error = RuntimeError("a bug")
        with pytest.raises(ActorDown):
            await ref.contract(1, caller="a")
        gateway.error = None
        await trio.sleep(5)
        assert await ref.search("IBM", caller="a") == (ISSUER,)


def test_cache_is_bounded_in_rows_and_drops_what_was_used_longest_ago() -> None:
    async def fill() -> None:
        cache = Cache(10)
        cache.put("a", (1, 2, 3), DAY)
        cache.put("b", (1, 2, 3), DAY)
        assert cache.get("a") == (1, 2, 3)
        cache.put("c", (1, 2), DAY)
        assert (cache.get("a"), cache.get("b"), cache.get("c")) == ((1, 2, 3), None, (1, 2))
        cache.put("d", tuple(range(100)), DAY)
        assert (cache.get("d"), cache.weight) == (None, 0)
        for number in range(1000):
            cache.put(number, ContractNotFound("no"), DAY)
        assert cache.weight == 10

    trio.run(fill)
    assert contracts_actor.MOST_ROWS > 0
