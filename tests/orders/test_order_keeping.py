"""Who keeps the orders when the disk fails, and what time removes from memory."""

import sqlite3
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from ibactors.actors import order_placing
from ibactors.actors.connection import ConnectionRef
from ibactors.actors.order_asks import ImportExecutions, Placed
from ibactors.actors.order_deadmen import Deadmen
from ibactors.actors.order_desks import SOON
from ibactors.actors.order_importing import Importer
from ibactors.actors.order_keeper import Keeper
from ibactors.actors.order_operating import Operator
from ibactors.actors.order_reconciling import Reconciler, bind
from ibactors.actors.orders import OrdersRef, boot_now
from ibactors.bridge.incoming import Inbox
from ibactors.bridge.order_desk import OrderDesk
from ibactors.bridge.tally import GatewayTally
from ibactors.bridge.wire import GatewayClient
from ibactors.orders.errors import JournalFailed, JournalFull, TradingHalted
from ibactors.orders.evidence import Sent, Verdict, Written
from ibactors.orders.order import Status
from ibactors.orders.safety import Mode
from ibactors.orders.statement import Traded
from ibactors.orders.terms import Side
from tests.conftest import ErrorLog
from tests.orders.keeperkit import Desk, desk
from tests.orders.orderkit import ACCOUNT, NOON, D, order, shows
from tests.orders.placerkit import body, placing
from tests.unit.unobserved import Unobserved

DISKS = pytest.mark.parametrize(("code", "error"), [(sqlite3.SQLITE_IOERR, JournalFailed), (sqlite3.SQLITE_FULL, JournalFull)])


async def handled(d: Desk, call: Callable[[], Awaitable[object]], handle: Callable[..., Awaitable[None]]) -> list[type[Exception]]:
    """With what the caller was answered."""
    await handle(await d.ask(call))
    await wait_all_tasks_blocked()
    failed, d.failures = d.failures, []
    return [type(each) for each in failed]


@DISKS
async def test_a_dead_mans_switch_that_the_disk_does_not_take_is_refused_and_trading_halts(
    tmp_path: Path, error_log: ErrorLog, code: int, error: type[Exception]
) -> None:
    async with desk(tmp_path) as d:
        deadmen = Deadmen(d.keeper, d.canceller, dict)
        assert await handled(d, partial(d.ref.set_deadman, "bot", 0.001), deadmen.put) == []
        assert deadmen.has_gone_off("bot")
        d.disk.code = code
        assert await handled(d, partial(d.ref.set_deadman, "bot", 30.0), deadmen.put) == [error]
        assert await handled(d, partial(d.ref.set_deadman, "bot", 0.0), deadmen.put) == [error]
        assert deadmen.has_gone_off("bot")
        assert d.ref.why_halted is not None
        assert error_log.take()


@DISKS
async def test_a_client_order_id_that_the_disk_does_not_void_is_not_called_void_and_trading_halts(
    tmp_path: Path, error_log: ErrorLog, code: int, error: type[Exception]
) -> None:
    async with desk(tmp_path) as d:
        d.disk.code = code
        assert await handled(d, partial(d.ref.bury, ACCOUNT, "o-1", "bot"), d.canceller.bury) == [error]
        assert d.ref.why_halted is not None
        assert error_log.take()


@DISKS
async def test_a_disk_that_does_not_say_who_holds_the_orders_halts_trading_and_is_asked_again(
    tmp_path: Path, error_log: ErrorLog, code: int, error: type[Exception]
) -> None:
    async with desk(tmp_path) as d:
        tally = GatewayTally()
        inbox = Inbox(tally, Unobserved())
        at_the_gateway = OrderDesk(GatewayClient(inbox, tally), inbox, 1)
        assert await bind(d.keeper, ConnectionRef(), at_the_gateway)
        d.disk.code = code
        assert not await bind(d.keeper, ConnectionRef(), at_the_gateway)
        assert d.ref.why_halted is not None
        assert error.code in d.ref.why_halted  # type: ignore[attr-defined]
        assert error_log.take()


