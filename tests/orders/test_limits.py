"""Limits, allow-lists, collar, modes and what a halt takes: each refusal names limit, value and setting."""

from collections import Counter
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ibactors.actors.order_book import Book
from ibactors.orders import evidence as e
from ibactors.orders import limits as limits_module
from ibactors.orders.collar import Reference, ReferenceKind
from ibactors.orders.exposure import counts_as_open, day_notional, quantity_open, to_cancel
from ibactors.orders.limits import Candidate, Passed, State
from ibactors.orders.order import Order, Status
from ibactors.orders.safety import Allowed, Limits, Mode, Refusal, Rules, account_refusal
from ibactors.orders.shelf import Shelf
from ibactors.orders.terms import Leg, Oca, OrderType, Side, Terms
from tests.orders.orderkit import ACCOUNT, NOON, D, Life, order, terms

AAPL = 265598
check: Any = limits_module.check
"""Tests look into whichever outcome it should be."""


def quote(bid: str = "228.30", ask: str = "228.40", kind: ReferenceKind = ReferenceKind.QUOTE) -> Reference:
    return Reference(kind=kind, bid=D(bid), ask=D(ask), at=NOON)


def candidate(of: Terms | None = None, **fields: Any) -> Candidate:
    return replace(Candidate(terms=of or terms(), reference=quote(), rate=D(1)), **fields)


def state(*orders: Order, **fields: Any) -> State:
    return State(at=NOON, orders=orders, **fields)


def rules(**limits: Any) -> Rules:
    return Rules(limits=Limits(**limits))


def refused(outcome: Any) -> str:
    assert isinstance(outcome, Refusal), outcome
    assert outcome.detail.endswith(".")
    return outcome.name or outcome.code


def working(number: int, of: Terms | None = None, **changes: Any) -> Order:
    return order(number, of=of, status=Status.WORKING, notional=D(2000), **changes)


def test_an_ordinary_order_passes_and_is_counted() -> None:
    passed = check(candidate(), state(), Rules())
    assert passed == Passed(notional=D("2283.70"), reference=quote())


@pytest.mark.parametrize(
    ("name", "setting", "outcome"),
    [
        ("order_notional", "IBACTORS_MAX_ORDER_NOTIONAL", check(candidate(terms(quantity=D(44))), state(), Rules())),
        ("order_quantity", "IBACTORS_MAX_ORDER_QUANTITY", check(candidate(), state(), rules(order_quantity=D(9)))),
        ("day_notional", "IBACTORS_MAX_DAY_NOTIONAL", check(candidate(), state(working(1)), rules(day_notional=D(4000)))),
        ("open_orders", "IBACTORS_MAX_OPEN_ORDERS", check(candidate(), state(working(1)), rules(open_orders=1))),
        ("position_notional", "IBACTORS_MAX_POSITION_NOTIONAL", check(candidate(), state(), rules(position_notional=D(2000)))),
        ("per_minute", "IBACTORS_ORDERS_PER_MINUTE", check(candidate(), state(placed_at=(NOON - 59,)), rules(per_minute=1))),
        ("accounts", "IBACTORS_ORDER_ACCOUNTS", check(candidate(), state(), Rules(allowed=Allowed(accounts=frozenset())))),
        ("symbols", "IBACTORS_ORDER_SYMBOLS", check(candidate(), state(), Rules(allowed=Allowed(symbols=frozenset({"MSFT"}))))),
        ("sec_types", "IBACTORS_ORDER_SEC_TYPES", check(candidate(), state(), Rules(allowed=Allowed(sec_types=frozenset({"FUT"}))))),
        ("types", "IBACTORS_ORDER_TYPES", check(candidate(), state(), Rules(allowed=Allowed(types=frozenset({"market"}))))),
    ],
)
def test_each_limit_refuses_and_names_itself(name: str, setting: str, outcome: Any) -> None:
    assert refused(outcome) == name
    assert outcome.setting == setting
    assert None not in (outcome.limit, outcome.value)


