"""The OpenAPI document, made from the table of operations and the types they name."""

from collections.abc import Iterable
from typing import Any

from ibactors import __version__
from ibactors.keys import Scope
from ibactors.web.contract.problems import KINDS, MEDIA_TYPE, Problem
from ibactors.web.contract.schemas import REF, Schema, schemas_of
from ibactors.web.contract.tables import CSV, FORMATS, TEXT, Rows
from ibactors.web.operation import EVENT_STREAM, Nothing, Operation

Json = dict[str, object]
"""An object of the document."""
Components = dict[str, Schema]
"""The schemas of types by name."""

_INTERNAL = {"Debug", "Metrics"}
"""For those who run the service, not for its clients' code."""
_ALWAYS = ("internal_error", "bad_request", "host_not_allowed", "origin_not_allowed", "rate_limited")
_KEYED = ("api_key_required", "api_key_invalid", "api_key_in_url", "scope_missing")
_WITH_BODY = ("invalid_request", "unsupported_media_type", "request_too_large", "request_timeout")
_SECURITY_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key: `Authorization: Bearer ibk_…`."},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The same key in a header of its own."},
}
TAGS = {
    "Health": "Whether the service answers, and whether its session with the gateway is up.",
    "Login": "The gateway's login at IB.",
    "Keys": "What a client shows instead of its key.",
    "Account": "Balances, positions, profit and loss of the accounts of this login.",
    "Market data": "The newest quotes, and streams of them.",
    "Charts": "TradingView's UDF protocol, for charts that read it.",
    "Contracts": "Find instruments; their details, price rules and trading hours.",
    "Options": "Option chains, and what IB's model makes of an option.",
    "History": "Past bars, ticks, sessions and prices.",
    "News": "Headlines, articles, and who writes them.",
    "Scanner": "Market scans: which instruments rank first.",
    "Orders": "Place, change, cancel and follow orders.",
    "Trading": "Whether orders are allowed; halt and resume.",
    "Debug": "Inside the service: actors, tasks and the event loop.",
    "Metrics": "Figures for Prometheus.",
}
"""What the groups of operations are about."""
_DESCRIPTION = (
    "Interactive Brokers behind REST and WebSocket. Prices are never shown as newer than they are: after a break requests answer 503 "
    "until data of the new session is in. Live quotes come from the WebSocket `/ws/stream`. Errors are RFC 9457 problem documents with a "
    "stable `code`."
)


def build_document(operations: Iterable[Operation[Any, Any]], *, secured: bool) -> dict[str, Any]:
    """The whole document as JSON-ready objects; *secured* tells whether the service asks for keys."""
    table = list(operations)
    sent = [kind for operation in table for kind in (operation.returns, operation.or_returns, operation.accepted) if kind is not None]
    received = [kind for operation in table for kind in (operation.body, operation.query) if kind is not Nothing]
    types = [*sent, *received, Problem]
    schemas, components = schemas_of(types, sent=[*sent, Problem])
    for kind in received:
        components[kind.__name__].update(getattr(kind, "json_schema", {}))
    by_type = dict(zip(map(id, types), schemas, strict=True))
    paths: dict[str, Json] = {}
    for operation in table:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, by_type, components, secured=secured)
    for operation in table:  # these are told by their parameters
        components.pop(operation.query.__name__, None)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "ibactors",
            "version": __version__,
            "description": _DESCRIPTION,
            "license": {"name": "MIT", "identifier": "MIT"},
            "contact": {"name": "ibactors"},
        },
        "servers": [{"url": "/", "description": "The service that this document came from."}],
        "tags": [{"name": name, "description": TAGS[name]} for name in dict.fromkeys(operation.tag for operation in table)],
        "security": [],
        "paths": paths,
        "components": {"schemas": components} | ({"securitySchemes": _SECURITY_SCHEMES} if secured else {}),
    }


def _operation(operation: Operation[Any, Any], by_type: dict[int, Json], components: Components, *, secured: bool) -> Json:
    keyed = secured and operation.scope is not Scope.OPEN
    described: Json = {
        "operationId": operation.name,
        "summary": operation.summary,
        "description": operation.description or f"{operation.summary}.",
        "tags": [operation.tag],
        "parameters": _parameters(operation, components),
        "responses": {"200": _success(operation, by_type), **_accepted(operation, by_type), **_problems(operation, keyed=keyed)},
    }
    if secured:
        described["security"] = [{scheme: [operation.scope.value]} for scheme in _SECURITY_SCHEMES] if keyed else []
    if operation.tag in _INTERNAL:
        described["x-internal"] = True
    if operation.body is not Nothing:
        described["requestBody"] = {"required": True, "content": {"application/json": {"schema": by_type[id(operation.body)]}}}
    return described


