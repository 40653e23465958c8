"""JSON that comes in."""

import msgspec
import pytest

from ibactors.errors import InvalidRequest
from ibactors.validation import validated
from ibactors.web.contract.codec import read_json


class Body(msgspec.Struct, frozen=True):
    seconds: int
    ratio: float = 1.0
    names: tuple[int, ...] = ()


def test_whole_number_is_one_however_it_is_written() -> None:
    assert read_json(b'{"seconds": 5.0, "ratio": 2.0, "names": [1e2]}', Body) == Body(seconds=5, ratio=2.0, names=(100,))


@pytest.mark.parametrize("text", ["5.5", "1e300", '"5"', "true", "null", "1e999"])
def test_what_is_no_whole_number_is_refused_by_its_name(text: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        validated(Body, lambda: read_json(f'{{"seconds": {text}}}'.encode(), Body))
    assert caught.value.field == "seconds"


@pytest.mark.parametrize("text", [b"", b"{", b"[" * 100_000, b'{"seconds": NaN}', b"\xff"])
def test_what_is_no_json_is_refused(text: bytes) -> None:
    with pytest.raises(InvalidRequest):
        validated(Body, lambda: read_json(text, Body))
