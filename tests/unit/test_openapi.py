"""What the OpenAPI document says of input is what the service takes."""

import json
import re
from collections.abc import Iterator
from typing import Any

import hypothesis.strategies as st
import msgspec
from hypothesis import example, given

from ibactors.errors import InvalidRequest
from ibactors.model.logins import LoginRequest, check_credential
from ibactors.web.app import OPERATIONS
from ibactors.web.contract.queries import QuotesQuery, instrument_of, instruments_of
from ibactors.web.contract.vocabulary import MEANINGS
from ibactors.web.rest.openapi import build_document
from ibactors.web.stream.asyncapi import build_asyncapi

DOCUMENT = build_document(OPERATIONS, secured=True)
near_symbols = st.text(st.sampled_from("Aa0 .:_&$^=+'/-,\t\n\x00é"), max_size=45)


def parameters(path: str) -> dict[str, dict[str, Any]]:
    return {parameter["name"]: parameter for parameter in DOCUMENT["paths"][path]["get"]["parameters"]}


def whole_text(pattern: str) -> str:
    """The pattern for Python, whose `$` lets a final newline through."""
    return pattern.removesuffix("$") + r"\Z"


def takes(check: Any, *arguments: Any) -> bool:
    try:
        check(*arguments)
    except (InvalidRequest, msgspec.ValidationError):
        return False
    return True


def login(name: str) -> None:
    msgspec.convert({"username": name, "password": name, "account_type": "paper"}, LoginRequest)


def test_every_parameter_of_a_path_is_described() -> None:
    for path, methods in DOCUMENT["paths"].items():
        for operation in methods.values():
            described = {parameter["name"]: parameter["schema"] for parameter in operation["parameters"] if parameter["in"] == "path"}
            assert set(described) == set(re.findall(r"{(\w+)}", path))
            assert all(
                schema.keys() & {"pattern", "minLength", "format", "enum"} or schema["type"] == "integer" for schema in described.values()
            )


def members() -> Iterator[tuple[str, dict[str, Any]]]:
    for document in (DOCUMENT, build_asyncapi()):
        for schema, described in document["components"]["schemas"].items():
            yield from ((f"{schema}.{name}", member) for name, member in described.get("properties", {}).items())


def test_every_member_is_described() -> None:
    assert [name for name, member in members() if not member.get("description")] == []


def test_every_parameter_is_described() -> None:
    operations = [(path, each) for path, methods in DOCUMENT["paths"].items() for each in methods.values()]
    found = [f"{path} {parameter['name']}" for path, each in operations for parameter in each["parameters"] if not parameter["description"]]
    assert found == []


def test_every_meaning_of_the_vocabulary_is_told() -> None:
    told = {member.get("description") for _, member in members()}
    told |= {
        parameter["description"] for methods in DOCUMENT["paths"].values() for each in methods.values() for parameter in each["parameters"]
    }
    assert [name for name, meaning in MEANINGS.items() if meaning not in told] == []


@given(near_symbols)
@example("AAPL")
@example(" AAPL ")
@example("A" + " " * 44)
@example("A\n")
def test_symbol_in_a_path_is_what_its_pattern_says(text: str) -> None:
    pattern = parameters("/market/quote/{symbol}")["symbol"]["schema"]["pattern"]
    assert bool(re.search(whole_text(pattern), text)) == (takes(instrument_of, text, QuotesQuery(symbols=text)) and "/" not in text)


@given(near_symbols)
@example("BRK B, AAPL ,BF/B")
@example("A," * 100 + "A")
@example("A,A\n")
def test_list_of_symbols_is_what_its_pattern_says(text: str) -> None:
    pattern = parameters("/market/quotes")["symbols"]["schema"]["pattern"]
    assert bool(re.fullmatch(pattern, text)) == takes(instruments_of, QuotesQuery(symbols=text))


@given(st.text(max_size=30))
@example(" a")
@example("a\x9f")
@example("a\u2028b")
def test_login_takes_what_can_be_typed(text: str) -> None:
    assert takes(login, text) == takes(check_credential, "username", text)


def test_login_asks_for_both_or_neither() -> None:
    asked = DOCUMENT["components"]["schemas"]["LoginRequest"]["dependentRequired"]
    assert asked == {"username": ["password"], "password": ["username"]}


def test_names_of_operations_and_types_are_fit_for_the_code_of_clients() -> None:
    operations = [operation["operationId"] for path in DOCUMENT["paths"].values() for operation in path.values()]
    assert len(operations) == len(set(operations))
    assert [name for name in (*operations, *DOCUMENT["components"]["schemas"]) if not name.isidentifier()] == []


def test_no_pattern_needs_more_than_the_simplest_engine_has() -> None:
    assert not re.search(r'"pattern": "[^"]*\(\?[=!<]', json.dumps(DOCUMENT))


def test_what_is_sent_always_has_all_its_members_but_those_left_out_on_purpose() -> None:
    quote = DOCUMENT["components"]["schemas"]["Quote"]
    assert quote["required"] == [name for name in quote["properties"] if name != "fields"], "which only those have who ask"
    assert quote["properties"]["timestamp"]["format"] == "date-time"
    assert "field" not in DOCUMENT["components"]["schemas"]["Problem"].get("required", ())


def test_event_of_a_stream_carries_the_messages_of_the_stream() -> None:
    event = DOCUMENT["paths"]["/market/stream"]["get"]["responses"]["200"]["content"]["text/event-stream"]["schema"]
    assert set(event["properties"]["data"]["contentSchema"]["discriminator"]["mapping"]) == {"quote", "stale", "status", "error"}
