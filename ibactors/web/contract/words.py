"""Says in words what is wrong with a value, where msgspec's messages have types and regular expressions."""

import re
from collections.abc import Callable, Collection
from typing import Any

import msgspec

_KINDS = {"int": "a whole number", "float": "a number", "str": "a text", "bool": "true or false", "array": "a list", "object": "an object"}
_BOUNDS = {">=": "at least", "<=": "at most", ">": "more than", "<": "less than"}
_SAID: tuple[tuple[str, Callable[[re.Match[str]], str]], ...] = (
    (r"Object contains unknown field", lambda _: "There is no field {name}"),
    (r"Object missing required field", lambda _: "The field {name} is missing"),
    (r"Expected `str` matching regex", lambda _: "{name} does not have the form of such a value"),
    (r"Invalid enum value", lambda _: "{name} is not one of the accepted values"),
    (r"Expected `(?:str|array)` of length (<=|>=) (\d+)", lambda found: f"{{name}} must have {_BOUNDS[found[1]]} {found[2]} {{parts}}"),
    (r"Expected `\w+` ([<>]=?) ([-\d.e+]+)", lambda found: f"{{name}} must be {_BOUNDS[found[1]]} {float(found[2]):.15g}"),
    (r"Expected `([^`]+)`", lambda found: f"{{name}} must be {_kinds(found[1])}"),
)


def _kinds(types: str) -> str:
    return " or ".join(_KINDS[name] for name in types.split(" | ") if name in _KINDS) or "something else"


def sentence(message: str, field: str | None) -> str:
    """What msgspec's *message* about *field* means; never with the value itself, which may be a secret."""
    whole = field is None
    entry = field is not None and "[" in field
    bare = (field or "").split("[")[0]
    name = "The message" if whole else f"{'An entry of ' if entry else ''}{bare!r}"
    for pattern, words in _SAID:
        if found := re.match(pattern, message):
            said = words(found).format(name=name, parts="characters" if "`str`" in found[0] else "entries")
            return f"{said}."
    return f"{name} is not acceptable."


def remedy(kind: type[object], field: str | None, hidden: Collection[str]) -> str:
    """What is accepted: the description of a known field with its values, or the names of all fields."""
    definitions: dict[str, Any] = msgspec.json.schema(kind)["$defs"]
    known = definitions[kind.__name__]["properties"]
    name = (field or "").split("[")[0]
    if name not in known:
        return f"Accepted: {', '.join(name for name in known if name not in hidden)}."
    descriptions = dict.fromkeys(part["description"] for part in _parts(known[name], {}) if "description" in part)
    values = [str(value) for part in _parts(known[name], definitions) for value in part.get("enum", ()) if value is not None]
    said = [*descriptions]
    if any(not re.search(rf"\b{re.escape(value)}\b", " ".join(said)) for value in values):
        said.append(f"Accepted: {', '.join(values)}.")
    return f"{name}: {' '.join(said)}" if said else ""


def _parts(schema: dict[str, Any], definitions: dict[str, Any]) -> list[dict[str, Any]]:
    """A schema with its alternatives, and what it refers to as far as *definitions* have it."""
    parts = [schema]
    for inner in (*schema.get("anyOf", ()), *([schema["items"]] if "items" in schema else ())):
        parts += _parts(inner, definitions)
    referred = definitions.get(str(schema.get("$ref", "")).rpartition("/")[2])
    return [*parts, *_parts(referred, definitions)] if referred is not None else parts
