"""What is kept in memory of orders, what is let go, and what is judged by it."""

import time
import tracemalloc
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
from msgspec.structs import replace
from trio.testing import MockClock, wait_all_tasks_blocked

from ibactors.actors.order_asks import Adopt, ListOrders, Reconciled, Resolve
from ibactors.actors.order_book import Book
from ibactors.actors.order_looking import Looker
from ibactors.actors.order_operating import Operator
from ibactors.actors.order_tidying import EVERY, keep_small
from ibactors.orders.draft import Step, Want
from ibactors.orders.errors import OrderNotResolvable, OrderRate
from ibactors.orders.evidence import Evidence, ExecutionSeen, Verdict
from ibactors.orders.journal_reading import Reading
from ibactors.orders.matching import Row
from ibactors.orders.order import Kin, Order, Status
from ibactors.orders.shelf import Shelf
from ibactors.orders.transaction import Transaction, encoded
from tests.orders.keeperkit import Desk, desk
from tests.orders.orderkit import Life, order, shows
from tests.orders.placerkit import body, placing

DAYS = 86_400.0


def over(number: int, days: float, **changes: Any) -> Order:
    """A cancelled order of some days ago."""
    at = time.time() - days * DAYS
    return order(number, created=at, updated=at, status=Status.CANCELLED, **changes)


async def test_every_hour_what_is_long_over_leaves_memory_and_old_events_leave_the_journal(tmp_path: Path, mock_clock: MockClock) -> None:
    async with desk(tmp_path) as d:
        old, new, living = over(1, 2), over(2, 0.5), over(3, 2)
        living = replace(living, status=Status.WORKING)
        kin = tuple(Kin(order_id=f"ord_{n:016d}", client_order_id=f"o-{n}", role=role) for n, role in ((4, ""), (5, "sl")))
        parent = replace(over(4, 2), status=Status.FILLED, kin=kin)
        child = replace(over(5, 2), status=Status.WORKING, kin=kin, role="sl", parent=parent.order_id)
        await d.placed(old, new, living, parent, child)

        def age(tx: Transaction) -> None:
            tx.run("UPDATE events SET at = 1")
            for _ in range(1_200):
                tx.note("halt", 1.0, {})
            tx.note("halt", time.time(), {})

        async def events() -> Any:
            return await d.keeper.writer.write(lambda tx: tx.rows("SELECT count(*) FROM events")[0][0])

        await d.keeper.writer.write(age)
        d.nursery.start_soon(keep_small, d.keeper)
        await wait_all_tasks_blocked()
        assert old.order_id in d.keeper.book
        mock_clock.jump(EVERY)
        await wait_all_tasks_blocked()
        kept = {each.order_id for each in (new, living, parent, child)}
        assert {each.order_id for each in d.keeper.book.all} == set(d.ref.shown) == kept
        counts = [await events()]
        for _ in range(3):
            await wait_all_tasks_blocked()
            mock_clock.jump(1.0)
            await wait_all_tasks_blocked()
            counts.append(await events())
        assert counts == [706, 206, 1, 1]


async def test_of_an_order_that_was_let_go_the_journal_tells_again(tmp_path: Path) -> None:
    async with desk(tmp_path) as d:
        place = placing(d)
        (old,) = await d.placed(over(1, 2))
        await d.keeper.forget(time.time() - DAYS)
        assert old.order_id not in d.keeper.book
        place.at_the_gateway.log.append(shows(old))
        await d.keeper.drain()
        assert (d.keeper.book.get(old.order_id) or old).is_live
        assert d.ref.shown[old.order_id].is_live
        assert d.ref.why_halted is None


async def test_what_is_called_for_or_not_on_disk_yet_is_not_let_go(tmp_path: Path) -> None:
    async with desk(tmp_path) as d:
        called, ahead = await d.placed(over(1, 2), over(2, 2))
        d.keeper.wants[called.order_id] = {Want.RECONCILE}
        d.keeper.book.put(replace(ahead, reason="newer"))
        await d.keeper.forget(time.time() - DAYS)
        assert {each.order_id for each in d.keeper.book.all} == {called.order_id, ahead.order_id}


