"""JSON in and out."""

from typing import TypeVar

import msgspec

Q = TypeVar("Q")
B = TypeVar("B")

encoder = msgspec.json.Encoder(decimal_format="number")

_EXACT = 2**53
"""Up to here a float is the number that was written."""


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
