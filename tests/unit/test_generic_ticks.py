"""What the generic ticks of a line mean, and which are asked for."""

from typing import Any

import msgspec

from ibactors.bridge.generic_ticks import GenericTicks, is_live_only
from ibactors.model.quote_fields import FIELDS, QuoteFields

ALL = frozenset(FIELDS)


def plain(ticks: GenericTicks) -> Any:
    return msgspec.to_builtins(ticks.shown)


def test_only_what_ib_takes_of_a_kind_is_asked_for() -> None:
    assert GenericTicks(ALL, "STK", "").asked == "104,106,225,232,233,236,456"
    assert GenericTicks(ALL, "OPT", "C").asked == "101,232,233"
    assert GenericTicks(ALL, "FUT", "").asked == "232,233,588"
    assert GenericTicks(ALL, "CASH", "").asked == ""
    assert GenericTicks(frozenset({"greeks", "halt"}), "OPT", "C").asked == "", "they come anyway"
    assert not GenericTicks(frozenset(), "STK", "")


def test_nothing_is_null_and_what_was_not_asked_for_is_not_there() -> None:
    ticks = GenericTicks(frozenset({"vwap", "shortable"}), "STK", "")
    assert ticks.shown == QuoteFields(vwap=None, shortable=None)
    assert not ticks.price(37, 10.0)
    assert ticks.generic(46, 3.0)
    assert not ticks.generic(46, 3.0), "nothing new"
    assert ticks.size(89, 1000.0)
    assert ticks.text(48, "701.28;1;1348075471534;67854;701.46918464;true")
    assert plain(ticks) == {"vwap": 701.46918464, "shortable": {"level": 3.0, "shares": 1000}}
    ticks.forget()
    assert ticks.shown == QuoteFields(vwap=None, shortable=None)


def test_an_option_has_its_own_side_of_the_open_interest() -> None:
    call, put = (GenericTicks(frozenset({"open_interest"}), "OPT", right) for right in "CP")
    assert call.size(27, 120.0)
    assert not call.size(28, 0.0)
    assert put.size(28, 7.0)
    assert (call.shown.open_interest, put.shown.open_interest) == (120, 7)


def test_texts_that_cannot_be_read_tell_nothing() -> None:
    ticks = GenericTicks(frozenset({"vwap", "dividends"}), "STK", "")
    for text in ("", ";;;;", "a;b;c;d;e;f", "1;2"):
        ticks.text(48, text)
        assert ticks.shown.vwap is None
    ticks.text(59, ",,soon")
    assert plain(ticks)["dividends"]["next_date"] is None


def test_halts_have_their_reason_and_markers_are_none() -> None:
    ticks = GenericTicks(frozenset({"halt", "mark_price", "volatility"}), "STK", "")
    assert ticks.halted(2.0)
    assert ticks.shown.halt == "volatility"
    assert ticks.halted(0.0)
    assert ticks.shown.halt is None
    for nothing in (-1.0, 1.7976931348623157e308, float("nan")):
        ticks.price(37, nothing)
        ticks.generic(24, nothing)
        assert plain(ticks)["mark_price"] is None
        assert plain(ticks)["volatility"] in (None, {"historical": None, "implied": None})


def test_prices_of_now_are_not_for_delayed_lines() -> None:
    assert is_live_only(37)
    assert not is_live_only(89)
