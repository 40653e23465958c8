"""A relay between gateway and server that notes when each price left the gateway, and when a line's first set was complete.

The simulator's prices are unique (`--prices clock`), so that a bid in any server's message tells which update it came from. All runs in
the load generator's loop; when the server does not read, the relay does not read from the gateway either.
"""

import selectors
import socket
import struct
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field

from loop import Loop

_HIGH_WATER = 64 * 1024
_REMEMBERED = 200_000
_FIRST_SET = frozenset({"bid", "ask", "last", "close", "volume"})
_PRICES = {b"1": "bid", b"2": "ask", b"4": "last", b"9": "close"}


@dataclass(slots=True)
class _Way:
    """Bytes on their way in one direction."""

    source: socket.socket
    target: socket.socket
    waiting: bytearray = field(default_factory=bytearray)


class Tap:
    """Listens on `port` and relays each connection to the gateway."""

    def __init__(self, loop: Loop, gateway_port: int) -> None:
        self._loop = loop
        self._gateway_port = gateway_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setblocking(False)
        self.port = self._listener.getsockname()[1]
        self.left_at: dict[float, float] = {}
        """`time.perf_counter()` by bid."""
        self.complete_at: dict[str, float] = {}
        """The same by symbol: when the first bid, ask, last, close and volume had all left."""
        self.placed_at: list[float] = []
        """The same for each placeOrder that came from the server."""
        self._order: deque[float] = deque()
        self._symbols: dict[bytes, str] = {}
        self._missing: dict[bytes, set[str]] = {}
        self._rest: dict[socket.socket, bytes] = {}
        loop.add(self._listener, selectors.EVENT_READ, self._accept)

    def _accept(self, _events: int) -> None:
        server, _ = self._listener.accept()
        try:
            gateway = socket.create_connection(("127.0.0.1", self._gateway_port))
        except OSError:
            server.close()
            return
        self._symbols.clear()
        self._missing.clear()
        for stream in (server, gateway):
            stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            stream.setblocking(False)
            self._rest[stream] = b""
        there, back = _Way(server, gateway), _Way(gateway, server)
        self._loop.add(server, selectors.EVENT_READ, lambda events: self._serve(events, there, back))
        self._loop.add(gateway, selectors.EVENT_READ, lambda events: self._serve(events, back, there))

    def _serve(self, events: int, way: _Way, other: _Way) -> None:
        """Read from `way.source`; write to it what waits in the other direction."""
        try:
            if events & selectors.EVENT_WRITE:
                _send(way.source, other.waiting)
            if events & selectors.EVENT_READ:
                try:
                    data = way.source.recv(1 << 16)
                except BlockingIOError:
                    return
                if not data:
                    raise ConnectionError
                self._note(way, data)
                way.waiting += data
                _send(way.target, way.waiting)
        except OSError:
            self._hang_up(way)
            return
        self._loop.set(way.source, _interest(way, other))
        self._loop.set(way.target, _interest(other, way))

    def _hang_up(self, way: _Way) -> None:
        for stream in (way.source, way.target):
            self._loop.remove(stream)
            self._rest.pop(stream, None)
            stream.close()

    def _note(self, way: _Way, data: bytes) -> None:
        now = time.perf_counter()
        data = self._rest[way.source] + data
        position = 4 if data.startswith(b"API\0") else 0
        while position + 4 <= len(data):
            (length,) = struct.unpack_from(">I", data, position)
            end = position + 4 + length
            if end > len(data):
                break
            self._note_frame(data[position + 4 : end].split(b"\0", 8), now)
            position = end
        self._rest[way.source] = data[position:]

    def _note_frame(self, fields: list[bytes], now: float) -> None:
        match fields:
            case [b"3", _, b"265598", *_]:
                self.placed_at.append(now)
            case [b"1", b"11", line, _, symbol, *_]:
                self._symbols[line], self._missing[line] = symbol.decode(), set(_FIRST_SET)
            case [b"1", _, line, kind, price, *_]:
                if kind == b"1":
                    self._note_bid(float(price), now)
                if line in self._missing and kind in _PRICES:
                    self._note_first(line, _PRICES[kind], now)
            case [b"2", _, line, b"8", *_] if line in self._missing:
                self._note_first(line, "volume", now)

    def _note_bid(self, bid: float, now: float) -> None:
        if bid not in self.left_at:
            self.left_at[bid] = now
            self._order.append(bid)
            if len(self._order) > _REMEMBERED:
                del self.left_at[self._order.popleft()]

    def _note_first(self, line: bytes, what: str, now: float) -> None:
        missing = self._missing[line]
        missing.discard(what)
        if not missing:
            del self._missing[line]
            self.complete_at[self._symbols[line]] = now


def _send(target: socket.socket, waiting: bytearray) -> None:
    """Send what the socket takes now."""
    with suppress(BlockingIOError):
        del waiting[: target.send(waiting)]


def _interest(way: _Way, other: _Way) -> int:
    """What to wait for at `way.source`."""
    reading = selectors.EVENT_READ if len(way.waiting) < _HIGH_WATER else 0
    return reading | (selectors.EVENT_WRITE if other.waiting else 0)
