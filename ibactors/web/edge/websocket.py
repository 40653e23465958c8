"""A WebSocket, as ASGI sees it, on wsproto's frames.

What is over a limit ends it: a message at the octet beyond, of which the head of a frame tells; frames that are not messages at a pace that
no client of good will has. The application hears that the client is gone, with the code; where it says nothing, the code is sent for it.
"""

from base64 import b64decode
from binascii import Error as Base64Error

import h11
import structlog
import trio
from hypercorn.typing import WebsocketResponseStartEvent
from wsproto.connection import Connection as FrameConnection
from wsproto.connection import ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, Pong, TextMessage
from wsproto.extensions import Extension
from wsproto.frame_protocol import CloseReason, FrameDecoder, FrameProtocol, Opcode, RsvBits
from wsproto.utilities import generate_accept_token

from ibactors.limits import Rate, RateLimit
from ibactors.web.contract.asgi import App, ASGIReceiveEvent, ASGISendEvent, Handover, Wire, handover
from ibactors.web.edge.protocol import Http1
from ibactors.web.edge.scopes import websocket_scope

OTHER_FRAMES = Rate(20.0, 200)
"""Frames a second, and at once, that finish no message: pings, pongs and fragments."""
FRAMES_AT_ONCE = 8
"""Frames that are handled before others have their turn."""
NO_CODE, FLOOD, TOO_BIG, FAILED = 1006, 1008, 1009, 1011
_VERSION, _KEY_LENGTH = b"13", 16

log = structlog.get_logger(__name__)


def wants_websocket(request: h11.Request) -> bool:
    """Whether a request is for a WebSocket, well-formed or not."""
    headers = dict(request.headers)
    return request.method == b"GET" and headers.get(b"upgrade", b"").lower() == b"websocket" and b"upgrade" in _tokens(headers)


def _tokens(headers: dict[bytes, bytes]) -> list[bytes]:
    return [token.strip() for token in headers.get(b"connection", b"").lower().split(b",")]


class Measure(Extension):
    """Not an extension of the protocol: it sees each frame's head, and refuses it there when its message is too large."""

    name = "measure"

    def __init__(self, handed: Handover) -> None:
        self._handed = handed
        self._control = False
        self._length = 0
        """Octets so far of the message that is coming."""

    def enabled(self) -> bool:
        return True

    def offer(self) -> bool | str:
        return False

    def frame_inbound_header(
        self, _proto: FrameDecoder | FrameProtocol, opcode: Opcode, _rsv: RsvBits, payload_length: int
    ) -> CloseReason | RsvBits:
        """Called again for a head that has not come whole, so that it only looks."""
        self._control = opcode.iscontrol()
        if not self._control:
            self._length = self._length if opcode is Opcode.CONTINUATION else 0
            if self._length + payload_length > self._handed.longest_message:
                return CloseReason.MESSAGE_TOO_BIG
        return RsvBits(rsv1=False, rsv2=False, rsv3=False)

    def frame_inbound_payload_data(self, _proto: FrameDecoder | FrameProtocol, data: bytes) -> bytes:
        self._length += 0 if self._control else len(data)
        return data


