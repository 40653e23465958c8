import gc
import itertools
from collections.abc import Iterator
from functools import partial

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs
from structlog.typing import EventDict
from trio.testing import MockClock, wait_all_tasks_blocked

from ibactors.errors import ActorDown, RestartLimit
from ibactors.inside.tracebacks import summary
from ibactors.kernel.mailbox import Mailbox
from ibactors.kernel.status import State
from ibactors.kernel.supervisor import RestartPolicy, open_supervisor
from tests.unit.worker import GENTLE, Broken, Do, Note, OtherNote, Worker, WorkerMessage, WorkerRef, answer, hand_to_child


@pytest.fixture(autouse=True)
def crashes() -> Iterator[list[EventDict]]:
    with capture_logs() as events:
        yield events


class ShortLived(WorkerRef):
    """Its incarnations serve for *life* seconds and then crash; `born` has their times of birth."""

    def __init__(self, life: float) -> None:
        super().__init__("mayfly")
        self.life = life
        self.born: list[float] = []

    def build(self) -> Worker:
        return Mayfly(self)


class Mayfly(Worker):
    def __init__(self, ref: ShortLived) -> None:
        super().__init__(ref)
        self._life, self._born = ref.life, ref.born

    async def run(self, mailbox: Mailbox[WorkerMessage, Note | OtherNote]) -> None:
        self._born.append(trio.current_time())
        with trio.move_on_after(self._life):
            await self.serve(mailbox)
        raise Broken("old age")


class Lone(Worker):
    has_children = False


def nurseries() -> int:
    """How many there are in this process."""
    gc.collect()
    return sum(type(known) is trio.Nursery for known in gc.get_objects())


def gaps(times: list[float]) -> list[float]:
    return [later - earlier for earlier, later in itertools.pairwise(times)]


async def test_pauses_double_up_to_the_ceiling(autojump_clock: MockClock) -> None:
    ref = ShortLived(life=0)
    async with open_supervisor() as supervisor:
        await supervisor.start(ref, ref.build, RestartPolicy(initial=1, ceiling=8, jitter=0, max_restarts=None, window=3600))
        await trio.sleep(1 + 2 + 4 + 8 + 8 + 0.5)
    assert gaps(ref.born) == pytest.approx([1, 2, 4, 8, 8])


async def test_pauses_are_short_again_when_failures_have_left_the_window(autojump_clock: MockClock) -> None:
    ref = ShortLived(life=0)
    async with open_supervisor() as supervisor:
        await supervisor.start(ref, ref.build, RestartPolicy(initial=1, jitter=0, max_restarts=None, window=60))
        await trio.sleep(1 + 2 + 0.5)  # three failures, at 0, 1 and 3 s; the fourth is to come at 7 s
        ref.life = 100
        await trio.sleep(3.5 + 100 + 1.5)
    assert gaps(ref.born) == pytest.approx([1, 2, 4, 100 + 1])


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_jitter_only_adds_and_only_its_share(failures: int, jitter: float) -> None:
    policy = RestartPolicy(initial=0.1, ceiling=30, jitter=jitter)
    base = RestartPolicy(initial=0.1, ceiling=30, jitter=0).delay(failures)
    assert 0.1 <= base <= 30
    assert base <= policy.delay(failures) <= base * (1 + jitter)


async def test_one_failure_more_than_allowed_within_the_window_ends_the_supervisor(autojump_clock: MockClock) -> None:
    ref = ShortLived(life=0)
    with pytest.RaisesGroup(pytest.RaisesExc(RestartLimit, match=r"'mayfly' failed 4 times within 60 s; .*Broken: old age")) as caught:
        async with open_supervisor() as supervisor:
            await supervisor.start(ref, ref.build, RestartPolicy(initial=1, jitter=0, max_restarts=3, window=60))
            await trio.sleep_forever()
    cause = caught.value.exceptions[0].__cause__
    assert cause is not None
    assert summary(cause) == "Broken: old age"
    assert gaps(ref.born) == pytest.approx([1, 2, 4])
    assert ref.status.state is State.STOPPED
    assert ref.status.restarts == 3


