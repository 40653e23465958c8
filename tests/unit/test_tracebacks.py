"""Crashes as they are shown: what matters is there, plumbing is folded, and locals are not."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import msgspec
import pytest
import trio
import trio_asyncio

from ibactors.inside.tracebacks import Trace, render, trace_of


def boom() -> None:
    password = "hunter2"
    raise ValueError(f"no luck with {len(password)} letters")


async def caught(function: Callable[[], Awaitable[object]]) -> BaseException:
    try:
        await function()
    except BaseException as exc:  # noqa: BLE001, ASYNC103  # a cancellation is one of those that are looked at
        return exc  # noqa: ASYNC104
    raise AssertionError("nothing was raised")


async def in_a_nursery() -> None:
    @contextmanager
    def around() -> Iterator[None]:
        yield

    async def child() -> None:
        with around():
            boom()

    async with trio.open_nursery() as nursery:  # noqa: ASYNC112  # the nursery is the subject
        nursery.start_soon(child)


async def test_single_failure_in_a_nursery_reads_as_one_stack_with_the_plumbing_folded() -> None:
    trace = trace_of(await caught(in_a_nursery))
    assert (trace.type, trace.message, trace.exceptions) == ("ValueError", "no luck with 7 letters", ())
    assert [frame.function.rpartition(".")[2] for frame in trace.frames] == ["caught", "in_a_nursery", "child", "boom"]
    text = render(trace)
    assert "trio/_core" not in text
    assert "1 frame of trio" in text
    assert text.splitlines()[-2:] == [
        '    raise ValueError(f"no luck with {len(password)} letters")',
        "ValueError: no luck with 7 letters",
    ]


async def test_locals_are_nowhere() -> None:
    trace = trace_of(await caught(in_a_nursery))
    assert "hunter2" not in render(trace).replace('password = "hunter2"', "")
    assert "hunter2" not in msgspec.json.encode(trace).decode()


async def test_group_of_several_shows_each_with_its_notes() -> None:
    async def fail(number: int) -> None:
        exc = KeyError(f"key {number}")
        exc.add_note(f"while handling number {number}")
        raise exc

    async def two() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fail, 1)
            nursery.start_soon(fail, 2)

    trace = trace_of(await caught(two))
    assert trace.type == "ExceptionGroup"
    assert {member.notes for member in trace.exceptions} == {("while handling number 1",), ("while handling number 2",)}
    text = render(trace)
    for part in ("1 of 2", "2 of 2", "  | KeyError: 'key 1'", "  | while handling number 2"):
        assert part in text


async def test_cause_is_told_before_what_it_led_to() -> None:
    async def translate() -> None:
        try:
            boom()
        except ValueError as exc:
            raise RuntimeError("the symbol cannot be shown") from exc

    text = render(trace_of(await caught(translate)))
    assert text.index("no luck") < text.index("This led to:") < text.index("the symbol cannot be shown")


async def test_failure_of_an_asyncio_callback_keeps_its_own_frames_through_the_bridge() -> None:
    async def session() -> None:
        async with trio_asyncio.open_loop() as loop:
            loop.call_soon(boom)
            await trio.sleep(1)

    trace = trace_of(await caught(session))
    assert (trace.type, trace.frames[-1].function) == ("ValueError", "boom")
    assert "session" in trace.frames[1].function
    assert any("asyncio" in frame.folded for frame in trace.frames)


async def test_failure_of_an_asyncio_coroutine_keeps_its_own_frames_through_the_bridge() -> None:
    async def asyncio_side() -> None:
        boom()

    async def session() -> None:
        async with trio_asyncio.open_loop():
            await trio_asyncio.aio_as_trio(asyncio_side)()

    trace = trace_of(await caught(session))
    assert [frame.function.rpartition(".")[2] for frame in trace.frames] == ["caught", "session", "session", "asyncio_side", "boom"]


def test_plumbing_is_shown_where_it_is_what_failed() -> None:
    @asynccontextmanager
    async def never_yields() -> AsyncIterator[None]:
        if False:
            yield

    async def enter() -> None:
        async with never_yields():
            pass

    trace = trace_of(trio.run(caught, enter))
    assert trace.frames[-1].file == "contextlib.py"


def test_endless_recursion_and_cycles_end() -> None:
    def down(depth: int) -> None:
        down(depth + 1)

    with pytest.raises(RecursionError) as caught_error:
        down(0)
    exc = caught_error.value
    exc.__cause__ = ValueError("its own cause")
    exc.__cause__.__cause__ = exc
    trace = trace_of(exc)
    assert len(trace.frames) < 70
    assert any("of more" in frame.folded for frame in trace.frames)
    assert trace.cause is not None
    assert trace.cause.cause is None


def test_exception_that_cannot_be_shown_and_one_that_is_too_long() -> None:
    class Rude(Exception):
        def __str__(self) -> str:
            raise ValueError("no")

    assert "cannot be made" in render(trace_of(Rude()))
    assert len(trace_of(ValueError("x" * 100_000)).message) < 2100


async def test_structure_is_json_that_programs_read() -> None:
    decoded = json.loads(msgspec.json.encode(trace_of(await caught(in_a_nursery))))
    assert decoded["type"] == "ValueError"
    assert decoded["frames"][-1]["function"] == "boom"
    assert decoded["frames"][-1]["file"].endswith("test_tracebacks.py")
    assert msgspec.json.decode(json.dumps(decoded), type=Trace).message == "no luck with 7 letters"
