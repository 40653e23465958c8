"""IBACTORS_ORDER_LIMITS_FILE: what each key may, besides what the settings allow everybody. An order passes both.

A line is the name of a key and its limits: `bot accounts=DU1 symbols=AAPL,MSFT notional=5000 rate=10`. What a line does not name is not
limited by it; `#` begins a comment.
"""

from collections.abc import Callable
from decimal import Decimal, InvalidOperation

from msgspec.structs import replace

from ibactors.errors import StartupError
from ibactors.orders.safety import Allowed, Limits, Rules

SETTING = "IBACTORS_ORDER_LIMITS_FILE"
_LISTS = {"accounts": "accounts", "symbols": "symbols", "sec_types": "sec_types", "types": "types"}
_AMOUNTS = {
    "notional": "order_notional",
    "quantity": "order_quantity",
    "day_notional": "day_notional",
    "position_notional": "position_notional",
    "collar": "collar_percent",
}
_NUMBERS = {"open_orders": "open_orders", "rate": "per_minute"}
_FAR = Decimal(1000)
_NONE = Limits(order_notional=None, day_notional=None, open_orders=None, per_minute=None, collar_percent=_FAR, collar_wide_percent=_FAR)


def read_limits(text: str) -> dict[str, Rules]:
    """The rules of each key that the file names. Raises StartupError, naming the line."""
    found: dict[str, Rules] = {}
    for number, line in enumerate(text.splitlines(), 1):
        name, *words = line.partition("#")[0].split() or [""]
        if name in found:
            raise StartupError(f"{SETTING}, line {number}: {name} has a line already.")
        if name:
            found[name] = _rules(name, words, number)
    return found


def _rules(key: str, words: list[str], number: int) -> Rules:
    allowed, limits, settings = Allowed(), _NONE, {}
    for word in words:
        name, equals, value = word.partition("=")
        limit = _LISTS.get(name) or _AMOUNTS.get(name) or _NUMBERS.get(name)
        try:
            if not equals or not value:
                raise ValueError(word)
            if name in _LISTS:
                allowed = replace(allowed, **{name: frozenset(value.split(","))})
            elif name == "skip_collar":
                limits = replace(limits, may_skip_collar={"1": True, "0": False}[value])
            else:
                limits = replace(limits, **{str(limit): _READERS[name](value)})
        except (ValueError, KeyError, InvalidOperation):
            known = ", ".join((*_LISTS, *_AMOUNTS, *_NUMBERS, "skip_collar"))
            raise StartupError(f"{SETTING}, line {number}: {word!r} is no limit. Those are {known}, each with = and a value.") from None
        if limit is not None:
            settings[limit] = f"{SETTING} ({key} {name})"
    return Rules(allowed=allowed, limits=limits, settings=settings)


def _amount(text: str) -> Decimal:
    value = Decimal(text)
    if not (value.is_finite() and value > 0):
        raise ValueError(text)
    return value


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError(text)
    return value


_READERS: dict[str, Callable[[str], Decimal | int]] = {**dict.fromkeys(_AMOUNTS, _amount), **dict.fromkeys(_NUMBERS, _count)}