async def test_failures_further_apart_than_the_window_never_end_the_supervisor(autojump_clock: MockClock) -> None:
    # Every 31 s a failure, so that never more than two of them are within 60 s.
    ref = ShortLived(life=30)
    async with open_supervisor() as supervisor:
        await supervisor.start(ref, ref.build, RestartPolicy(initial=1, ceiling=1, jitter=0, max_restarts=2, window=60))
        await trio.sleep(31 * 100 - 0.5)
    assert len(ref.born) == 100


async def test_actor_without_a_limit_never_ends_the_supervisor(autojump_clock: MockClock) -> None:
    ref = ShortLived(life=0)
    async with open_supervisor() as supervisor:
        await supervisor.start(ref, ref.build, RestartPolicy(initial=0.1, ceiling=0.1, jitter=0, max_restarts=None))
        await trio.sleep(99.95)
    assert len(ref.born) == 1000


async def test_each_crash_is_logged_once_with_actor_and_pause(crashes: list[EventDict], autojump_clock: MockClock) -> None:
    ref = ShortLived(life=0)
    async with open_supervisor() as supervisor:
        await supervisor.start(ref, ref.build, RestartPolicy(initial=1, jitter=0))
        await trio.sleep(3.5)
    assert [(event["event"], event["log_level"], event["actor"], event["restart"], event["delay_s"]) for event in crashes] == [
        ("actor_crashed", "error", "mayfly", 1, 1.0),
        ("actor_crashed", "error", "mayfly", 2, 2.0),
        ("actor_crashed", "error", "mayfly", 3, 4.0),
    ]
    assert all("Broken('old age')" in repr(event["exc_info"]) for event in crashes)


async def test_stop_is_final_even_while_backing_off(autojump_clock: MockClock) -> None:
    running, resting = ShortLived(life=1000), ShortLived(life=0)
    resting.name = "resting"
    async with open_supervisor() as supervisor:
        for ref in (running, resting):
            await supervisor.start(ref, ref.build, GENTLE)
        await wait_all_tasks_blocked()
        assert [ref.status.state for ref in (running, resting)] == [State.RUNNING, State.BACKOFF]
        for ref in (running, resting):
            supervisor.stop(ref, reason="the test wants it")
        await trio.sleep(100)
        assert [ref.status.state for ref in (running, resting)] == [State.STOPPED, State.STOPPED]
        assert [len(ref.born) for ref in (running, resting)] == [1, 1]
        with pytest.raises(ActorDown):
            running.tell(Note(text="x"))


async def test_supervisor_lists_what_runs_or_will_run_again(autojump_clock: MockClock) -> None:
    stable, crashing, stopped = WorkerRef("stable"), ShortLived(life=0), WorkerRef("stopped")
    async with open_supervisor() as supervisor:
        for ref in (stable, crashing, stopped):
            await supervisor.start(ref, ref.build, GENTLE)
        await wait_all_tasks_blocked()
        assert list(supervisor) == [stable, crashing, stopped]
        supervisor.stop(stopped, reason="the test wants it")
        supervisor.stop(WorkerRef("stable"), reason="not the one that runs")
        await wait_all_tasks_blocked()
        assert list(supervisor) == [stable, crashing]
        assert await stable.do(answer("alive")) == "alive"
    assert list(supervisor) == []
    assert stable.status.state is State.STOPPED


async def test_stopped_actor_can_be_started_again_behind_the_same_ref(autojump_clock: MockClock) -> None:
    ref = WorkerRef()
    async with open_supervisor() as supervisor:
        await supervisor.start(ref, ref.build)
        supervisor.stop(ref, reason="the test wants it")
        await wait_all_tasks_blocked()
        await supervisor.start(ref, ref.build)
        assert await ref.do(answer("again")) == "again"
        assert ref.status.incarnation == 2


