"""IB's rules for small bars, as a set of rules and as turns between callers."""

from collections import deque

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from ibactors.actors.history_turns import OPEN, Turn, Turns
from ibactors.history.pacing import Pacing, Ration
from ibactors.sim.pacing import Pacing as Judge


def ration(number: int, subject: str = "AAPL", weight: int = 1) -> Ration:
    return Ration(question=(subject, number), subject=subject, weight=weight)


QUESTIONS = st.tuples(st.integers(0, 3), st.sampled_from(["AAPL", "MSFT", "ES"]), st.integers(1, 2))


@given(st.lists(st.tuples(QUESTIONS, st.floats(0, 20), st.floats(0, 1)), max_size=200))
def test_ib_never_counts_a_violation_whenever_requests_reach_it(asked: list[tuple[tuple[int, str, int], float, float]]) -> None:
    """Each takes some seconds, and IB counts it somewhere between its beginning and its end."""
    pacing, judge, now = Pacing(), Judge(), 0.0
    reached: list[tuple[float, Ration]] = []
    for (number, subject, weight), takes, when in asked:
        one = ration(number, subject, weight)
        now += pacing.wait(now, one) + 0.001
        while pacing.wait(now, one) > 0:
            now += pacing.wait(now, one) + 0.001
        counted = pacing.begin(one)
        reached.append((now + takes * when, one))
        now += takes
        pacing.end(now, counted)
    for at, one in sorted(reached, key=lambda row: row[0]):
        judge.breaks(at, question=one.question, subject=one.subject, weight=one.weight)
    assert not judge.violations


@pytest.mark.parametrize(("used", "more", "seconds"), [(0, 60, 0.0), (60, 1, 600.5), (60, 60, 600.5), (60, 61, 1201.0), (30, 31, 600.5)])
def test_forecast_is_when_the_window_allows(used: int, more: int, seconds: float) -> None:
    pacing = Pacing()
    for number in range(used):
        pacing.end(0.0, pacing.begin(ration(number)))
    assert pacing.forecast(0.0, more) == seconds


def test_after_a_complaint_of_ibs_nothing_is_asked_for_a_while() -> None:
    pacing = Pacing()
    pacing.rest(15.0)
    assert pacing.wait(5.0, ration(1)) == 10.0
    assert pacing.forecast(5.0, 1) == 10.0
    assert pacing.wait(15.0, ration(1)) == 0.0


async def take(turns: Turns, caller: str, one: Ration | None, log: deque[str], release: trio.Event) -> None:
    async with turns.taken(Turn(caller=caller, ration=one)):
        log.append(caller)
        await release.wait()


async def test_callers_take_turns_and_six_are_open_at_a_time(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    turns, log, release = Turns(Pacing()), deque[str](), trio.Event()
    nursery.start_soon(turns.run)
    for _ in range(20):
        nursery.start_soon(take, turns, "greedy", None, log, release)
    await wait_all_tasks_blocked()
    for _ in range(2):
        nursery.start_soon(take, turns, "modest", None, log, release)
    await wait_all_tasks_blocked()
    assert list(log) == ["greedy"] * OPEN
    release.set()
    await wait_all_tasks_blocked()
    assert list(log)[OPEN : 2 * OPEN].count("modest") == 2
    assert len(log) == 22
    nursery.cancel_scope.cancel()


async def test_what_ib_rations_holds_up_nothing_else(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    turns, log, release = Turns(Pacing()), deque[str](), trio.Event()
    release.set()
    nursery.start_soon(turns.run)
    for number in range(70):
        nursery.start_soon(take, turns, "small", ration(number, f"S{number}"), log, release)
    nursery.start_soon(take, turns, "large", None, log, release)
    await wait_all_tasks_blocked()
    assert log.count("small") == 60
    assert log.count("large") == 1
    assert turns.forecast(Turn(caller="other", ration=ration(1))) == pytest.approx(600.5, abs=1)
    await trio.sleep(601)
    assert log.count("small") == 70
    nursery.cancel_scope.cancel()


async def test_turn_that_nobody_waits_for_is_given_back(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    turns, log, release = Turns(Pacing()), deque[str](), trio.Event()
    nursery.start_soon(turns.run)
    async with trio.open_nursery() as leavers:
        for _ in range(OPEN + 3):
            leavers.start_soon(take, turns, "leaver", None, log, release)
        await wait_all_tasks_blocked()
        assert turns.waiting == 3
        leavers.cancel_scope.cancel()
    assert turns.waiting == 0
    release.set()
    for _ in range(OPEN):
        nursery.start_soon(take, turns, "next", None, log, release)
    await wait_all_tasks_blocked()
    assert log.count("next") == OPEN
    nursery.cancel_scope.cancel()
