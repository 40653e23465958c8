"""Whether what the service says is what its documents say of it, by JSON Schema.

Every client of the stream in the tests asks for each message that it receives.
"""

from collections.abc import Mapping
from copy import deepcopy
from functools import cache
from typing import Any

import jsonschema_rs

from ibactors.web.stream.asyncapi import build_asyncapi


def problems(value: Any, schema: Any, document: Mapping[str, Any]) -> list[str]:
    """What is wrong with *value*; empty when it conforms."""
    return _told(_validator(schema, document), value)


def message_problems(message: Any) -> list[str]:
    """What is wrong with a message of the stream, by the AsyncAPI document; any may have the id of the command that subscribed."""
    validator = _of_type(message.get("type"))
    if validator is None:
        return [f"{message} is not described"]
    return _told(validator, {name: value for name, value in message.items() if name != "id"}) + _told(_of_id(), message)


def conforming(message: Any) -> Any:
    """The same message, or array of messages. Raises AssertionError for one that is not as described."""
    for each in message if isinstance(message, list) else [message]:
        assert not (wrong := message_problems(each)), f"{wrong} in {each}"
    return message


@cache
def _messages() -> tuple[dict[str, list[Any]], Mapping[str, Any]]:
    """The messages of the service by type, and the parts that they are described with."""
    components = build_asyncapi()["components"]
    kinds: dict[str, list[Any]] = {}
    for name, message in components["messages"].items():
        schema = components["schemas"][message["payload"]["$ref"].rpartition("/")[2]]
        if name != "command":
            kinds.setdefault(schema["properties"]["type"]["const"], []).append(message["payload"])
            # Of what a command answers the id is a member; of what was subscribed to it may be added.
            schema["required"] = [each for each in schema["required"] if each != "id"]
    _close(components)
    return kinds, components


@cache
def _of_type(kind: str) -> Any:
    """What fits any message of the service that has this type; None where there is none."""
    kinds, components = _messages()
    if kind not in kinds:
        return None
    return jsonschema_rs.Draft202012Validator({"anyOf": kinds[kind], "components": components}, validate_formats=True)


@cache
def _of_id() -> Any:
    return jsonschema_rs.Draft202012Validator({"properties": {"id": {"type": ["string", "integer", "null"]}}})


def _validator(schema: Any, document: Mapping[str, Any]) -> Any:
    whole = deepcopy(schema) | {"components": deepcopy(document.get("components", {}))}
    _close(whole)
    return jsonschema_rs.Draft202012Validator(whole, validate_formats=True)


def _close(node: Any) -> None:
    """Have what is not described be wrong: the documents leave room for later members, the tests do not."""
    if isinstance(node, dict) and isinstance(node.get("properties"), dict) and node.get("type") == "object":
        node.setdefault("additionalProperties", False)
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        _close(child)


def _told(validator: Any, value: Any) -> list[str]:
    return [f"{'.'.join(map(str, error.instance_path))}: {error.message[:300]}" for error in validator.iter_errors(value)]
