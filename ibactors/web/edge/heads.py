"""A strict reader of heads, for the short way: what it takes, h11 reads in the same way; whatever else there is, it leaves to h11 unread.

So there are no two opinions on where a request ends, which is what smuggling lives on. It takes a GET of HTTP/1.1 without a body, with one
Host, whose connection is kept and stays HTTP; no folded line, and no line that ends in anything but CR LF.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from email.utils import formatdate
from functools import lru_cache
from time import time

LONGEST = 4096
"""Octets of a head that is taken; its lines are fewer than h11 is given."""
_LINE = re.compile(rb"GET (/[!-~]*+) HTTP/1\.1\r\n")
_BLOCK = re.compile(rb"(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]++:[\t -~\x80-\xff]*+\r\n){1,100}+\r\n")
"""Possessive, so that it takes linear time whatever comes."""
_HEADER = re.compile(rb"([^:\r\n]++):[ \t]*+([^\r\n]*+)\r\n")
_MORE = frozenset({b"content-length", b"transfer-encoding", b"trailer", b"te", b"expect", b"upgrade", b"http2-settings"})
"""Headers that make a request more than a GET."""
MOST_PARTS, MOST_ESCAPES = 128, 1024
"""Parts of a query or of a line, between `&`, commas or semicolons, and octets of a target that are written as `%41`: whoever reads them,
such as Werkzeug, takes up to 70 µs for each, all in one step. 16 KiB have room for thousands."""
_UNREAD = frozenset({b"cookie", b"user-agent"})
"""Nobody here reads these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """The two ends of a connection, as ASGI tells them."""

    secure: bool
    client: tuple[str, int] | None
    server: tuple[str, int] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What h11's `Request` has, as far as it is used."""

    target: bytes
    headers: list[tuple[bytes, bytes]]
    method: bytes = b"GET"
    http_version: bytes = b"1.1"


def http_date() -> bytes:
    """The present second, as the header Date has it."""
    return _date(int(time()))


@lru_cache(maxsize=1)
def _date(second: int) -> bytes:
    return formatdate(second, usegmt=True).encode()


def is_long_winded(target: bytes, headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether a head says so much that reading it would hold up others."""
    if target.count(b"&") >= MOST_PARTS or target.count(b"%") > MOST_ESCAPES:
        return True
    return any(
        len(value) >= MOST_PARTS and value.count(b",") + value.count(b";") >= MOST_PARTS and name not in _UNREAD for name, value in headers
    )


def is_get(head: bytes) -> bool:
    """Whether *head* may be one that is taken; told at a glance."""
    return head.startswith(b"GET /") and len(head) <= LONGEST


def read_head(head: bytes) -> Head | None:
    """The request of which *head*, up to the empty line and with it, is all; None for what is h11's."""
    line = _LINE.match(head)
    if line is None or not is_get(head) or not _BLOCK.fullmatch(head, line.end()):
        return None
    headers = [(name.lower(), value.rstrip(b" \t")) for name, value in _HEADER.findall(head, line.end())]
    names = [name for name, _ in headers]
    if names.count(b"host") != 1 or not _MORE.isdisjoint(names):
        return None
    if any(name == b"connection" and value.lower() != b"keep-alive" for name, value in headers) or is_long_winded(line[1], headers):
        return None
    return Head(target=line[1], headers=headers)
