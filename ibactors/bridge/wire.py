"""ib_async's protocol client with its own framing, dispatch and sending: the bytes between bridge and gateway.

ib_async encodes requests and decodes answers; what is replaced here is what a service needs done differently. Frames are cut without
copying the rest each time, a length beyond the protocol's limit ends the session instead of waiting for ever, an answer that cannot be
decoded costs that answer and one log line, and messages leave through `Outbox`. Answers that nobody here listens to are not decoded.
"""

import asyncio
import struct
from collections.abc import Callable
from typing import Any, Protocol, cast

import structlog
import trio
from ib_async.client import Client
from ib_async.connection import Connection
from ib_async.decoder import Decoder

from ibactors.bridge.pacing import RATE, Outbox
from ibactors.bridge.tally import GatewayTally
from ibactors.errors import GatewayDisconnected

log = structlog.get_logger(__name__)

_MAX_FRAME = 0xFFFFFF
_BUFFER = 16 * 1024
"""How much is handled before other tasks get their turn: about 100 ticks."""
_LENGTH = struct.Struct(">I")
_HANDSHAKE_FIELDS = 2
_NEXT_VALID_ID = 9
_MANAGED_ACCOUNTS = 15
_HEARD = (4, 7, 10, 18, 52, 61, 62, 63, 64)
"""Messages that the inbox listens to, besides ticks: errors, portfolio, contracts, positions, account summary."""
_URGENT = ("2\0", "4\0", "58\0", "3\0")
"""cancelMktData, cancelOrder, reqGlobalCancel, placeOrder."""


class PacketListener(Protocol):
    """What the client reports to, besides the EWrapper methods that ib_async's decoder calls."""

    reason: str
    """Why the session is over, once it is."""

    def packet_arrived(self) -> None:
        """Bytes arrived."""

    def heard(self) -> None:
        """A whole frame was among them: the gateway lives, and what it says is understood."""

    def packet_done(self) -> None:
        """All complete frames among them have been handled."""

    def connection_lost(self, reason: str | None) -> None:
        """The socket is closed, or must not be used any more."""

    def price_tick(self, line_id: int, tick_type: int, price: float, size: float | None) -> None:
        """Message 1, with None for an empty size."""

    def tickSize(self, line_id: int, tick_type: int, size: float) -> None:  # noqa: N802  # EWrapper's name
        """Message 2."""

    def tickString(self, line_id: int, tick_type: int, text: str) -> None:  # noqa: N802
        """Message 46."""

    def tickGeneric(self, line_id: int, tick_type: int, value: float) -> None:  # noqa: N802
        """Message 45."""

    def marketDataType(self, line_id: int, number: int) -> None:  # noqa: N802
        """Message 58."""