async def test_what_is_over_is_in_memory_once_and_small(tmp_path: Path) -> None:
    """An order stays for a day after it is over: 20,000 of them take less than 120 MB."""
    async with desk(tmp_path) as d:
        (one,) = await d.placed(order(1))
        heard: list[Evidence] = []

        class Listening(Life):
            def give(self, evidence: Evidence) -> Life:
                heard.append(evidence)
                return super().give(evidence)

        Listening(one).open().fill(10, "e1")
        filled = await d.keeper.give(one.order_id, *heard)
        assert filled.status is Status.FILLED
        assert d.keeper.book.get(one.order_id) is d.ref.shown[one.order_id]
    many = [encoded(replace(filled, order_id=f"ord_{n:016d}", token=f"T{n:012d}", ib_order_id=n, cursor="")) for n in range(1, 301)]
    tracemalloc.start()
    try:
        orders = [msgspec.json.decode(each, type=Order) for each in many]
        book, shown = Book(orders), Shelf(orders)
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(book.all) == len(shown) == 300
    assert taken / 300 < 6_000


def test_a_forgotten_order_leaves_nothing_in_any_index() -> None:
    book, empty = Book(), Book()
    parent = Life(order(1)).open().fill(10, "e1").order
    child = order(2, parent=parent.order_id, role="sl")
    for each in (parent, child):
        book.put(each)
    for each in (parent, child):
        book.put(replace(each, status=Status.CANCELLED))
        book.forget(each)
    known, nothing = vars(book) | {"_highest": {}}, vars(empty)
    assert known == nothing
    left, nothing = vars(book.shelf), vars(empty.shelf)
    assert left | {"_spent": {}} == nothing
    assert not any(vars(spent)["_rows"] or vars(spent)["_total"] for spent in left["_spent"].values())


async def test_open_orders_come_back_with_their_kin_and_what_happened_lately(tmp_path: Path) -> None:
    async with desk(tmp_path) as d:
        kin = tuple(Kin(order_id=f"ord_{n:016d}", client_order_id=f"o-{n}", role=role) for n, role in ((1, ""), (2, "sl")))
        parent = replace(over(1, 3), status=Status.FILLED, kin=kin)
        child = replace(over(2, 3), status=Status.WORKING, kin=kin, role="sl", parent=parent.order_id)
        touched, old = over(3, 3), over(4, 3)
        await d.placed(parent, child, touched, old)

        def close(tx: Transaction) -> None:
            tx.run("UPDATE orders SET is_open = 0 WHERE order_id != ?", (child.order_id,))
            tx.run("UPDATE events SET at = ? WHERE order_id = ?", (time.time(), touched.order_id))

        await d.keeper.writer.write(close)
        found = await d.keeper.read(lambda: list(d.keeper.reader.recent(time.time() - DAYS)))
        assert [each.order_id for each in found] == [parent.order_id, child.order_id, touched.order_id]


BRACKET = {"take_profit": {"limit_price": "110"}, "stop_loss": {"stop_price": "90"}}


async def test_what_waits_at_the_gateway_is_counted_by_messages_and_none_too_many_is_written_down(tmp_path: Path) -> None:
    async with desk(tmp_path) as d:
        place = placing(d)
        requests = [body(bracket=BRACKET)] * 11 + [body()] * 2 + [body(bracket=BRACKET)] + [body()] * 2
        asked = [await d.ask(partial(d.ref.place, each, f"o-{n}", "bot", _now())) for n, each in enumerate(requests)]
        d.disk.hold()
        async with trio.open_nursery() as nursery:
            for msg in asked:
                await wait_all_tasks_blocked()  # one after another, while none of them is on disk
                nursery.start_soon(place.placer.take, msg)
            await wait_all_tasks_blocked()
            d.disk.free.set()
        assert [type(each) for each in d.failures] == [OrderRate, OrderRate]
        assert sum(len(frame.messages) for frame in place.waiting) == 36
        assert not place.at_the_gateway.log.peek(100)  # nothing was taken back
        assert len(d.ref.shown) == 36
        place.judge.changing.add("o-0")
        place.at_the_gateway.withdraw(place.waiting[-1].order_ids[0], "test")
        with pytest.raises(OrderRate):
            place.judge.check_open("DU1234567")
        place.judge.changing.clear()
        place.judge.check_open("DU1234567")


