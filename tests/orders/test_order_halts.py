"""Halts and resumes that overlap: each is carried out with its own cancels, once, and none is undone by a resume that is older."""

import sqlite3
from functools import partial
from pathlib import Path

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from ibactors.actors.order_cancelling import Canceller
from ibactors.actors.order_halting import Brake
from ibactors.actors.orders import OrdersRef
from ibactors.orders.errors import JournalFailed, JournalFull, TradingHalted
from ibactors.orders.safety import Mode
from tests.conftest import ErrorLog
from tests.orders.keeperkit import Desk, desk
from tests.orders.orderkit import order


def is_cancelled(desk: Desk) -> bool:
    (one,) = desk.ref.shown.values()
    return one.cancel is not None


async def test_two_halts_that_cancel_nothing_cancel_nothing(tmp_path: Path) -> None:
    async with desk(tmp_path) as d:
        await d.placed(order(1))
        first = await d.ask(partial(d.ref.halt, "key:a", "R1", "none"))
        second = await d.ask(partial(d.ref.halt, "key:b", "R2", "none"))
        await d.brake.halt(first)
        await d.brake.look()
        await d.brake.halt(second)
        await d.brake.look()
        assert not is_cancelled(d)
        assert d.ref.halted == "R1"
        assert await d.halts() == ["R1", "R2"]


async def test_a_halt_is_carried_out_as_it_was_asked_for_and_once_though_the_look_comes_first(tmp_path: Path) -> None:
    async with desk(tmp_path) as d:
        await d.placed(order(1))
        msg = await d.ask(partial(d.ref.halt, "key:a", "R1", "none"))
        await d.brake.look()
        await d.brake.halt(msg)
        await d.brake.look()
        assert not is_cancelled(d)
        assert await d.halts() == ["R1"]


async def test_a_halt_that_cancels_nothing_leaves_the_cancels_of_an_earlier_one_of_our_own_accord(
    tmp_path: Path, error_log: ErrorLog
) -> None:
    async with desk(tmp_path) as d:
        await d.placed(order(1))
        d.keeper.halt("own: something is wrong")
        assert error_log.take()
        msg = await d.ask(partial(d.ref.halt, "key:a", "R1", "none"))
        await d.brake.halt(msg)
        assert is_cancelled(d)
        assert await d.halts() == ["own: something is wrong", "R1"]


async def test_a_resume_that_was_said_before_a_halt_leaves_trading_halted(tmp_path: Path) -> None:
    async with desk(tmp_path) as d:
        first = await d.ask(partial(d.ref.halt, "key:a", "R1", "none"))
        await d.brake.halt(first)
        resume = await d.ask(partial(d.ref.resume, "key:admin"))
        second = await d.ask(partial(d.ref.halt, "key:b", "R2", "none"))
        await d.brake.resume(resume)
        assert d.ref.why_halted is not None
        await d.brake.halt(second)
        assert d.ref.why_halted is not None
        await wait_all_tasks_blocked()
        assert [type(each) for each in d.failures] == [TradingHalted]
        assert await d.halts() == ["R1", "R2"]
        later = await d.ask(partial(d.ref.resume, "key:admin"))
        await d.brake.resume(later)
        assert d.ref.why_halted is None
        assert await d.halts() == []


async def test_a_halt_whose_flag_comes_before_a_resume_is_not_undone_by_it(tmp_path: Path) -> None:
    async with desk(tmp_path) as d:
        halting = await d.ask(partial(d.ref.halt, "key:a", "R1", "none"))
        resume = await d.ask(partial(d.ref.resume, "key:admin"))
        await d.brake.halt(halting)
        await d.brake.resume(resume)
        await d.brake.look()
        assert d.ref.why_halted is None
        assert d.ref.halt_noted is None
        assert await d.halts() == []


async def test_nothing_of_a_halt_is_left_after_a_resume_that_came_while_it_was_written(tmp_path: Path, error_log: ErrorLog) -> None:
    async with desk(tmp_path) as d:
        d.keeper.halt("own: something is wrong")
        assert error_log.take()
        resume = await d.ask(partial(d.ref.resume, "key:admin"))
        d.disk.hold()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(d.brake.look)
            await d.disk.held()
            nursery.start_soon(d.brake.resume, resume)
            await wait_all_tasks_blocked()
            d.disk.free.set()
        assert (d.ref.why_halted, d.ref.halt_noted, d.keeper.noted) == (None, None, None)
        assert await d.halts() == []


