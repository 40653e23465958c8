"""The load: raw-socket HTTP and WebSocket clients in one selector loop, cheap enough not to be what is measured."""

import re
import selectors
import socket
import struct
import time
from collections.abc import Callable, Generator

from loop import Loop
from tap import Tap

Conversation = Generator[bytes, bytes, None]
"""Requests; each is answered with the whole answer, head and body, before the next."""

_BID = re.compile(rb'"bid": ?([0-9.]+)')
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_BUFFER = memoryview(bytearray(1 << 18))
"""For all reads of streams: a fresh one for each read would cost more than the read."""
_MASK = b"\0\0\0\0"
_PING = re.compile(rb"(?:\A\]?|[}\]])\x89([\0-\x7d])", re.DOTALL)
"""Where a frame of text ends, or a chunk begins, and a ping follows."""


class StreamClient:
    """One WebSocket client: counts updates, and notes how old those of every *sample*th read are."""

    def __init__(self, loop: Loop, tap: Tap, port: int, path: str, *, sample: int = 1) -> None:
        self._sample = sample
        self._reads = 0
        self._loop = loop
        self._tap = tap
        self._rest = b""
        self.updates = 0
        self.octets = 0
        self.ages: list[float] = []
        """Seconds from gateway to here."""
        self.newest: float | None = None
        self.first = b""
        """What came first."""
        self._stream = socket.create_connection(("127.0.0.1", port))
        self._stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._stream.sendall(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        self._stream.setblocking(False)
        self.open = False
        loop.add(self._stream, selectors.EVENT_READ, self._read)

    def send_text(self, text: str) -> None:
        """Send one message."""
        data = text.encode()
        length = bytes([0x80 | len(data)]) if len(data) < 126 else bytes([0x80 | 126]) + struct.pack(">H", len(data))
        self._stream.sendall(b"\x81" + length + _MASK + data)

    def pause(self) -> None:
        """Stop reading."""
        self._loop.remove(self._stream)

    def resume(self) -> None:
        """Read again."""
        self._loop.add(self._stream, selectors.EVENT_READ, self._read)

    def forget(self) -> None:
        """Begin a new measurement."""
        self.updates = self.octets = 0
        self.ages = []

    def close(self) -> None:
        self._loop.remove(self._stream)
        self._stream.close()

    def heard(self, data: bytes) -> None:
        """Look at whole messages, or what ends with one; override to count other things than bids."""

    def _read(self, _events: int) -> None:
        try:
            length = self._stream.recv_into(_BUFFER)
        except BlockingIOError:
            return
        if not length:
            raise ConnectionError("the server closed a stream")
        chunk = _BUFFER[:length].tobytes()
        now = time.perf_counter()
        self.octets += len(chunk)
        data = self._rest + chunk
        if not self.open:
            head, found, data = data.partition(b"\r\n\r\n")
            if not found:
                self._rest = head
                return
            if b" 101 " not in head.partition(b"\r\n")[0]:
                raise ConnectionError(f"the server refused a stream: {head[:200]!r}")
            self.open = True
        # The length of a message may have the same octet; searching for the expression costs more than all else.
        if b"}\x89" in data or b"]\x89" in data or b"\x89" in data[:2]:
            self._answer_pings(data)
        cut = data.rfind(b"}") + 1
        self._rest = data[cut:]
        self.first = self.first or data[:cut]
        self.heard(data[:cut])
        self._reads += 1
        if self._reads % self._sample:
            self.updates += data.count(b'"bid":', 0, cut)
            return
        bids = [float(bid) for bid in _BID.findall(data, 0, cut)]
        if bids:
            self.updates += len(bids)
            self.newest = bids[-1]
            left_at = self._tap.left_at
            self.ages += [now - left_at[bid] for bid in bids if bid in left_at]

    def _answer_pings(self, data: bytes) -> None:
        """A server closes a stream that does not; text is ASCII, so that no message looks like a ping."""
        for ping in _PING.finditer(data):
            payload = data[ping.end() : ping.end() + ping[1][0]]
            self._stream.sendall(b"\x8a" + bytes([0x80 | len(payload)]) + _MASK + payload)


class HttpClient:
    """One keep-alive connection on which a conversation is held, again and again with *again*."""

    def __init__(self, loop: Loop, port: int, begin: Callable[[], Conversation], *, again: bool) -> None:
        self._loop = loop
        self._port = port
        self._again = again
        self._data = b""
        self.took: list[float] = []
        """Seconds of each conversation."""
        self._connect()
        self.hold(begin)

    def hold(self, begin: Callable[[], Conversation]) -> None:
        """Begin a conversation."""
        self._begin = begin
        self._conversation = begin()
        self._over = False
        self._begun_at = time.perf_counter()
        self._stream.sendall(next(self._conversation))

    def close(self) -> None:
        self._loop.remove(self._stream)
        self._stream.close()

    def _connect(self) -> None:
        self._stream = socket.create_connection(("127.0.0.1", self._port))
        self._stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._loop.add(self._stream, selectors.EVENT_READ, self._read)

    def _read(self, _events: int) -> None:
        chunk = self._stream.recv(1 << 16)
        if not chunk and self._over:
            # A server closes a connection on which nothing is asked for a while.
            self.close()
            self._connect()
            return
        if not chunk:
            raise ConnectionError("the server closed a connection")
        self._data += chunk
        if _is_whole(self._data):
            answer, self._data = self._data, b""
            self._answered(answer)

    def _answered(self, answer: bytes) -> None:
        now = time.perf_counter()
        head = answer.partition(b"\r\n\r\n")[0]
        if not head.startswith(b"HTTP/1.1 20"):
            raise ConnectionError(f"the server answered {answer[:300]!r}")
        if b"connection: close" in head.lower():
            self.close()
            self._connect()
        try:
            self._stream.sendall(self._conversation.send(answer))
        except StopIteration:
            self.took.append(now - self._begun_at)
            self._over = True
            if self._again:
                self.hold(self._begin)


def get(port: int, path: str) -> bytes:
    """One answer, head and body. Blocks, so that no tap turns meanwhile."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as stream:
        stream.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        data = b""
        while chunk := stream.recv(1 << 16):
            data += chunk
            if _is_whole(data):
                return data
    raise ConnectionError("the server closed a connection")


def _is_whole(data: bytes) -> bool:
    head, found, body = data.partition(b"\r\n\r\n")
    if not found:
        return False
    length = _LENGTH.search(head)
    return len(body) >= int(length[1]) if length else body.endswith(b"\r\n0\r\n\r\n")


def percentile(values: list[float], share: float) -> float:
    """The value below which a share of all lies; NaN when there is none."""
    if not values:
        return float("nan")
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]