def test_the_codes_tell_a_rate_from_a_limit_from_a_list() -> None:
    assert check(candidate(), state(placed_at=(NOON,)), rules(per_minute=1)).code == "order_rate"
    assert check(candidate(), state(), rules(order_quantity=D(1))).code == "order_limit"
    assert check(candidate(), state(), Rules(allowed=Allowed(symbols=frozenset()))).code == "order_not_allowed"


def test_a_keys_rules_name_the_file_that_they_come_from() -> None:
    own = Rules(limits=Limits(order_notional=D(500)), settings={"order_notional": "IBACTORS_ORDER_LIMITS_FILE"})
    assert check(candidate(), state(), own).setting == "IBACTORS_ORDER_LIMITS_FILE"


def test_halts_and_dead_mans_switches_refuse_everything() -> None:
    assert check(candidate(), state(halted="test"), Rules()).code == "trading_halted"
    assert check(candidate(), state(deadman_expired=True), Rules()).code == "deadman_expired"


def test_a_minute_slides() -> None:
    assert isinstance(check(candidate(), state(placed_at=(NOON - 60,)), rules(per_minute=1)), Passed)


def test_pence_multipliers_and_rates() -> None:
    lse = terms(price_magnifier=100, multiplier=D(1), limit_price=D(6900), currency="GBP", quantity=D(100))
    passed = check(candidate(lse, reference=quote("6890", "6910"), rate=D("1.25")), state(), Rules())
    assert passed.notional == D(8625)
    assert refused(check(candidate(rate=None), state(), Rules())) == "no_exchange_rate"


def test_a_combination_counts_by_its_underlying() -> None:
    legs = (Leg(con_id=1, ratio=1, side=Side.BUY), Leg(con_id=2, ratio=2, side=Side.SELL))
    bag = terms(sec_type="BAG", limit_price=D("-0.05"), quantity=D(1), multiplier=D(100), legs=legs)
    reference = quote("-0.06", "-0.05")
    assert check(candidate(bag, reference=reference, underlying_price=D(228)), state(), rules(order_notional=None)).notional == D(45600)
    assert refused(check(candidate(bag, reference=reference), state(), Rules())) == "no_reference_price"


def test_a_sold_option_counts_by_its_underlying_and_a_bought_one_by_its_price() -> None:
    option = terms(sec_type="OPT", limit_price=D(2), quantity=D(1), multiplier=D(100))
    assert check(candidate(option, reference=quote("1.99", "2.01")), state(), Rules()).notional == D(200)
    sold = replace(option, side=Side.SELL)
    assert check(candidate(sold, reference=quote("1.99", "2.01"), underlying_price=D(90)), state(), Rules()).notional == D(9000)


def test_a_market_order_counts_by_the_far_side() -> None:
    market = terms(type=OrderType.MARKET, limit_price=None)
    assert check(candidate(market), state(), Rules()).notional == D(2284)
    assert check(candidate(replace(market, side=Side.SELL)), state(), Rules()).notional == D(2283)


