"""One test by name for each hole of the design that can be decided here: the scenario that would break the promise, played.

Those that need an actor, the bridge, the settings or the wire are beside these; test_every_hole.py looks that none is missing.
"""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from ibactors.errors import InvalidRequest, StartupError
from ibactors.orders import evidence as e
from ibactors.orders import limits
from ibactors.orders.claims import Claims
from ibactors.orders.codes import ROWS, Action, Meaning, meaning_of
from ibactors.orders.collar import Reference, ReferenceKind
from ibactors.orders.consistency import check_request
from ibactors.orders.draft import Step, Want
from ibactors.orders.errors import BadText, ClientIdChanged, ClientOrderIdVoid, CursorGone, JournalFailed, OrderIdsExhausted
from ibactors.orders.exposure import to_cancel
from ibactors.orders.halts import Deadman, Halt, deadmen, halt, halts_in_force, watch
from ibactors.orders.journal import Job, Journal
from ibactors.orders.keeping import Known, begin_change, executions_were_complete, save
from ibactors.orders.limits import Candidate, Passed, State
from ibactors.orders.order import Kin, Order, Status
from ibactors.orders.permits import Fence, Present, broken_group, is_proven, why_not_cancel_blind, why_not_change, why_not_send
from ibactors.orders.placing import Book, Existing, Group, Intent, bind_client_id, bury, is_order_id, place, take_ids
from ibactors.orders.reader import Reader
from ibactors.orders.reading import read_body
from ibactors.orders.request import PlaceBody, deadline_of, fingerprint
from ibactors.orders.safety import Limits, Mode, Rules, account_refusal
from ibactors.orders.states import advance
from ibactors.orders.storage import check_file_system
from ibactors.orders.terms import Oca, OrderType, Side
from ibactors.orders.tokens import group_name, order_ref, token_of, tokens_in_frame
from ibactors.orders.transaction import Operation, T
from ibactors.orders.verdicts import absence_decides, judge
from tests.orders.orderkit import ACCOUNT, NOON, D, Life, order, terms
from tests.orders.passes import clean, execution, ground, reconcile, row, twice

BOOK = Book(login="paper", client_id=1)
check: Any = limits.check
"""Tests look into whichever outcome it should be."""


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal(tmp_path, allow_ephemeral=True)
    yield opened
    opened.close()


def do(journal: Journal, operation: Operation[T]) -> Any:
    (outcome,) = journal.commit([Job(operation)])
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def put(journal: Journal, *orders: Order, **fields: Any) -> Any:
    intent = Intent(orders=orders, request="{}", fingerprint="f", book=BOOK, epoch=1, next_valid_id=1)
    return do(journal, lambda tx: place(tx, replace(intent, **fields)))


def body(text: str = "", **changes: Any) -> PlaceBody:
    base = '{"client_order_id":"a","instrument":{"symbol":"A"},"side":"buy","quantity":1,"type":"market","time_in_force":"day"' + text + "}"
    return replace(read_body(base.encode(), PlaceBody), **changes)


def test_hole_01_ids_of_requests_and_orders_never_meet(journal: Journal) -> None:
    with pytest.raises(OrderIdsExhausted):
        do(journal, lambda tx: take_ids(tx, BOOK, 1, next_valid_id=2**30))
    for code in ROWS:
        life = Life().error(code)
        assert is_order_id(life.order.ib_order_id)
    assert not is_order_id(2**30)
    assert not is_order_id(-1)


@pytest.mark.parametrize(
    "state", ["new", "unknown", "inactive", "cancelled", "cancelling", "pending_cancel", "other_session", "broken_change"]
)
def test_hole_02_a_change_is_never_a_placement(state: str) -> None:
    life = Life()
    match state:
        case "unknown":
            life.tick(10)
        case "inactive":
            life.open("Inactive").tick(3)
        case "cancelled":
            life.open().says("Cancelled")
        case "cancelling":
            life.open().cancel(write=False)
        case "pending_cancel":
            life.open("PendingCancel")
        case "other_session":
            life.open().lost()
        case "broken":
            life.open().change(limit_price=D(1)).lost().open()
    assert why_not_change(life.order, life.epoch) is not None
    assert why_not_change(Life().open().order, 1) is None


