import traceback
from collections.abc import Iterator

import pytest
import trio
from structlog.testing import capture_logs
from structlog.typing import EventDict
from trio.testing import MockClock, wait_all_tasks_blocked

from ibactors.errors import ActorDown, AskTimeout, InvalidRequest, MailboxFull
from ibactors.kernel.status import State
from tests.unit.worker import (
    Broken,
    Call,
    Do,
    Note,
    Worker,
    WorkerRef,
    answer,
    crash,
    defer,
    forget,
    hand_to_child,
    hold,
    open_bench,
    refuse,
)


@pytest.fixture(autouse=True)
def crashes() -> Iterator[list[EventDict]]:
    with capture_logs() as events:
        yield events


def started_of(call: Call) -> bool:
    assert isinstance(call.error, ActorDown), call.error
    return call.error.started


# how an ask ends while the actor lives


async def test_ask_returns_the_answer(autojump_clock: MockClock) -> None:
    async with open_bench() as bench:
        assert await bench.ref.do(answer(42)) == 42
        assert bench.ref.open_asks == 0
        assert bench.ref.status.handled == 1


async def test_refusal_reaches_the_caller_and_is_not_a_crash(autojump_clock: MockClock) -> None:
    async with open_bench() as bench:
        with pytest.raises(InvalidRequest, match="no good"):
            await bench.ref.do(refuse(InvalidRequest("no good")))
        assert await bench.ref.do(answer("alive")) == "alive"
        assert bench.ref.status.incarnation == 1
        assert bench.ref.status.restarts == 0


async def test_first_answer_wins(autojump_clock: MockClock) -> None:
    async def answer_twice(_worker: Worker, msg: Do) -> None:
        await trio.lowlevel.checkpoint()
        msg.reply.send("first")
        msg.reply.send("second")
        msg.reply.fail(Broken("third"))

    async with open_bench() as bench:
        assert await bench.ref.do(answer_twice) == "first"


async def test_deferred_ask_is_answered_by_a_child_task_while_the_actor_serves_others(autojump_clock: MockClock) -> None:
    async def later(msg: Do) -> None:
        await trio.sleep(5)
        msg.reply.send("late")

    async with open_bench() as bench:
        slow = await bench.call(hand_to_child(later))
        assert await bench.ref.do(answer("quick")) == "quick"
        assert not slow.ended
        await trio.sleep(5.5)
        assert slow.result == "late"


async def test_one_refusal_given_to_many_callers_keeps_its_traceback_short(autojump_clock: MockClock) -> None:
    waiting: list[Do] = []

    async def wait(_worker: Worker, msg: Do) -> None:
        await defer(_worker, msg)
        waiting.append(msg)

    depths: list[int] = []

    async def caller(ref: WorkerRef) -> None:
        try:
            await ref.do(wait)
        except InvalidRequest as exc:
            depths.append(len(list(traceback.walk_tb(exc.__traceback__))))

    async with open_bench(WorkerRef(mailbox_size=20)) as bench:
        async with trio.open_nursery() as callers:
            for _ in range(10):
                callers.start_soon(caller, bench.ref)
            await wait_all_tasks_blocked()
            refusal = InvalidRequest("no such thing")
            for msg in waiting:
                msg.reply.fail(refusal)
        assert len(depths) == 10
        assert max(depths) == min(depths)


# how an ask ends with its incarnation


@pytest.mark.parametrize("end", ["crash", "stop", "cancel"])
async def test_every_open_ask_ends_with_the_incarnation_and_says_whether_it_was_begun(end: str, autojump_clock: MockClock) -> None:
    gate = trio.Event()
    async with open_bench() as bench:
        deferred = await bench.call(defer)
        in_flight = await bench.call(crash(gate))
        queued = [await bench.call(answer("too late")) for _ in range(3)]
        if end == "crash":
            gate.set()
            await wait_all_tasks_blocked()
        elif end == "stop":
            await bench.stop()
        else:
            await bench.cancel()
        assert started_of(deferred)
        assert started_of(in_flight)
        assert not any(started_of(call) for call in queued)
        assert bench.ref.seen == ["ask", "ask"]
        assert bench.ref.open_asks == 0


async def test_crash_of_a_child_task_ends_the_asks_of_all_others(autojump_clock: MockClock) -> None:
    async def fail(_msg: Do) -> None:
        await trio.sleep(1)
        raise Broken("in a child")

    async with open_bench() as bench:
        handed_over = await bench.call(hand_to_child(fail))
        busy = await bench.call(hold(trio.Event()))
        queued = await bench.call(answer("too late"))
        await trio.sleep(1.5)
        assert [started_of(call) for call in (handed_over, busy, queued)] == [True, True, False]


async def test_ask_left_unanswered_crashes_the_actor_and_still_ends(crashes: list[EventDict], autojump_clock: MockClock) -> None:
    async with open_bench() as bench:
        call = await bench.call(forget)
        assert started_of(call)
        assert bench.ref.status.state is State.BACKOFF
        assert "left without an answer" in str(bench.ref.status.last_error)
    assert [event["event"] for event in crashes] == ["actor_crashed"]