@pytest.mark.parametrize(
    ("changes", "reference", "name"),
    [
        ({"limit_price": D("239.83")}, quote(), "collar_percent"),
        ({"limit_price": D("239.82")}, quote(), None),
        ({"side": Side.SELL, "limit_price": D("216.88")}, quote(), "collar_percent"),
        ({"side": Side.SELL, "limit_price": D("300")}, quote(), None),
        ({"limit_price": D("273")}, quote(kind=ReferenceKind.CLOSE), None),
        ({"limit_price": D("275")}, quote(kind=ReferenceKind.CLOSE), "collar_wide_percent"),
        ({"limit_price": D("228")}, None, "no_reference_price"),
        ({"type": OrderType.MARKET, "limit_price": None}, quote(kind=ReferenceKind.CLOSE), "no_reference_price"),
        ({"type": OrderType.MARKET, "limit_price": None}, quote("228.4", "228.4", ReferenceKind.LAST), None),
        ({"type": OrderType.MARKET, "limit_price": None}, quote("200", "230"), "collar_percent"),
        ({"type": OrderType.STOP, "limit_price": None, "stop_price": D(220)}, quote(), "collar_percent"),
        ({"type": OrderType.STOP, "limit_price": None, "stop_price": D(230)}, quote(), None),
        ({"type": OrderType.STOP, "side": Side.SELL, "limit_price": None, "stop_price": D(230)}, quote(), "collar_percent"),
        ({"type": OrderType.MARKET_IF_TOUCHED, "limit_price": None, "stop_price": D(230)}, quote(), "collar_percent"),
        ({"type": OrderType.MARKET_IF_TOUCHED, "limit_price": None, "stop_price": D(220)}, quote(), None),
        ({"type": OrderType.STOP_LIMIT, "stop_price": D(230), "limit_price": D(250)}, quote(), "collar_percent"),
        ({"type": OrderType.STOP_LIMIT, "stop_price": D(230), "limit_price": D(231)}, quote(), None),
        ({"side": Side.SELL, "limit_price": D(235)}, quote("228", "228", ReferenceKind.PARENT), None),
    ],
)
def test_the_collar(changes: dict[str, object], reference: Reference | None, name: str | None) -> None:
    outcome = check(candidate(terms(**changes), reference=reference), state(), Rules())
    if name is None:
        assert isinstance(outcome, Passed)
        assert outcome.reference == reference
    else:
        assert refused(outcome) == name


def test_the_collar_is_skipped_only_by_keys_that_may() -> None:
    far = candidate(terms(limit_price=D(300)), skip_collar=True)
    assert refused(check(far, state(), Rules())) == "collar_percent"
    assert isinstance(check(far, state(), rules(may_skip_collar=True)), Passed)


def test_a_change_is_counted_once_and_with_the_greater_of_two() -> None:
    own = working(1)
    grown = candidate(terms(quantity=D(40)), order_id=own.order_id)
    assert isinstance(check(grown, state(own), rules(open_orders=1, day_notional=D(9135))), Passed)
    assert refused(check(grown, state(own), rules(day_notional=D(9134)))) == "day_notional"
    assert refused(check(candidate(terms(quantity=D(4000)), order_id=own.order_id), state(own), Rules())) == "order_notional"
    shrunk = candidate(terms(quantity=D(1)), order_id=own.order_id)
    assert refused(check(shrunk, state(own), rules(day_notional=D(1999)))) == "day_notional"


def day(*orders: Order) -> Decimal:
    return day_notional(orders, NOON)


def test_the_day_slides_and_gives_back_by_proof_alone() -> None:
    def done(status: Status, **changes: Any) -> Order:
        return order(1, status=status, notional=D(1000), **changes)

    assert day(done(Status.WORKING, created=NOON - 86_400)) == 0
    assert day(done(Status.WORKING, created=NOON - 86_399)) == 1000
    assert day(done(Status.REJECTED)) == day(done(Status.NOT_RECEIVED)) == 0
    assert day(done(Status.CANCELLED)) == 0
    assert day(done(Status.CANCELLED, ib_filled=D(4))) == 400
    for status in (Status.UNKNOWN, Status.PENDING_NEW, Status.HELD, Status.CLOSED_UNVERIFIED, Status.FILLED):
        assert day(done(status)) == 1000
    assert day(done(Status.EXPIRED, verdict=Status.EXPIRED)) == 1000


def test_a_pending_change_counts_with_the_greater_notional() -> None:
    life = Life(working(1)).open()
    life.give(e.ChangeAsked(at=NOON, change_id="c", terms=terms(quantity=D(40)), notional=D(9000)))
    assert day(life.order) == 9000
    life.give(e.Written(at=NOON, kind=e.Sent.CHANGE, epoch=1)).error(201, "no")
    assert day(life.order) == 2000


