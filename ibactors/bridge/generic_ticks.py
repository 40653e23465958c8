"""The generic ticks of a market-data line: which are asked for, and what they mean."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from ibactors.bridge.computations import DELAYED_MODEL, LIVE_MODEL, calculation
from ibactors.bridge.contracts import UNSET, float_or_none
from ibactors.model.quote_fields import Auction, Dividends, Greeks, QuoteFields, Shortable, Volatility

_STOCKS, _OPTIONS = frozenset({"STK"}), frozenset({"OPT", "FOP"})
_TRADED = _STOCKS | _OPTIONS | {"FUT"}
_ASKED: Mapping[str, tuple[tuple[str, frozenset[str]], ...]] = {
    "open_interest": (("101", _OPTIONS), ("588", frozenset({"FUT"}))),
    "shortable": (("236", _STOCKS),),
    "mark_price": (("232", _TRADED),),
    "auction": (("225", _STOCKS),),
    "dividends": (("456", _STOCKS),),
    "vwap": (("233", _TRADED),),
    "volatility": (("104", _STOCKS), ("106", _STOCKS)),
}
"""By field the generic ticks that bring it, each for the kinds of instruments that IB takes it of: it refuses the whole line for one
that is not legal. Greeks and halts come without."""
_SIZES = {34: ("auction", "volume"), 36: ("auction", "imbalance"), 89: ("shortable", "shares"), 86: ("open_interest", "")}
_PRICES = {37: ("mark_price", ""), 35: ("auction", "price")}
_GENERICS = {46: ("shortable", "level"), 23: ("volatility", "historical"), 24: ("volatility", "implied")}
_DIVIDENDS, _TRADE = 59, 48
_OPEN_CALLS, _OPEN_PUTS = 27, 28
_HALTS = {1.0: "general", 2.0: "volatility"}
_VWAP = 4
"""Where a trade's text has the average price of the day, weighted by volume."""
_MAKERS: Mapping[str, Any] = {"auction": Auction, "shortable": Shortable, "volatility": Volatility}
_LIVE_ONLY = frozenset({37, 35, 34, 36, _TRADE, LIVE_MODEL})
"""Prices of now, which are not mixed with delayed ones."""


class GenericTicks:
    """Those of one line: what has come of what was asked for."""

    __slots__ = ("_fields", "_interest", "_sec_type", "_values")

    def __init__(self, fields: AbstractSet[str], sec_type: str, right: str) -> None:
        self._fields = fields
        self._sec_type = sec_type
        self._interest = _OPEN_PUTS if right == "P" else _OPEN_CALLS
        self._values: dict[str, Any] = {}
        """By field; of those with members, a dict of them."""

    def __bool__(self) -> bool:
        return bool(self._fields)

    @property
    def asked(self) -> str:
        """What the request asks for besides."""
        return ",".join(
            sorted({tick for field in self._fields for tick, kinds in _ASKED.get(field, ()) if self._sec_type in kinds}, key=int)
        )

    @property
    def shown(self) -> QuoteFields:
        """What is known of each; None where nothing is."""
        return QuoteFields(**{field: self._shown(field) for field in self._fields})

    def forget(self) -> None:
        """Show nothing again that has not come anew."""
        self._values.clear()

    def price(self, tick_type: int, price: float) -> bool:
        """A price tick; tells whether anything has changed. -1 stands for none."""
        value = float_or_none(price)
        return self._set(_PRICES.get(tick_type), None if value == -1 else value)

    def size(self, tick_type: int, size: float) -> bool:
        """A size tick."""
        place = ("open_interest", "") if tick_type == self._interest and self._sec_type in _OPTIONS else _SIZES.get(tick_type)
        known = float_or_none(size) if 0 <= abs(size) < UNSET else None
        return self._set(place, int(known) if known is not None and known.is_integer() else known)

    def generic(self, tick_type: int, value: float) -> bool:
        """A generic tick."""
        return self._set(_GENERICS.get(tick_type), float_or_none(value) if value >= 0 else None)

    def halted(self, value: float) -> bool:
        """The tick that says whether trading is halted (49)."""
        return self._set(("halt", ""), _HALTS.get(value))

    def text(self, tick_type: int, text: str) -> bool:
        """A string tick. What cannot be read tells nothing."""
        if tick_type == _DIVIDENDS:
            parts = [*text.split(","), "", "", "", ""]
            date = parts[2].strip()
            found = Dividends(
                past_year=_number(parts[0]),
                next_year=_number(parts[1]),
                next_date=f"{date[:4]}-{date[4:6]}-{date[6:]}" if len(date) == 8 and date.isdigit() else None,  # noqa: PLR2004
                next_amount=_number(parts[3]),
            )
            return self._set(("dividends", ""), found)
        if tick_type == _TRADE:
            parts = text.split(";")
            return self._set(("vwap", ""), _number(parts[_VWAP]) if len(parts) > _VWAP else None)
        return False

    def computation(self, tick_type: int, values: list[float]) -> bool:
        """An option computation; only the model's counts."""
        if tick_type not in (LIVE_MODEL, DELAYED_MODEL):
            return False
        found = calculation(values)
        greeks = Greeks(
            implied_volatility=found.implied_volatility,
            delta=found.delta,
            gamma=found.gamma,
            theta=found.theta,
            vega=found.vega,
            model_price=found.option_price,
            underlying_price=found.underlying_price,
        )
        return self._set(("greeks", ""), greeks)

    def _shown(self, field: str) -> Any:
        value, make = self._values.get(field), _MAKERS.get(field)
        if value is None or make is None:
            return value
        return make(**(dict.fromkeys(make.__struct_fields__) | value))

    def _set(self, place: tuple[str, str] | None, value: Any) -> bool:
        if place is None or place[0] not in self._fields:
            return False
        field, member = place
        before = self._values.get(field)
        after = {**(before or {}), member: value} if member else value
        self._values[field] = after
        return bool(before != after)


def is_live_only(tick_type: int) -> bool:
    """Whether a tick is a price of now, which a delayed line does not show."""
    return tick_type in _LIVE_ONLY


def _number(text: str) -> float | None:
    try:
        return float_or_none(float(text))
    except ValueError:
        return None
