"""ib_async's protocol client with its own framing and sending: the bytes between bridge and gateway.

ib_async encodes requests and decodes answers; what is replaced here is what a service needs done differently. Frames are cut without
copying the rest each time, a length beyond the protocol's limit ends the session instead of waiting for ever, decoding is left to
`FrameDecoder`, and messages leave through `Outbox`.
"""

import asyncio
import dataclasses
import errno
import math
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import trio
from ib_async.client import Client
from ib_async.connection import Connection
from ib_async.contract import Contract

from ibactors.bridge.decoder import FrameDecoder
from ibactors.bridge.listener import PacketListener
from ibactors.bridge.pacing import RATE, Outbox
from ibactors.bridge.tally import GatewayTally
from ibactors.bridge.texts import LONGEST_NAME, shown
from ibactors.errors import GatewayDisconnected, InvalidRequest
from ibactors.orders.placing import FIRST_REQUEST_ID

CLOSED_BY_PEER = frozenset({errno.EPIPE, errno.ECONNRESET, errno.ECONNABORTED})
_MAX_FRAME = 0xFFFFFF
_ANOTHER_PROTOCOL = (
    "What answers at the gateway's address does not speak the TWS API. IBACTORS_GATEWAY_HOST and IBACTORS_GATEWAY_PORT must be those of "
    "the API, and not of another program, such as a web server."
)
_BUFFER = 16 * 1024
"""How much is handled before other tasks get their turn: about 100 ticks."""
_LENGTH = struct.Struct(">I")
_HANDSHAKE_FIELDS = 2
_CONTRACT_PLACES = 12
"""Fields that a contract takes in a message."""
_CONTRACT_FIELDS = tuple(field.name for field in dataclasses.fields(Contract) if field.type in {"str", "float", str, float})
MOST_ACCOUNTS = 1000
"""Accounts of one login that are kept; advisors may have some hundreds."""
_NEXT_VALID_ID = 9
_MANAGED_ACCOUNTS = 15
_CURRENT_TIME = 49


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
        self.outbox.on_overflow = self._break
        self.decoder = FrameDecoder(inbox)
        self._lane = _Lane()
        self._captured: list[str] | None = None
        self.gateway_zone = ""
        """The zone of the gateway's clock, as it writes it."""
        self.next_order_id = 0
        """What message 9 said, or the last one of them."""

    @contextmanager
    def sending(self, kind: str, *, caller: str = "", key: int | None = None, urgent: bool = False) -> Iterator[None]:
        """Messages sent in the block, which does not wait, are of this kind and for this caller; see `Outbox.put`."""
        before, self._lane = self._lane, _Lane(kind, caller, key, urgent)
        try:
            yield
        finally:
            self._lane = before

    def encode(self, send: Callable[[], None]) -> str:
        """The one message that *send* would queue, not queued. Raises what `send` raises, and InvalidRequest for shifted fields."""
        self._captured = []
        try:
            send()
            (message,) = self._captured
        finally:
            self._captured = None
        return message

    def send(self, *fields: object, makeEmpty: bool = True) -> None:  # noqa: N803  # ib_async's name
        """Encode a message and queue it; GatewayDisconnected when the socket is gone, though nobody may have heard of it yet."""
        if not self.isConnected():
            raise GatewayDisconnected(self.inbox.reason)
        for field in fields:
            _check(field)
        if fields[0] == _CURRENT_TIME:
            self.inbox.time_asked()
        super().send(*fields, makeEmpty=makeEmpty)
        if self._captured is not None:
            # An order whose fields are shifted is another order; so they are counted as well.
            wanted = sum(_CONTRACT_PLACES if isinstance(field, Contract) else 1 for field in fields)
            if self._captured[-1].count("\0") != wanted:
                raise InvalidRequest("A text of the order would shift the fields of its message.")

    def sendMsg(self, msg: str) -> None:  # noqa: N802  # overrides ib_async's throttle
        """Queue an encoded message."""
        if self._captured is not None:
            self._captured.append(msg)
            return
        self.outbox.put(msg, **self._lane._asdict())

    def write(self, *messages: str) -> None:
        """Send encoded messages now, in one write; for the outbox."""
        self.tally.sent += len(messages)
        frames = [_LENGTH.pack(len(data)) + data for data in (message.encode() for message in messages)]
        self.conn.sendMsg(b"".join(frames))

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
                    self._break(None if exc.errno in CLOSED_BY_PEER else f"The connection to the gateway broke: {exc}.")
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
                too_long = f"The gateway sent a frame of {length} bytes; the protocol allows {_MAX_FRAME}."
                self._break(too_long if self._serverVersion else _ANOTHER_PROTOCOL)
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
            self._break(_ANOTHER_PROTOCOL)
            return
        self._serverVersion = self.decoder.serverVersion = int(fields[0])
        self.gateway_zone = " ".join(fields[1].split()[2:])
        if self._serverVersion < self.MinClientVersion:
            self._break(f"The gateway's protocol version {fields[0]} is too old; {self.MinClientVersion} is needed.")
            return
        self.connState = Client.CONNECTED
        self.startApi()

    def _watch_for_ready(self, fields: list[str]) -> None:
        match fields:
            case [message_id, _, value] if message_id == str(_NEXT_VALID_ID) and value.isdigit():
                self.next_order_id = max(self.next_order_id, int(value))
                # One number space would make an error of a request one of an order; so requests count from far above.
                self.updateReqId(FIRST_REQUEST_ID)
                self._hasReqId = True
            case [message_id, _, accounts] if message_id == str(_MANAGED_ACCOUNTS):
                names = [shown(account, LONGEST_NAME) for account in accounts.split(",", MOST_ACCOUNTS)[:MOST_ACCOUNTS]]
                self._accounts = [account for account in names if account]
        if self._hasReqId and self._accounts:
            self._apiReady = True
            self.apiStart.emit()

    def _onSocketDisconnected(self, msg: str) -> None:  # noqa: N802
        closed = not msg or msg.startswith(tuple(f"[Errno {number}]" for number in CLOSED_BY_PEER))
        self.inbox.connection_lost(None if closed else f"The connection to the gateway broke: {msg}.")
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


class _Lane(NamedTuple):
    """How what is being sent is to leave."""

    kind: str = "session"
    caller: str = ""
    key: int | None = None
    urgent: bool = False


def _check(field: object) -> None:
    """Raise InvalidRequest for what the gateway could not read: it would close the socket on it, which ends everybody's session (320)."""
    if isinstance(field, float) and not math.isfinite(field):
        raise InvalidRequest("A number of the request is infinite, or no number.", remedy="Send finite numbers.")
    if isinstance(field, str) and "\0" in field:
        raise InvalidRequest("A text of the request contains the character NUL.", remedy="Send texts without control characters.")
    if isinstance(field, Contract):
        for name in _CONTRACT_FIELDS:
            _check(getattr(field, name))


class _NoWrapper:
    """In place of ib_async's Wrapper: everything that Client would tell it goes to the packet listener."""