def test_hole_02_a_change_that_waited_is_taken_back() -> None:
    life = Life().open().change(write=False, limit_price=D(1)).says("Filled", filled=D(10)).fill(10, "x.01")
    assert life.status == "filled"
    assert life.order.change is None
    assert "replace_rejected" in life.kinds
    assert why_not_change(life.order, 1) is not None


def test_hole_03_what_was_seen_was_received() -> None:
    life = Life().open().lost()
    twice(life)
    assert (life.status, life.order.fills_unverified, life.order.new_attempt_is_safe) == ("closed_unverified", True, False)
    for seen in (Life().says("PendingSubmit"), Life().fill(1, "x.01"), Life().error(404)):
        seen.lost()
        twice(seen)
        assert seen.status != "not_received" or not seen.order.seen


def test_hole_04_a_frame_that_cannot_be_read_is_no_absence() -> None:
    life = Life().lost()
    frame = b"5\x007\x00" + life.order.ref.encode() + b"\x00new field"
    assert tokens_in_frame(frame) == {life.order.token}
    reconcile(life, clean(NOON + 40, undecoded=True, undecoded_tokens=tokens_in_frame(frame)))
    assert (life.status, life.order.seen) == ("unknown", True)
    assert Want.QUARANTINE in life.wants
    other = Life().lost()
    twice(other, undecoded=True)
    assert other.status == "unknown"


def test_hole_05_an_orphan_that_could_be_the_order() -> None:
    orphans: list[dict[str, Any]] = [
        {"open_orders": (row(order(99), NOON, token=None, order_ref="", perm_id=55),)},
        {"executions": (execution(order(99), NOON - 4, token=None, perm_id=55),)},
        {"completed": (e.CompletedSeen(at=NOON, epoch=2, perm_id=55, status="Filled", account=ACCOUNT),)},
    ]
    for orphan in orphans:
        life = Life().lost()
        twice(life, **orphan)
        assert (life.status, life.order.candidates) == ("unknown", ("ext_55",))
    no_orphans: list[dict[str, Any]] = [
        {"executions": (execution(order(99), NOON - 6, token=None, perm_id=55),)},
        {"executions": (execution(order(99), NOON, token=None, perm_id=55, side=Side.SELL),)},
        {"executions": (execution(order(99), NOON, token=None, perm_id=55, account="DU9"),)},
    ]
    for no_orphan in no_orphans:
        life = Life().lost()
        twice(life, **no_orphan)
        assert life.status == "not_received"


def test_hole_05_an_order_ref_that_does_not_come_back_is_told() -> None:
    life = Life().open(token=None, order_ref="")
    assert life.status == "working"
    assert Want.ORDER_REF_UNRELIABLE in life.wants
    assert Want.ORDER_REF_UNRELIABLE not in Life().open().wants


def test_hole_06_a_session_judges_its_own_accounts(journal: Journal) -> None:
    life = Life().lost()
    first = clean(NOON + 40)
    for on in (ground(NOON + 72, accounts=frozenset({"U1"})), ground(NOON + 72, mode="live")):
        reconcile(life, clean(NOON + 72), first, on)
        assert life.status == "unknown"
    put(journal, order(1), next_valid_id=500)
    assert put(journal, order(2), book=Book(login="live", client_id=1)).orders[0].ib_order_id == 1


FENCE = Fence(kind=e.Sent.PLACE, socket=1, epoch=1, incarnation=1, mode="paper", account=ACCOUNT, send_before=102.0)
PRESENT = Present(
    socket=1,
    epoch=1,
    incarnation=1,
    mode="paper",
    accounts=frozenset({ACCOUNT}),
    boot=101.0,
    connected=True,
    halted=False,
    buffer_empty=True,
)