def test_closing_orders_pass_the_position_limit_together_up_to_the_position() -> None:
    sell = terms(side=Side.SELL)
    long = {(ACCOUNT, AAPL): D(10)}
    tight = rules(position_notional=D(100))
    assert isinstance(check(candidate(sell), state(positions=long), tight), Passed)
    assert refused(check(candidate(sell), state(working(1, sell), positions=long), tight)) == "position_notional"
    assert refused(check(candidate(sell), state(), tight)) == "position_notional"


def test_members_of_a_group_count_as_the_greatest_of_them() -> None:
    group = [working(n, terms(side=Side.SELL, quantity=D(n), oca=Oca(group="g"))) for n in (3, 5)]
    assert quantity_open([*group, working(9, terms(side=Side.SELL))], ACCOUNT, AAPL, Side.SELL, NOON) == 15


def test_a_halt_of_entries_leaves_what_protects() -> None:
    parent = working(1, ib_filled=D(10))
    profit = working(2, terms(side=Side.SELL), parent=parent.order_id, role="tp")
    loss = working(3, terms(side=Side.SELL), parent=parent.order_id, role="sl")
    entry, waiting_child = working(4), working(5, terms(side=Side.SELL, con_id=7), parent="ord_0000000000000004", role="sl")
    closing = working(6, terms(side=Side.SELL, con_id=8))
    beyond = working(7, terms(side=Side.SELL, con_id=8))
    orders = (parent, profit, loss, entry, waiting_child, closing, beyond)
    positions = {(ACCOUNT, AAPL): D(10), (ACCOUNT, 8): D(15)}
    taken = to_cancel(orders, positions, "entries", NOON)
    assert taken == tuple(each.order_id for each in (parent, entry, waiting_child, beyond))
    assert len(to_cancel(orders, positions, "ours", NOON)) == 7
    assert to_cancel(orders, positions, "none", NOON) == ()


PAPER, REAL = frozenset({"DU1", "DU2"}), frozenset({"U1", "U2"})


@pytest.mark.parametrize(
    ("mode", "account", "managed", "named", "code"),
    [
        (Mode.OFF, "DU1", PAPER, "", "trading_off"),
        (Mode.PREVIEW, "DU1", PAPER, "", "trading_off"),
        (Mode.PAPER, "DU1", PAPER, "", None),
        (Mode.PAPER, "DU9", PAPER, "", "account_not_found"),
        (Mode.PAPER, "U1", REAL, "U1", "trading_off"),
        (Mode.PAPER, "DU1", PAPER | REAL, "U1", "trading_off"),
        (Mode.PAPER, "DF1", frozenset({"DF1", "DU1"}), "", "trading_off"),
        (Mode.LIVE, "U1", REAL, "U1", None),
        (Mode.LIVE, "U2", REAL, "U1", "order_not_allowed"),
        (Mode.LIVE, "U1", REAL, "", "order_not_allowed"),
        (Mode.LIVE, "F1", frozenset({"F1"}), "F1", "trading_off"),
    ],
)
def test_modes_and_accounts(mode: Mode, account: str, managed: frozenset[str], named: str, code: str | None) -> None:
    refusal = account_refusal(mode, account, managed, frozenset(named.split()))
    assert (refusal.code if refusal else None) == code


@given(
    st.lists(st.tuples(st.sampled_from(Side), st.integers(1, 20), st.sampled_from(Status)), max_size=6),
    st.integers(-30, 30),
    st.sampled_from(Side),
    st.integers(1, 20),
)
def test_no_order_that_passes_can_take_the_book_over_its_limits(
    present: list[tuple[Side, int, Status]], position: int, side: Side, quantity: int
) -> None:
    orders = [order(n, of=terms(side=s, quantity=D(q)), status=status, notional=D(q) * 228) for n, (s, q, status) in enumerate(present)]
    held = {(ACCOUNT, AAPL): D(position)}
    limits = rules(day_notional=D(8000), open_orders=4, position_notional=D(5000), order_notional=None)
    wanted = terms(side=side, quantity=D(quantity), limit_price=D(228))
    outcome = check(candidate(wanted), state(*orders, positions=held), limits)
    if isinstance(outcome, Passed):
        opened = [each for each in orders if not each.status.is_terminal or each.status is Status.CLOSED_UNVERIFIED]
        same = sum((each.terms.quantity or D(0) for each in opened if each.terms.side is side), D(0))
        worst = abs(position + (same + quantity) * (1 if side is Side.BUY else -1))
        assert len(opened) < 4
        assert worst <= abs(position) or worst <= D(5000) / 228


