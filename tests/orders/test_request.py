"""Requests: what is read, what is refused by name, what is the same request, and what it comes to on the tick."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ibactors.errors import InvalidRequest
from ibactors.orders.canonical import LISTED_AS, Canonical, Tradable, canonical, changed
from ibactors.orders.consistency import _NEEDS, check_request
from ibactors.orders.errors import BadText
from ibactors.orders.extra import DEPRECATED, HAVE_NAMES, OURS
from ibactors.orders.prices import Increment, MarketRule, Rounding, on_tick
from ibactors.orders.reading import read_body
from ibactors.orders.request import ChangeBody, PlaceBody, as_text, differing, fingerprint, resolve_client_order_id
from ibactors.orders.terms import IB_TYPES, OrderType, Session, Side, TimeInForce
from ibactors.orders.tokens import LONGEST_REF, new_order_id, order_ref, token_in, token_of, tokens_in_frame
from tests.orders.orderkit import ACCOUNT, D

AT = datetime(2026, 11, 27, 16, tzinfo=UTC)
RULE = MarketRule(
    rule_id=26,
    increments=(Increment(low_edge=D(0), increment=D("0.0001")), Increment(low_edge=D(1), increment=D("0.01"))),
)
AAPL = Tradable(
    con_id=265598,
    symbol="AAPL",
    sec_type="STK",
    exchange="SMART",
    currency="USD",
    size_increment=D("0.0001"),
    min_size=D("0.0001"),
    rule=RULE,
)
SPREAD = Tradable(
    con_id=28812380,
    symbol="AUD",
    sec_type="BAG",
    exchange="CME",
    currency="USD",
    multiplier=D(100_000),
    rule=MarketRule(rule_id=1, increments=(Increment(low_edge=D(0), increment=D("0.00005")),)),
)
LIMIT = {"instrument": {"symbol": "AAPL"}, "side": "buy", "quantity": 10, "type": "limit", "limit_price": 228.37, "time_in_force": "day"}


def text(**changes: Any) -> bytes:
    return json.dumps({"client_order_id": "a-1"} | {k: v for k, v in (LIMIT | changes).items() if v is not None}).encode()


def place(**changes: Any) -> PlaceBody:
    body = read_body(text(**changes), PlaceBody)
    check_request(body, AT)
    return body


def terms_of(tradable: Tradable = AAPL, **changes: Any) -> Canonical:
    return canonical(place(**changes), ACCOUNT, tradable)


def test_the_example_of_the_contract_is_read() -> None:
    body = place(time_in_force="gtd", good_till="2026-12-04T21:00:00Z", session="regular", rounding="passive", label="r", extra={})
    result = canonical(body, ACCOUNT, AAPL)
    (member,) = result.members
    assert member.terms.limit_price == D("228.37")
    assert member.terms.good_till == datetime(2026, 12, 4, 21, tzinfo=UTC)
    assert result.adjusted == {}


def test_prices_are_decimals_to_the_last_digit() -> None:
    body = read_body(
        b'{"instrument":{"con_id":1},"side":"buy","quantity":1,"type":"limit","limit_price":0.00105,"time_in_force":"day"}', PlaceBody
    )
    assert body.limit_price == D("0.00105")
    legs = [{"con_id": 1, "ratio": 1, "side": "buy"}, {"con_id": 2, "ratio": 1, "side": "sell"}]
    result = terms_of(SPREAD, instrument={"sec_type": "BAG"}, legs=legs, limit_price=-0.00105)
    assert result.members[0].terms.limit_price == D("-0.00105")


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("quantity", {"quantity": "10"}),
        ("quantity", {"quantity": True}),
        ("quantity", {"quantity": 0}),
        ("quantity", {"quantity": -1}),
        ("quantity", {"quantity": 1e30}),
        ("quantity", {"quantity": None}),
        ("quantity", {"cash_quantity": 5}),
        ("limit_price", {"limit_price": None}),
        ("limit_price", {"limit_price": "228.37"}),
        ("limit_price", {"limit_price": 1e-20}),
        ("limit_price", {"type": "market"}),
        ("stop_price", {"type": "stop", "limit_price": None}),
        ("side", {"side": "long"}),
        ("type", {"type": "iceberg"}),
        ("nonsense", {"nonsense": 1}),
        ("instrument.nonsense", {"instrument": {"symbol": "A", "nonsense": 1}}),
        ("instrument", {"instrument": None}),
        ("time_in_force", {"time_in_force": None}),
        ("good_till", {"time_in_force": "gtd"}),
        ("good_till", {"good_till": "2026-12-04T21:00:00Z"}),
        ("good_till", {"time_in_force": "gtd", "good_till": "2026-11-04T21:00:00Z"}),
        ("good_till", {"time_in_force": "gtd", "good_till": "2026-12-04T21:00:00"}),
        ("good_till", {"time_in_force": "gtd", "good_till": "0001-01-01T00:00:00+23:59"}),
        ("good_till", {"time_in_force": "gtd", "good_till": "9999-12-31T23:59:59-23:59"}),
        ("good_after", {"good_after": "0001-01-01T00:00:00+23:59"}),
        ("send_before", {"send_before": "9999-12-31T23:59:59-00:01"}),
        ("conditions.0.time", {"conditions": [{"kind": "time", "time": "0001-01-01T00:00:00+00:01"}]}),
        ("time_in_force", {"type": "market_on_close", "limit_price": None, "time_in_force": "gtc"}),
        ("session", {"session": "overnight", "time_in_force": "gtc"}),
        ("trail_amount", {"type": "trailing_stop", "limit_price": None}),
        ("trail_amount", {"type": "trailing_stop", "limit_price": None, "trail_amount": 1, "trail_percent": 1}),
        ("stop_price", {"type": "trailing_stop_limit", "limit_price": None, "trail_amount": 1, "limit_offset": 1}),
        ("limit_offset", {"type": "trailing_stop_limit", "stop_price": 1, "trail_amount": 1, "limit_offset": 1}),
        ("label", {"label": "a~b"}),
        ("label", {"label": "a" * 17}),
        ("client_order_id", {"client_order_id": "a b"}),
        ("legs", {"legs": [{"con_id": 1, "ratio": 1, "side": "buy"}]}),
        ("guaranteed", {"guaranteed": True}),
        ("collar", {"collar": "no"}),
        ("conditions.0.kind", {"conditions": [{"kind": "moon"}]}),
        ("conditions.0.price", {"conditions": [{"kind": "price", "con_id": 1, "exchange": "SMART", "above": True}]}),
        ("conditions.0.time", {"conditions": [{"kind": "time", "time": "2026-12-04T21:00:00"}]}),
        ("bracket", {"bracket": {}}),
        ("time_in_force", {"time_in_force": "ioc", "bracket": {"take_profit": {"limit_price": 300}}}),
        ("bracket.take_profit.limit_price", {"bracket": {"take_profit": {"limit_price": 200}}}),
        ("bracket.stop_loss.stop_price", {"bracket": {"stop_loss": {"stop_price": 300}}}),
        ("bracket.stop_loss.stop_price", {"bracket": {"stop_loss": {"stop_price": 200, "trail_amount": 1}}}),
        ("oca", {"oca": {"group": "g"}, "bracket": {"take_profit": {"limit_price": 300}}}),
        ("algo.params.speed", {"algo": {"strategy": "Adaptive", "params": {"speed": "1"}}}),
        ("time_in_force", {"algo": {"strategy": "Vwap"}, "time_in_force": "gtc"}),
        ("extra.displaySize", {"extra": {"displaySize": "100"}}),
        ("extra.displaySize", {"extra": {"displaySize": True}}),
        ("extra.hidden", {"extra": {"hidden": 1}}),
        ("extra.unknownThing", {"extra": {"unknownThing": 1}}),
    ],
)
def test_what_is_wrong_is_named(field: str, changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest) as refused:
        terms_of(**changes)
    assert refused.value.field == field


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b'{"quantity":NaN}',
        b'{"quantity":1e9999999999999999999}',
        b"[" * 5000,
        b'{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":1}}}}}}}}}',
    ],
)
def test_a_body_that_is_none(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        read_body(body, PlaceBody)


@pytest.mark.parametrize("bad", ["x\u0000", "g\u0000DU9999999", "ä", "", "a" * 65, "tab\t", "line\n"])
@pytest.mark.parametrize("where", ["oca", "extra", "algo", "symbol", "condition", "name"])
def test_no_text_can_shift_the_fields_of_a_message(bad: str, where: str) -> None:
    changes: dict[str, Any] = {
        "oca": {"oca": {"group": bad}},
        "extra": {"extra": {"hedgeParam": bad}},
        "algo": {"algo": {"strategy": "Adaptive", "params": {"adaptivePriority": bad}}},
        "symbol": {"instrument": {"symbol": bad}},
        "condition": {"conditions": [{"kind": "execution", "symbol": bad, "sec_type": "STK", "exchange": "SMART"}]},
        "name": {"extra": {bad: 1}},
    }
    with pytest.raises(BadText):
        terms_of(**changes[where])


@pytest.mark.parametrize("name", sorted(OURS | DEPRECATED.keys() | HAVE_NAMES.keys()))
def test_extra_cannot_undo_a_decision(name: str) -> None:
    with pytest.raises(InvalidRequest):
        terms_of(extra={name: 1})


def test_extra_keeps_numbers_as_they_were_written() -> None:
    result = terms_of(extra={"displaySize": 100, "hidden": True, "discretionaryAmt": 0.10, "openClose": "O"})
    assert result.members[0].terms.extra == {"displaySize": 100, "hidden": True, "discretionaryAmt": "0.1", "openClose": "O"}


@pytest.mark.parametrize("kind", list(OrderType))
def test_every_type_is_read_and_has_its_names_at_ib(kind: OrderType) -> None:
    needs, may = (names.split() for names in _NEEDS[kind])
    fields: dict[str, object] = {"limit_price": None} | dict.fromkeys(needs, 220)
    if kind in {OrderType.TRAILING_STOP, OrderType.TRAILING_STOP_LIMIT}:
        fields["trail_percent"] = 2
    if kind is OrderType.TRAILING_STOP_LIMIT:
        fields["limit_offset"] = 1
    (member,) = terms_of(replace(AAPL, order_types=frozenset({LISTED_AS[kind]})), type=str(kind), **fields).members
    assert member.terms.type is kind
    assert kind in IB_TYPES
    with pytest.raises(InvalidRequest, match="387"):
        terms_of(replace(AAPL, order_types=frozenset({"NONE"})), type=str(kind), **fields)
    assert set(may) <= set(PlaceBody.__struct_fields__)


def test_fractions_of_stocks_are_refused_whatever_the_contract_lists() -> None:
    with pytest.raises(InvalidRequest, match="fractions"):
        terms_of(quantity=0.5)


def test_the_increment_is_that_of_the_orders_own_price() -> None:
    assert terms_of(limit_price=0.9999).members[0].terms.limit_price == D("0.9999")
    with pytest.raises(InvalidRequest, match=r"0\.01") as refused:
        terms_of(limit_price=1.0001)
    assert "1.00 or 1.01" in refused.value.remedy


@pytest.mark.parametrize(
    ("side", "rounding", "sent"),
    [("buy", "passive", "228.37"), ("sell", "passive", "228.38"), ("buy", "nearest", "228.37"), ("sell", "nearest", "228.37")],
)
def test_rounding(side: str, rounding: str, sent: str) -> None:
    result = terms_of(side=side, rounding=rounding, limit_price=228.374)
    assert result.members[0].terms.limit_price == D(sent)
    assert result.adjusted["limit_price"].asked == D("228.374")
    assert result.adjusted["limit_price"].why == "increment 0.01 of market rule 26"


@given(st.decimals("-500", "500", places=6), st.sampled_from(Side), st.sampled_from([Rounding.PASSIVE, Rounding.NEAREST]))
def test_rounded_prices_are_on_the_tick_and_near(price: Decimal, side: Side, rounding: Rounding) -> None:
    sent = on_tick(price, side, RULE, rounding, field="limit_price")
    increment = RULE.at(price)
    assert sent % increment == 0
    assert abs(sent - price) < increment
    if rounding is Rounding.PASSIVE:
        assert sent <= price if side is Side.BUY else sent >= price


def test_a_bracket_has_children_that_inherit() -> None:
    result = terms_of(
        session="extended",
        time_in_force="gtc",
        bracket={"take_profit": {"limit_price": 240}, "stop_loss": {"stop_price": 220, "limit_price": 219}},
    )
    parent, profit, loss = result.members
    assert [m.role for m in result.members] == ["", "tp", "sl"]
    for child in (profit, loss):
        assert (child.terms.side, child.terms.session, child.terms.time_in_force) == (Side.SELL, Session.EXTENDED, TimeInForce.GTC)
        assert child.terms.quantity == parent.terms.quantity
    assert (profit.terms.type, loss.terms.type) == (OrderType.LIMIT, OrderType.STOP_LIMIT)
    trailing = terms_of(bracket={"stop_loss": {"trail_amount": 2}}).members[1].terms
    assert (trailing.type, trailing.trail_amount) == (OrderType.TRAILING_STOP, D(2))


def test_combinations() -> None:
    legs = [{"con_id": 1, "ratio": 1, "side": "buy"}, {"con_id": 2, "ratio": 2, "side": "sell", "exchange": "CBOE"}]
    bag = {"instrument": {"symbol": "AUD", "sec_type": "BAG"}, "legs": legs, "limit_price": 0}
    (member,) = terms_of(SPREAD, **bag).members
    assert [(leg.con_id, leg.ratio, leg.exchange) for leg in member.terms.legs] == [(1, 1, "SMART"), (2, 2, "CBOE")]
    with pytest.raises(InvalidRequest, match="not guaranteed are off"):
        terms_of(SPREAD, guaranteed=False, **bag)
    with pytest.raises(InvalidRequest, match="stocks alone"):
        terms_of(replace(SPREAD, leg_types=("STK", "STK")), **bag)


def test_an_unknown_algo_passes_with_a_warning() -> None:
    assert terms_of(algo={"strategy": "QBAlgo", "params": {"x": "1"}}).warnings == ("unchecked",)
    assert terms_of(algo={"strategy": "Adaptive", "params": {"adaptivePriority": "Normal"}}).warnings == ()


def test_a_repetition_is_the_same_request_however_it_is_spelled() -> None:
    first = read_body(text(), PlaceBody)
    spelled = text(quantity=None, limit_price=None)[:-1] + b', "limit_price": 228.3700, "quantity": 10.0, "wait": 3, "preview_token": "p"}'
    again = read_body(spelled, PlaceBody)
    assert fingerprint(first) == fingerprint(again)
    other = read_body(text(limit_price=228.38, label="x"), PlaceBody)
    assert fingerprint(first) != fingerprint(other)
    assert differing(as_text(first), other) == ("label", "limit_price")
    one = read_body(text(time_in_force="gtd", good_till="2026-12-04T21:00:00Z"), PlaceBody)
    two = read_body(text(time_in_force="gtd", good_till="2026-12-04T22:00:00+01:00"), PlaceBody)
    assert fingerprint(one) == fingerprint(two)


def test_header_and_member_mean_the_same_id() -> None:
    body = read_body(text(), PlaceBody)
    assert resolve_client_order_id(body, None) == resolve_client_order_id(body, "a-1") == "a-1"
    nameless = read_body(text(client_order_id=None).replace(b'"client_order_id": "a-1", ', b""), PlaceBody)
    assert resolve_client_order_id(nameless, "h-1") == "h-1"
    for wrong in (lambda: resolve_client_order_id(body, "b"), lambda: resolve_client_order_id(nameless, None)):
        with pytest.raises(InvalidRequest):
            wrong()


def change(**members: Any) -> ChangeBody:
    return read_body(json.dumps(members).encode(), ChangeBody)


def test_a_change_passes_the_same_ticks() -> None:
    terms = terms_of().members[0].terms
    moved, adjusted = changed(terms, change(limit_price=229.001, rounding="passive", quantity=12), AAPL)
    assert (moved.limit_price, moved.quantity, set(adjusted)) == (D("229.00"), D(12), {"limit_price"})
    assert changed(terms, change(time_in_force="gtc"), AAPL)[0].time_in_force is TimeInForce.GTC


@pytest.mark.parametrize(
    ("field", "members"),
    [
        ("limit_price", {"limit_price": 229.001}),
        ("stop_price", {"stop_price": 1}),
        ("quantity", {"quantity": 0}),
        ("quantity", {"quantity": 1.5}),
        ("time_in_force", {"time_in_force": "ioc"}),
        ("good_till", {"good_till": "2026-12-04T21:00:00Z"}),
        ("side", {"side": "sell"}),
    ],
)
def test_a_change_that_ib_would_refuse(field: str, members: dict[str, object]) -> None:
    terms = terms_of().members[0].terms
    with pytest.raises(InvalidRequest) as refused:
        changed(terms, change(**members), AAPL)
    assert refused.value.field == field


def test_tokens() -> None:
    token = token_of(ACCOUNT, "a-1")
    assert token == token_of(ACCOUNT, "a-1")
    assert len({token, token_of(ACCOUNT, "a-1", "tp"), token_of("DU2", "a-1"), token_of(ACCOUNT, "a-2")}) == 4
    assert len(order_ref("a" * 16, token)) <= LONGEST_REF
    assert token_in(order_ref("", token)) == token_in(order_ref("x", token)) == token
    for other in ("", "rebalance", "~", "~ABC", f"~{token}x", f"x{token}", f"~{token.lower()}"):
        assert token_in(other) is None
    for label in ("a~b", "a" * 17, "ä", "a b"):
        with pytest.raises(ValueError, match=label):
            order_ref(label, token)


def test_tokens_are_found_in_frames_that_nobody_can_read() -> None:
    one, two = token_of(ACCOUNT, "a"), token_of(ACCOUNT, "b")
    frame = b"5\x00junk\x00x~" + one.encode() + b"\x00\xff\xfe~" + two.encode()
    assert tokens_in_frame(frame) == {one, two}
    assert tokens_in_frame(b"5\x00rebalance\x00~short\x00") == frozenset()


def test_order_ids_sort_by_time() -> None:
    ids = [new_order_id(1_795_795_200_000 + n) for n in range(50)]
    assert ids == sorted(set(ids))
    assert all(len(each) == 20 for each in ids)
