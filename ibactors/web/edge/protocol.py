"""HTTP/1 on one connection, on h11: requests one after the other, and what is answered before the application could be asked.

Nothing of a request is read before it is wanted: the application pulls the body, a WebSocket pulls its frames. Who sends more than is
wanted fills the kernel's buffers and nothing else.
"""

import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Protocol

import h11
import trio

from ibactors.web.contract.codec import encode
from ibactors.web.contract.problems import headers_of, make_problem
from ibactors.web.edge.heads import MOST_ESCAPES, MOST_PARTS, Ends, http_date, is_long_winded
from ibactors.web.edge.short_way import ShortWay

MOST_REQUESTS = 1000
"""Requests on one connection; then it closes, so that a proxy in front spreads its connections anew."""
LONGEST_HEAD = 16 * 1024
"""Octets of a head, and of what is read at once while one is waited for: h11 does not measure a head that comes whole."""
MOST_LINES = 128
"""Lines of a head; h11 takes some microseconds for each, all in one step."""
MOST_REFUSED, PAUSE = 10, 0.02
"""Answers of 400 and above in a row, after which the next request is read after so many seconds: a flood of them is not worth the turns."""
AT_ONCE, OCTETS_AT_ONCE = 32, 64 * 1024
"""Answers of the short way, and octets of them, that leave before others have their turn."""
_HEAD_END = re.compile(rb"\n\r?\n")
_CODES = {431: "head_too_large", 501: "not_implemented"}
_FRAMING = frozenset({b"content-length", b"transfer-encoding"})


class Transport(Protocol):
    """What is used of the `Connection` below."""

    stopping: bool
    """Whether no further request is to be taken."""

    async def receive(self, most: int) -> bytes:
        """What has come, up to *most* octets; nothing once the client has left."""

    async def send(self, data: bytes) -> None:
        """Write all of it."""

    def set_idle(self, *, idle: bool, anew: bool = False) -> None:
        """Whether it is the client who is waited for, which has a deadline: *anew*, when it has sent a whole request meanwhile."""


class Http1:
    """The requests of one connection."""

    def __init__(self, wire: Transport, ends: Ends, short_way: ShortWay | None) -> None:
        self.wire = wire
        self.ends = ends
        self._short_way = short_way
        self.h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=LONGEST_HEAD)
        self._requests = 0
        self._refused = 0
        """Answers of 400 and above since the last other one."""

    async def next_request(self) -> h11.Request | None:
        """The next request; None when none can come. Raises RemoteProtocolError."""
        if self._requests and not self._begin_again():
            return None
        if self._refused > MOST_REFUSED:
            await trio.sleep(PAUSE)
        while True:
            self._check_lines()
            event = self.h11.next_event()
            if isinstance(event, h11.Request):
                break
            if event is not h11.NEED_DATA:
                return None
            self.wire.set_idle(idle=True)
            self.h11.receive_data(await self._receive())
        self.wire.set_idle(idle=False)
        self._requests += 1
        if {name for name, _ in event.headers} >= _FRAMING:
            # h11 believes the second; a proxy in front that believes the first would see other requests than this service does.
            raise h11.RemoteProtocolError("Content-Length and Transfer-Encoding exclude each other")
        if is_long_winded(event.target, event.headers):
            limits = f"A query and a line may have {MOST_PARTS} parts, a target {MOST_ESCAPES} octets with a percent sign"
            raise h11.RemoteProtocolError(limits, error_status_hint=431)
        return event

    async def _receive(self) -> bytes:
        """What h11 is to read: what comes, without the requests at its beginning that the short way answers."""
        data = await self.wire.receive(LONGEST_HEAD)
        if self._short_way is None or self.h11.trailing_data[0]:
            return data
        while data:
            answers, data = self._take(self._short_way, data)
            if not answers:
                return data
            self._refused = 0
            await self.wire.send(answers)
            self.wire.set_idle(idle=True, anew=True)
            if data:
                await trio.lowlevel.checkpoint()  # one that sends many requests at once must not have all turns
            else:
                data = await self.wire.receive(LONGEST_HEAD)
        return data

    def _take(self, short_way: ShortWay, data: bytes) -> tuple[bytes, bytes]:
        """Answers to the requests at the beginning of *data*, but for the connection's last one; and what is left of it."""
        answers: list[bytes] = []
        octets = 0
        while not self.wire.stopping and self._requests + 1 < MOST_REQUESTS and len(answers) < AT_ONCE and octets < OCTETS_AT_ONCE:
            end = data.find(b"\r\n\r\n") + 4
            answer = short_way.answer(data[:end]) if end >= 4 else None  # noqa: PLR2004
            if answer is None:
                break
            self._requests += 1
            answers.append(answer)
            octets += len(answer)
            data = data[end:]
        return b"".join(answers), data

    def head(self, status: int, headers: Iterable[tuple[bytes, bytes]], *, last: bool = False) -> bytes:
        """The head of a response, to be written; it tells the client whether the connection closes afterwards."""
        self._refused = self._refused + 1 if status >= HTTPStatus.BAD_REQUEST else 0
        # Before a request has come whole nobody knows where the next one begins.
        whole = self.h11.their_state not in {h11.IDLE, h11.SEND_BODY, h11.ERROR}
        added = [(b"date", http_date())]
        if last or not whole or self._requests >= MOST_REQUESTS or self.wire.stopping:
            added.append((b"connection", b"close"))
        return self.h11.send(h11.Response(status_code=status, headers=[*headers, *added]))

    async def refuse(self, error: h11.RemoteProtocolError) -> None:
        """Answer what is no request with a problem document."""
        await self.answer(f"{str(error)[:200].rstrip('.')}.", code=_CODES.get(error.error_status_hint, "bad_request"))

    async def answer(self, detail: str, *, code: str = "bad_request", **headers: str) -> None:
        """Answer in the application's place with a problem document, and close; without effect once an answer has begun."""
        if self.h11.our_state not in {h11.IDLE, h11.SEND_RESPONSE}:
            return
        problem = make_problem(code, detail)
        body = encode(problem)
        named = {**headers_of(problem), "Content-Length": str(len(body)), "Cache-Control": "no-store", **headers}
        head = self.head(problem.status, [(name.encode(), value.encode()) for name, value in named.items()], last=True)
        await self.wire.send(head + self.h11.send(h11.Data(data=body)) + self.h11.send(h11.EndOfMessage()))

    def _check_lines(self) -> None:
        """Raises RemoteProtocolError when the head that comes next has more lines or octets than it may have."""
        waiting = self.h11.trailing_data[0]
        if len(waiting) <= LONGEST_HEAD and waiting.count(b"\n") <= MOST_LINES:
            return
        head = _HEAD_END.split(waiting, 1)[0]
        if len(head) > LONGEST_HEAD or head.count(b"\n") > MOST_LINES:
            raise h11.RemoteProtocolError(f"A head may have {LONGEST_HEAD} octets and {MOST_LINES} lines", error_status_hint=431)

    def _begin_again(self) -> bool:
        if self.wire.stopping or self.h11.our_state is not h11.DONE or self.h11.their_state is not h11.DONE:
            return False
        self.h11.start_next_cycle()
        return True