@given(
    st.sampled_from(Status),
    st.sampled_from([None, Status.CANCELLED, Status.EXPIRED, Status.CLOSED_UNVERIFIED, Status.NOT_RECEIVED]),
    st.integers(0, 2),
    st.booleans(),
)
def test_what_is_given_back_counts_for_nothing_and_everything_else_for_something(
    status: Status, verdict: Status | None, filled: int, by_cash: bool
) -> None:
    of = terms(quantity=None, cash_quantity=D(2000)) if by_cash else terms()
    one = order(1, of=of, status=status, verdict=verdict, notional=D(2000), ib_filled=D(filled), created=NOON, updated=NOON)
    shelf = Shelf([order(1, of=of, status=Status.WORKING, notional=D(2000)), one])
    counts = day(one) > 0 or counts_as_open(one, NOON)
    assert (bool(shelf.at_stake) or shelf.spent(NOON) > 0) == counts
    assert list(shelf.values()) == [one]


def test_an_order_counts_again_when_a_late_execution_shows_that_it_traded() -> None:
    shelf = Shelf([order(1, status=Status.REJECTED, notional=D(2000), created=NOON)])
    assert not shelf.spent(NOON)
    late = order(1, status=Status.REJECTED, notional=D(2000), ib_filled=D(1), created=NOON)
    shelf[late.order_id] = late
    assert shelf.spent(NOON) == D(2000)


MOMENTS = st.tuples(
    st.integers(1, 5),
    st.sampled_from(Status),
    st.integers(0, 12),
    st.integers(-30, 0),
    st.sampled_from(["bot", "human"]),
    st.booleans(),
)


@given(st.lists(MOMENTS, max_size=25), st.integers(0, 30))
def test_a_shelf_counts_what_a_look_at_every_order_would_count(moments: list[tuple[int, Status, int, int, str, bool]], later: int) -> None:
    shelf, there = Shelf(), dict[str, Order]()
    for number, status, filled, hours, key, stays in moments:
        known = there.get(order(number).order_id)
        born: Any = {"created": NOON + hours * 3600, "key": key} if known is None else {"created": known.created, "key": known.key}
        one = order(number, status=status, ib_filled=D(filled), updated=NOON, notional=D(100 * number), **born)
        if stays or one.order_id not in there:
            shelf[one.order_id] = there[one.order_id] = one
        else:
            del shelf[one.order_id], there[one.order_id]
    assert dict(shelf) == there
    assert set(shelf.open) == {name for name, each in there.items() if not each.status.is_terminal}
    assert {name: n for name, n in shelf.numbers.items() if n} == Counter(each.status for each in there.values())
    assert {name: n for name, n in shelf.accounts.items() if n} == Counter(each.account for each in there.values())
    for at in (NOON, NOON + later * 3600):
        assert sum(counts_as_open(each, at) for each in shelf.at_stake.values()) == sum(counts_as_open(each, at) for each in there.values())
        for who in (None, "bot", "human"):
            mine = [each for each in there.values() if who in {None, each.key}]
            at_stake = [each for each in mine if each.order_id in shelf.at_stake]
            assert day_notional(at_stake, at) + shelf.spent(at, who) == day_notional(mine, at)


def test_the_highest_number_is_of_one_client_id_and_never_falls() -> None:
    book = Book([order(5), order(9, client_id=2)])
    book.put(order(5))
    assert [book.highest_number(client_id) for client_id in (order(5).client_id, 2, 3)] == [5, 9, 0]
