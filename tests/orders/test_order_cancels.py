"""Cancels: none overtakes another, none is lost, and many are few writes. The gateway is a script, its outbox is looked at."""

import time
from functools import partial
from pathlib import Path
from typing import Any, cast

import trio
from msgspec.structs import replace

from ibactors.actors.connection import ConnectionRef
from ibactors.actors.order_cancelling import MOST_CANCELS_WAITING
from ibactors.actors.order_judging import Judge
from ibactors.actors.order_keeper import Keeper
from ibactors.actors.order_reconciling import Reconciler
from ibactors.actors.order_terms import Surveyor
from ibactors.bridge.order_desk import OrderFrame
from ibactors.bridge.order_lists import Listed
from ibactors.model.sessions import SessionPhase, SessionStatus
from ibactors.orders.canonical import Tradable
from ibactors.orders.collar import NEWEST, Reference, ReferenceKind
from ibactors.orders.evidence import Sent
from ibactors.orders.order import Cancel, Order, Status
from ibactors.orders.prices import Increment, MarketRule
from ibactors.orders.safety import Rules
from tests.orders.keeperkit import desk
from tests.orders.orderkit import ACCOUNT, NOON, D, Life, order
from tests.orders.placerkit import AAPL, Place, body, placing


def working(number: int) -> Order:
    """One that this session has shown alive."""
    return Life(order(number)).open(perm_id=number).order


def cancels(place: Place) -> list[OrderFrame]:
    return [frame for frame in place.waiting if frame.fence.kind is Sent.CANCEL]


async def test_a_cancel_that_waits_keeps_its_place_however_often_it_is_asked_for(tmp_path: Path) -> None:
    async with desk(tmp_path) as d:
        place = placing(d)
        first, second = await d.placed(working(1), working(2))
        for each in (first, second, first, first):
            await d.canceller.want(each, time.time(), "key:bot")
        await d.canceller.send_due()
        assert [frame.order_ids for frame in cancels(place)] == [(first.order_id,), (second.order_id,)]


async def test_a_cancel_that_is_sent_again_forgets_nothing_that_was_heard_meanwhile(tmp_path: Path) -> None:
    async with desk(tmp_path) as d:
        (before,) = await d.placed(replace(working(1), cancel=Cancel(by="key:bot", asked_at=NOON, written_at=NOON, tries=1)))
        filled = Life(before, written=False).fill(4, "x.01").order
        d.keeper.book.put(filled)
        await d.canceller.repeat(before)
        known = d.keeper.book.get(before.order_id)
        assert known is not None
        assert (known.filled, known.cancel and known.cancel.written_at) == (4, None)


async def test_a_halt_takes_all_at_once_and_no_more_cancels_wait_than_leave_in_time(tmp_path: Path) -> None:
    async with desk(tmp_path) as d:
        place = placing(d)
        orders = await d.placed(*map(working, range(1, 101)))
        before = d.disk.commits
        await d.brake.halt(await d.ask(partial(d.ref.halt, "key:bot", "enough", "ours")))
        assert d.disk.commits - before <= 4
        assert len(cancels(place)) == MOST_CANCELS_WAITING
        assert all((found := d.keeper.book.get(each.order_id)) and found.status is Status.PENDING_CANCEL for each in orders)
        place.at_the_gateway.client.outbox.take_orders(lambda _frame: True)
        await d.canceller.send_due()
        assert len(cancels(place)) == MOST_CANCELS_WAITING


async def test_a_global_cancel_that_waited_for_ib_does_not_take_the_orders_of_after_a_resume(tmp_path: Path) -> None:
    async with desk(tmp_path) as d:
        await d.brake.halt(await d.ask(partial(d.ref.halt, "key:bot", "enough", "all")))
        await d.brake.resume(await d.ask(partial(d.ref.resume, "key:admin")))
        place = placing(d)
        await d.canceller.send_due()
        assert place.waiting == []
        await d.brake.halt(await d.ask(partial(d.ref.halt, "key:bot", "enough", "all")))
        (frame,) = place.waiting
        await d.brake.resume(await d.ask(partial(d.ref.resume, "key:admin")))
        assert frame.leave() == ()


async def test_a_break_without_lost_data_calls_for_a_look_at_the_lists(tmp_path: Path) -> None:
    def told(phase: SessionPhase) -> None:
        reconciler.session_changed(SessionStatus(phase=phase, epoch=1, since="2026-11-27T16:00:00Z", reason=None, accounts=(ACCOUNT,)))

    async with desk(tmp_path) as d:
        placing(d)  # the lists of this session are read
        reconciler = Reconciler(d.keeper, d.connection, d.canceller, "external")
        told(SessionPhase.UP)
        assert not reconciler.due.is_set()
        told(SessionPhase.LOST)
        assert not reconciler.due.is_set(), "nobody is there to ask"
        told(SessionPhase.UP)
        assert reconciler.due.is_set()


class Moving:
    """A market that rises by one a second, and an account that is slow to tell its rates."""

    async def contract(self, *_: object) -> tuple[Listed, Tradable]:
        rule = MarketRule(rule_id=0, increments=(Increment(low_edge=D(0), increment=D("0.01")),))
        return AAPL, Tradable(con_id=1, symbol="AAPL", sec_type="STK", exchange="SMART", currency="USD", rule=rule)

    async def rate(self, *_: object) -> Any:
        await trio.sleep(3)
        return D(1)

    async def reference(self, _listed: Listed) -> Reference:
        await trio.lowlevel.checkpoint()
        price = D(round(trio.current_time()))
        return Reference(kind=ReferenceKind.QUOTE, bid=price, ask=price, at=NOON)


async def test_an_order_is_measured_against_the_market_of_now_whatever_took_its_time(autojump_clock: trio.abc.Clock) -> None:
    judge = Judge(cast("Keeper", None), ConnectionRef(), cast("Surveyor", Moving()), Rules(), {}, frozenset(), lambda _: False)
    bracket = {"stop_loss": {"stop_price": "90"}}
    found = await judge.assess(body(type="market", limit_price=None, bracket=bracket), ACCOUNT)
    assert found.candidate.reference is not None
    assert found.candidate.reference.bid == round(trio.current_time()) == 3
    assert await judge.newest(found) is found
    await trio.sleep(NEWEST + 1)
    later = await judge.newest(found)
    prices = [each.reference and each.reference.bid for each in (later.candidate, *later.children)]
    assert prices == [6, 6], "its children are measured against their parent's"