@pytest.mark.parametrize(
    ("change", "also_a_cancel"),
    [
        ({"socket": 2}, True),
        ({"epoch": 2}, True),
        ({"incarnation": 2}, True),
        ({"connected": False}, True),
        ({"buffer_empty": False}, True),
        ({"boot": 102.0}, True),
        ({"halted": True}, False),
        ({"mode": "live"}, False),
        ({"accounts": frozenset()}, False),
    ],
)
def test_hole_07_the_fence_is_looked_at_in_the_step_of_the_write(change: dict[str, object], *, also_a_cancel: bool) -> None:
    assert why_not_send(FENCE, PRESENT) is None
    for kind, withdrawn in ((e.Sent.PLACE, True), (e.Sent.CHANGE, True), (e.Sent.CANCEL, also_a_cancel)):
        assert (why_not_send(replace(FENCE, kind=kind), replace(PRESENT, **change)) is not None) is withdrawn


def test_hole_08_an_empty_journal_finds_a_repeated_request_at_ib(tmp_path: Path) -> None:
    before = order(1)
    again = token_of(ACCOUNT, "o-1")
    assert again == before.token
    judgement = judge((), clean(NOON, open_orders=(row(before, NOON),)), None, ground(NOON))
    assert judgement.behind == {again}
    mounts = tmp_path / "mounts"
    mounts.write_text("1 0 0:1 / / rw - tmpfs tmpfs rw\n")
    with pytest.raises(StartupError, match="persistent"):
        check_file_system(tmp_path, allow_ephemeral=False, mounts=mounts)


def test_hole_10_a_nul_cannot_shift_the_fields() -> None:
    for text in (',"oca":{"group":"g\\u0000DU9999999"}', ',"extra":{"hedgeParam":"\\u0000"}', ',"algo":{"strategy":"x\\u0000"}'):
        with pytest.raises(BadText):
            body(text)
    with pytest.raises(ValueError, match="x"):
        order_ref("x\0", "A" * 16)


def test_hole_11_not_sent_is_a_verdict_that_permits_a_new_attempt() -> None:
    life = Life(written=False).give(e.Withdrawn(at=NOON, kind=e.Sent.PLACE, reason="session_changed"))
    assert (life.status, life.order.reason, life.order.sent, life.order.new_attempt_is_safe) == ("rejected", "not_sent", False, True)
    for unsure in (Life(), Life().tick(10), Life().lost(), Life().open(), Life().open().says("Cancelled")):
        assert not unsure.order.new_attempt_is_safe
    assert Life().lost().order.sent is None


def test_hole_12_the_first_request_arrives_late(journal: Journal) -> None:
    assert do(journal, lambda tx: bury(tx, ACCOUNT, "o-1", key="bot", at=NOON)) is None
    with pytest.raises(ClientOrderIdVoid):
        put(journal, order(1))
    received = datetime.fromtimestamp(NOON, UTC)
    assert deadline_of(body(), received) == received + timedelta(seconds=10)
    soon = received + timedelta(seconds=60)
    assert deadline_of(body(send_before=soon), received) == soon
    for wrong in (received, soon + timedelta(microseconds=1)):
        with pytest.raises(InvalidRequest, match="send_before"):
            deadline_of(body(send_before=wrong), received)


def test_hole_13_two_first_requests_at_once(journal: Journal) -> None:
    claims: Claims[str] = Claims()
    assert claims.take(ACCOUNT, "o-1", "f", "first") is None
    assert claims.take(ACCOUNT, "o-1", "f", "second") == ("first", True)
    assert claims.take(ACCOUNT, "o-1", "g", "third") == ("first", False)
    claims.release(ACCOUNT, "o-1", "second")
    assert len(claims) == 1
    claims.release(ACCOUNT, "o-1", "first")
    assert claims.take(ACCOUNT, "o-1", "g", "third") is None
    clash = order(2, name="o-2", token=order(1).token)  # dies on UNIQUE in the middle of a group
    intents = [
        Intent(orders=(o,), request="{}", fingerprint="f", book=BOOK, epoch=1, next_valid_id=1)
        for o in (order(1), clash, order(3), order(1))
    ]
    jobs = [Job(partial(place, intent=each)) for each in intents]
    outcomes: list[Any] = journal.commit(jobs)
    first, died, third, repeated = outcomes
    assert isinstance(died, sqlite3.IntegrityError)
    assert [first.entries[0].sequence, third.entries[0].sequence] == [1, 2]
    assert isinstance(repeated, Existing)