class GatewayClient(Client):
    """One socket to the gateway."""

    def __init__(self, inbox: PacketListener, tally: GatewayTally) -> None:
        super().__init__(_NoWrapper())
        self.conn = self._socket = _Socket()
        self.conn.hasData += self._onSocketHasData
        self.conn.disconnected += self._onSocketDisconnected
        self.inbox = inbox
        self.tally = tally
        self.outbox = Outbox(RATE)
        self.decoder = _Decoder(inbox)

    def send(self, *fields: object, makeEmpty: bool = True) -> None:  # noqa: N803  # ib_async's name
        """Encode a message and queue it; GatewayDisconnected when the socket is gone, though nobody may have heard of it yet."""
        if not self.isConnected():
            raise GatewayDisconnected(self.inbox.reason)
        super().send(*fields, makeEmpty=makeEmpty)

    def sendMsg(self, msg: str) -> None:  # noqa: N802  # overrides ib_async's throttle
        """Queue an encoded message."""
        self.outbox.put(msg, urgent=msg.startswith(_URGENT))

    def write(self, msg: str) -> None:
        """Send an encoded message now; for the outbox."""
        self.tally.sent += 1
        data = msg.encode()
        self.conn.sendMsg(_LENGTH.pack(len(data)) + data)

    def cancel_market_data(self, line_id: int) -> None:
        """Cancel, or take the request back if it has not left yet: a cancel must never overtake its request."""
        if not self.outbox.withdraw(f"1\x0011\0{line_id}\0"):
            self.cancelMktData(line_id)

    async def read(self) -> None:
        """Read what the gateway sends until the connection ends; from here on by trio.

        trio-asyncio waits for asyncio's loop after each packet, which takes two turns of trio's.
        """
        transport = self.conn.transport
        if transport is None:
            return
        transport.pause_reading()
        # A duplicate, because asyncio closes its own whenever a write fails.
        with transport.get_extra_info("socket").dup() as gateway:
            while not transport.is_closing():
                await trio.lowlevel.wait_readable(gateway)
                try:
                    length = gateway.recv_into(self._socket.buffer)
                except BlockingIOError:
                    continue
                except OSError as exc:
                    self._break(f"The connection to the gateway broke: {exc}.")
                    return
                if not length:
                    self._break(None)
                    return
                self._onSocketHasData(self._socket.buffer[:length].tobytes())

    def _onSocketHasData(self, data: bytes) -> None:  # noqa: N802
        self.inbox.packet_arrived()
        buffer = self._data + data
        start, size = 0, len(buffer)
        while size - start >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(buffer, start)
            if length > _MAX_FRAME:
                self._break(f"The gateway sent a frame of {length} bytes; the protocol allows {_MAX_FRAME}.")
                return
            end = start + _LENGTH.size + length
            if end > size:
                break
            fields = buffer[start + _LENGTH.size : end].decode(errors="backslashreplace").split("\0")
            start = end
            fields.pop()
            self.tally.received += 1
            if self._apiReady:
                self.decoder.interpret(fields)
            else:
                self._on_first_frames(fields)
        self._data = buffer[start:]
        if start:
            self.inbox.heard()
        self.inbox.packet_done()

    def _on_first_frames(self, fields: list[str]) -> None:
        if not self._serverVersion:
            self._on_handshake(fields)
        else:
            self._watch_for_ready(fields)
            self.decoder.interpret(fields)

    def _on_handshake(self, fields: list[str]) -> None:
        if len(fields) != _HANDSHAKE_FIELDS or not fields[0].isdigit():
            self._break("What answers at the gateway's address does not speak the TWS API.")
            return
        self._serverVersion = self.decoder.serverVersion = int(fields[0])
        if self._serverVersion < self.MinClientVersion:
            self._break(f"The gateway's protocol version {fields[0]} is too old; {self.MinClientVersion} is needed.")
            return
        self.connState = Client.CONNECTED
        self.startApi()

    def _watch_for_ready(self, fields: list[str]) -> None:
        match fields:
            case [message_id, _, value] if message_id == str(_NEXT_VALID_ID) and value.isdigit():
                self.updateReqId(int(value))
                self._hasReqId = True
            case [message_id, _, accounts] if message_id == str(_MANAGED_ACCOUNTS):
                self._accounts = [account for account in accounts.split(",") if account]
        if self._hasReqId and self._accounts:
            self._apiReady = True
            self.apiStart.emit()

    def _onSocketDisconnected(self, msg: str) -> None:  # noqa: N802
        self.inbox.connection_lost(f"The connection to the gateway broke: {msg}." if msg else None)
        self.reset()

    def _break(self, reason: str | None) -> None:
        self.inbox.connection_lost(reason)
        if self.conn.transport is not None:
            self.conn.transport.abort()


class _Socket(Connection, asyncio.BufferedProtocol):
    """ib_async's connection with one buffer a session for all that arrives.

    asyncio would take a fresh one of 256 KiB for each packet and give most of it back; after hundreds of sessions the gaps that these leave
    in the heap had grown to megabytes.
    """

    def __init__(self) -> None:
        super().__init__()
        self.buffer = memoryview(bytearray(_BUFFER))

    def get_buffer(self, _wanted: int) -> memoryview:
        return self.buffer

    def buffer_updated(self, length: int) -> None:
        self.data_received(self.buffer[:length].tobytes())


class _NoWrapper:
    """In place of ib_async's Wrapper: everything that Client would tell it goes to the packet listener."""


class _Decoder(Decoder):
    """ib_async's decoder, reduced to the answers that the inbox listens to; ticks without its detour by lists of types."""

    def __init__(self, inbox: PacketListener) -> None:
        super().__init__(cast("Any", inbox), 0)
        self._inbox = inbox
        self._handlers: dict[str, Callable[[list[str]], None]] = {str(number): self.handlers[number] for number in _HEARD}
        self._handlers |= {"1": self._price, "2": self._size, "45": self._generic, "46": self._text, "58": self._data_type}

    def interpret(self, fields: list[str]) -> None:
        try:
            handler = self._handlers.get(fields[0])
            if handler is not None:
                handler(fields)
            else:
                int(fields[0])
        except (ValueError, IndexError, TypeError) as exc:
            # Not the fields themselves: they may name accounts.
            log.warning("frame_undecodable", message_id=fields[0] if fields else None, fields=len(fields), error=repr(exc))

    def _price(self, fields: list[str]) -> None:
        """An empty size is not 0: IB sends one with the price of an index."""
        size = fields[5]
        self._inbox.price_tick(int(fields[2]), int(fields[3]), float(fields[4] or 0), float(size) if size else None)

    def _size(self, fields: list[str]) -> None:
        self._inbox.tickSize(int(fields[2]), int(fields[3]), float(fields[4] or 0))

    def _generic(self, fields: list[str]) -> None:
        self._inbox.tickGeneric(int(fields[2]), int(fields[3]), float(fields[4] or 0))

    def _text(self, fields: list[str]) -> None:
        self._inbox.tickString(int(fields[2]), int(fields[3]), fields[4])

    def _data_type(self, fields: list[str]) -> None:
        self._inbox.marketDataType(int(fields[2]), int(fields[3]))
