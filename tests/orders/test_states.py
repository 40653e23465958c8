"""The state machine of orders: what each piece of evidence makes of an order."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ibactors.orders import evidence as e
from ibactors.orders.commissions import EarlyCommissions
from ibactors.orders.derive import next_deadline
from ibactors.orders.draft import Want
from ibactors.orders.order import Refused
from ibactors.orders.permits import HALT, cancels_again
from ibactors.orders.states import advance
from ibactors.orders.terms import OrderType, Side, TimeInForce
from tests.orders.orderkit import NOON, D, Life, order, terms


def test_an_order_lives_from_the_write_to_the_fill() -> None:
    life = Life().open("PreSubmitted").says("PreSubmitted").fill(10, "a.01").open("Filled").says("Filled", filled=D(10)).paid("a.01", "1.0")
    assert life.status == "filled"
    assert life.kinds == ["sent", "working", "fill", "commission"]
    assert not life.order.fills_pending
    assert not life.order.fills_disputed


def test_doubled_frames_change_and_tell_nothing() -> None:
    life = Life().open().says().fill(4, "a.01", cumulative=D(4))
    before, told = life.order, len(life.told)
    life.open().says().says().fill(4, "a.01", cumulative=D(4))
    assert (life.order, len(life.told)) == (before, told)


def test_filled_without_any_status_is_known_by_its_executions() -> None:
    life = Life().fill(6, "a.01").fill(4, "b.01")
    assert life.status == "filled"
    assert life.order.traded.average_price == D("228.37")


def test_filled_before_its_executions_waits_for_them_and_is_believed_after_ten_seconds() -> None:
    life = Life().open().says("Filled", filled=D(10))
    assert (life.status, life.order.fills_pending) == ("working", True)
    assert next_deadline(life.order, life.at) == life.at + 2
    life.tick(2)
    assert Want.EXECUTIONS in life.wants
    life.tick(8)
    assert (life.status, life.kinds[-1], life.order.fills_pending) == ("filled", "filled", True)
    life.fill(10, "a.01")
    assert (life.status, life.order.fills_pending, life.order.filled) == ("filled", False, D(10))


@pytest.mark.parametrize(
    ("word", "why", "status", "reason"),
    [
        ("PendingSubmit", "", "pending_new", None),
        ("ApiPending", "", "pending_new", None),
        ("PreSubmitted", "", "working", None),
        ("PreSubmitted", "child,trigger", "held", "child,trigger"),
        ("PreSubmitted", "locate", "held", "locate"),
        ("Submitted", "", "working", None),
        ("PendingCancel", "", "pending_cancel", None),
        ("Cancelled", "", "cancelled", None),
        ("ApiCancelled", "", "cancelled", None),
    ],
)
def test_each_word_of_ib(word: str, why: str, status: str, reason: str | None) -> None:
    life = Life().says(word, why_held=why)
    assert (life.status, life.order.reason) == (status, reason)


def test_a_word_that_no_document_has_changes_nothing_but_asks_for_a_look() -> None:
    life = Life().open().says("Resurrected")
    assert life.status == "working"
    assert Want.RECONCILE in life.wants


def test_pending_submit_is_no_acceptance_and_becomes_unknown() -> None:
    life = Life().open("PendingSubmit").tick(10)
    assert (life.status, life.order.seen) == ("unknown", True)
    assert Want.RECONCILE in life.wants


def test_no_answer_for_ten_seconds_is_unknown_and_an_answer_resolves_it() -> None:
    life = Life()
    assert next_deadline(life.order, life.at) == NOON + 10
    life.tick(9.9)
    assert life.status == "pending_new"
    life.tick(0.1)
    assert life.status == "unknown"
    life.open()
    assert life.status == "working"
    assert life.kinds[-2:] == ["resolved", "working"]


def test_a_lost_session_makes_what_has_no_evidence_unknown_and_leaves_what_has() -> None:
    assert Life().lost().status == "unknown"
    assert Life(written=False).lost().status == "unknown"  # a crash: it may have left
    assert Life().open().lost().status == "working"


def test_withdrawn_before_the_write_was_certainly_not_sent() -> None:
    life = Life(written=False).give(e.Withdrawn(at=NOON, kind=e.Sent.PLACE, reason="halted"))
    assert (life.status, life.order.reason) == ("rejected", "not_sent")
    after = Life().give(e.Withdrawn(at=NOON, kind=e.Sent.PLACE, reason="halted"))
    assert after.status == "pending_new"  # it was written: what the outbox says later does not count


def test_a_refused_placement_is_rejected_with_and_without_open_order() -> None:
    assert Life().error(201, "no funds").status == "rejected"
    life = Life().open("PreSubmitted").later(0.5).error(201, "no funds")
    assert (life.status, life.order.reason) == ("rejected", "no funds")
    life.says("Cancelled")
    assert life.status == "rejected"


def test_inactive_waits_for_its_reason() -> None:
    life = Life().open("Inactive")
    assert life.status == "pending_new"
    assert Life().open("Inactive").later(1).error(201, "no").status == "rejected"
    life.tick(2)
    assert life.status == "inactive"
    life.later(3600).error(201, "no")
    assert life.status == "rejected"


def test_an_error_just_before_inactive_is_its_reason() -> None:
    life = Life().open().later(3600).error(201, "margin")
    assert (life.status, life.kinds[-1]) == ("working", "warning")
    assert Want.RECONCILE in life.wants
    life.later(1).says("Inactive")
    assert life.status == "rejected"


def test_inactive_may_come_back() -> None:
    life = Life().open("Inactive").tick(3)
    assert life.status == "inactive"
    life.open("Submitted")
    assert life.status == "working"


def test_fill_or_kill_that_ends_inactive_is_cancelled() -> None:
    life = Life(order(of=terms(time_in_force=TimeInForce.FOK))).open("Inactive")
    assert life.status == "pending_new"
    life.tick(2)
    assert (life.status, life.order.reason) == ("cancelled", "not_fillable")


def test_cancelled_by_whom() -> None:
    life = Life().open().cancel()
    assert (life.status, life.kinds[-1]) == ("pending_cancel", "cancel_pending")
    life.says("Cancelled").error(202, "Order Canceled - reason:")
    assert (life.status, life.kinds.count("cancelled")) == ("cancelled", 1)
    other_way_round = Life().open().later(60).error(202, "Order Canceled - reason:").says("Cancelled")
    assert (other_way_round.status, other_way_round.kinds.count("cancelled")) == ("cancelled", 1)
    assert Life().open().error(202, "Order Canceled - reason:risk").order.reason == "Order Canceled - reason:risk"


def test_a_day_order_that_ends_after_its_day_expired() -> None:
    dated = order(expires_at=NOON + 100)
    assert Life(dated).open().later(99).says("Cancelled").status == "cancelled"
    assert Life(dated).open().later(101).says("Cancelled").status == "expired"
    assert Life(dated).open().cancel().later(101).says("Cancelled").status == "cancelled"


def test_the_terms_of_an_order_that_is_over_do_not_change() -> None:
    life = Life().open().says("Cancelled").later(60).open("Cancelled", echo=terms(quantity=D(0), limit_price=D(0)))
    assert (life.order.revision, life.kinds[-1]) == (1, "cancelled")


def test_a_late_word_of_life_does_not_raise_a_cancelled_order_but_a_list_does() -> None:
    life = Life().open().says("Cancelled").says("Submitted")
    assert life.status == "cancelled"
    life.open(listed=True)
    assert (life.status, life.order.late) == ("working", True)
    assert "late" in life.kinds
    assert Want.CANCEL_LATE in life.wants


def test_a_cancel_can_lose_against_a_fill() -> None:
    life = Life().open().cancel().fill(10, "a.01")
    assert life.status == "filled"


@pytest.mark.parametrize("ending", ["cancelled", "rejected", "expired", "not_received", "closed_unverified"])
def test_an_execution_after_any_ending_is_taken(ending: str) -> None:
    life = Life()
    if ending != "not_received":
        life.open()
    match ending:
        case "cancelled":
            life.says("Cancelled")
        case "rejected":
            life.error(201, "no")
        case _:
            life.give(e.Judged(at=life.at, verdict=e.Verdict(ending), reason="gone"))
    assert life.status == ending
    life.fill(4, "a.01")
    assert "late" in life.kinds
    assert life.order.filled == 4
    assert Want.RECONCILE in life.wants
    assert life.status == {"rejected": "unknown", "not_received": "partially_filled"}.get(ending, ending)
    assert life.fill(6, "b.01").status == "filled"


def test_a_correction_replaces_what_it_corrects_and_an_older_one_is_ignored() -> None:
    life = Life().open().fill(4, "x.7.01", cumulative=D(4)).fill(3, "x.7.02", "228.30", cumulative=D(3))
    assert (life.order.filled, life.kinds[-1]) == (D(3), "correction")
    life.fill(4, "x.7.01", cumulative=D(4))
    assert life.order.filled == 3
    assert not life.order.fills_disputed


@pytest.mark.parametrize("amount", [None, "-1", "1.7976931348623157E308", "1.7976931348623157e+308", "NaN"])
def test_a_commission_that_is_not_known_yet(amount: str | None) -> None:
    life = Life().open().fill(10, "a.01").paid("a.01", amount)
    assert (life.order.traded.commission, life.order.traded.commission_currency) == (None, None)
    assert "commission" not in life.kinds


def test_a_commission_may_come_before_its_execution() -> None:
    early = EarlyCommissions()
    for amount in ("1", "2"):
        early.keep(e.CommissionSeen(at=NOON, execution_id="a.01", amount=D(amount), currency="USD"))
    life = Life().fill(10, "a.01")
    waited = early.take("a.01")
    assert waited is not None
    traded = life.give(waited).order.traded
    assert (traded.commission, traded.commission_currency) == (D(2), "USD")
    assert early.take("a.01") is None
    for number in range(1001):
        early.keep(e.CommissionSeen(at=NOON, execution_id=str(number), amount=D(1), currency="USD"))
    assert early.take("0") is None
    assert early.take("1") is not None


def test_commissions_add_up_and_rebates_are_negative() -> None:
    life = Life().open().fill(4, "a.01").fill(6, "b.01").paid("a.01", "-0.35").paid("b.01", "1.00").paid("b.01", "1.00")
    assert (life.order.traded.commission, life.order.traded.commission_currency) == (D("0.65"), "USD")
    assert life.kinds.count("commission") == 2


def test_leg_executions_of_a_combination_are_not_its_own() -> None:
    bag = order(of=terms(sec_type="BAG", con_id=28812380))
    life = Life(bag).fill(10, "leg.01", con_id=1, sec_type="STK").open()
    assert (life.order.filled, life.status) == (D(0), "working")
    life.fill(10, "bag.01", con_id=28812380)
    assert (life.order.filled, life.status) == (D(10), "filled")


def test_partial_fills() -> None:
    life = Life().open().fill(4, "a.01")
    assert (life.status, life.kinds[-1]) == ("partially_filled", "fill")


def test_executions_stand_in_the_order_of_their_time() -> None:
    life = Life().open().fill(4, "a.01", time=NOON + 2).fill(3, "b.01", time=NOON + 1)
    assert [fill.execution_id for fill in life.order.fills] == ["b.01", "a.01"]
    life.fill(3, "b.02", time=NOON + 3)
    assert [fill.execution_id for fill in life.order.fills] == ["a.01", "b.02"]


def test_a_change_is_accepted_by_the_echo() -> None:
    life = Life().open().change(limit_price=D(229))
    assert (life.status, life.kinds[-1]) == ("pending_replace", "replace_pending")
    life.open(echo=terms())  # unchanged first: proves nothing
    assert life.status == "pending_replace"
    life.open(echo=terms(limit_price=D("229.00")))
    assert (life.status, life.order.revision, life.order.terms.limit_price) == ("working", 2, D(229))
    assert life.kinds[-2:] == ["replaced", "working"]


@pytest.mark.parametrize("code", [110, 201, 321, 105, 104, 462, 10326, 439])
def test_a_refused_change_leaves_the_order_alive(code: int) -> None:
    life = Life().open().later(60).change(limit_price=D(229)).open(echo=terms()).error(code, "no")
    assert (life.status, life.order.revision, life.order.terms) == ("working", 1, terms())
    assert "replace_rejected" in life.kinds


def test_a_change_that_was_never_written_was_refused_by_us() -> None:
    life = Life().open().change(write=False, limit_price=D(229)).give(e.Withdrawn(at=NOON, kind=e.Sent.CHANGE, reason="1100"))
    assert life.told[-2].reason == "not_sent"
    assert life.status == "working"


def test_a_change_whose_write_was_never_noted_may_have_left() -> None:
    """After a crash the note is missing, whether or not the frame left; the list of the next session says which terms stand."""
    for now, revision in ((terms(limit_price=D(229)), 2), (terms(), 1)):
        life = Life().open().change(write=False, limit_price=D(229)).lost()
        assert (life.status, life.order.unknown_terms) == ("pending_replace", True)
        life.later(10).open(echo=now, epoch=2, listed=True)
        assert (life.status, life.order.revision, life.order.change, life.order.unknown_terms) == ("working", revision, None, False)


@pytest.mark.parametrize("written", [True, False])
def test_a_change_that_was_on_its_way_when_the_session_broke_is_not_called_refused_by_the_first_list(*, written: bool) -> None:
    life = Life().open().change(write=written, limit_price=D(229)).lost()
    life.later(1).open(echo=terms(), epoch=2, listed=True)
    assert (life.status, life.order.unknown_terms) == ("pending_replace", True)
    later = Life(life.order, written=False)
    life.later(3).open(echo=terms(limit_price=D(229)), epoch=2, listed=True)
    assert (life.status, life.order.revision, life.order.unknown_terms) == ("working", 2, False)
    assert Want.RECONCILE in later.tick(10).wants
    later.open(echo=terms(), epoch=2, listed=True)
    assert (later.status, later.order.revision, "replace_rejected" in later.kinds) == ("working", 1, True)


def test_a_change_that_came_back_was_not_sent_even_after_the_session() -> None:
    life = Life().open().change(write=False, limit_price=D(229)).lost()
    life.give(e.Withdrawn(at=NOON, kind=e.Sent.CHANGE, reason="orders_restarted"))
    assert (life.order.change, life.order.unknown_terms, life.told[-2].reason) == (None, False, "not_sent")


def test_a_change_of_the_time_in_force_is_seen_in_its_echo_and_moves_the_end() -> None:
    start = order(expires_at=NOON + 3600)
    life = Life(start).open().change(time_in_force=TimeInForce.GTC)
    same = e.Echo(con_id=265598, side=Side.BUY, quantity=D(10), limit_price=D("228.37"), time_in_force="DAY")
    life.open(seen=same)
    assert life.status == "pending_replace"
    life.open(seen=replace(same, time_in_force="GTC"))
    assert (life.status, life.order.revision, life.order.expires_at) == ("working", 2, None)
    kept = Life(start).open().change(limit_price=D(229)).open(echo=terms(limit_price=D(229)))
    assert kept.order.expires_at == NOON + 3600


def test_a_delayed_echo_of_the_former_terms_is_no_change_by_others() -> None:
    life = Life().open().change(limit_price=D(229)).open(echo=terms(limit_price=D(229))).open(echo=terms())
    assert life.order.revision == 2
    life.later(6).open(echo=terms())
    assert (life.order.revision, life.kinds[-1]) == (3, "changed_elsewhere")


def test_a_fill_while_more_is_asked_for_leaves_it_open() -> None:
    life = Life().open().change(quantity=D(20)).fill(10, "a.01")
    assert life.status == "pending_replace"
    assert life.says("Filled", filled=D(10)).status == "filled"


@pytest.mark.parametrize(("code", "kind"), [(161, "cancel_rejected"), (10148, "cancel_rejected"), (136, "cancel_rejected")])
def test_a_refused_cancel(code: int, kind: str) -> None:
    life = Life().open().cancel().error(code, "too late")
    assert (life.status, kind in life.kinds) == ("working", True)
    assert Want.RECONCILE in life.wants


def test_a_refused_cancel_of_the_services_own_is_asked_for_again_once_the_order_was_listed_alive_and_later_each_time() -> None:
    life = Life().open().cancel(reason=HALT).error(161, "not in a cancellable state")
    assert life.order.cancel is None
    for times in (1, 2, 3):
        assert life.order.refused_cancel is not None
        refused_at = life.order.refused_cancel.at
        assert not cancels_again(life.order, refused_at, refused_at + 3600)  # nothing has shown it alive since
        assert not cancels_again(life.order, refused_at + 1, refused_at + 2**times - 0.1)
        assert cancels_again(life.order, refused_at + 1, refused_at + 2**times)
        life.cancel(reason=HALT)
        assert not cancels_again(life.order, refused_at + 1, refused_at + 3600)  # it is under way
        life.error(161, "not in a cancellable state")
    assert cancels_again(replace(life.order, refused_cancel=Refused(by="x", reason=HALT, at=life.at, times=500)), life.at + 1, life.at + 60)
    assert not cancels_again(life.says("Cancelled").order, life.at + 1, life.at + 3600)


def test_a_refused_cancel_of_a_caller_is_the_callers_to_repeat() -> None:
    life = Life().open().cancel().error(161, "not in a cancellable state")
    assert not cancels_again(life.order, life.at + 1, life.at + 3600)


def test_a_cancel_that_ib_does_not_know_ends_nothing_by_itself() -> None:
    life = Life().open().cancel().error(10147, "not found")
    assert life.status == "pending_cancel"
    assert Want.RECONCILE in life.wants


def test_a_cancel_without_answer_is_repeated_five_times_while_it_is_seen_alive() -> None:
    life = Life().open().cancel()
    repeats = 0
    for _ in range(10):
        life.wants.clear()
        life.tick(5)
        if Want.REPEAT_CANCEL in life.wants:
            repeats += 1
            life.give(e.Written(at=life.at, kind=e.Sent.CANCEL, epoch=1))
    assert repeats == 4
    assert Want.RECONCILE in life.wants


def test_a_message_that_ib_dropped() -> None:
    assert Life().error(100, "rate").status == "unknown"
    changed = Life().open().later(9).change(limit_price=D(229)).error(100, "rate")
    assert changed.order.unknown_terms
    cancelled = Life().open().later(9).cancel().error(100, "rate")
    assert Want.REPEAT_CANCEL in cancelled.wants


@pytest.mark.parametrize("code", [399, 404, 2109, 2161, 10349, 10167])
def test_notices_are_warnings_told_once(code: int) -> None:
    life = Life().open().error(code, "notice").error(code, "notice")
    assert life.kinds.count("warning") == 1
    assert life.status == "working"


def test_a_notice_that_the_order_waits_holds_it() -> None:
    life = Life().open("PreSubmitted").error(399, "your order will not be placed at the exchange until 2026-11-30 09:30:00")
    assert life.status == "held"
    assert life.open("Submitted").status == "working"


def test_a_code_that_nobody_knows_kills_nothing() -> None:
    for life in (Life(), Life().open().later(60)):
        before = life.status
        life.error(31337, "a new notice")
        assert life.status == before
        assert Want.RECONCILE in life.wants


def test_a_stop_is_compared_by_its_stop_alone() -> None:
    stop = terms(type=OrderType.STOP, limit_price=None, stop_price=D("220.5"))
    life = Life(order(of=stop)).open(echo=terms(limit_price=D("13.16"), stop_price=D("220.5")))
    assert (life.order.revision, life.status) == (1, "working")


@pytest.mark.parametrize(
    ("word", "text", "status"),
    [
        ("Filled", "", "filled"),
        ("Cancelled", "Cancelled by Trader", "cancelled"),
        ("Filled", "Cancelled by System:\n", "cancelled"),
        ("Inactive", "Rejected: no funds", "rejected"),
    ],
)
def test_a_completed_order(word: str, text: str, status: str) -> None:
    life = Life().lost().later(5)
    seen = e.CompletedSeen(at=life.at, epoch=2, perm_id=9001, token=life.order.token, status=word, completed_status=text, listed=True)
    life.give(seen).tick(10)
    assert life.status == status


def test_frames_of_others_are_not_applied() -> None:
    life = Life().open()
    before = life.order
    life.open("Cancelled", token="A" * 16)
    assert Want.NOT_OURS in life.wants
    life.open("Cancelled", echo=terms(con_id=1))
    life.says("Cancelled", perm_id=4711)
    life.fill(4, "z.01", con_id=1)
    assert life.order == before


def test_numbers_that_are_none_do_not_stop_the_machine() -> None:
    life = Life().open().says("Submitted", filled=D("NaN")).fill(1, "n.01")
    step = advance(life.order, e.ExecutionSeen(**(_execution(life) | {"quantity": D("NaN"), "execution_id": "q.01"})))
    assert step.order == life.order
    assert Want.QUARANTINE in step.wants


def _execution(life: Life) -> dict[str, Any]:
    t = life.order.terms
    common = {"at": life.at, "epoch": 1, "token": life.order.token, "con_id": t.con_id, "sec_type": "STK", "side": t.side}
    return common | {"quantity": D(1), "price": D(1), "time": life.at, "execution_id": "n.01"}


WORDS = ["PendingSubmit", "PreSubmitted", "Submitted", "PendingCancel", "Cancelled", "ApiCancelled", "Filled", "Inactive", "Bogus", ""]
NUMBERS = st.one_of(st.none(), st.decimals(allow_nan=True, allow_infinity=True), st.integers(-5, 50).map(Decimal))
ACTIONS = st.one_of(
    st.builds(lambda w, p: ("says", w, {"perm_id": p}), st.sampled_from(WORDS), st.sampled_from([None, 0, 9001, 9002])),
    st.builds(
        lambda w, p, x: ("open", w, {"perm_id": p, "listed": x}), st.sampled_from(WORDS), st.sampled_from([9001, 9002]), st.booleans()
    ),
    st.builds(lambda q, n, r: ("fill", q, {"execution_id": f"{n}.0{r}"}), st.integers(1, 12), st.sampled_from("ab"), st.integers(1, 3)),
    st.builds(lambda c: ("error", c, {}), st.sampled_from([100, 110, 135, 161, 201, 202, 321, 399, 404, 10147, 10148, 31337])),
    st.builds(lambda n: ("says", "Submitted", {"filled": n, "remaining": n}), NUMBERS),
    st.sampled_from([("lost",), ("tick", 1.0), ("tick", 11.0), ("cancel",), ("change",), ("judge", "not_received"), ("judge", "unknown")]),
)


@settings(max_examples=300)
@given(st.lists(ACTIONS, max_size=25))
@example([
    ("says", "Inactive", {"perm_id": None}),
    *(("fill", quantity, {"execution_id": name}) for quantity, name in ((5, "a.01"), (5, "b.01"), (1, "a.02"))),
])  # fmt: skip
def test_no_evidence_raises_and_what_is_executed_is_never_forgotten(actions: list[tuple[Any, ...]]) -> None:
    life = Life()
    executed: dict[str, tuple[int, int]] = {}
    for action in actions:
        match action:
            case ("fill", quantity, fields):
                life.fill(quantity, **fields)
                base, revision = fields["execution_id"].rsplit(".", 1)
                if base not in executed or int(revision) > executed[base][0]:
                    executed[base] = (int(revision), quantity)
            case ("judge", verdict):
                life.give(e.Judged(at=life.at, verdict=e.Verdict(verdict), reason="x"))
            case ("change",):
                life.change(limit_price=D(230))
            case (name,):
                getattr(life, name)()
            case (name, value):
                getattr(life, name)(value)
            case (name, value, fields):
                getattr(life, name)(value, **fields)
        assert life.order.filled == sum(quantity for _, quantity in executed.values())
        assert not (life.order.status == "not_received" and life.order.seen)
        assert not (life.order.status == "filled" and life.order.filled < 10 and life.order.filled_word_at is None)
        assert Want.QUARANTINE not in life.wants
        again = advance(life.order, e.TimePassed(at=life.at))
        assert again.order == advance(again.order, e.TimePassed(at=life.at)).order
