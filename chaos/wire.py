"""A small HTTP client and a small WebSocket client: sans-IO protocols over trio sockets, with nothing hidden."""

import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass

import h11
import trio
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, BytesMessage, CloseConnection, Ping, RejectConnection, Request, TextMessage

_CHUNK = 64 * 1024


class HungUpError(Exception):
    """The service ended the connection."""


@dataclass(frozen=True, slots=True)
class Response:
    """A whole answer."""

    status: int
    body: bytes


class HttpClient:
    """Requests one after the other over one connection, which is opened again when the service closed it while it was idle."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._stream: trio.SocketStream | None = None
        self._http = h11.Connection(h11.CLIENT)
        self._used = False

    async def get(self, path: str) -> Response:
        """The answer to GET; HungUpError or OSError when there is none."""
        try:
            return await self._get(path)
        except (HungUpError, trio.BrokenResourceError, h11.RemoteProtocolError) as exc:
            with trio.move_on_after(2, shield=True):
                await self.close()
            if not self._used:
                raise HungUpError(repr(exc)) from exc
        # An idle connection may be closed by the server at the moment of the request; a new one may not.
        self._used = False
        try:
            return await self._get(path)
        except (trio.BrokenResourceError, h11.RemoteProtocolError) as exc:
            raise HungUpError(repr(exc)) from exc

    async def close(self) -> None:
        """Hang up."""
        stream, self._stream = self._stream, None
        if stream is not None:
            await trio.aclose_forcefully(stream)

    async def _get(self, path: str) -> Response:
        if self._stream is None:
            self._stream = await trio.open_tcp_stream("127.0.0.1", self._port)
            self._http = h11.Connection(h11.CLIENT)
            self._used = False
        stream = self._stream
        request = h11.Request(method="GET", target=path, headers=[("Host", "127.0.0.1"), ("Accept", "application/json")])
        await stream.send_all(self._http.send(request) + self._http.send(h11.EndOfMessage()))
        response = await self._response(stream)
        self._used = True
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
        else:
            await self.close()
        return response

    async def _response(self, stream: trio.SocketStream) -> Response:
        status, body = 0, bytearray()
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                data = await stream.receive_some(_CHUNK)
                if not data and self._http.their_state is h11.SEND_RESPONSE:
                    raise HungUpError("the connection was closed without an answer")
                self._http.receive_data(data)
            elif isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                return Response(status, bytes(body))
            else:
                raise HungUpError(f"the connection ended within an answer: {event!r}")


class StreamClient:
    """One WebSocket connection."""

    def __init__(self, stream: trio.abc.Stream, socket_protocol: WSConnection) -> None:
        self._stream = stream
        self._ws = socket_protocol
        self._text = ""

    @classmethod
    async def open(cls, port: int, target: str, *, receive_buffer: int | None = None, tls: ssl.SSLContext | None = None) -> "StreamClient":
        """Connect and shake hands; HungUpError when the service refuses."""
        raw = trio.socket.socket()
        if receive_buffer is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        await raw.connect(("127.0.0.1", port))
        plain = trio.SocketStream(raw)
        client = cls(trio.SSLStream(plain, tls, server_hostname="localhost") if tls else plain, WSConnection(ConnectionType.CLIENT))
        await client._stream.send_all(client._ws.send(Request(host="127.0.0.1", target=target)))
        while True:
            for event in await client._events():
                if isinstance(event, AcceptConnection):
                    return client
                if isinstance(event, RejectConnection):
                    raise HungUpError(f"the WebSocket was refused with {event.status_code}")

    async def send(self, text: str) -> None:
        """Send one message."""
        await self._stream.send_all(self._ws.send(TextMessage(data=text)))

    async def receive(self) -> list[str]:
        """What one read of the socket brings: no message, one or several. HungUpError when the service closed."""
        texts: list[str] = []
        for event in await self._events():
            match event:
                case TextMessage():
                    self._text += event.data
                    if event.message_finished:
                        texts.append(self._text)
                        self._text = ""
                case Ping():
                    # Whoever waits no longer than a second must not lose what came with the ping.
                    with trio.CancelScope(shield=True):
                        await self._stream.send_all(self._ws.send(event.response()))
                case CloseConnection():
                    raise HungUpError(f"the WebSocket was closed with {event.code}: {event.reason}")
                case BytesMessage():
                    raise HungUpError("a binary message came")
        return texts

    async def close(self) -> None:
        """Say goodbye and hang up."""
        with trio.move_on_after(0.5, shield=True):
            with suppress(trio.BrokenResourceError):
                await self._stream.send_all(self._ws.send(CloseConnection(code=1000)))
        await trio.aclose_forcefully(self._stream)

    async def vanish(self) -> None:
        """Hang up without a word."""
        await trio.aclose_forcefully(self._stream)

    async def _events(self) -> list[object]:
        try:
            data = await self._stream.receive_some(_CHUNK)
        except trio.BrokenResourceError as exc:
            raise HungUpError(f"the connection broke: {exc.__cause__!r}") from exc
        if not data:
            raise HungUpError("the connection was closed without a closing frame")
        self._ws.receive_data(bytes(data))
        return list(self._ws.events())
