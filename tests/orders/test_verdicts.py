"""What a reconciliation proves, and what it does not."""

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from ibactors.orders import evidence as e
from ibactors.orders.draft import Want
from ibactors.orders.fences import one_stretch
from ibactors.orders.matching import ForeignOrder, Index, source_of
from ibactors.orders.verdicts import Pass, judge
from ibactors.web.contract.foreign_orders import UNADDRESSED, foreign_shown
from tests.orders.orderkit import ACCOUNT, NOON, D, Life, order, terms
from tests.orders.passes import clean, execution, ground, reconcile, row, twice


def lost() -> Life:
    """An order that was written when the session broke."""
    return Life().lost()


def test_an_order_that_ib_shows_is_what_ib_says() -> None:
    life = lost()
    reconcile(life, clean(NOON + 5, open_orders=(row(life.order, NOON + 5),)))
    assert life.status == "working"


def test_a_pass_that_is_unfit_still_proves_presence() -> None:
    life = lost()
    unfit = clean(NOON + 5, open_orders=None, all_open_orders=(row(life.order, NOON + 5),), undecoded=True, connected=False)
    reconcile(life, unfit)
    assert life.status == "working"


def test_nothing_in_two_fit_passes_is_not_received() -> None:
    life = lost()
    first = clean(NOON + 40)
    reconcile(life, first)
    assert life.status == "unknown"
    reconcile(life, clean(NOON + 72), first)
    assert life.status == "not_received"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (clean(NOON + 40), clean(NOON + 70)),  # 29 s between
        (clean(NOON + 40, completed=None), clean(NOON + 72)),
        (clean(NOON + 40), clean(NOON + 72, executions=None)),
        (clean(NOON + 40), clean(NOON + 72, open_orders=None)),
        (clean(NOON + 40), clean(NOON + 72, all_open_orders=None)),
        (clean(NOON + 40), clean(NOON + 72, connected=False)),
        (clean(NOON + 40), clean(NOON + 72, end_owed=True)),
        (clean(NOON + 40), clean(NOON + 72, undecoded=True)),
        (clean(NOON + 40), clean(NOON + 72, dialog=True)),
        (clean(NOON + 40), replace(clean(NOON + 72), synced_at=NOON + 60)),
        (clean(NOON + 40), replace(clean(NOON + 72), synced_at=None)),
        (clean(NOON + 40, epoch=1), clean(NOON + 72)),
        (clean(NOON + 0.5), clean(NOON + 72)),  # the first began before the send
        (None, clean(NOON + 72)),
    ],
)
def test_less_than_that_proves_nothing(first: Pass | None, second: Pass) -> None:
    life = lost()
    reconcile(life, second, first)
    assert life.status == "unknown"
    assert life.order.reason


def test_an_order_that_was_sent_during_the_pass_is_left_alone() -> None:
    life = Life()
    reconcile(life, replace(clean(NOON + 1), began=NOON))
    assert life.status == "pending_new"
    unsent = Life(written=False)
    reconcile(unsent, clean(NOON + 100))
    assert unsent.status == "pending_new"


def test_executions_alone_make_the_sum() -> None:
    life = lost()
    reconcile(life, clean(NOON + 40, executions=(execution(life.order, NOON + 1),)))
    assert (life.status, life.order.filled) == ("filled", D(10))
    part = lost()
    only = (execution(part.order, NOON + 1, quantity=D(4)),)
    twice(part, executions=only)
    assert (part.status, part.order.filled, part.order.fills_unverified) == ("closed_unverified", D(4), True)


def test_a_completed_row_ends_an_order() -> None:
    life = Life().open().lost()
    done = e.CompletedSeen(at=NOON + 9, epoch=2, perm_id=9001, status="Cancelled", completed_status="Cancelled by Trader", listed=True)
    reconcile(life, clean(NOON + 9, completed=(done,)))
    assert (life.status, life.order.reason) == ("cancelled", "Cancelled by Trader")


def test_matching_goes_by_token_then_permanent_id_then_number() -> None:
    known = Life().open().order
    index = Index([known])
    at = NOON + 9
    assert known.order_id in index.match([row(known, at, perm_id=None)]).ours
    assert known.order_id in index.match([row(known, at, token=None, order_ref="")]).ours
    by_number = row(known, at, token=None, order_ref="", perm_id=None)
    assert known.order_id in index.match([by_number]).ours
    for other in (
        replace(by_number, perm_id=77, order_ref="theirs"),
        replace(by_number, order_id=99),
        replace(by_number, client_id=2),
        replace(by_number, echo=replace(by_number.echo, con_id=1)),
        replace(by_number, echo=replace(by_number.echo, quantity=D(11))),
    ):
        assert index.match([other]).foreign == (other,)


