"""Frames and fields of the TWS API: what every message looks like on the socket.

A frame is a four byte big-endian length and that many bytes of NUL-terminated fields. Sessions feed raw bytes in and read whole frames out;
handlers read a request's fields front to back with a `FieldReader`. Bad input raises `BadFrame` (the socket is beyond repair) or `BadField`
(one request is).
"""

import math
import re
import struct

API_PREFIX = b"API\0"
# The longest request a client library produces is some kilobytes; the official reader allows 16 MB, but a server that believes such a
# length lets any client pin that much memory.
MAX_REQUEST = 1 << 20

UNSET_INTEGER = "2147483647"
UNSET_DOUBLE = "1.7976931348623157E308"

_INTEGER = re.compile(r"[+-]?[0-9]+\Z")
_VERSIONS = re.compile(rb"v([0-9]{1,5})(?:\.\.([0-9]{1,5}))?(?: [^\0]*)?\Z")
_JAVA_INT = range(-(1 << 31), 1 << 31)


class BadFrame(Exception):
    """The byte stream is not a TWS API stream, or a frame's length is absurd; close the socket."""


class BadField(Exception):
    """A field of one request is missing or not a number; the request is answered with error 320."""


class FrameBuffer:
    """Collects received bytes and hands out whole frames, however the network cut or glued them."""

    def __init__(self) -> None:
        self._data = bytearray()

    def feed(self, data: bytes | bytearray) -> None:
        """Add received bytes."""
        self._data += data

    def take_prefix(self) -> bool:
        """Remove the prefix `API` and NUL that opens a session; False while it is incomplete."""
        if not API_PREFIX.startswith(self._data[: len(API_PREFIX)]):
            raise BadFrame("the client does not start with API and a NUL byte")
        if len(self._data) < len(API_PREFIX):
            return False
        del self._data[: len(API_PREFIX)]
        return True

    def next_frame(self) -> bytes | None:
        """The next whole frame without its length, or None until more bytes arrive."""
        if len(self._data) < 4:
            return None
        length = int.from_bytes(self._data[:4], "big")
        if length > MAX_REQUEST:
            raise BadFrame(f"a frame claims {length} bytes, more than the {MAX_REQUEST} allowed")
        if len(self._data) < 4 + length:
            return None
        body = bytes(self._data[4 : 4 + length])
        del self._data[: 4 + length]
        return body


class FieldReader:
    """Reads the fields of one request in order; remembers the request id for error answers."""

    def __init__(self, body: bytes) -> None:
        text = body.decode("utf-8", errors="replace")
        self._fields = text.split("\0")
        # Fields are terminated, not separated: what follows the last NUL is not a field unless it has text.
        if self._fields[-1] == "":
            self._fields.pop()
        self._position = 0
        self.request_id = -1

    @property
    def remaining(self) -> int:
        """How many fields have not been read."""
        return len(self._fields) - self._position

    def text(self) -> str:
        """The next field as it is."""
        if self._position >= len(self._fields):
            raise BadField("the message ends before its last field")
        self._position += 1
        return self._fields[self._position - 1]

    def integer(self, default: int = 0) -> int:
        """The next field as a Java int; `default` when empty."""
        text = self.text()
        if not text:
            return default
        if _INTEGER.match(text) is None or len(text) > 11 or int(text) not in _JAVA_INT:
            raise BadField(f'java.lang.NumberFormatException: For input string: "{text[:40]}"')
        return int(text)

    def number(self, default: float = 0.0) -> float:
        """The next field as a float; `default` when empty. Infinity passes, NaN does not."""
        text = self.text()
        if not text:
            return default
        try:
            value = math.inf if text == "Infinite" else float(text)
        except ValueError:
            value = math.nan
        if math.isnan(value) or "_" in text:
            raise BadField(f'java.lang.NumberFormatException: For input string: "{text[:40]}"')
        return value

    def flag(self) -> bool:
        """The next field as a boolean; empty is false, as @stoqey/ib sends it."""
        return self.text() in ("1", "true", "True")

    def skip(self, count: int = 1) -> None:
        """Pass over fields that the simulator does not use."""
        for _ in range(count):
            self.text()

    def version(self) -> int:
        """The version field of the older requests."""
        return self.integer()

    def identifier(self) -> int:
        """The request id; later error answers of this request carry it."""
        self.request_id = self.integer(-1)
        return self.request_id


def frame(*fields: str | int) -> bytes:
    """One frame of the given fields; True and False become 1 and 0, as the protocol has them."""
    # ibapi unescapes ASCII7, ib_async does not: answers are plain ASCII, and echoed input is made so.
    texts = [str(int(f)) if isinstance(f, bool) else str(f) for f in fields]
    body = ("\0".join(texts) + "\0").encode("ascii", errors="backslashreplace")
    return struct.pack(">I", len(body)) + body


def parse_versions(body: bytes) -> tuple[int, int]:
    """The lowest and highest server version a client speaks, from `v157..178[ options]`."""
    match = _VERSIONS.match(body.rstrip(b"\0"))
    if match is None:
        raise BadFrame("the client sent no version range")
    return int(match[1]), int(match[2] or match[1])