def test_hole_14_midnight() -> None:
    late = NOON + 5 * 3600 + 54 * 60  # 16:54 in New York: the trade date rolls between the passes
    start = order(created=late)
    life = Life(start, written=False).give(e.Written(at=late, kind=e.Sent.PLACE, epoch=1))
    life.at = late
    life.lost()
    twice(life)
    assert life.status == "unknown"
    assert "A day ended" in str(life.order.reason)


def test_hole_14_a_gateway_that_may_have_been_restarted_since_the_send() -> None:
    for since, status in ((NOON - 1, "not_received"), (NOON + 20, "unknown")):
        life = Life().lost()
        first, second = clean(NOON + 40), clean(NOON + 72)
        reconcile(life, first, None, ground(NOON + 40, gateway_since=since))
        reconcile(life, second, first, ground(NOON + 72, gateway_since=since))
        assert life.status == status, since
    assert life.order.reason == "The gateway may have been restarted since it was sent."


def test_hole_15_ends_that_belong_to_others_and_ends_that_never_come() -> None:
    faults: list[dict[str, Any]] = [{"end_owed": True}, {"completed": None}, {"open_orders": None}]
    for fault in faults:
        life = Life().lost()
        twice(life, **fault)
        assert life.status == "unknown"
    loading = Life().lost()
    reconcile(loading, replace(clean(NOON + 72), synced_at=NOON + 60), clean(NOON + 40))
    assert loading.status == "unknown"
    shown = Life().lost()
    reconcile(shown, clean(NOON + 40, completed=None, open_orders=(row(shown.order, NOON + 40),)))
    assert shown.status == "working"


def test_hole_16_another_key_does_not_make_it_another_order(journal: Journal) -> None:
    put(journal, order(1))
    known = put(journal, order(2, name="o-1", key="other"))
    assert isinstance(known, Existing)
    assert known.key == "bot"


def test_hole_17_open_orders_hold_the_client_id(journal: Journal) -> None:
    placed = put(journal, order(1))
    with pytest.raises(ClientIdChanged):
        do(journal, lambda tx: bind_client_id(tx, Book(login="paper", client_id=2)))
    step = advance(placed.orders[0], e.Withdrawn(at=NOON, kind=e.Sent.PLACE, reason="x"))
    do(journal, lambda tx: save(tx, step))
    do(journal, lambda tx: bind_client_id(tx, Book(login="paper", client_id=2)))


def test_hole_19_a_copy_made_in_tws_is_not_ours() -> None:
    life = Life().open()
    before = life.order
    copies: list[dict[str, Any]] = [{"order_id": 0, "client_id": 0}, {"client_id": 5}, {"order_id": 900}]
    for copied in copies:
        life.open("Submitted", perm_id=9002, **copied)
    assert life.order == before
    assert Want.FOREIGN_COPY in life.wants
    assert Want.DUPLICATE not in life.wants
    judgement = reconcile(life, clean(NOON + 9, open_orders=(row(before, NOON), row(before, NOON, perm_id=9002, client_id=0, order_id=0))))
    assert len(judgement.copies) == 1
    assert judgement.duplicates == ()


def test_hole_19_two_orders_under_one_number_are_found_and_end_together() -> None:
    life = Life().open().open(perm_id=9002)
    assert Want.DUPLICATE in life.wants
    assert [each.perm_id for each in life.order.incarnations] == [9001, 9002]
    judgement = reconcile(life, clean(NOON + 9, open_orders=(row(life.order, NOON), row(life.order, NOON, perm_id=9002))))
    assert judgement.duplicates == (life.order.order_id,)
    life.cancel().says("Cancelled", perm_id=9001).says("Submitted", perm_id=9001)  # the second one is late
    assert life.status == "pending_cancel"
    life.says("Cancelled", perm_id=9002)
    assert life.status == "cancelled"


