from decimal import Decimal
from typing import Annotated, Literal

import msgspec
import pytest

from ibactors.errors import InvalidRequest
from ibactors.model.logins import LoginRequest
from ibactors.validation import validated
from ibactors.web.contract.codec import encode


class Inner(msgspec.Struct):
    count: Annotated[int, msgspec.Meta(ge=1)]


class Body(msgspec.Struct, forbid_unknown_fields=True):
    symbol: Annotated[str, msgspec.Meta(min_length=1)]
    kind: Literal["a", "b"] = "a"
    inner: Inner | None = None


def refused(text: str, kind: type = Body) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        validated(kind, lambda: msgspec.json.decode(text, type=kind))
    return caught.value


def test_valid_value_is_returned() -> None:
    assert validated(Body, lambda: msgspec.json.decode('{"symbol":"A"}', type=Body)) == Body(symbol="A")


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("{}", "symbol"),
        ('{"symbol":""}', "symbol"),
        ('{"symbol":1}', "symbol"),
        ('{"symbol":"A","kind":"c"}', "kind"),
        ('{"symbol":"A","inner":{"count":0}}', "inner.count"),
        ('{"symbol":"A","surplus":1}', "surplus"),
        ("[]", None),
        ("nonsense", None),
        ("", None),
        ('{"symbol":"\xff', None),
    ],
)
def test_refusal_names_the_field_where_there_is_one(text: str, field: str | None) -> None:
    error = refused(text)
    assert error.field == field
    assert str(error).endswith(".")


def test_deep_nesting_is_refused_like_any_other_nonsense() -> None:
    with pytest.raises(InvalidRequest, match="not valid JSON"):
        validated(Body, lambda: msgspec.json.decode("[" * 100_000))


@pytest.mark.parametrize(
    "text",
    [
        '{"username":"user","password":"hunter2\\u0000","account_type":"paper"}',
        '{"username":"user","password":"' + "hunter2" * 40 + '","account_type":"paper"}',
        '{"username":"user","password":["hunter2"],"account_type":"paper"}',
        '{"username":"user","password":"hunter2","account_type":1}',
        '{"username":"user","password":"hunter2"',
    ],
)
def test_refusal_never_repeats_a_password(text: str) -> None:
    error = refused(text, LoginRequest)
    assert "hunter2" not in str(error)
    assert 'user"' not in str(error)
    assert error.__cause__ is None


def test_refusal_of_a_bad_choice_does_not_repeat_the_value() -> None:
    assert "hunter2" not in str(refused('{"symbol":"A","kind":"hunter2"}'))


def test_json_has_null_for_what_is_no_number_and_plain_decimals() -> None:
    assert encode({"a": float("nan"), "b": float("inf"), "c": Decimal("1.10")}) == b'{"a":null,"b":null,"c":1.10}'


def test_line_break_at_the_end_of_a_password_is_refused() -> None:
    refused('{"username":"user","password":"hunter2\\n","account_type":"paper"}', LoginRequest)