class WebSocket:
    """One WebSocket, from the request for it on."""

    def __init__(self, app: App, http: Http1, request: h11.Request, wire: Wire) -> None:
        self._app = app
        self._http = http
        self._scope = websocket_scope(request, http.ends)
        self._handed = handover(self._scope)
        self._handed.wire = wire
        self._request = request
        self._headers = dict(request.headers)
        self._connected = False
        self._frames: FrameConnection | None = None
        """Once it is accepted."""
        self._refusal: WebsocketResponseStartEvent | None = None
        self._message: list[str] = []
        self._binary = False
        self._handled = 0
        self._pace = RateLimit(OTHER_FRAMES)
        self._ending: tuple[int, str] | None = None
        """Code and reason why nothing is read any more."""

    @property
    def is_open(self) -> bool:
        """Whether frames of messages may be sent."""
        return self._frames is not None and self._frames.state is ConnectionState.OPEN and self._ending is None

    async def serve(self) -> None:
        """Run the application on it, and close."""
        task = trio.lowlevel.current_task()
        name = task.name  # the application calls it after itself; it is the connection's when that is over
        try:
            await self._app(self._scope, self._receive, self._send)
        except Exception:  # whatever it is, it is about this connection
            log.exception("websocket_failed", path=self._scope["path"])
        finally:
            task.name = name
        if self._frames is None:
            await self._http.answer("The service failed on this request; the log has the details.", code="internal_error")
        else:
            await self._close(*(self._ending or (FAILED, "")))

    # receiving

    async def _receive(self) -> ASGIReceiveEvent:
        """The next message; once the client has left or was closed, that, again and again."""
        if not self._connected:
            self._connected = True
            return {"type": "websocket.connect"}
        while self._frames is not None and self._ending is None:
            event = next(self._frames.events(), None)
            if event is None:
                data = await self._http.wire.receive(self._handed.longest_message)
                if data:
                    self._frames.receive_data(data)
                else:
                    self._ending = NO_CODE, ""
                continue
            message = await self._handle(self._frames, event)
            self._handled += 1
            if self._handled % FRAMES_AT_ONCE == 0:
                await trio.lowlevel.checkpoint()
            if message is not None:
                return message
        return {"type": "websocket.disconnect", "code": (self._ending or (NO_CODE, ""))[0]}

    async def _handle(self, frames: FrameConnection, event: Event) -> ASGIReceiveEvent | None:
        """Take what a frame brings; the message that it completes, if it does."""
        if isinstance(event, CloseConnection):
            if frames.state is ConnectionState.OPEN:  # the client has broken a rule
                too_big = event.code == TOO_BIG
                reason = f"a message may have {self._handed.longest_message} octets here" if too_big else str(event.reason)
                self._ending = int(event.code), reason
            else:
                self._ending = int(event.code), ""
                await self._close(*self._ending)
            return None
        if isinstance(event, TextMessage | BytesMessage) and event.message_finished:
            return self._finished(event)
        if isinstance(event, Ping | Pong) or (isinstance(event, TextMessage | BytesMessage) and event.frame_finished):
            if not self._pace.take("", trio.current_time()).allowed:
                self._ending = FLOOD, "too many frames that are not messages"
            elif isinstance(event, Ping):
                await self._http.wire.send(frames.send(event.response()))
        if isinstance(event, TextMessage):
            self._message.append(event.data)
        return None

    def _finished(self, event: TextMessage | BytesMessage) -> ASGIReceiveEvent:
        if isinstance(event, BytesMessage):
            return {"type": "websocket.receive", "bytes": bytes(event.data), "text": None}
        text, self._message = "".join([*self._message, event.data]), []
        return {"type": "websocket.receive", "bytes": None, "text": text}

    # sending

    async def _send(self, event: ASGISendEvent) -> None:
        """Take what the application sends; without effect once it is closed."""
        if event["type"] == "websocket.accept":
            await self._accept(list(event["headers"]))
        elif event["type"] == "websocket.http.response.start":
            self._refusal = event
        elif event["type"] == "websocket.http.response.body" and self._refusal is not None:
            await self._respond(self._refusal, event["body"])
        elif event["type"] == "websocket.close":
            if self._frames is None:
                await self._http.answer("The service does not accept this WebSocket.", code="not_accepted")
            else:
                await self._close(event["code"], event["reason"] or "")
        elif event["type"] == "websocket.send" and self._frames is not None:
            if self._frames.state is ConnectionState.OPEN:
                text = event["text"]
                message = TextMessage(data=text) if text is not None else BytesMessage(data=bytes(event["bytes"] or b""))
                await self._http.wire.send(self._frames.send(message))
        else:
            raise RuntimeError(f"An application must not send {event['type']!r} here.")

    async def _accept(self, headers: list[tuple[bytes, bytes]]) -> None:
        http = self._http
        if self._headers.get(b"sec-websocket-version") != _VERSION:
            problem = f"The version of the WebSocket must be {_VERSION.decode()}."
            await http.answer(problem, code="upgrade_required", **{"Sec-WebSocket-Version": _VERSION.decode(), "Upgrade": "websocket"})
            return
        problem = self._broken_handshake()
        if problem:
            await http.answer(problem)
            return
        http.h11.next_event()  # EndOfMessage
        token = generate_accept_token(self._headers[b"sec-websocket-key"])
        own = [(b"sec-websocket-accept", token), (b"upgrade", b"WebSocket"), (b"connection", b"Upgrade")]
        head = http.h11.send(h11.InformationalResponse(status_code=101, headers=[*own, *headers]))
        early = http.h11.trailing_data[0]
        self._frames = FrameConnection(ConnectionType.SERVER, [Measure(self._handed)], early)
        await http.wire.send(head)

    def _broken_handshake(self) -> str:
        """What is wrong with the request, or nothing (RFC 6455, section 4.2.1)."""
        if self._request.http_version != b"1.1":
            return "A WebSocket needs HTTP/1.1."
        if b"transfer-encoding" in self._headers or self._headers.get(b"content-length", b"0").strip(b"0"):
            return "The request for a WebSocket has no body."
        try:
            key = b64decode(self._headers.get(b"sec-websocket-key", b""), validate=True)
        except Base64Error:
            key = b""
        return "" if len(key) == _KEY_LENGTH else f"Sec-WebSocket-Key must be {_KEY_LENGTH} octets in Base64."

    async def _respond(self, refusal: WebsocketResponseStartEvent, body: bytes) -> None:
        """Answer with something else than a WebSocket; as frames may follow already, nothing else can be read."""
        if self._http.h11.our_state is not h11.SEND_RESPONSE:
            return
        head = self._http.head(refusal["status"], refusal["headers"], last=True)
        await self._http.wire.send(head + self._http.h11.send(h11.Data(data=body)) + self._http.h11.send(h11.EndOfMessage()))

    async def _close(self, code: int, reason: str) -> None:
        """Send the code, or the answer to the client's, unless that was done."""
        if self._frames is not None and self._frames.state in {ConnectionState.OPEN, ConnectionState.REMOTE_CLOSING}:
            await self._http.wire.send(self._frames.send(CloseConnection(code=code, reason=reason or None)))