def test_hole_20_nothing_is_told_before_it_is_durable(tmp_path: Path) -> None:
    class Failing(sqlite3.Connection):
        broken = False

        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
            if Failing.broken and sql == "COMMIT":
                raise sqlite3.OperationalError("disk I/O error")
            return super().execute(sql, *values)

    def connect(path: Path) -> sqlite3.Connection:
        return sqlite3.connect(path, isolation_level=None, check_same_thread=False, factory=Failing)

    journal = Journal(tmp_path, allow_ephemeral=True, connect=connect)
    put(journal, order(1))
    Failing.broken = True
    with pytest.raises(JournalFailed):
        put(journal, order(2))
    assert journal.sequence == 1
    Failing.broken = False
    with pytest.raises(JournalFailed):  # not in this process any more
        put(journal, order(2))
    journal.close()
    again = Journal(tmp_path, allow_ephemeral=True)
    assert put(again, order(2)).entries[0].sequence == 2
    again.close()


def test_hole_21_a_number_of_another_journal_is_gone(journal: Journal) -> None:
    put(journal, order(1))
    reader = Reader(journal.path)
    for cursor in ("other-1", f"{journal.journal_id}-2"):
        with pytest.raises(CursorGone):
            reader.sequence_of(cursor)
    reader.close()


def test_hole_22_a_blind_cancel_needs_a_used_number_that_is_nobody_elses() -> None:
    mine = order(13)
    assert why_not_cancel_blind(mine, 14, ()) is None
    assert why_not_cancel_blind(mine, 14, (row(mine, NOON),)) is None
    assert why_not_cancel_blind(mine, 13, ()) is not None
    assert why_not_cancel_blind(mine, 14, None) is not None
    for other in (row(mine, NOON, token="A" * 16), row(mine, NOON, token=None)):
        assert why_not_cancel_blind(mine, 14, (other,)) is not None


def test_hole_23_the_morning_does_not_halt() -> None:
    yesterday = Life(order(expires_at=NOON + 3600)).open().lost()
    reconcile(yesterday, clean(NOON + 3600 + 1799))
    assert yesterday.status == "unknown"
    reconcile(yesterday, clean(NOON + 3600 + 1800))
    assert (yesterday.status, yesterday.order.fills_unverified) == ("expired", True)
    gtc = Life().open().lost()
    twice(gtc, after=86_400 * 3)
    assert gtc.status == "closed_unverified"


def test_hole_24_what_nobody_asked_for_is_a_gap(journal: Journal) -> None:
    do(journal, lambda tx: executions_were_complete(tx, ACCOUNT, 0.0, 10.0))
    do(journal, lambda tx: executions_were_complete(tx, ACCOUNT, 20.0, 30.0))
    reader = Reader(journal.path)
    assert reader.gaps(ACCOUNT, 0.0, 30.0) == ((10.0, 20.0),)
    reader.close()


def quote(kind: ReferenceKind = ReferenceKind.QUOTE) -> Reference:
    return Reference(kind=kind, bid=D("228.30"), ask=D("228.40"), at=NOON)


def test_hole_25_a_change_passes_every_check_of_a_new_order() -> None:
    own = order(status=Status.WORKING, notional=D(228))
    huge = Candidate(terms=terms(quantity=D(1_000_000)), order_id=own.order_id, reference=quote(), rate=D(1))
    assert check(huge, State(at=NOON, orders=(own,)), Rules()).name == "order_notional"
    far = Candidate(terms=terms(limit_price=D(500)), order_id=own.order_id, reference=quote(), rate=D(1))
    assert check(far, State(at=NOON, orders=(own,)), Rules()).code == "price_collar"