@pytest.mark.parametrize("written", [False, True])
async def test_a_halt_that_a_crash_cuts_off_is_carried_out_by_the_next_incarnation_as_it_was_asked_for(
    tmp_path: Path, *, written: bool
) -> None:
    """Whether or not it was on disk by then: what is to be cancelled is cancelled, orders entered by hand too."""
    async with desk(tmp_path) as d:
        await d.placed(order(1))
        msg = await d.ask(partial(d.ref.halt, "key:a", "R1", "all"))
        if written:
            await d.keeper.write_halt("key:a", "R1", "all")
        d.disk.hold()
        async with trio.open_nursery() as incarnation:
            incarnation.start_soon(d.brake.halt, msg)
            await d.disk.held()
            incarnation.cancel_scope.cancel(reason="the actor crashes")
            d.disk.free.set()
        d.ref.everything_due = False
        canceller = Canceller(d.keeper, d.connection, frozenset())
        await Brake(d.keeper, canceller, dict).look()
        assert is_cancelled(d)
        assert d.ref.everything_due
        commits = d.disk.commits
        await Brake(d.keeper, canceller, dict).look()
        assert d.disk.commits == commits


async def test_a_second_reason_of_our_own_wants_a_resume_of_its_own(tmp_path: Path, error_log: ErrorLog) -> None:
    async with desk(tmp_path) as d:
        d.keeper.halt("one: something is wrong")
        d.keeper.halt("two: something else is wrong")
        d.keeper.halt("two: the same again")
        assert len(error_log.take()) == 2
        await d.brake.look()
        first = await d.ask(partial(d.ref.resume, "key:admin"))
        await d.brake.resume(first)
        await wait_all_tasks_blocked()
        assert d.ref.why_halted == "two: something else is wrong"
        assert "two: something else" in str(d.failures.pop())
        await d.brake.look()
        second = await d.ask(partial(d.ref.resume, "key:admin"))
        await d.brake.resume(second)
        await wait_all_tasks_blocked()
        assert (d.ref.why_halted, d.failures) == (None, [])
        assert await d.halts() == []


async def test_a_resume_fails_while_the_disk_does_and_the_caller_hears_of_it(tmp_path: Path) -> None:
    async with desk(tmp_path) as d:
        halting = await d.ask(partial(d.ref.halt, "key:a", "R1", "none"))
        await d.brake.halt(halting)
        d.keeper.journal.broken = "The disk fails."
        resume = await d.ask(partial(d.ref.resume, "key:admin"))
        await d.brake.resume(resume)
        await wait_all_tasks_blocked()
        assert "The disk fails" in str(d.failures.pop())


@pytest.mark.parametrize("code", [sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL])
async def test_a_resume_that_the_disk_does_not_take_fails_and_trading_stays_halted(tmp_path: Path, error_log: ErrorLog, code: int) -> None:
    async with desk(tmp_path) as d:
        halting = await d.ask(partial(d.ref.halt, "key:a", "R1", "none"))
        await d.brake.halt(halting)
        resume = await d.ask(partial(d.ref.resume, "key:admin"))
        d.disk.code = code
        await d.brake.resume(resume)
        await wait_all_tasks_blocked()
        assert [type(each) for each in d.failures] == [JournalFailed if code == sqlite3.SQLITE_IOERR else JournalFull]
        assert d.answers == [None], "of the halt alone"
        assert d.ref.why_halted is not None
        assert error_log.take()


@pytest.mark.parametrize("writable", [True, False])
async def test_a_halt_that_the_journal_does_not_take_is_left_beside_it_or_its_caller_hears_that_it_ends_with_the_process(
    tmp_path: Path, error_log: ErrorLog, monkeypatch: pytest.MonkeyPatch, *, writable: bool
) -> None:
    async with desk(tmp_path) as d:
        halting = await d.ask(partial(d.ref.halt, "key:a", "R1", "none"))
        d.disk.code = sqlite3.SQLITE_IOERR
        if not writable:
            monkeypatch.setattr(Path, "touch", lambda *_: (_ for _ in ()).throw(OSError(28, "no space")))
        await d.brake.halt(halting)
        await wait_all_tasks_blocked()
        assert d.ref.why_halted == "R1"
        assert [type(each) for each in d.failures] == ([] if writable else [JournalFailed])
        assert OrdersRef(Mode.PAPER, tmp_path).why_halted == ("the file HALT is in the state path" if writable else None)
        assert error_log.take()