def test_a_row_that_is_two_orders_at_once_is_a_conflict() -> None:
    one, two = Life().open().order, order(14)
    matched = Index([one, two]).match([row(two, NOON, perm_id=9001)])
    assert len(matched.conflicts) == 1
    assert matched.ours == {}


def test_where_a_foreign_order_comes_from() -> None:
    foreign = row(order(), NOON, token=None, order_ref="x")
    assert source_of(replace(foreign, client_id=7)) == "client:7"
    assert source_of(replace(foreign, client_id=0, order_id=0)) == "manual"


def test_what_was_said_is_not_said_again() -> None:
    life = lost()
    one = clean(NOON + 40)
    reconcile(life, one)
    assert judge((life.order,), clean(NOON + 50), None, ground(NOON + 50)).findings == ()


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("start", "end", "zone", "one"),
    [
        ("2026-11-27T16:00", "2026-11-27T16:02", "US/Eastern", True),
        ("2026-11-27T23:59", "2026-11-28T00:01", "UTC", False),  # UTC's midnight
        ("2026-11-27T15:59", "2026-11-27T16:01", "Asia/Shanghai", False),  # the gateway's midnight
        ("2026-11-27T21:54", "2026-11-27T21:56", "UTC", False),  # 16:55 in New York
        ("2026-11-27T22:30", "2026-11-27T22:31", "UTC", False),  # within the roll of the trade date
        ("2026-11-27T23:14", "2026-11-27T23:16", "UTC", False),  # until 18:15
        ("2026-11-27T23:16", "2026-11-27T23:18", "UTC", True),
        ("2026-11-27T04:39", "2026-11-27T04:41", "UTC", False),  # 23:40 in New York, the day before
        ("2026-11-27T05:30", "2026-11-27T05:31", "UTC", False),  # IB's reset
        ("2026-11-27T05:51", "2026-11-27T05:52", "UTC", True),
        ("2026-06-27T20:54", "2026-06-27T20:56", "UTC", False),  # summer time
        ("2026-06-27T21:54", "2026-06-27T21:56", "UTC", False),
        ("2026-06-27T22:16", "2026-06-27T22:18", "UTC", True),
        ("2026-11-27T16:00", "2026-11-27T16:02", "Nowhere/Land", False),
        ("2026-11-27T16:02", "2026-11-27T16:00", "UTC", False),
    ],
)
def test_days_end_in_many_ways(start: str, end: str, zone: str, *, one: bool) -> None:
    assert one_stretch(at(start), at(end), zone) is one


def test_an_admin_resolves_what_cannot_be_known() -> None:
    life = lost()
    life.give(e.Judged(at=NOON + 9, verdict=e.Verdict.NOT_RECEIVED, reason="looked in TWS", by="key:admin"))
    assert life.status == "not_received"
    assert "resolved" in life.kinds


def test_a_late_order_is_adopted_and_to_be_cancelled() -> None:
    life = lost()
    twice(life)
    assert life.status == "not_received"
    reconcile(life, clean(life.at + 60, open_orders=(row(life.order, life.at + 60),)))
    assert (life.status, life.order.late) == ("working", True)
    assert {"late", "adopted"} <= set(life.kinds)
    assert Want.CANCEL_LATE in life.wants


def test_other_accounts_are_out_of_reach() -> None:
    life = lost()
    (finding,) = judge((life.order,), clean(NOON + 40), None, ground(NOON + 40, accounts=frozenset({"DU9"}))).findings
    assert (finding.out_of_reach, finding.evidence) == (True, ())
    (finding,) = judge((life.order,), clean(NOON + 40), None, ground(NOON + 40, mode="live")).findings
    assert finding.out_of_reach
    assert terms().account == ACCOUNT


def test_orders_of_others_that_have_no_permanent_id_yet_are_told_apart() -> None:
    unseen = row(order(), NOON, token=None, order_ref="x", perm_id=0)
    names = [(7, 12), (7, 13), (8, 12), (0, -4), (0, 0)]
    others = [ForeignOrder(seen=replace(unseen, client_id=client, order_id=number), source="", at=NOON) for client, number in names]
    assert [foreign_shown(other).order_id for other in others] == ["ext_7_12", "ext_7_13", "ext_8_12", "ext_0_-4", UNADDRESSED]
