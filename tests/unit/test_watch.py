"""The event loop watched: blocking is found, named and located; waiting is not blocking."""

import gc
import json
import threading
import time
from pathlib import Path

import pytest
import trio

from ibactors.inside import logs, watch
from ibactors.inside.watch import calls_of_step, open_watch, waiting_for

SLOW = 0.05


def hold_up(seconds: float) -> None:
    time.sleep(seconds)


async def blocking(seconds: float) -> None:
    await trio.lowlevel.checkpoint()
    hold_up(seconds)
    await trio.lowlevel.checkpoint()


async def computing(seconds: float) -> None:
    await trio.lowlevel.checkpoint()
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


async def run_watched(task: str, function: object, *arguments: float) -> watch.Watch:
    async with open_watch(SLOW) as watched:
        assert watched is not None
        async with trio.open_nursery() as nursery:  # noqa: ASYNC112  # a task of that name is wanted
            nursery.start_soon(function, *arguments, name=task)  # type: ignore[arg-type]
    return watched


async def test_blocking_call_is_reported_with_task_duration_and_stack() -> None:
    watched = await run_watched("ws:/ws/stream#7", blocking, 0.2)
    step = max(watched.slowest, key=lambda step: step.seconds)
    assert step.task == "ws:/ws/stream#7"
    assert 0.2 <= step.seconds < 2
    assert [frame.function for frame in step.stack] == ["blocking", "hold_up"]
    assert step.cpu is not None
    assert step.cpu < 0.2
    assert watched.slow_steps >= 1


async def test_computation_is_reported_like_a_blocking_call() -> None:
    watched = await run_watched("sums", computing, 0.2)
    step = max(watched.slowest, key=lambda step: step.seconds)
    assert (step.task, step.stack[-1].function) == ("sums", "computing")
    assert step.cpu is not None
    assert 0 < step.cpu <= 1


async def test_step_just_over_the_limit_is_reported_with_its_stack() -> None:
    watched = await run_watched("a", blocking, 0.06)
    (step, *_) = (step for step in watched.slowest if step.task == "a")
    assert step.stack[-1].function == "hold_up"


async def test_waiting_is_no_slow_step() -> None:
    watched = await run_watched("sleeper", trio.sleep, 0.3)
    assert "sleeper" not in {step.task for step in watched.slowest}


async def test_block_shows_in_the_lag() -> None:
    async with open_watch(SLOW) as watched:
        assert watched is not None
        assert watched.lag_percentiles(0.5) == [None]
        await trio.sleep(0.2)
        hold_up(0.3)
        await trio.sleep(0.2)
        median, highest = watched.lag_percentiles(0.1, 1.0)
    assert highest is not None
    assert highest >= 0.2
    assert median is not None
    assert median < highest
    assert watched.lag.highest == highest


async def test_loop_that_has_nothing_to_do_is_left_alone() -> None:
    async with open_watch(SLOW) as watched:
        assert watched is not None
        (thread,) = (thread for thread in threading.enumerate() if thread.name == "watch")
        await trio.sleep(0.2)
        wakes, measured = _wakes(thread), watched.lag.count
        await trio.sleep(2.0)
        assert watched.lag.count - measured < 10
        assert _wakes(thread) - wakes < 20
        hold_up(0.3)
        await trio.lowlevel.checkpoint()
    assert watched.slowest[-1].stack[-1].function == "hold_up"


def _wakes(thread: threading.Thread) -> int:
    """How often a thread was given the processor."""
    return int(Path(f"/proc/self/task/{thread.native_id}/schedstat").read_text(encoding="ascii").split()[2])


@pytest.mark.usefixtures("restored_logging")
async def test_one_line_tells_of_a_slow_step_and_one_of_a_block_while_it_lasts(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json")
    await run_watched("symbol:AAPL", blocking, 1.3)
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    told = {line["event"]: line for line in lines if line.get("task") == "symbol:AAPL"}
    assert set(told) == {"loop_blocked", "slow_step"}
    for line in told.values():
        assert line["level"] == "warning"
        assert line["where"].startswith("hold_up (tests/unit/test_watch.py:")
        assert [call.partition(" ")[0] for call in line["calls"]] == ["blocking", "hold_up"]
    assert told["loop_blocked"]["timestamp"] < told["slow_step"]["timestamp"]


@pytest.mark.usefixtures("restored_logging")
async def test_many_slow_steps_are_one_line_a_second(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json")

    async def often() -> None:
        for _ in range(8):
            await trio.lowlevel.checkpoint()
            hold_up(0.06)

    watched = await run_watched("busy", often)
    assert watched.slow_steps >= 8
    assert len(capsys.readouterr().err.splitlines()) == 1


async def test_waiting_time_counts_from_the_last_step() -> None:
    async with open_watch(SLOW), trio.open_nursery() as nursery:
        nursery.start_soon(trio.sleep_forever, name="idle")
        await trio.sleep(0.2)
        (idle,) = nursery.child_tasks
        waited = waiting_for(idle)
        assert waited is not None
        assert 0.1 < waited < 5
        mine = waiting_for(trio.lowlevel.current_task())
        assert mine is not None
        assert mine < waited
        nursery.cancel_scope.cancel(reason="the test is over")


async def test_nothing_of_a_watch_is_left_behind() -> None:
    before = threading.active_count()
    async with open_watch(SLOW) as watched:
        assert watched is not None
        async with trio.open_nursery() as nursery:
            for _ in range(100):
                nursery.start_soon(trio.lowlevel.checkpoint)
        assert watched.remembered < 20
    assert threading.active_count() == before
    assert waiting_for(trio.lowlevel.current_task()) is None


def test_no_garbage_is_collected_while_the_stack_of_another_thread_is_read() -> None:
    deep, done, me = threading.Event(), threading.Event(), threading.get_ident()
    collected: list[str] = []

    def descend(steps: int) -> None:
        if steps:
            descend(steps - 1)
        else:
            deep.set()
            done.wait()

    def note(phase: str, _info: dict[str, int]) -> None:
        if threading.get_ident() == me:
            collected.append(phase)

    thread = threading.Thread(target=descend, args=(100,))
    thread.start()
    deep.wait()
    before = gc.get_threshold()
    gc.callbacks.append(note)
    gc.collect()
    collected.clear()
    try:
        gc.set_threshold(1)
        calls = calls_of_step(thread.ident or 0)
        gc.disable()
        seen = len(collected)
    finally:
        gc.set_threshold(*before)
        gc.enable()
        gc.callbacks.remove(note)
        done.set()
        thread.join()
    assert seen < 10  # before and after; else for each frame
    assert [frame.f_code.co_name for frame, _ in calls].count("descend") == 101
    assert gc.isenabled()


async def test_no_watch_when_the_limit_is_zero() -> None:
    async with open_watch(0) as watched:
        assert watched is None