async def test_actor_that_is_down_refuses_at_once_and_nothing_was_begun(autojump_clock: MockClock) -> None:
    ref = WorkerRef()
    with pytest.raises(ActorDown) as never_started:
        await ref.do(answer("x"))
    assert not never_started.value.started
    with pytest.raises(ActorDown):
        ref.tell(Note(text="x"))
    async with open_bench(ref) as bench:
        await bench.call(crash())
        before = trio.current_time()
        with pytest.raises(ActorDown) as backing_off:
            await ref.do(answer("x"))
        assert not backing_off.value.started
        assert trio.current_time() == before
        await trio.sleep(1.5)  # GENTLE restarts after 1 s
        assert await ref.do(answer("back")) == "back"


async def test_answer_of_a_dead_incarnation_is_not_given_to_its_successor(autojump_clock: MockClock) -> None:
    kept: list[Do] = []

    async def keep(_worker: Worker, msg: Do) -> None:
        await defer(_worker, msg)
        kept.append(msg)

    async with open_bench() as bench:
        old = await bench.call(keep)
        await bench.call(crash())
        await trio.sleep(1.5)
        new = await bench.call(keep)
        kept[0].reply.send("from the grave")
        await wait_all_tasks_blocked()
        assert started_of(old)
        assert not new.ended


# limits


async def test_full_mailbox_refuses_asks_and_tells_and_keeps_those_it_has(autojump_clock: MockClock) -> None:
    gate = trio.Event()
    async with open_bench(WorkerRef(mailbox_size=2)) as bench:
        busy = await bench.call(hold(gate))
        waiting = [await bench.call(answer(number)) for number in range(2)]
        refused = await bench.call(answer("one too many"))
        assert isinstance(refused.error, MailboxFull)
        with pytest.raises(MailboxFull, match="2 messages wait"):
            bench.ref.tell(Note(text="x"))
        assert (bench.ref.waiting, bench.ref.peak) == (2, 2)
        gate.set()
        await wait_all_tasks_blocked()
        assert [busy.result, *(call.result for call in waiting)] == ["held", 0, 1]


async def test_ask_limit_ends_an_ask_whether_begun_or_not(autojump_clock: MockClock) -> None:
    async with open_bench() as bench:
        begun = await bench.call(hold(trio.Event()))
        queued = await bench.call(answer("x"))
        await trio.sleep(bench.ref.ask_limit - 0.1)
        assert not begun.ended
        await trio.sleep(0.2)
        assert isinstance(begun.error, AskTimeout)
        assert isinstance(queued.error, AskTimeout)
        assert (begun.error.started, queued.error.started) == (True, False)


async def test_request_that_its_caller_gave_up_is_skipped(autojump_clock: MockClock) -> None:
    gate = trio.Event()
    async with open_bench() as bench:
        await bench.call(hold(gate), "busy")
        with trio.move_on_after(2) as too_slow:
            await bench.ref.do(answer("x"), "given up by deadline")
        assert too_slow.cancelled_caught
        cancelled = await bench.call(answer("x"), "given up by cancel")
        cancelled.scope.cancel(reason="the test wants it")
        await wait_all_tasks_blocked()
        gate.set()
        assert await bench.ref.do(answer("y"), "wanted") == "y"
        assert bench.ref.seen == ["busy", "wanted"]
        assert bench.ref.open_asks == 0


async def test_crash_log_and_error_name_actor_and_message(crashes: list[EventDict], autojump_clock: MockClock) -> None:
    async with open_bench(WorkerRef("abacus")) as bench:
        await bench.call(crash(), "the last straw")
    notes = crashes[0]["exc_info"].exceptions[0].__notes__
    assert len(notes) == 1
    assert "'abacus'" in notes[0]
    assert "the last straw" in notes[0]
    assert "Reply" not in notes[0]


async def test_each_incarnation_is_a_fresh_object_behind_the_same_ref(autojump_clock: MockClock) -> None:
    async with open_bench() as bench:
        await bench.call(crash())
        await trio.sleep(1.5)
        await bench.call(crash())
        await trio.sleep(1.5)
        assert len({id(worker) for worker in bench.ref.made}) == 3
        assert bench.ref.status.incarnation == 3
        assert bench.ref.status.restarts == 2
        assert bench.ref.status.state is State.RUNNING


async def test_child_tasks_end_with_their_incarnation(autojump_clock: MockClock) -> None:
    alive: list[str] = []

    async def live(_msg: Do) -> None:
        alive.append("born")
        try:
            await trio.sleep_forever()
        finally:
            alive.append("dead")

    async with open_bench() as bench:
        await bench.call(hand_to_child(live))
        assert alive == ["born"]
        await bench.call(crash())
        assert alive == ["born", "dead"]