def test_hole_26_a_halt_leaves_protection_and_reaches_what_was_just_written(journal: Journal) -> None:
    parent = order(1, status=Status.FILLED, ib_filled=D(10))
    stop = order(2, of=terms(side=Side.SELL), parent=parent.order_id, role="sl", status=Status.HELD)
    entry = order(3, status=Status.PENDING_NEW)
    assert to_cancel((parent, stop, entry), {}, "entries", NOON) == (entry.order_id,)
    assert is_proven(Life().order, 1)  # written on this socket, not seen yet
    assert not is_proven(Life().lost().order, 2)
    do(journal, lambda tx: halt(tx, Halt(at=NOON, by="x", reason="y", cancel="entries")))
    assert len(do(journal, halts_in_force)) == 1


def test_hole_27_a_bracket_with_a_refused_member() -> None:
    first = order(1)
    parent, profit, loss = Life(first), *(Life(order(n, parent=first.order_id, role=role)) for n, role in ((2, "tp"), (3, "sl")))
    loss.error(201, "no")

    def to_end() -> set[str]:
        return set(broken_group(loss.order, [each.order for each in (parent, profit, loss)]))

    assert to_end() == {parent.order.order_id, profit.order.order_id}
    parent.open()
    profit.open()
    assert to_end() == {parent.order.order_id}
    parent.fill(10, "x.01")
    assert to_end() == set()
    refused_profit = replace(profit.order, status=Status.REJECTED)
    assert broken_group(refused_profit, [Life(first).open().order, refused_profit, Life(loss.order).order]) == ()


def test_hole_28_the_collar_takes_the_best_reference_and_names_it() -> None:
    def outcome(kind: ReferenceKind, **changes: Any) -> Any:
        return check(Candidate(terms=terms(**changes), reference=quote(kind), rate=D(1)), State(at=NOON), Rules())

    assert outcome(ReferenceKind.CLOSE, limit_price=D(260)).reference.kind is ReferenceKind.CLOSE
    assert outcome(ReferenceKind.LAST, limit_price=D(260)).code == "price_collar"
    assert outcome(ReferenceKind.CLOSE, type=OrderType.MARKET, limit_price=None).code == "no_reference_price"
    assert isinstance(outcome(ReferenceKind.PARENT), Passed)


def test_hole_29_a_read_only_gateway_refuses_and_is_no_unknown() -> None:
    life = Life().error(321, "Error validating request.-'bw' : cause - The API interface is currently in Read-Only mode.")
    assert life.status == "rejected"
    assert Want.READ_ONLY in life.wants


def test_hole_30_a_dead_mans_switch_outlives_a_restart(journal: Journal, tmp_path: Path) -> None:
    do(journal, lambda tx: watch(tx, Deadman(key="bot", seconds=30, wall=NOON, boot=1.0)))
    journal.close()
    again = Journal(tmp_path, allow_ephemeral=True)
    assert [each.key for each in do(again, deadmen)] == ["bot"]
    again.close()
    refused = check(Candidate(terms=terms(), reference=quote(), rate=D(1)), State(at=NOON, deadman_expired=True), Rules())
    assert refused.code == "deadman_expired"


def test_hole_31_a_poisonous_frame_harms_one_order() -> None:
    poison = replace(row(order(), NOON), echo=None)
    step = advance(Life().order, poison)
    assert step.order.status is Status.UNKNOWN
    assert {Want.QUARANTINE, Want.RECONCILE} <= step.wants


