"""The edge's own reader of heads takes less than h11 does, and nothing in another way."""

import random
from itertools import islice

import pytest

from ibactors.web.edge import heads
from ibactors.web.edge.heads import LONGEST, read_head
from tests.fuzz.heads import SEEDS, difference
from tests.fuzz.heads import heads as mutated

GOOD = b"GET /health?a=b HTTP/1.1\r\nHost: localhost\r\n%b\r\n"


def test_what_it_takes_h11_reads_in_the_same_way() -> None:
    made = list(islice(mutated(random.Random(1)), 4000))
    assert sum(read_head(head) is not None for head in made) > 200
    assert not [head for head in made if difference(head)]


def test_difference_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heads, "_MORE", frozenset[bytes]())
    assert difference(SEEDS[3][:-5])


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"Connection: Keep-Alive\r\n",
        b"Accept:*/*\r\n",
        b"X: \t \r\n",
        b"Cookie: a=\xff\r\n",
        b"X: y\r\n" * 98,
        b"X: " + b"a," * 127 + b"\r\n",
        b"Cookie: " + b"a=b; " * 500 + b"\r\n",
        b"User-Agent: " + b";" * 500 + b"\r\n",
        b"X: " + b"y" * (LONGEST - len(GOOD) - 3) + b"\r\n",
    ],
)
def test_plain_head_is_taken(line: bytes) -> None:
    assert read_head(GOOD % line) is not None
    assert difference(GOOD % line) is None


@pytest.mark.parametrize(
    "line",
    [
        b"Content-Length: 0\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Expect: 100-continue\r\n",
        b"Upgrade: h2c\r\n",
        b"HTTP2-Settings: x\r\n",
        b"TE: trailers\r\n",
        b"Trailer: x\r\n",
        b"Connection: close\r\n",
        b"Connection: keep-alive, upgrade\r\n",
        b"Host: other\r\n",
        b" folded\r\n",
        b"X : y\r\n",
        b"X: y\n",
        b"X: \0\r\n",
        b"X: \x0b\r\n",
        b": y\r\n",
        b"X: y\r\n" * 100,
        b"Accept: " + b"a/b," * 200 + b"\r\n",
        b"Accept: text/html" + b";a=b" * 200 + b"\r\n",
        b"If-None-Match: " + b'"a",' * 200 + b"\r\n",
        b"X-Forwarded-For: " + b"a,;" * 64 + b"\r\n",
        b"X: " + b"y" * LONGEST + b"\r\n",
    ],
)
def test_anything_else_is_left_to_h11(line: bytes) -> None:
    assert read_head(GOOD % line) is None


FIRST_LINES = (
    *(b"HEAD / HTTP/1.1", b"get / HTTP/1.1", b"GET / HTTP/1.0", b"GET  / HTTP/1.1", b"GET / HTTP/1.1 ", b"GET / HTTP/1.1\n"),
    *(b"GET /?" + b"&" * 128 + b" HTTP/1.1", b"GET /?a=b" + b"&a=%41" * 600 + b" HTTP/1.1", b"GET /" + b"%41" * 1025 + b" HTTP/1.1"),
    *(b"GET http://a/ HTTP/1.1", b"GET * HTTP/1.1", b"GET /\xe4 HTTP/1.1", b"GET /", b"\r\nGET / HTTP/1.1"),
)


@pytest.mark.parametrize("start", FIRST_LINES)
def test_other_first_line_is_left_to_h11(start: bytes) -> None:
    assert read_head(start + b"\r\nHost: localhost\r\n\r\n") is None


def test_head_without_host_is_left_to_h11() -> None:
    assert read_head(b"GET / HTTP/1.1\r\nX: y\r\n\r\n") is None