def _parameters(operation: Operation[Any, Any], components: Components) -> list[Json]:
    headers = [
        {"name": name, "in": "header", "required": False, "description": text, "schema": {"type": "string"}}
        for name, text in operation.headers.items()
    ]
    return [*_own_parameters(operation, components), *(_form_parameters(operation.rows) if operation.rows else ()), *headers]


def _form_parameters(rows: Rows) -> list[Json]:
    return [
        {
            "name": "format",
            "in": "query",
            "required": False,
            "description": "json or csv; by the Accept header when not given.",
            "schema": {"type": "string", "enum": list(FORMATS)},
        },
        {
            "name": "field",
            "in": "query",
            "required": False,
            "description": "One column alone, as plain text, a line for each row: for the cells of spreadsheets.",
            "schema": {"type": "string", "enum": list(rows.table)},
        },
    ]


def _own_parameters(operation: Operation[Any, Any], components: Components) -> list[Json]:
    if operation.query is Nothing:
        return []
    schema = components[operation.query.__name__]
    required = schema.get("required", ())
    in_path = operation.path_names
    parameters: list[Json] = [
        {
            "name": name,
            "in": "path" if name in in_path else "query",
            "required": name in required,
            "description": field.get("description", ""),
            "schema": _parameter(field),
        }
        for name, field in schema["properties"].items()
    ]
    return sorted(parameters, key=lambda parameter: parameter["in"] == "query")


def _parameter(field: Json) -> Json:
    """A parameter that is not given is not null: it is not there."""
    schema = {key: value for key, value in field.items() if key != "description" and not (key == "default" and value in {None, ""})}
    kinds = schema.pop("anyOf", None)
    if isinstance(kinds, list):
        kinds = [kind for kind in kinds if kind != {"type": "null"}]
        schema |= kinds[0] if len(kinds) == 1 else {"anyOf": kinds}
    return schema


def _success(operation: Operation[Any, Any], by_type: dict[int, Json]) -> Json:
    schema: Json = {"type": "string"} if operation.returns is None else by_type[id(operation.returns)]
    if operation.or_returns is not None:
        schema = {"anyOf": [schema, by_type[id(operation.or_returns)]]}
    if operation.media_type == EVENT_STREAM:
        schema = _event(schema)
    also = (*operation.also, *((CSV, TEXT) if operation.rows else ()))
    return {"description": "As asked.", "content": {operation.media_type: {"schema": schema}} | {kind: {} for kind in also}}


def _event(schema: Json) -> Json:
    """One server-sent event that carries JSON."""
    return {
        "type": "object",
        "required": ["data"],
        "properties": {
            "id": {"type": "string", "description": "For `Last-Event-ID`."},
            "data": {"type": "string", "contentMediaType": "application/json", "contentSchema": schema},
        },
    }


def _accepted(operation: Operation[Any, Any], by_type: dict[int, Json]) -> Json:
    if operation.accepted is None:
        return {}
    return {
        "202": {
            "description": "It goes on.",
            "headers": {"Location": {"description": "Where to see how it goes on.", "schema": {"type": "string"}}},
            "content": {"application/json": {"schema": by_type[id(operation.accepted)]}},
        }
    }


def _problems(operation: Operation[Any, Any], *, keyed: bool) -> Json:
    codes = [*(error.code for error in operation.problems), *_ALWAYS, *(_KEYED if keyed else ())]
    if operation.query is not Nothing or operation.rows:
        codes.append("invalid_request")
    if operation.body is not Nothing:
        codes.extend(_WITH_BODY)
    by_status: dict[int, list[str]] = {}
    for code in dict.fromkeys(codes):
        by_status.setdefault(KINDS[code].status, []).append(code)
        if code == "actor_down":
            by_status.setdefault(502, []).append(code)
    return {
        str(status): {
            "description": "; ".join(f"{KINDS[code].title} (`{code}`)" for code in codes),
            "content": {MEDIA_TYPE: {"schema": {"$ref": REF.format(name="Problem")}}},
        }
        for status, codes in sorted(by_status.items())
    }