def test_hole_32_changes_are_repeatable_and_broken_ones_are_unknown(journal: Journal) -> None:
    life = Life(put(journal, order(1)).orders[0]).open()
    step = Step(order=life.order)
    do(journal, lambda tx: begin_change(tx, step, "A", "price 10", epoch=1))
    do(journal, lambda tx: begin_change(tx, step, "B", "price 11", epoch=1))
    assert isinstance(do(journal, lambda tx: begin_change(tx, step, "A", "price 10", epoch=1)), Known)
    life.change(limit_price=D(229)).lost()
    assert life.order.unknown_terms
    old = life.order
    reconcile(life, clean(NOON + 10, open_orders=(row(old, NOON + 10),)))
    assert (life.order.unknown_terms, life.order.terms.limit_price, life.kinds[-2]) == (False, D("228.37"), "replace_rejected")
    again = Life().open().change(limit_price=D(229)).lost()
    shown = row(replace(again.order, terms=terms(limit_price=D(229))), NOON + 9)
    reconcile(again, clean(NOON + 9, open_orders=(shown,)))
    assert (again.order.unknown_terms, again.order.revision) == (False, 2)
    human = Life().open().later(60).open(echo=terms(limit_price=D(230)))
    assert (human.order.terms.limit_price, human.order.revision, human.kinds[-1]) == (D(230), 2, "changed_elsewhere")


def test_hole_33_a_cancel_is_an_intent_that_waits_for_its_proof() -> None:
    life = Life().open().lost().cancel(write=False)
    assert not is_proven(life.order, life.epoch)
    life.open(epoch=2)
    assert is_proven(life.order, 2)
    life.give(e.Written(at=NOON, kind=e.Sent.CANCEL, epoch=2)).lost()
    assert life.order.cancel is not None
    assert (life.order.cancel.written_at, life.status) == (None, "pending_cancel")


def test_hole_34_executions_that_add_up_to_too_much_are_disputed() -> None:
    life = Life().open().fill(5, "a.01", cumulative=D(5)).fill(5, "a2.01", cumulative=D(5))
    assert life.order.fills_disputed
    assert life.order.greatest_filled == 10
    late = Life().open().says("Cancelled").fill(5, "a.01")
    assert (late.status, late.order.filled) == ("cancelled", D(5))
    assert "late" in late.kinds
    advisor = account_refusal(Mode.PAPER, "DF1", frozenset({"DF1"}), frozenset())
    assert advisor is not None
    assert advisor.code == "trading_off"
    legs = ',"legs":[{"con_id":1,"ratio":1,"side":"buy"},{"con_id":2,"ratio":1,"side":"sell"}],"guaranteed":false'
    bag = body(legs)
    with pytest.raises(InvalidRequest, match="not guaranteed"):
        check_request(replace(bag, instrument=replace(bag.instrument, sec_type="BAG")), datetime.fromtimestamp(NOON, UTC))


def test_hole_35_a_group_is_a_keys_own_and_of_its_day(journal: Journal) -> None:
    names = {group_name(ACCOUNT, key, "g1", n) for key in ("bot", "other") for n in (1, 2)}
    assert len(names) == 4
    sent = Oca(group=group_name(ACCOUNT, "bot", "g1", 2))
    put(journal, order(1), group=Group(account=ACCOUNT, key="bot", name="g1", generation=2, sent=sent))
    reader = Reader(journal.path)
    assert [reader.generation(ACCOUNT, key, "g1") for key in ("bot", "other")] == [2, 0]
    reader.close()


def test_hole_35_members_of_a_group_stand_or_fall_together_when_they_are_placed() -> None:
    kin = tuple(Kin(order_id=order(n).order_id, client_order_id=f"g/{n}", role="" if n == 1 else str(n)) for n in (1, 2, 3))
    first, second, third = (Life(order(n, kin=kin, role=own.role)) for n, own in enumerate(kin, 1))
    second.error(201, "no")

    def to_end() -> set[str]:
        return set(broken_group(second.order, [each.order for each in (first, second, third)]))

    both = {first.order.order_id, third.order.order_id}
    assert to_end() == both
    first.open()
    assert to_end() == both, "which of them IB tells first means nothing"
    first.fill(1, "x.01")
    assert to_end() == set(), "a fill ends the others by itself"
    late = Life(order(2, kin=kin, role="2")).open().later(60).open("Inactive").error(201, "no")
    assert late.order.status is Status.REJECTED
    others = [Life(order(n, kin=kin)).open().order for n in (1, 3)]
    assert broken_group(late.order, [late.order, *others]) == (), "what has lived protects somebody"
    missing = Life(order(2, kin=kin, role="2")).lost()
    missing.give(e.Judged(at=missing.at, verdict=e.Verdict.NOT_RECEIVED, reason="nothing"))
    assert set(broken_group(missing.order, [missing.order, *others])) == both


