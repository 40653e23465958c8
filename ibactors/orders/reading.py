"""Reading requests about orders: every number is decimal, every text and number is bounded, wherever it stands."""

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Never, TypeVar

import msgspec

from ibactors.errors import InvalidRequest
from ibactors.orders.errors import BadText
from ibactors.orders.request import Body
from ibactors.validation import validated

R = TypeVar("R", bound=Body)

_TEXT = re.compile(r"[\x20-\x7e]{1,64}")
_MOST_DIGITS = 20
_EXPONENTS = range(-10, 13)
_MOST_LEVELS = 8


def read_body(text: bytes, kind: type[R]) -> R:
    """A request from JSON. Raises InvalidRequest, and BadText for a text that must not get into a message to IB."""
    try:
        raw = json.loads(text, parse_float=Decimal, parse_constant=_no_constant)
    except (ValueError, ArithmeticError, RecursionError) as error:  # a Decimal has no exponent of twenty digits
        raise InvalidRequest("The body is no JSON that can be read.", remedy="Send one JSON object.") from error
    _check_values(raw)
    try:
        return validated(kind, lambda: msgspec.convert(raw, kind, strict=True))
    except InvalidRequest as error:
        field = re.sub(r"\[(\d+)\]", r".\1", error.field or "")  # entries are called alike, whoever finds fault with them
        raise InvalidRequest(str(error), field=field or None, remedy=error.remedy) from None


def _no_constant(name: str) -> Never:
    raise ValueError(name)


_NUMBERS = frozenset(
    "quantity cash_quantity limit_price stop_price trail_amount trail_percent limit_offset strike price percent wait".split()
)
_MOMENTS = frozenset("good_till good_after send_before time".split())


def _check_values(raw: object) -> None:
    """Bound every text and every number, wherever it stands: NUL in a text would shift the fields of the message to IB."""
    for path, value in _leaves(raw, (), 0):
        field = ".".join(path)
        last = path[-1] if path else ""
        if isinstance(value, str):
            if not _TEXT.fullmatch(value) and not (last == "label" and not value):
                raise BadText(f"{field} is not a text of 1 to 64 printable ASCII characters.", field=field)
            if last in _NUMBERS:
                raise InvalidRequest(f"{field} is a text; a number is wanted.", field=field, remedy="Send it without quotes.")
            # Beyond the ends of the calendar a zone cannot be taken off: 0001-01-01T00:00:00+23:59 is a day before the first.
            if last in _MOMENTS and value[:4].isdigit() and not "1970" <= value[:4] < "2200":
                raise InvalidRequest(f"{field} is not between 1970 and 2199.", field=field, remedy="Write 2026-11-27T14:30:00Z.")
        elif isinstance(value, int | Decimal) and not isinstance(value, bool):
            number = Decimal(value)
            if len(number.as_tuple().digits) > _MOST_DIGITS or number.adjusted() not in _EXPONENTS:
                raise InvalidRequest(f"{field} is out of range.", field=field, remedy="Up to 12 digits before and 10 behind the point.")


def _leaves(value: object, path: tuple[str, ...], level: int) -> Iterator[tuple[tuple[str, ...], object]]:
    if level > _MOST_LEVELS:
        raise InvalidRequest("The body is nested too deeply.", field=".".join(path[:3]))
    if isinstance(value, dict):
        for name, each in value.items():
            if not _TEXT.fullmatch(name):
                raise BadText("A member's name is not a text of 1 to 64 printable ASCII characters.", field=".".join(path))
            yield from _leaves(each, (*path, name), level + 1)
    elif isinstance(value, list):
        for position, each in enumerate(value):
            yield from _leaves(each, (*path, str(position)), level + 1)
    else:
        yield path, value
