"""What-ifs: parts into one answer, the proof that one was asked for, and the alarm when there is an order."""

from dataclasses import dataclass, field
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from ibactors.orders import evidence as e
from ibactors.orders.order import Order
from ibactors.orders.previews import Previews, Tokens, merged
from ibactors.orders.safety import Mode, account_refusal
from tests.orders.orderkit import ACCOUNT, NOON, D, order

NONE = e.Figures()
FIGURES = e.Figures(before=D(1000), change=D(250), after=D(1250))
WHAT_IF = order(77, order_id="pv_1")


def part(*, priced: bool, **changes: Any) -> e.WhatIfSeen:
    figures = FIGURES if priced else NONE
    known: dict[str, Any] = {"initial": figures, "maintenance": figures, "equity_with_loan": figures, "order_id": 77, "client_id": 1}
    return e.WhatIfSeen(at=NOON, epoch=1, **(known | changes))


def error(code: int, text: str = "no") -> e.ErrorSeen:
    return e.ErrorSeen(at=NOON, epoch=1, order_id=77, client_id=1, code=code, text=text)


@dataclass
class Alarms:
    told: list[str] = field(default_factory=list)

    def __call__(self, preview: Order, what: str) -> None:
        self.told.append(f"{preview.order_id}: {what}")


def test_commission_without_margins_is_a_placeholder_and_warnings_of_all_parts_are_told_once() -> None:
    first = part(priced=False, commission=D(0), currency="USD", warning="Important Note: odd lot")
    second = part(priced=True, commission_min=D(1), commission_max=D("1.5"), currency="USD", warning="Important Note: odd lot")
    answer = merged([first, second], [error(2109, "ignored")])
    assert (answer.commission, answer.commission_min, answer.commission_max) == (None, D(1), D("1.5"))
    assert (answer.initial.after, answer.warnings, answer.incomplete) == (D(1250), ("Important Note: odd lot", "ignored (2109)"), None)
    assert merged([first], []).incomplete == "IB told no margins."
    assert "not answered" in (merged([], []).incomplete or "")


async def test_answer_is_awaited_until_it_is_whole_or_quiet_or_its_time_is_up(autojump_clock: MockClock) -> None:
    previews = Previews(Alarms())

    async def taking(*evidence: e.Evidence) -> float:
        inquiry = previews.begin(WHAT_IF)
        began = trio.current_time()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(inquiry.answered)
            for each in evidence:
                await trio.sleep(0.3)
                assert previews.hears(each, None)
        return trio.current_time() - began

    assert await taking(part(priced=False), part(priced=True, commission=D(1))) == pytest.approx(0.6)
    assert await taking(part(priced=False), part(priced=True)) == pytest.approx(1.0)
    assert await taking(part(priced=False)) == pytest.approx(0.7)
    assert await taking(error(201)) == pytest.approx(0.3)
    assert await taking(error(2109)) == pytest.approx(8)
    assert await taking() == pytest.approx(8)


async def test_a_break_or_a_frame_that_was_taken_back_ends_the_waiting(autojump_clock: MockClock) -> None:
    previews = Previews(Alarms())
    inquiry = previews.begin(WHAT_IF)
    assert previews.hears(e.Withdrawn(at=NOON, kind=e.Sent.PREVIEW, reason="too_late"), "pv_1")
    await inquiry.answered()
    assert inquiry.ended == "too_late"
    inquiry = previews.begin(WHAT_IF)
    assert not previews.hears(e.SessionLost(at=NOON, reason="gone"), None), "orders have to hear of it as well"
    assert inquiry.ended == "gone"


@pytest.mark.parametrize(
    ("evidence", "alarms"),
    [
        (e.StatusSeen(at=NOON, epoch=1, order_id=77, client_id=1, status="Submitted"), 1),
        (e.StatusSeen(at=NOON, epoch=1, order_id=77, client_id=1, status="Filled"), 1),
        (e.StatusSeen(at=NOON, epoch=1, order_id=77, client_id=1, status="Inactive"), 0),
        (e.StatusSeen(at=NOON, epoch=1, order_id=77, client_id=9, status="Submitted"), 0),
        (part(priced=True), 0),
    ],
)
def test_a_preview_that_lives_is_an_alarm_and_nothing_else_is(evidence: e.Evidence, alarms: int) -> None:
    heard = Alarms()
    previews = Previews(heard)
    previews.begin(WHAT_IF)
    previews.hears(evidence, None)
    assert len(heard.told) == alarms


def test_an_answer_that_came_too_late_is_about_no_order() -> None:
    previews = Previews(Alarms())
    assert previews.hears(part(priced=True), None)
    assert not previews.hears(e.StatusSeen(at=NOON, epoch=1, order_id=77, client_id=1, status="Submitted"), None)


def test_a_token_is_of_one_key_account_and_request_for_a_minute() -> None:
    tokens = Tokens()
    token = tokens.token("bot", ACCOUNT, "f" * 64, 100.0)
    assert len(token) <= 64
    assert tokens.why_not(token, "bot", ACCOUNT, "f" * 64, 99.9) is None
    for wrong in (
        (token, "other", ACCOUNT, "f" * 64, 99.0),
        (token, "bot", "DU1", "f" * 64, 99.0),
        (token, "bot", ACCOUNT, "e" * 64, 99.0),
        (token, "bot", ACCOUNT, "f" * 64, 100.0),
        ("pv_ffffffffffff" + token[token.rindex("_") :], "bot", ACCOUNT, "f" * 64, 99.0),
        ("pv_", "bot", ACCOUNT, "f" * 64, 99.0),
        ("x", "bot", ACCOUNT, "f" * 64, 99.0),
    ):
        assert tokens.why_not(*wrong), wrong
    assert Tokens().why_not(token, "bot", ACCOUNT, "f" * 64, 99.0), "another process has another secret"


def test_mode_preview_lets_what_ifs_pass_and_no_order() -> None:
    managed = frozenset({"U1234567"})
    assert account_refusal(Mode.PREVIEW, "U1234567", managed, frozenset(), asks=True) is None
    assert account_refusal(Mode.PREVIEW, "U1234567", managed, frozenset()) is not None
    assert account_refusal(Mode.OFF, "U1234567", managed, frozenset(), asks=True) is not None
    assert account_refusal(Mode.PAPER, "U1234567", managed, frozenset(), asks=True) is not None
    assert account_refusal(Mode.LIVE, "U1234567", managed, frozenset(), asks=True) is not None
