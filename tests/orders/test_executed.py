"""What is known of executions: for which span they are all there, and what nobody here has traded."""

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from ibactors.orders.coverage import told_since
from ibactors.orders.elsewhere import keep_elsewhere, pay_elsewhere
from ibactors.orders.evidence import CommissionSeen
from ibactors.orders.executed import Gap, Wanted
from ibactors.orders.journal import Journal
from ibactors.orders.keeping import executions_were_complete, save
from ibactors.orders.reader import Reader
from ibactors.orders.states import advance
from tests.orders.orderkit import ACCOUNT, NOON, D, Life, order
from tests.orders.passes import clean, execution
from tests.orders.test_journal import do, placing

YORK = ZoneInfo("America/New_York")
MIDNIGHT = datetime.fromtimestamp(NOON, YORK).replace(hour=0, minute=0, second=0, microsecond=0).timestamp()


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal(tmp_path, allow_ephemeral=True)
    yield opened
    opened.close()


@pytest.mark.parametrize(
    "change",
    [{"executions": None}, {"connected": False}, {"end_owed": True}, {"undecoded": True}, {"synced_at": None}, {"synced_at": NOON - 1}],
)
def test_a_list_that_is_not_whole_says_nothing(change: dict[str, Any]) -> None:
    present = replace(clean(NOON), **change)
    assert told_since(present, "America/New_York", unbroken_since=NOON - 60) is None


def test_a_list_goes_back_to_the_later_midnight() -> None:
    assert told_since(clean(NOON), "America/New_York", unbroken_since=None) == MIDNIGHT
    tokyo = datetime.fromtimestamp(NOON, ZoneInfo("Asia/Tokyo")).replace(hour=0, minute=0, second=0, microsecond=0).timestamp()
    assert told_since(clean(NOON), "Asia/Tokyo", unbroken_since=None) == max(tokyo, MIDNIGHT)
    assert told_since(clean(NOON), "nowhere", unbroken_since=None) == MIDNIGHT


def test_an_older_execution_or_an_unbroken_session_shows_that_it_goes_back_further() -> None:
    old = execution(order(1), MIDNIGHT - 90_000)
    present = replace(clean(NOON), executions=(old,))
    assert told_since(present, "America/New_York", unbroken_since=None) == MIDNIGHT - 90_000
    assert told_since(clean(NOON), "America/New_York", unbroken_since=MIDNIGHT - 600) == MIDNIGHT - 600


def test_gaps_are_told_since_the_account_is_known_and_filled_by_lists(journal: Journal) -> None:
    reader = Reader(journal.path)

    def gaps(until: float | None, **wanted: Any) -> list[tuple[float, float]]:
        found = reader.executions(Wanted(**wanted), covered_until=until).gaps
        assert all(isinstance(gap, Gap) and gap.account == ACCOUNT for gap in found)
        return [(gap.since, gap.until) for gap in found]

    assert gaps(NOON) == [], "nothing is known of any account"
    do(journal, placing(order(1, created=100.0)))
    assert gaps(150.0) == [(100.0, 150.0)]
    do(journal, partial(executions_were_complete, account=ACCOUNT, since=120.0, until=140.0))
    do(journal, partial(executions_were_complete, account=ACCOUNT, since=200.0, until=300.0))
    assert gaps(None) == [(100.0, 120.0), (140.0, 200.0)], "what comes behind the last list IB tells by itself"
    assert gaps(350.0) == [(100.0, 120.0), (140.0, 200.0), (300.0, 350.0)]
    assert gaps(150.0) == [(100.0, 120.0), (140.0, 150.0)]
    assert gaps(None, since=150.0) == [(150.0, 200.0)]
    assert gaps(None, account="other") == []
    do(journal, partial(executions_were_complete, account=ACCOUNT, since=90.0, until=250.0))
    assert gaps(None) == []
    reader.close()


def test_what_was_traded_elsewhere_is_kept_once_paid_once_and_corrected(journal: Journal) -> None:
    seen = replace(execution(order(1), NOON, perm_id=77), token=None, order_id=0)
    entry = do(journal, lambda tx: keep_elsewhere(tx, seen, None))
    assert entry is not None
    assert entry.kind == "elsewhere"
    assert do(journal, lambda tx: keep_elsewhere(tx, seen, None)) is None
    paid = CommissionSeen(at=NOON, execution_id="x.01", amount=D(1), currency="USD")
    assert do(journal, lambda tx: pay_elsewhere(tx, paid)) is not None
    assert do(journal, lambda tx: pay_elsewhere(tx, paid)) is None
    unknown = replace(paid, execution_id="y.01")
    assert do(journal, lambda tx: pay_elsewhere(tx, unknown)) is None
    not_yet = replace(paid, amount=D(-1))
    assert do(journal, lambda tx: pay_elsewhere(tx, not_yet)) is None
    corrected = replace(seen, execution_id="x.02", quantity=D(4))
    assert do(journal, lambda tx: keep_elsewhere(tx, corrected, None)) is not None
    assert do(journal, lambda tx: keep_elsewhere(tx, seen, None)) is None, "an older revision says nothing new"
    reader = Reader(journal.path)
    (found,) = reader.executions(Wanted(), covered_until=None).executions
    assert (found.fill.quantity, found.fill.source, found.order_id) == (4, "manual", None)
    reader.close()


def test_an_execution_that_was_taken_for_a_strangers_becomes_its_orders(journal: Journal) -> None:
    placed = do(journal, placing(order(1)))
    life = Life(placed.orders[0], written=False)
    seen = execution(life.order, NOON, perm_id=77)
    do(journal, lambda tx: keep_elsewhere(tx, replace(seen, token=None), None))
    do(journal, partial(save, step=advance(life.order, seen)))
    reader = Reader(journal.path)
    (found,) = reader.executions(Wanted(), covered_until=None).executions
    assert (found.order_id, found.fill.source) == (life.order.order_id, "ibactors")
    reader.close()
