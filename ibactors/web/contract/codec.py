"""JSON in and out: validation that names the field and the remedy, and one encoder."""

import re
from collections.abc import Callable, Collection
from typing import TypeVar

import msgspec

from ibactors.errors import InvalidRequest
from ibactors.web.contract.words import remedy, sentence

Q = TypeVar("Q")


B = TypeVar("B")


encoder = msgspec.json.Encoder(decimal_format="number")


_EXACT = 2**53
"""Up to here a float is the number that was written."""
_FIELD = re.compile(r"at `\$\.?([^`]*)`|field `([^`]+)`")


def validated(kind: type[B], read: Callable[[], B], *, hidden: Collection[str] = frozenset()) -> B:
    """Run a msgspec conversion to the struct *kind*; raises InvalidRequest, which names field and remedy and never repeats the value.

    Fields that are *hidden* are not offered in place of an unknown one.
    """
    try:
        return read()
    except msgspec.ValidationError as exc:
        found = _FIELD.search(str(exc))
        field = (found[1] or found[2]) if found else None
        raise InvalidRequest(sentence(str(exc), field), field=field, remedy=remedy(kind, field, hidden)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise InvalidRequest(f"This is not valid JSON: {exc}.") from None


def read_json(data: bytes | str, kind: type[B]) -> B:
    """JSON as the struct *kind*. A whole number is one however it is written, 5 or 5.0: JSON knows one kind of numbers.

    Raises what `validated` turns into InvalidRequest.
    """
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.ValidationError as exc:
        if "got `float`" not in str(exc):
            raise
    return msgspec.convert(_with_whole_numbers(msgspec.json.decode(data)), kind)


def _with_whole_numbers(value: object) -> object:
    match value:
        case float() if value.is_integer() and abs(value) <= _EXACT:
            return int(value)
        case dict():
            return {name: _with_whole_numbers(each) for name, each in value.items()}
        case list():
            return [_with_whole_numbers(each) for each in value]
    return value


def encode(value: object) -> bytes:
    """JSON; Decimals become numbers, NaN and infinities null."""
    return encoder.encode(value)