async def test_an_order_that_is_committed_while_its_task_is_cancelled_is_sent_or_taken_back_like_any_other(tmp_path: Path) -> None:
    async with desk(tmp_path) as d:
        place = placing(d)
        msg = await d.ask(partial(d.ref.place, body(), "o-1", "bot", datetime.now(UTC)))
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                d.disk.hold()
                nursery.start_soon(place.placer.take, msg)
                await d.disk.held()
                scope.cancel(reason="the actor ends")
        assert place.judge.reserved == {}
        d.disk.free.set()
        assert await d.halts() == []  # the writer lives
        (frame,) = place.waiting
        assert set(frame.order_ids) == set(d.ref.shown)


async def test_an_order_whose_session_ends_and_is_taken_in_during_its_commit_is_taken_back(tmp_path: Path) -> None:
    """Nobody listened to that desk any more, and the order stayed on its way for ever."""
    async with desk(tmp_path) as d:
        place = placing(d)
        msg = await d.ask(partial(d.ref.place, body(), "o-1", "bot", datetime.now(UTC)))
        async with trio.open_nursery() as nursery:
            d.disk.hold()
            nursery.start_soon(place.placer.take, msg)
            await d.disk.held()
            place.at_the_gateway.close("The gateway closed the connection.")
            await d.keeper.drain()
            d.disk.free.set()
        await d.keeper.drain()
        (shown,) = d.ref.shown.values()
        assert (shown.status, shown.sent) == (Status.REJECTED, False), shown
        assert shown.new_attempt_is_safe


async def test_a_slow_disk_gives_an_order_no_more_time_than_its_caller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order_placing, "SEND_WITHIN", 1000.0)
    async with desk(tmp_path) as d:
        place, began = placing(d), boot_now()
        request = body(send_before=datetime.now(UTC) + timedelta(seconds=50))
        await place.placer.take(await d.ask(partial(d.ref.place, request, "o-1", "bot", datetime.now(UTC))))
        (frame,) = place.waiting
        assert began + 49 < frame.fence.send_before < began + 60


async def test_a_new_order_is_looked_up_by_its_commit_alone_and_a_repetition_has_its_answer_whatever_stands_against_it(
    tmp_path: Path,
) -> None:
    async with desk(tmp_path) as d:
        place = placing(d)
        looks = Counting(d.keeper)

        async def placed() -> Placed:
            await place.placer.take(await d.ask(partial(d.ref.place, body(), "o-1", "bot", datetime.now(UTC))))
            await wait_all_tasks_blocked()
            answer: Placed = d.answers.pop()
            return answer

        order = (await placed()).order
        assert looks.count == 0
        assert await placed() == Placed(order=order, replayed=True)
        assert looks.count == 1
        d.keeper.book.forget(order)
        d.ref.shown.clear()
        assert await placed() == Placed(order=order, replayed=True)  # by the commit
        assert looks.count == 1
        assert len(place.judge._placed_at["bot"]) == 1  # noqa: SLF001  # a repetition is not counted by the limits
        d.ref.halted = "halted"
        assert await placed() == Placed(order=order, replayed=True)  # by the refusal
        assert looks.count == 2
        fifth = await d.ask(partial(d.ref.place, body(), "o-2", "bot", datetime.now(UTC)))
        await place.placer.take(fifth)
        await wait_all_tasks_blocked()
        assert [type(each) for each in d.failures] == [TradingHalted]
        assert len(place.waiting) == 1


class Counting:
    """Counts what a keeper looks up in the journal."""

    def __init__(self, keeper: Keeper) -> None:
        self.count = 0
        self._look = keeper.read
        keeper.read = self.look

    async def look(self, look: Callable[..., Any], *arguments: object) -> Any:
        self.count += 1
        return await self._look(look, *arguments)


