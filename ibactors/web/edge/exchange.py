"""One request and its response, as ASGI sees them.

The application runs in the connection's own task, which spares a task, a queue and two turns of the event loop where it answers from
memory. When it waits, a second task reads on, so that a client that leaves is noticed; what comes then is kept for the next request.
"""

from http import HTTPStatus

import h11
import structlog
import trio
from hypercorn.typing import HTTPResponseStartEvent

from ibactors.web.contract.asgi import App, ASGIReceiveEvent, ASGISendEvent
from ibactors.web.edge.protocol import LONGEST_HEAD, MOST_LINES, Http1
from ibactors.web.edge.scopes import http_scope
from ibactors.web.edge.step import Step

MOST_CHUNKS = 512
"""Parts in which a body may come; the head of each costs time, whatever its size."""
CHUNKS_AT_ONCE = 32
"""Parts that are taken before others have their turn."""
MOST_AHEAD = LONGEST_HEAD
"""Octets that are read before the last request is answered; the rest waits in the kernel. A client without a key may make many connections
wait, by not reading."""
ONE_WRITE = 64 * 1024
"""Octets of a response, head and body, that are put together to leave in one write. What is longer is not copied: a file that many clients
take slowly is in memory once."""
LEAVING = 1.0
"""Seconds in which an answer is still finished for a client that has ended its side; it may be one that only sends no more."""
_NO_BODY = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})

log = structlog.get_logger(__name__)


class Exchange:
    """One request and its response."""

    def __init__(self, app: App, http: Http1, request: h11.Request, nursery: trio.Nursery) -> None:
        self._app = app
        self._http = http
        self._nursery = nursery
        self._request = request
        self._chunked = False
        self._parts = 0
        self._whole = False
        self._told = False
        """Whether the application knows that the request is whole."""
        self._broken: h11.RemoteProtocolError | None = None
        self._response: HTTPResponseStartEvent | None = None
        self._begun = False
        self._watching: trio.CancelScope | None = None
        self._watched = trio.Event()
        self._ahead = bytearray()
        self._departed = trio.Event()

    async def serve(self) -> None:
        """Run the application on it."""
        names = dict(self._request.headers)
        self._chunked = b"transfer-encoding" in names
        if not self._chunked and not int(names.get(b"content-length", b"0")):
            self._http.h11.next_event()  # EndOfMessage
            self._whole = True
        scope = http_scope(self._request, self._http.ends)
        try:
            await Step(self._app(scope, self._receive, self._send), self._read_on)
        except Exception:  # whatever it is, it is about this request
            if self._broken is None:
                log.exception("request_failed", path=scope["path"])
        await self._stop_reading()
        if self._broken is not None:
            await self._http.refuse(self._broken)
        elif not self._departed.is_set():
            await self._http.answer("The service failed on this request; the log has the details.", code="internal_error")
        if self._ahead and self._http.h11.their_state is h11.DONE:
            self._http.h11.receive_data(bytes(self._ahead))
        if self._ahead or self._http.h11.trailing_data[0]:
            await trio.lowlevel.checkpoint()  # one that sends many requests at once must not have all turns

    # receiving

    async def _receive(self) -> ASGIReceiveEvent:
        """What comes next, of the request or instead of it. Raises RemoteProtocolError, which the application is not to catch."""
        if not self._whole:
            try:
                return await self._next_part()
            except h11.RemoteProtocolError as error:
                self._broken = error
                raise
        if not self._told:
            self._told = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._departed.wait()
        return {"type": "http.disconnect"}

    async def _next_part(self) -> ASGIReceiveEvent:
        http = self._http
        if http.h11.they_are_waiting_for_100_continue:
            await http.wire.send(http.h11.send(h11.InformationalResponse(status_code=100, headers=[])))
        self._check_lines()
        while (event := http.h11.next_event()) is h11.NEED_DATA:
            http.h11.receive_data(await http.wire.receive(LONGEST_HEAD))
            self._check_lines()
        if not isinstance(event, h11.Data):
            self._whole = self._told = True
            return {"type": "http.request", "body": b"", "more_body": False}
        self._parts += 1
        if self._parts > MOST_CHUNKS:
            raise h11.RemoteProtocolError(f"A body may come in {MOST_CHUNKS} parts")
        if self._parts % CHUNKS_AT_ONCE == 0:
            await trio.lowlevel.checkpoint()
        return {"type": "http.request", "body": bytes(event.data), "more_body": True}

    def _check_lines(self) -> None:
        """Raises RemoteProtocolError for more lines than parts have: a trailer, which h11 would read in one step."""
        if self._chunked and self._http.h11.trailing_data[0].count(b"\n") > MOST_LINES + 2 * MOST_CHUNKS:
            raise h11.RemoteProtocolError(f"A body may come in {MOST_CHUNKS} parts, with {MOST_LINES} lines after them")

    # reading on

    def _read_on(self) -> bool:
        """The application waits: for the body, or else somebody must read now; tells whether somebody does."""
        if self._whole and self._watching is None:
            self._watching = trio.CancelScope()
            self._nursery.start_soon(self._watch, self._watching, name="web/departure")
        return self._watching is not None

    async def _watch(self, watching: trio.CancelScope) -> None:
        with watching:
            while len(self._ahead) < MOST_AHEAD:
                data = await self._http.wire.receive(MOST_AHEAD - len(self._ahead))
                if not data:
                    await trio.sleep(LEAVING)
                    self._departed.set()
                    break
                self._ahead += data
            else:
                await trio.sleep_forever()
        self._watched.set()

    async def _stop_reading(self) -> None:
        """Two tasks must not read at the same time."""
        if self._watching is not None:
            self._watching.cancel(reason="the answer is complete")
            await self._watched.wait()

    # sending

    async def _send(self, event: ASGISendEvent) -> None:
        """Take what the application sends; head and body leave in one write, and nothing leaves once the client has."""
        if event["type"] == "http.response.start" and self._response is None:
            self._response = event
        elif event["type"] == "http.response.body" and self._response is not None:
            await self._send_body(self._response, event.get("body", b""), more=event.get("more_body", False))
        else:
            raise RuntimeError(f"An application must not send {event['type']!r} here.")

    async def _send_body(self, response: HTTPResponseStartEvent, body: bytes, *, more: bool) -> None:
        if self._request.method == b"HEAD" or response["status"] in _NO_BODY:
            body = b""
        if more and not body:
            return
        http, pieces = self._http, list[bytes]()
        if not self._begun:
            self._begun = True
            pieces.append(http.head(response["status"], response["headers"], last=self._departed.is_set()))
        if body:
            pieces += http.h11.send_with_data_passthrough(h11.Data(data=bytes(body))) or ()
        if not more:
            pieces += http.h11.send_with_data_passthrough(h11.EndOfMessage()) or ()
        for data in pieces if len(body) > ONE_WRITE else [b"".join(pieces)]:
            await http.wire.send(data)