async def test_ref_that_still_runs_is_not_started_a_second_time(autojump_clock: MockClock) -> None:
    ref = WorkerRef()
    async with open_supervisor() as supervisor:
        await supervisor.start(ref, ref.build)
        with pytest.raises(ValueError, match="runs already"):
            await supervisor.start(ref, ref.build)
        supervisor.stop(ref, reason="the test wants it")
        with pytest.raises(ValueError, match="runs already"):
            await supervisor.start(ref, ref.build)
        await wait_all_tasks_blocked()
        await supervisor.start(ref, ref.build)
        assert await ref.do(answer("again")) == "again"


async def test_successor_of_the_same_name_outlives_the_end_of_its_predecessor(autojump_clock: MockClock) -> None:
    old, new = WorkerRef("symbol:AAPL"), WorkerRef("symbol:AAPL")
    async with open_supervisor() as supervisor:
        await supervisor.start(old, old.build)
        supervisor.stop(old, reason="the test wants it")
        await supervisor.start(new, new.build)
        await wait_all_tasks_blocked()
        assert list(supervisor) == [new]
        supervisor.stop(old, reason="it has ended already")
        assert await new.do(answer("here")) == "here"


async def test_actor_without_children_keeps_no_nursery_nor_the_one_that_it_was_started_in(autojump_clock: MockClock) -> None:
    async with open_supervisor() as supervisor:
        before = nurseries()
        for number in range(3):
            ref = WorkerRef(f"lone:{number}")
            await supervisor.start(ref, partial(Lone, ref))
        assert nurseries() == before


async def test_crash_of_one_actor_touches_no_other(autojump_clock: MockClock) -> None:
    mayfly, other = ShortLived(life=0.5), WorkerRef("other")
    async with open_supervisor() as supervisor:
        await supervisor.start(other, other.build)
        await supervisor.start(mayfly, mayfly.build, GENTLE)
        await trio.sleep(100)
        assert mayfly.status.restarts > 50
        assert (other.status.incarnation, other.status.state) == (1, State.RUNNING)


async def test_start_returns_when_the_first_incarnation_cannot_be_built(autojump_clock: MockClock) -> None:
    ref = WorkerRef()
    failures = iter([Broken("no luck at first")])

    def build() -> Worker:
        for failure in failures:
            raise failure
        return ref.build()

    async with open_supervisor() as supervisor:
        with trio.fail_after(60):
            await supervisor.start(ref, build, GENTLE)
        with pytest.raises(ActorDown):
            await ref.do(answer("in between"))
        await trio.sleep(10)
        assert await ref.do(answer("second try")) == "second try"


async def test_error_in_the_cleanup_of_a_stopped_actor_touches_no_other(crashes: list[EventDict], autojump_clock: MockClock) -> None:
    async def die_badly(_msg: Do) -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise Broken("in cleanup")

    clumsy, other = WorkerRef("clumsy"), WorkerRef("other")
    async with open_supervisor() as supervisor:
        await supervisor.start(clumsy, clumsy.build, GENTLE)
        await supervisor.start(other, other.build)
        with trio.move_on_after(1):
            await clumsy.do(hand_to_child(die_badly))
        supervisor.stop(clumsy, reason="the test wants it")
        await wait_all_tasks_blocked()
        assert await other.do(answer("alive")) == "alive"
        assert list(supervisor) == [other]
    assert [event["actor"] for event in crashes] == ["clumsy"]


def test_summary_of_a_group_names_every_leaf() -> None:
    group = ExceptionGroup("outer", [Broken("one"), ExceptionGroup("inner", [KeyError("two"), OSError(5, "three")])])
    assert summary(group) == "Broken: one; KeyError: 'two'; OSError: [Errno 5] three"


async def test_actors_of_one_name_are_two(autojump_clock: MockClock) -> None:
    first, second = WorkerRef("twin"), WorkerRef("twin")
    async with open_supervisor() as supervisor:
        for ref in (first, second):
            await supervisor.start(ref, ref.build, GENTLE)
        supervisor.stop(first, reason="the test wants it")
        await wait_all_tasks_blocked()
        assert (first.status.state, second.status.state) == (State.STOPPED, State.RUNNING)
        assert list(supervisor) == [second]
