"""JSON in and out: validation that names the field and the remedy, and one encoder."""

import re
from collections.abc import Callable, Collection
from typing import TypeVar

import msgspec

from ibactors.errors import InvalidRequest

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
        text = re.sub(r"enum value '.*?'(?= - at|$)", "value", str(exc).rstrip("."), flags=re.DOTALL)
        raise InvalidRequest(f"{text}.", field=field, remedy=_remedy(kind, field, hidden)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise InvalidRequest(f"This is not valid JSON: {exc}.") from None


def _remedy(kind: type[object], field: str | None, hidden: Collection[str]) -> str:
    """The description of a known field, or the names of all of them."""
    known = msgspec.json.schema(kind)["$defs"][kind.__name__]["properties"]
    name = (field or "").split("[")[0]
    if name not in known:
        return f"Accepted: {', '.join(name for name in known if name not in hidden)}."
    description: str = known[name].get("description") or next(
        (choice["description"] for choice in known[name].get("anyOf", ()) if "description" in choice), ""
    )
    return f"{name}: {description}" if description else ""


def encode(value: object) -> bytes:
    """JSON; Decimals become numbers, NaN and infinities null."""
    return encoder.encode(value)
