import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibactors.sim.wire.frames import BadField, BadFrame, FieldReader, FrameBuffer, frame, parse_versions
from tests.sim.rawclient import pack

_fields = st.lists(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8), min_size=1), max_size=8)


@given(_fields, st.lists(st.integers(1, 9)))
def test_frames_survive_any_cutting_of_the_stream(messages: list[list[str]], cuts: list[int]) -> None:
    stream = b"".join(pack(*fields) for fields in messages)
    buffer, seen, start = FrameBuffer(), [], 0
    for size in [*cuts, len(stream)]:
        buffer.feed(stream[start : start + size])
        start += size
        while (body := buffer.next_frame()) is not None:
            seen.append(body)
    assert seen == [pack(*fields)[4:] for fields in messages]


def test_frame_of_absurd_length_is_refused() -> None:
    buffer = FrameBuffer()
    buffer.feed(b"\x7f\xff\xff\xff")
    with pytest.raises(BadFrame, match="claims"):
        buffer.next_frame()


@pytest.mark.parametrize("start", [b"GET / HTTP/1.1", b"APX", b"\x00\x00\x00\x01"])
def test_stream_without_api_prefix_is_refused(start: bytes) -> None:
    buffer = FrameBuffer()
    buffer.feed(start)
    with pytest.raises(BadFrame):
        buffer.take_prefix()


@pytest.mark.parametrize(
    ("text", "versions"),
    [(b"v157..178", (157, 178)), (b"v100..226 +PACEAPI", (100, 226)), (b"v178", (178, 178)), (b"v1..9\0", (1, 9))],
)
def test_version_range_is_read_with_and_without_options(text: bytes, versions: tuple[int, int]) -> None:
    assert parse_versions(text) == versions


@pytest.mark.parametrize("text", [b"", b"157..178", b"v..", b"v1..x", b"v-1..2"])
def test_bad_version_range_is_refused(text: bytes) -> None:
    with pytest.raises(BadFrame):
        parse_versions(text)


def test_fields_are_read_in_order_with_defaults_for_empty_ones() -> None:
    reader = FieldReader(b"1\0\0AAPL\x001.5\0\x001\0\0")
    assert (reader.integer(), reader.integer(-7), reader.text()) == (1, -7, "AAPL")
    assert (reader.number(), reader.number()) == (1.5, 0.0)
    assert (reader.flag(), reader.flag(), reader.remaining) == (True, False, 0)


@pytest.mark.parametrize("text", ["x", "1.5", "1_000", "\u0661", "2147483648", "9" * 30, " 1"])
def test_field_that_is_no_java_int_is_an_error(text: str) -> None:
    with pytest.raises(BadField, match="NumberFormat"):
        FieldReader(text.encode() + b"\0").integer()


@pytest.mark.parametrize("text", ["nan", "1_0", "abc", "--1"])
def test_field_that_is_no_number_is_an_error(text: str) -> None:
    with pytest.raises(BadField, match="NumberFormat"):
        FieldReader(text.encode() + b"\0").number()


def test_unset_double_and_infinite_are_numbers() -> None:
    reader = FieldReader(b"1.7976931348623157e+308\0Infinite\0")
    assert reader.number() > 1e308
    assert reader.number() == float("inf")


def test_message_that_ends_early_is_an_error() -> None:
    reader = FieldReader(b"1\0")
    reader.skip()
    with pytest.raises(BadField, match="ends before"):
        reader.text()


_FITS: dict[str, Callable[[Any, str], bool]] = {
    "integer": lambda value, _: type(value) is int and -(1 << 31) <= value < 1 << 31,
    "number": lambda value, _: type(value) is float and not math.isnan(value),
    "flag": lambda value, field: value is (field in ("1", "true", "True")),
    "text": lambda value, field: value == field,
}
_values = st.sampled_from([b"", b"1", b"-1", b"2147483648", b"0.5", b"1e400", b"nan", b"Infinite", b"true", b"1_0", b" 1", b"\xd9\xa1"])
_bodies = st.lists(_values | st.binary(max_size=6), max_size=8).map(b"\0".join)


@given(_bodies, st.lists(st.sampled_from(list(_FITS)), min_size=4))
def test_any_bytes_give_a_value_of_the_kind_asked_for_or_a_bad_field(body: bytes, kinds: list[str]) -> None:
    fields = body.decode(errors="replace").removesuffix("\0").split("\0") if body else []
    reader = FieldReader(body)
    for nth, kind in enumerate(kinds):
        try:
            value = getattr(reader, kind)()
        except BadField:
            assert nth >= len(fields) or (kind in ("integer", "number") and fields[nth])
        else:
            assert _FITS[kind](value, fields[nth])
        assert reader.remaining == max(0, len(fields) - nth - 1)


def test_answers_are_plain_ascii_with_booleans_as_digits() -> None:
    assert frame(4, *(True, False), "caf\u00e9") == b"\0\0\0\x0e4\x001\x000\0caf\\xe9\0"
