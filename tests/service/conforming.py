"""Whether a message is what a document says: as much of JSON Schema as our documents use, and nothing passes that is not understood."""

import re
from typing import Any

TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "null": (type(None),),
    "integer": (int,),
    "number": (int, float),
}
SAID = {"description", "title", "default", "examples", "format", "discriminator", "type", "properties", "required", "additionalProperties"}
CHECKED = {"$ref", "anyOf", "enum", "const", "items", "pattern", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems"}


def problems(value: Any, schema: Any, document: Any, at: str = "$") -> list[str]:
    """What is wrong with *value*; empty when it conforms."""
    if schema is True or schema == {}:
        return []
    unknown = schema.keys() - SAID - CHECKED
    assert not unknown, f"{unknown} is not understood here"
    if "$ref" in schema:
        target = document
        for step in schema["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        return problems(value, target, document, at)
    if "anyOf" in schema:
        tried = [problems(value, each, document, at) for each in schema["anyOf"]]
        return [] if [] in tried else min(tried, key=len)
    found = []
    if "type" in schema and (not isinstance(value, TYPES[schema["type"]]) or (isinstance(value, bool) and schema["type"] != "boolean")):
        return [f"{at}: {value!r} is no {schema['type']}"]
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{at}: {value!r} is none of {schema['enum']}")
    if "const" in schema and value != schema["const"]:
        found.append(f"{at}: {value!r} is not {schema['const']!r}")
    if "pattern" in schema and not re.search(schema["pattern"], value):
        found.append(f"{at}: {value!r} does not fit {schema['pattern']}")
    if isinstance(value, list):
        found += [problem for i, each in enumerate(value) for problem in problems(each, schema.get("items", {}), document, f"{at}[{i}]")]
    if isinstance(value, dict):
        found += _object(value, schema, document, at)
    return found


def _object(value: dict[str, Any], schema: Any, document: Any, at: str) -> list[str]:
    found = [f"{at}: {name} is missing" for name in schema.get("required", ()) if name not in value]
    known = schema.get("properties", {})
    for name, each in value.items():
        if name in known:
            found += problems(each, known[name], document, f"{at}.{name}")
        elif isinstance(schema.get("additionalProperties"), dict):
            found += problems(each, schema["additionalProperties"], document, f"{at}.{name}")
        elif "properties" in schema and name != "id":  # of the command that subscribed; any message may carry it
            found.append(f"{at}: {name} is not described")
    return found


def message_problems(message: dict[str, Any], document: Any) -> list[str]:
    """What is wrong with a message of the stream, by the AsyncAPI document."""
    described = document["components"]["messages"]
    kinds = [each["payload"] for each in described.values() if _tag(each["payload"], document) == message["type"]]
    return problems(message, {"anyOf": kinds}, document) if kinds else [f"{message['type']} is not described"]


def _tag(payload: Any, document: Any) -> Any:
    schema = document["components"]["schemas"][payload["$ref"].rpartition("/")[2]]
    return schema.get("properties", {}).get("type", {}).get("const")