async def test_a_word_on_an_order_is_judged_by_what_is_known_after_all_that_was_told(tmp_path: Path) -> None:
    async with desk(tmp_path) as d:
        place = placing(d)
        (lost,) = await d.placed(order(1, status=Status.UNKNOWN, doubt="The session ended."))
        operator = Operator(d.keeper, d.connection, _Reconciler({}))  # type: ignore[arg-type]
        place.at_the_gateway.log.append(shows(lost))
        call = partial(d.ref.resolve, (lost.order_id,), Verdict.NOT_RECEIVED, "TWS shows nothing", "key:admin")
        msg = await d.ask(call)
        assert isinstance(msg, Resolve)
        await operator.resolve(msg)
        await wait_all_tasks_blocked()
        assert [type(each) for each in d.failures] == [OrderNotResolvable]
        assert d.ref.shown[lost.order_id].is_live


class _Reconciler:
    """Has read the lists."""

    def __init__(self, behind: dict[str, tuple[Row, ...]]) -> None:
        self.behind = behind
        self.due = trio.Event()

    async def reconcile(self) -> Reconciled:
        return Reconciled(epoch=1)


async def test_what_is_adopted_twice_at_once_is_adopted_once_and_what_came_meanwhile_stays(tmp_path: Path) -> None:
    async with desk(tmp_path) as d:
        placing(d)
        known = order(41)
        rows: dict[str, tuple[Row, ...]] = {known.token: (shows(known), *_filled(known))}
        reconciler = _Reconciler(dict(rows))
        operator = Operator(d.keeper, d.connection, reconciler)  # type: ignore[arg-type]
        first, second = [await d.ask(partial(d.ref.adopt, "key:admin")) for _ in range(2)]
        assert isinstance(first, Adopt)
        d.disk.hold()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(operator.adopt, first)
            nursery.start_soon(operator.adopt, second)
            await d.disk.held()
            reconciler.behind["MEANWHILE"] = ()
            d.disk.free.set()
        await wait_all_tasks_blocked()
        assert d.failures == []
        assert list(reconciler.behind) == ["MEANWHILE"]
        assert reconciler.due.is_set()
        (taken,) = d.ref.shown.values()
        assert (taken.token, str(taken.status), taken.filled, taken.adopted) == (known.token, "partially_filled", 4, True)
        assert await d.keeper.read(d.keeper.reader.order, taken.order_id) == taken == d.keeper.book.get(taken.order_id)


async def test_an_adopted_order_of_which_more_is_known_already_stays_as_it_is(tmp_path: Path) -> None:
    async with desk(tmp_path) as d:
        (newer,) = await d.placed(order(1, status=Status.CANCELLED))
        d.keeper.admit(Step(order=replace(newer, status=Status.WORKING), wants=frozenset({Want.RECONCILE})))
        assert d.keeper.book.get(newer.order_id) == d.ref.shown[newer.order_id] == newer
        assert d.keeper.wants[newer.order_id] == {Want.RECONCILE}


class Counting(Reading):
    """Counts what is looked up."""

    looks = 0

    async def look(self, look: Any, *arguments: object) -> Any:
        self.looks += 1
        return await super().look(look, *arguments)


def _page(d: Desk) -> Any:
    return partial(d.ref.list, is_open=None, account=None, symbol=None, since=0.0, after="", limit=10)


async def test_readers_of_pages_keep_nobody_waiting_who_looks_one_order_up_and_who_has_left_is_not_looked_for(tmp_path: Path) -> None:
    async with desk(tmp_path) as d:
        await d.placed(order(1))
        pages = Counting(d.keeper.journal.path)
        looker = Looker(d.keeper, pages, d.nursery)
        await pages.turn.acquire()
        first, second, third = [await d.ask(_page(d)) for _ in range(3)]
        for msg in (first, second, third):
            assert isinstance(msg, ListOrders)
            looker.answer(msg)
            await wait_all_tasks_blocked()  # so that they wait in this order
        assert await d.keeper.read(d.keeper.reader.order, order(1).order_id) is not None
        second.reply.fail(RuntimeError("its caller has left"))
        pages.turn.release()
        await third.reply.over()
        assert [type(each) for each in d.failures] == [RuntimeError]
        assert pages.looks == 2
        pages.reader.close()


def _now() -> datetime:
    return datetime.now(UTC)


def _filled(one: Order) -> tuple[ExecutionSeen, ...]:
    terms = one.terms
    seen = ExecutionSeen(
        at=time.time(),
        epoch=1,
        order_id=one.ib_order_id,
        client_id=1,
        perm_id=9_001,
        token=one.token,
        execution_id="e1",
        quantity=Decimal(4),
        price=Decimal("228.37"),
        time=time.time(),
        con_id=terms.con_id,
        sec_type=terms.sec_type,
        side=terms.side,
        account=one.account,
    )
    return (seen,)
