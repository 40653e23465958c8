# autojump_clock acts by being asked for
"""A pool of actors: started when wanted, retired when idle, never more than the budget."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Never

import pytest
import trio
from structlog.testing import capture_logs
from trio.testing import MockClock, wait_all_tasks_blocked

from ibactors.kernel.actor import Actor
from ibactors.kernel.pool import JUST_TOUCHED, MOST_CLAIMS, RESTING, MemberRef, Pool
from ibactors.kernel.supervisor import Supervisor, open_supervisor

IDLE = 60.0


@pytest.fixture(autouse=True)
def logged() -> Iterator[None]:
    with capture_logs():
        yield


class Fish(MemberRef[str, Never]):
    def __init__(self, key: str) -> None:
        super().__init__(f"fish:{key}", key)
        self.fed = self.dead = False

    @property
    def wanted(self) -> bool:
        return self.fed

    @property
    def over(self) -> bool:
        return self.dead


class Swimming(Actor[str, Never]):
    async def handle(self, msg: str) -> None:
        raise RuntimeError(msg)


class Pond:
    def __init__(self, supervisor: Supervisor, *, budget: int, reserve: int, share: int, fraction: float) -> None:
        self.members: dict[str, Fish] = {}
        self.stopped: list[tuple[str, str]] = []
        self.lent: dict[str, int] = {}
        self.supervisor = supervisor
        self.pool = self.another(budget=budget, reserve=reserve, share=share, fraction=fraction)

    def another(self, *, budget: int, reserve: int, share: int = 99, fraction: float = 1.0) -> Pool[Fish]:
        return Pool(
            self.supervisor,
            self.members,
            lambda ref: lambda: Swimming(ref),
            budget=budget,
            reserve=reserve,
            share=share,
            fraction=fraction,
            idle_seconds=IDLE,
            stopped=lambda ref, why: self.stopped.append((ref.name, why)),
            lent=lambda: self.lent,
        )

    async def get(self, key: str, holder: str = "us", *, privileged: bool = True) -> Fish | None:
        return await self.pool.get(partial(Fish, key), key, holder=holder, privileged=privileged)

    async def running(self) -> list[str]:
        await wait_all_tasks_blocked()
        return sorted(ref.name for ref in self.supervisor)


@asynccontextmanager
async def pond(*, budget: int = 2, reserve: int = 0, share: int = 99, fraction: float = 1.0) -> AsyncIterator[Pond]:
    async with open_supervisor() as supervisor:
        yield Pond(supervisor, budget=budget, reserve=reserve, share=share, fraction=fraction)


async def test_member_is_started_when_wanted_and_found_again(autojump_clock: MockClock) -> None:
    async with pond() as there:
        assert await there.get("a") is await there.get("a")
        assert await there.running() == ["fish:a"]


async def test_idle_member_is_retired_and_one_that_is_wanted_is_not(autojump_clock: MockClock) -> None:
    async with pond() as there:
        a, b = await there.get("a"), await there.get("b")
        assert a is not None
        assert b is not None
        b.fed = True
        await trio.sleep(IDLE - 1)
        there.pool.retire(a)
        assert there.stopped == []
        await trio.sleep(1)
        there.pool.retire(a)
        there.pool.retire(b)
        assert there.stopped == [("fish:a", "idle")]
        assert await there.running() == ["fish:b"]
        b.fed = False
        await trio.sleep(IDLE - 1)
        there.pool.retire(b)
        assert await there.running() == ["fish:b"], "idle from when it was wanted last"


async def test_member_that_is_over_is_retired_at_once(autojump_clock: MockClock) -> None:
    async with pond() as there:
        a = await there.get("a")
        assert a is not None
        a.dead = a.fed = True
        there.pool.retire(a)
        assert there.stopped == [("fish:a", "over")]


async def test_whoever_is_idle_longest_gives_way_and_nobody_who_is_wanted(autojump_clock: MockClock) -> None:
    async with pond() as there:
        a = await there.get("a")
        await trio.sleep(5)
        await there.get("b")
        assert await there.get("c") is not None
        assert there.stopped == [("fish:a", "evicted")]
        assert await there.get("d") is None, "both were touched in this second"
        await trio.sleep(JUST_TOUCHED + 0.1)
        for ref in there.members.values():
            ref.fed = True
        assert await there.get("d") is None
        there.members["b"].dead = True
        assert await there.get("d") is not None
        assert await there.running() == ["fish:b", "fish:c", "fish:d"], "what is over takes no place"
        assert a is not None
        there.pool.retire(a)
        assert len(there.stopped) == 1, "one that was stopped already is not stopped again"


async def test_reserve_is_for_the_privileged(autojump_clock: MockClock) -> None:
    async with pond(budget=3, reserve=1) as there:
        for key in "ab":
            assert await there.get(key, privileged=False) is not None
        assert await there.get("c", privileged=False) is None
        assert await there.get("a", privileged=False) is there.members["a"], "what runs needs no room"
        assert await there.get("c", privileged=True) is not None
        assert await there.get("d", privileged=True) is None


async def test_budget_holds_while_members_are_being_started(autojump_clock: MockClock) -> None:
    async with pond(budget=2) as there, trio.open_nursery() as nursery:
        for key in "abcdef":
            nursery.start_soon(there.get, key)
        await wait_all_tasks_blocked()
        assert len(there.members) == len(await there.running()) == 2


async def test_old_one_of_a_name_does_not_end_its_successor(autojump_clock: MockClock) -> None:
    async with pond(budget=1) as there:
        old = await there.get("a")
        await trio.sleep(IDLE)
        await there.get("b")
        await trio.sleep(IDLE)
        new = await there.get("a")
        assert old is not None
        there.pool.retire(old)
        assert there.members == {"a": new}
        assert await there.running() == ["fish:a"]


async def test_next_owner_takes_over_what_runs_and_members_outlive_their_crashes(autojump_clock: MockClock) -> None:
    async with pond() as there:
        a = await there.get("a")
        assert a is not None
        for _ in range(20):
            await trio.sleep(60)
            a.tell("crash")
            await wait_all_tasks_blocked()
        assert a.status.restarts == 20
        there.members.clear()
        there.another(budget=1, reserve=0).adopt(Fish)
        assert there.members == {"a": a}


async def test_holder_has_a_share_and_the_rest_is_for_others(autojump_clock: MockClock) -> None:
    async with pond(budget=4, share=3) as there:
        for key in "abc":
            assert await there.get(key, "greedy") is not None
        for key in "def":
            assert await there.get(key, "greedy") is None
        assert await there.get("d", "modest") is not None
        assert await there.get("d", "greedy") is None, "what another has started counts as well"
        assert await there.get("a", "modest") is there.members["a"]


async def test_no_two_holders_have_all_as_each_leaves_a_part_of_what_the_others_leave(autojump_clock: MockClock) -> None:
    async with pond(budget=100, share=80, fraction=0.8) as there:

        async def most(holder: str) -> int:
            got = 0
            while await there.get(f"{holder}{got}", holder) is not None:
                got += 1
            return got

        assert there.pool.spare(99, holder="one") == 80, "alone it has its share"
        assert [await most(holder) for holder in ("one", "two", "three", "four", "five")] == [80, 16, 3, 1, 0]
        assert there.pool.spare(1, holder="five") == 0


async def test_what_is_lent_counts_as_what_is_held(autojump_clock: MockClock) -> None:
    async with pond(budget=20, share=16, fraction=0.8) as there:
        there.lent = {"one": 10}
        assert there.pool.spare(20, holder="two") == 8
        there.lent = {"one": 10, "two": 8}
        assert there.pool.spare(20, holder="two") == 0
        assert await there.get("a", "two") is None
        assert await there.get("a", "three") is not None


async def test_own_idle_one_gives_way_where_no_more_is_left(autojump_clock: MockClock) -> None:
    async with pond(budget=4, share=3, fraction=0.5) as there:
        for key in "abc":
            assert await there.get(key, "one") is not None
        assert await there.get("d", "two") is not None
        await trio.sleep(IDLE / 2)
        assert await there.get("e", "two") is not None
        assert len(there.members) == 4


async def test_share_holds_while_members_are_being_started(autojump_clock: MockClock) -> None:
    async with pond(budget=9, share=3) as there, trio.open_nursery() as nursery:
        for key in "abcdef":
            nursery.start_soon(there.get, key, "greedy")
        await wait_all_tasks_blocked()
        assert len(there.members) == 3


async def test_holder_at_its_share_gives_up_its_own_and_nobody_elses(autojump_clock: MockClock) -> None:
    async with pond(budget=9, share=2) as there:
        await there.get("theirs", "modest")
        await there.get("a", "greedy")
        await trio.sleep(JUST_TOUCHED + 1)
        await there.get("b", "greedy")
        assert await there.get("c", "greedy") is not None
        assert there.stopped == [("fish:a", "evicted")]
        with there.members["b"].held("greedy"), there.members["c"].held("greedy"):
            await trio.sleep(IDLE)
            assert await there.get("d", "greedy") is None
        assert sorted(there.members) == ["b", "c", "theirs"]


async def test_holder_at_its_share_gives_up_first_what_others_keep(autojump_clock: MockClock) -> None:
    async with pond(budget=9, share=2) as there:
        await there.get("a", "greedy")
        await there.get("b", "greedy")
        await there.get("b", "modest")
        await trio.sleep(JUST_TOUCHED + 1)
        assert await there.get("c", "greedy") is not None
        assert sorted(there.members) == ["a", "b", "c"]
        assert list(there.members["b"].claims) == ["modest"]


async def test_whoever_holds_most_gives_way_and_not_who_holds_fewer(autojump_clock: MockClock) -> None:
    async with pond(budget=4, share=3) as there:
        await there.get("theirs", "modest")
        for key in "abc":
            await trio.sleep(JUST_TOUCHED + 1)
            await there.get(key, "greedy")
        await trio.sleep(JUST_TOUCHED + 1)
        await there.get("d", "third")
        assert there.stopped == [("fish:a", "evicted")], "not the one that was idle longest"
        there.members["b"].fed = there.members["c"].fed = there.members["d"].fed = True
        await trio.sleep(JUST_TOUCHED + 1)
        assert await there.get("e", "greedy") is None, "who polls every few seconds keeps his"
        await trio.sleep(RESTING)
        assert await there.get("e", "greedy") is not None
        assert there.stopped[1:] == [("fish:theirs", "evicted")]


async def test_those_that_are_over_take_no_place_and_are_bounded(autojump_clock: MockClock) -> None:
    async with pond(budget=3, share=2) as there:
        for number in range(20):
            ref = await there.get(f"unknown {number}", "greedy")
            assert ref is not None
            ref.dead = True
        assert len(there.members) <= 2 * 3
        assert await there.get("unknown 19", "modest") is there.members["unknown 19"], "so that nobody asks again"
        assert there.pool.held_by("greedy") == []
        assert await there.get("a", "greedy") is not None
        assert await there.get("b", "greedy") is not None
        assert await there.get("c", "modest") is not None
        assert await there.get("d", "modest") is None


async def test_claims_of_one_member_are_bounded(autojump_clock: MockClock) -> None:
    async with pond() as there:
        for number in range(10 * MOST_CLAIMS):
            await there.get("a", f"at 192.0.2.{number}")
            await trio.sleep(JUST_TOUCHED)
        assert len(there.members["a"].claims) <= MOST_CLAIMS


async def test_uses_go_on_with_the_member_that_another_turned_out_to_be(autojump_clock: MockClock) -> None:
    async with pond(budget=9, share=2) as there:
        name, other = await there.get("name", "greedy"), await there.get("other", "greedy")
        assert name is not None
        assert other is not None
        with name.held("modest"), other.held("greedy"):
            with name.held("greedy"):
                other.take_over(name)
                name.dead = True
                assert sorted(other.claims) == ["greedy", "modest"]
                assert await there.get("a", "greedy") is not None, "two names of one thing count once"
            await trio.sleep(IDLE)
            assert not other.claims["modest"].resting
        with name.held("greedy"):
            other.take_over(name)
            await trio.sleep(IDLE)
            assert not other.claims["greedy"].resting
        await trio.sleep(IDLE)
        assert other.claims["greedy"].resting
        assert other.claims["modest"].resting


async def test_what_is_lent_takes_room_and_idle_ones_give_way_to_it(autojump_clock: MockClock) -> None:
    async with pond() as there:
        there.pool = there.another(budget=5, reserve=1)
        await there.get("a")
        await there.get("b")
        assert there.pool.spare(20, holder="chain") == 2  # nobody is idle yet
        await trio.sleep(IDLE)
        assert there.pool.spare(20, holder="chain") == 4
        assert [why for _, why in there.stopped] == ["evicted", "evicted"]
        there.lent["chain"] = 4
        assert there.pool.spare(1, holder="chain") == 0
        assert await there.get("c", privileged=False) is None
        there.lent.clear()
        assert await there.get("c", privileged=False) is not None


async def test_what_is_lent_counts_in_its_holders_share(autojump_clock: MockClock) -> None:
    async with pond(budget=10, share=3) as there:
        there.lent["greedy"] = 2
        assert there.pool.spare(20, holder="greedy") == 1
        assert there.pool.spare(20, holder="modest") == 3
        assert await there.get("a", "greedy") is not None
        assert await there.get("b", "greedy") is None
