"""An admin's word settles what evidence leaves open, and contradicts none."""

import pytest

from ibactors.orders import evidence as e
from ibactors.orders.evidence import Verdict
from ibactors.orders.resolving import WORDS, why_not_resolve
from tests.orders.orderkit import NOON, Life


def unknown() -> Life:
    return Life().lost()


def seen() -> Life:
    return Life().open().lost().give(e.Judged(at=NOON, verdict=Verdict.UNKNOWN, reason="IB does not list it."))


def part_filled() -> Life:
    return Life().open().fill(4, "a.01").lost().give(e.Judged(at=NOON, verdict=Verdict.CLOSED_UNVERIFIED, reason="gone"))


@pytest.mark.parametrize(
    ("life", "may"),
    [
        (unknown(), set(WORDS)),
        (seen(), set(WORDS) - {Verdict.NOT_RECEIVED}),
        (part_filled(), set(WORDS) - {Verdict.NOT_RECEIVED, Verdict.REJECTED}),
        (Life(), set()),
        (Life().open(), set()),
        (Life().open().cancel().error(202), set()),
        (Life().error(201), set()),
    ],
)
def test_word_is_taken_where_the_question_is_open(life: Life, may: set[Verdict]) -> None:
    assert {word for word in WORDS if why_not_resolve(life.order, word, 2) is None} == may


def test_an_order_that_this_session_shows_alive_is_not_called_dead() -> None:
    life = seen().open(epoch=2)
    assert why_not_resolve(life.order, Verdict.CANCELLED, 2) is not None


@pytest.mark.parametrize("word", WORDS)
def test_resolved_order_has_the_status_that_was_said_and_life_overrules_it(word: Verdict) -> None:
    life = unknown().give(e.Judged(at=NOON, verdict=word, reason="seen in TWS", by="key:root"))
    assert (life.status, life.order.filled) == (word, 0)
    assert "resolved" in life.kinds
    assert life.open(epoch=2, listed=True).status not in {"not_received", "cancelled", "expired", "rejected"}
