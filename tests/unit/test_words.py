"""What callers are told of a value that is wrong: words, the field, and what is accepted."""

import re
import socket
from typing import Any

import msgspec
import pytest

from ibactors.bridge import elsewhere
from ibactors.errors import InvalidRequest
from ibactors.validation import validated
from ibactors.web.app import OPERATIONS
from ibactors.web.rest.quotes import QuoteQuery
from ibactors.web.stream.channels import COMMAND

QUERIES = [
    ("sec_type", "STONK", "BOND"),
    ("sec_type", "Stock", "STK"),
    ("right", "X", "C or P"),
    ("expiry", "2026-12-18", "yyyymmdd or yyyymm"),
    ("currency", "$", "Three letters"),
    ("exchange", "a b", "letters, digits and dots"),
    ("con_id", "1.5", "a whole number"),
    ("strike", "-1", "Strike price"),
    ("after", "yesterday", "date, time and offset"),
    ("foo", "1", "Accepted: exchange, "),
]
COMMANDS = [
    ({"action": "buy"}, "action", "subscribe"),
    ({}, "action", "unsubscribe"),
    ({"action": "list", "channel": "weather"}, "channel", "account"),
    ({"action": "list", "interval_ms": "soon"}, "interval_ms", "Milliseconds"),
    ({"action": "list", "id": "x" * 201}, "id", "at most 200 characters"),
    ({"action": "subscribe", "symbols": ["A", "<b>"]}, "symbols", "letters, digits, blanks"),
    ({"action": "subscribe", "symbols": []}, "symbols", "at least 1 entries"),
    ({"action": "subscribe", "sybmol": "A"}, "sybmol", "Accepted: action, "),
]
PROGRAMMERS = re.compile(r"`(str|int|float|array|object)`|regex|\$\.|\(\?!|enum|<b>|STONK")


def refusal_of(kind: type[Any], given: object) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        validated(kind, lambda: msgspec.convert(given, kind, strict=kind is COMMAND))
    return caught.value


@pytest.mark.parametrize(("name", "value", "accepted"), QUERIES)
def test_parameter_is_refused_in_words_with_what_is_accepted(name: str, value: str, accepted: str) -> None:
    refusal = refusal_of(QuoteQuery, {"symbol": "A", name: value})
    assert refusal.field == name
    assert accepted in f"{refusal} {refusal.remedy}"
    assert not PROGRAMMERS.search(f"{refusal} {refusal.remedy}")


@pytest.mark.parametrize(("command", "field", "accepted"), COMMANDS)
def test_message_is_refused_in_words_with_what_is_accepted(command: dict[str, object], field: str, accepted: str) -> None:
    refusal = refusal_of(COMMAND, command)
    assert (refusal.field or "").split("[")[0] == field
    assert accepted in f"{refusal} {refusal.remedy}"
    assert not PROGRAMMERS.search(f"{refusal} {refusal.remedy}")


def test_every_parameter_of_every_operation_can_be_explained() -> None:
    silent = []
    for operation in OPERATIONS:
        for kind in (operation.query, operation.body):
            if kind.__struct_fields__:
                properties = msgspec.json.schema(kind)["$defs"][kind.__name__]["properties"]
                silent += [
                    f"{operation.path} {name}" for name, schema in properties.items() if "pattern" in schema and "description" not in schema
                ]
    assert silent == []


def test_a_port_where_somebody_listens_is_found_without_a_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as silent:
        silent.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        silent.bind(("127.0.0.1", 0))
        here, nobody = listener.getsockname()[1], silent.getsockname()[1]
        usual = {here: "TWS's port", nobody: "another's"}
        for host in ("127.0.0.1", "localhost"):
            assert elsewhere.advice(host, 1, usual).startswith(f"Something listens at {here} (TWS's port): if that is meant, set IBACTORS_")
        assert elsewhere.advice("127.0.0.1", here, usual) == ""
        assert elsewhere.advice("gateway.example", 1, usual) == ""
        listener.settimeout(0)
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_what_would_be_accepted_is_worked_out_once_however_often_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    class Wish(msgspec.Struct, forbid_unknown_fields=True):
        wanted: int

    made = []
    schema = msgspec.json.schema

    def making(kind: type[Any]) -> dict[str, Any]:
        made.append(kind)
        return schema(kind)

    monkeypatch.setattr(msgspec.json, "schema", making)
    for _ in range(3):
        with pytest.raises(InvalidRequest):
            validated(Wish, lambda: msgspec.json.decode(b'{"wished":1}', type=Wish))
    assert made == [Wish]  # of a command of the stream it takes 15 ms, and wrong ones may come 200 times a second