def test_hole_08_a_request_whose_first_order_is_lost_is_known_by_another(journal: Journal) -> None:
    known = replace(order(2), token=token_of(ACCOUNT, "g-1", "2"), adopted=True)
    put(journal, known)
    first, second = order(3, name="g-1"), replace(order(4, name="g-1/2", role="2"), token=known.token)
    found = put(journal, first, second)
    assert isinstance(found, Existing)
    assert found.order.order_id == known.order_id


def test_hole_36_doubt_counts_in_full() -> None:
    unknown = order(1, status=Status.UNKNOWN, notional=D(9000))
    rules = Rules(limits=Limits(day_notional=D(10_000), open_orders=1))
    outcome = check(Candidate(terms=terms(), reference=quote(), rate=D(1)), State(at=NOON, orders=(unknown,)), rules)
    assert outcome.name == "day_notional"
    gone = replace(unknown, status=Status.CLOSED_UNVERIFIED)
    assert (
        check(Candidate(terms=terms(quantity=D(1)), reference=quote(), rate=D(1)), State(at=NOON, orders=(gone,)), rules).name
        == "open_orders"
    )
    assert check(Candidate(terms=terms(), reference=quote()), State(at=NOON), Rules()).code == "no_exchange_rate"


@pytest.mark.parametrize("kind", ["nfs", "cifs", "virtiofs", "fuse.gvfsd"])
def test_hole_37_no_journal_over_a_network(tmp_path: Path, kind: str) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"1 0 0:1 / / rw - {kind} src rw\n")
    with pytest.raises(StartupError, match="local disk"):
        check_file_system(tmp_path, allow_ephemeral=True, mounts=mounts)


def test_hole_38_every_code_is_a_row_and_an_unknown_one_with_absence_is_a_refusal() -> None:
    for code in (148, 152, 328, 388, 464, 10063, 10267, 10315, 10224, 107, 109, 10006):
        assert meaning_of(code, Action.PLACE) is Meaning.REFUSES
    assert meaning_of(133, Action.PLACE) is meaning_of(134, Action.CHANGE) is meaning_of(136, Action.CANCEL) is Meaning.REFUSES
    assert meaning_of(199, Action.PLACE) is Meaning.UNKNOWN
    not_found = Life().cancel().error(10147, "not found")  # a cancel of what IB never had is no refusal of it
    not_found.lost()
    reconcile(not_found, clean(NOON + 40))
    assert not_found.status == "unknown"
    life = Life().error(31337, "a new refusal")
    life.lost()
    reconcile(life, clean(NOON + 40))
    assert (life.status, life.order.reason) == ("rejected", "a new refusal")


def test_hole_39_a_repetition_is_compared_as_it_was_parsed() -> None:
    one = body(',"rounding":"nearest"')
    assert fingerprint(one) == fingerprint(replace(one, preview_token="pv", wait=D(3)))
    assert fingerprint(body()) != fingerprint(one)
    assert fingerprint(body(',"label":null')) == fingerprint(body())


def test_hole_40_an_order_may_wait_behind_a_window() -> None:
    life = Life().lost()
    twice(life, dialog=True)
    assert life.status == "unknown"
    external = Life().lost()
    first = clean(NOON + 40)
    reconcile(external, clean(NOON + 72), first, ground(NOON + 72, automatic=False))
    assert (external.status, external.order.reason) == ("unknown", "IB has shown nothing of it, twice; an admin decides.")
    who = {(mode, gateway): absence_decides(mode, gateway) for mode in Mode for gateway in ("external", "managed")}
    assert [each for each, decides in who.items() if decides] == [(Mode.PAPER, "external")], "nobody sees the windows of one that we run"
