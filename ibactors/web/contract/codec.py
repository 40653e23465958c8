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


def encode(value: object) -> bytes:
    """JSON; Decimals become numbers, NaN and infinities null."""
    return encoder.encode(value)
