"""Validation that names the field and the remedy, in words where msgspec's messages have types and regular expressions."""

import re
from collections.abc import Callable, Collection
from functools import cache
from typing import Any, TypeVar

import msgspec

from ibactors.errors import InvalidRequest

B = TypeVar("B")

_KINDS = {"int": "a whole number", "float": "a number", "str": "a text", "bool": "true or false", "array": "a list", "object": "an object"}
_BOUNDS = {">=": "at least", "<=": "at most", ">": "more than", "<": "less than"}
_SAID: tuple[tuple[str, Callable[[re.Match[str]], str]], ...] = (
    (r"Object contains unknown field", lambda _: "There is no field {bare!r}"),
    (r"Object missing required field", lambda _: "The field {bare!r} is missing"),
    (r"Expected `str` matching regex", lambda _: "{name} does not have the form of such a value"),
    (r"Invalid enum value", lambda _: "{name} is not one of the accepted values"),
    (r"Expected `(?:str|array)` of length (<=|>=) (\d+)", lambda found: f"{{name}} must have {_BOUNDS[found[1]]} {found[2]} {{parts}}"),
    (r"Expected `\w+` ([<>]=?) ([-\d.e+]+)", lambda found: f"{{name}} must be {_BOUNDS[found[1]]} {float(found[2]):.15g}"),
    (r"Expected `([^`]+)`", lambda found: f"{{name}} must be {_kinds(found[1])}"),
)


_PATH = re.compile(r" - at `\$\.?([^`]*)`")
_MEMBER = re.compile(r"field `([^`]+)`")


def validated(kind: type[B], read: Callable[[], B], *, hidden: Collection[str] = frozenset()) -> B:
    """Run a msgspec conversion to the struct *kind*; raises InvalidRequest, which names field and remedy and never repeats the value.

    Fields that are *hidden* are not offered in place of an unknown one.
    """
    try:
        return read()
    except msgspec.ValidationError as exc:
        field = _field_of(str(exc))
        raise InvalidRequest(sentence(str(exc), field), field=field, remedy=remedy(kind, field, hidden)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise InvalidRequest(f"This is not valid JSON: {exc}.") from None


def _field_of(message: str) -> str | None:
    """The path of what msgspec's *message* is about, such as `symbols[...]` or `instrument.symbol`; None for the whole."""
    path, member = _PATH.search(message), _MEMBER.search(message)
    return ".".join(found[1] for found in (path, member) if found and found[1]) or None


def _kinds(types: str) -> str:
    return " or ".join(_KINDS[name] for name in types.split(" | ") if name in _KINDS) or "something else"


def sentence(message: str, field: str | None) -> str:
    """What msgspec's *message* about *field* means; never with the value itself, which may be a secret."""
    whole = field is None
    entry = field is not None and "[" in field
    bare = ".".join(_steps(field))
    name = "The message" if whole else f"{'An entry of ' if entry else ''}{bare!r}"
    for pattern, words in _SAID:
        if found := re.match(pattern, message):
            said = words(found).format(name=name, bare=bare, parts="characters" if "`str`" in found[0] else "entries")
            return f"{said}."
    return f"{name} is not acceptable."


def remedy(kind: type[Any], field: str | None, hidden: Collection[str] = frozenset()) -> str:
    """What is accepted: the description of a known field with its values, or the names of all fields where it should be."""
    hashable: Any = kind  # as all classes are; mypy takes this for an object's own __hash__
    definitions = _definitions(hashable)
    known = definitions[kind.__name__]["properties"]
    steps = _steps(field)
    for place, name in enumerate(steps, 1):
        if name not in known:
            break
        inner = next((part for part in _parts(known[name], definitions) if "properties" in part), None)
        if inner is None or place == len(steps):
            return _accepted(name, known[name], definitions)
        known = inner["properties"]
    return f"Accepted: {', '.join(name for name in known if name not in hidden)}."


@cache  # of a large struct it takes 15 ms, and a client may send wrong messages without end
def _definitions(kind: type[Any]) -> dict[str, Any]:
    definitions: dict[str, Any] = msgspec.json.schema(kind)["$defs"]
    return definitions


def _steps(field: str | None) -> list[str]:
    """The names in the path of a field, without the places in lists."""
    return re.sub(r"\[[^\]]*\]", "", field or "").split(".")


def _accepted(name: str, schema: dict[str, Any], definitions: dict[str, Any]) -> str:
    descriptions = dict.fromkeys(part["description"] for part in _parts(schema, {}) if "description" in part)
    values = [str(value) for part in _parts(schema, definitions) for value in part.get("enum", ()) if value is not None]
    said = [*descriptions]
    if any(not re.search(rf"\b{re.escape(value)}\b", " ".join(said)) for value in values):
        said.append(f"Accepted: {', '.join(values)}.")
    examples = [str(example) for part in _parts(schema, {}) for example in part.get("examples", ())]
    if examples and not any(example in " ".join(said) for example in examples):
        said.append(f"For example {examples[0]}.")
    return f"{name}: {' '.join(said)}" if said else ""


def _parts(schema: dict[str, Any], definitions: dict[str, Any]) -> list[dict[str, Any]]:
    """A schema with its alternatives, and what it refers to as far as *definitions* have it."""
    parts = [schema]
    for inner in (*schema.get("anyOf", ()), *([schema["items"]] if "items" in schema else ())):
        parts += _parts(inner, definitions)
    referred = definitions.get(str(schema.get("$ref", "")).rpartition("/")[2])
    return [*parts, *_parts(referred, definitions)] if referred is not None else parts