async def test_that_a_frame_was_written_and_what_ib_answers_to_it_are_one_commit(tmp_path: Path, mock_clock: MockClock) -> None:
    async with desk(tmp_path) as d:
        place = placing(d)
        await place.placer.take(await d.ask(partial(d.ref.place, body(), "o-1", "bot", datetime.now(UTC))))
        (order,) = d.ref.shown.values()
        d.nursery.start_soon(d.keeper.take_in)
        log = place.at_the_gateway.log
        before = d.keeper.journal.sequence
        log.append(Written(at=time.time(), kind=Sent.PLACE, epoch=1), order_id=order.order_id)
        await wait_all_tasks_blocked()
        await d.keeper.writer.write(lambda _tx: None)  # which is behind whatever was to be written
        assert d.keeper.journal.sequence == before
        mock_clock.jump(SOON)
        await wait_all_tasks_blocked()
        await d.keeper.writer.write(lambda _tx: None)
        assert d.ref.shown[order.order_id].written_at is not None  # no answer came, and it waits no longer
        await wait_all_tasks_blocked()
        log.append(shows(d.ref.shown[order.order_id]))
        await wait_all_tasks_blocked()
        await d.keeper.writer.write(lambda _tx: None)
        assert d.ref.shown[order.order_id].is_live  # what IB says waits for nothing


@pytest.mark.parametrize(
    ("heard", "number", "since"),
    [
        pytest.param(NOON + 97, 7, NOON, id="a short break: no gateway starts so fast"),
        pytest.param(NOON + 80, 7, NOON + 90, id="a longer one: another may have started"),
        pytest.param(NOON + 97, 6, NOON + 100, id="its next id fell"),
        pytest.param(NOON + 130, 7, NOON + 90, id="a clock that was put back proves nothing"),
    ],
)
def test_hole_14_time_alone_proves_that_a_gateway_is_the_one_of_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, heard: float, number: int, since: float
) -> None:
    def desk(heard: float, number: int) -> OrderDesk:
        return cast("OrderDesk", SimpleNamespace(heard=heard, next_valid_id=number, client_id=1))

    def meet(desk: OrderDesk, at: float) -> float:
        monkeypatch.setattr("time.time", lambda: at)
        ref.meet(desk)
        return ref.gateway_since

    ref, first = OrdersRef(Mode.PAPER, tmp_path), desk(heard, 7)
    assert meet(first, NOON + 10) == NOON, "what was sent by an earlier process, just before it ended, is within the proof"
    assert meet(first, NOON + 50) == NOON, "the same socket"
    assert meet(desk(NOON + 100, number), NOON + 100) == since


@pytest.mark.parametrize("code", [sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL])
async def test_an_admins_word_that_the_disk_does_not_take_is_not_called_taken(tmp_path: Path, error_log: ErrorLog, code: int) -> None:
    async with desk(tmp_path) as d:
        (unknown,) = await d.placed(order(1, status=Status.UNKNOWN, doubt="The session ended.", written_at=NOON))
        operator = Operator(d.keeper, d.connection, cast("Reconciler", None))
        d.disk.code = code
        asked = partial(d.ref.resolve, (unknown.order_id,), Verdict.NOT_RECEIVED, "TWS shows nothing", "key:admin")
        assert await handled(d, asked, operator.resolve) == [JournalFailed]
        assert d.answers == []
        assert error_log.take()


async def test_a_statement_of_which_the_disk_does_not_take_the_fills_of_our_orders_is_not_called_imported(
    tmp_path: Path, error_log: ErrorLog
) -> None:
    async with desk(tmp_path) as d:
        (ours,) = await d.placed(order(1, written_at=NOON))
        row = Traded(
            execution_id="x.01", token=ours.token, order_id=None, account=ACCOUNT, con_id=ours.terms.con_id, symbol="AAPL", sec_type="STK",
            currency="USD", side=Side.BUY, quantity=D(1), price=D(100), time=NOON, exchange="IEX", commission=None, commission_currency="",
            realized=None,
        )  # fmt: skip
        d.disk.code, d.disk.times = sqlite3.SQLITE_FULL, 2
        asked = partial(d.ref.import_executions, ImportExecutions(executions=(row,), by="key:admin"))
        assert await handled(d, asked, Importer(d.keeper).take) == [JournalFailed]
        assert error_log.take()
