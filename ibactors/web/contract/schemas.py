"""JSON schemas of the types on the wire, as tools that read them like it.

Msgspec makes them; this adds what the types' source says (what each member is), what their names say (which texts are times), and the
forms that code generators understand.
"""

import ast
import inspect
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

import msgspec

from ibactors.web.contract.vocabulary import KIND_OF_MESSAGE, MEANINGS

Schema = dict[str, Any]
"""One schema, as msgspec makes it: read here, so that each part would need a type of its own."""

REF = "#/components/schemas/{name}"
MOMENTS = frozenset(
    "as_of at closes end ended first_timestamp from last_timestamp opens since start timestamp to until updated valid_until".split()
)
"""Members that have a time, RFC 3339 in UTC, wherever they are texts."""
_FINAL_NEWLINE = r"(?!\n)"
"""What Python needs after `$` and nobody else does: there it is the end of the text (ECMA 262, RE2)."""
_JSON_TYPES = {str: "string", int: "integer"}


def schemas_of(types: Iterable[Any], *, sent: Iterable[Any] = ()) -> tuple[list[Schema], dict[str, Schema]]:
    """The schemas of *types*, and those of all that they name. What is only *sent*, never received, always has all its members."""
    types = list(types)
    schemas, components = msgspec.json.schema_components(types, ref_template=REF)
    named = {_name_of(kind, components): kind for kind in structs_of(types)}
    received = {id(kind) for kind in structs_of(kind for kind in types if not any(kind is other for other in sent))}
    for name, kind in named.items():
        _describe_members(components[name], kind)
        if id(kind) not in received:
            _require_all(components[name], kind)
    for node in (*schemas, *components.values()):
        _tidy(node)
    return list(schemas), components


def structs_of(types: Iterable[Any]) -> list[type[msgspec.Struct]]:
    """All struct types that *types* are or name."""
    found: dict[type[msgspec.Struct], None] = {}
    left: list[Any] = list(msgspec.inspect.multi_type_info([kind for kind in types if kind is not None]))
    while left:
        match left.pop():
            case msgspec.inspect.StructType(cls=kind, fields=fields) if kind not in found:
                found[kind] = None
                left.extend(field.type for field in fields)
            case msgspec.inspect.StructType():
                pass
            case msgspec.inspect.Type() as other:
                left.extend(_parts(other))
    return list(found)


def _parts(kind: Any) -> Iterator[Any]:
    for name in ("types", "item_types", "item_type", "key_type", "value_type", "type"):
        part = getattr(kind, name, None)
        yield from part if isinstance(part, tuple) else () if part is None else (part,)


def _name_of(kind: type[msgspec.Struct], components: dict[str, Schema]) -> str:
    return kind.__name__ if kind.__name__ in components else f"{kind.__module__}.{kind.__qualname__}"


def _describe_members(schema: Schema, kind: type[msgspec.Struct]) -> None:
    """Say of each member what its annotation says, else the type's source, else the words that mean the same everywhere."""
    said: dict[str, str] = {}
    for owner in reversed(kind.__mro__):
        said |= _docstrings(owner.__module__).get(owner.__qualname__, {})
    properties = schema.get("properties", {})
    for member, encoded in zip(kind.__struct_fields__, kind.__struct_encode_fields__, strict=True):
        _hoist_description(properties[encoded])
        if text := said.get(member, MEANINGS.get(member)):
            properties[encoded].setdefault("description", text)
    if (tag := kind.__struct_config__.tag_field) is not None and kind.__struct_config__.tag is not None:
        properties[tag].setdefault("description", KIND_OF_MESSAGE)


def _hoist_description(described: Schema) -> None:
    """What an annotation says of all but null is the member's description; a union keeps it where nobody looks."""
    texts = [choice["description"] for choice in described.get("anyOf", ()) if "description" in choice]
    if len(texts) == 1:
        described["description"] = texts[0]
        for choice in described["anyOf"]:
            choice.pop("description", None)


@cache
def _docstrings(module: str) -> dict[str, dict[str, str]]:
    """What the source of *module* says of each member of each class; nothing where there is no source."""
    try:
        tree = ast.parse(inspect.getsource(sys.modules[module]))
    except (OSError, TypeError):
        return {}
    return {node.name: dict(_members(node)) for node in tree.body if isinstance(node, ast.ClassDef)}


def _members(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for statement, following in zip(node.body, node.body[1:], strict=False):
        match statement, following:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str() as text)):
                yield name, " ".join(text.split())


def _require_all(schema: Schema, kind: type[msgspec.Struct]) -> None:
    """Say that what we send always has all its members, but those that are left out on purpose."""
    if kind.__struct_config__.omit_defaults or "properties" not in schema:
        return
    defaults = dict(zip(reversed(kind.__struct_fields__), reversed(kind.__struct_defaults__), strict=False))
    left_out = {
        encoded
        for member, encoded in zip(kind.__struct_fields__, kind.__struct_encode_fields__, strict=True)
        if defaults.get(member) is msgspec.UNSET
    }
    schema["required"] = [name for name in schema["properties"] if name not in left_out]
    for described in schema["properties"].values():
        described.pop("default", None)


def _tidy(node: Any) -> None:
    """Put the schema *node*, and all within it, into the forms that generators understand."""
    match node:
        case {"type": "string", "format": "decimal"}:  # as text would be msgspec's default; here they are numbers (`codec.encode`)
            del node["format"]
            node["type"] = "number"
        case {"type": "string", "pattern": str(pattern)}:
            node["pattern"] = pattern.removesuffix(_FINAL_NEWLINE)
        case {"enum": [value, *more]} if "type" not in node:
            node["type"] = _JSON_TYPES[type(value)]
            if not more:
                node["const"] = node.pop("enum")[0]
        case {"anyOf": [*kinds]} if {"type": "number"} in kinds and {"type": "integer"} in kinds:
            kinds.remove({"type": "integer"})  # each is a number
            node["anyOf"] = kinds
    _date(node)
    if isinstance(node, dict):
        _merge_single(node)
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        _tidy(child)


def _merge_single(node: Schema) -> None:
    if len(node.get("anyOf", ())) == 1:
        node.update(node.pop("anyOf")[0])


def _date(node: Any) -> None:
    if not isinstance(node, dict) or not isinstance(node.get("properties"), dict):
        return
    for name in MOMENTS & node["properties"].keys():
        for kind in (node["properties"][name], *node["properties"][name].get("anyOf", ())):
            if kind.get("type") == "string" and "pattern" not in kind:
                kind["format"] = "date-time"
