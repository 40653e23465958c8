"""A WebSocket at the gate: the introduction of its client, the pace of its messages, what its application need not know."""

from typing import Literal

import msgspec
import trio

from ibactors.errors import InvalidRequest
from ibactors.validation import validated
from ibactors.web.contract.asgi import ASGIReceiveCallable, ASGIReceiveEvent, ASGISendCallable, ASGISendEvent, Handover
from ibactors.web.contract.codec import encode
from ibactors.web.contract.messages import LONGEST_REASON, NOT_AUTHORISED, TOO_BIG, Authenticated, error_message
from ibactors.web.gate.refusals import KeyRequired, Refused
from ibactors.web.gate.terms import GateTerms
from ibactors.web.gate.visit import Visit

LONGEST_INTRODUCTION = 1024
"""Octets of the first message of a client without a key; more are not read."""


class Introduction(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The first message of a client that has sent no key with its request."""

    action: Literal["auth"]
    api_key: str
    id: str | int | None = None


class Socket:
    """One WebSocket, between server and application."""

    def __init__(self, visit: Visit, handed: Handover, terms: GateTerms, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        self._visit = visit
        self._handed = handed
        self._terms = terms
        self._receive = receive
        self._send = send
        self._accepted = False
        self._connected = False
        self._busy_until = 0.0

    async def introduction(self) -> Introduction | None:
        """Accept, and wait for the first message; None when the client leaves instead. Raises KeyRequired."""
        usual, self._handed.longest_message = self._handed.longest_message, LONGEST_INTRODUCTION
        await self._accept()
        text = None
        with trio.move_on_after(self._terms.introduction_timeout):
            event = await self._receive()
            if event["type"] == "websocket.disconnect":
                if event["code"] == TOO_BIG:
                    await self._say(error_message(KeyRequired(f"The first message brings the API key, in {LONGEST_INTRODUCTION} octets.")))
                return None
            text = event.get("text") if event["type"] == "websocket.receive" else None
            if text is None:
                raise KeyRequired("The first message must bring the API key as JSON, in text; it was binary.")
        self._handed.longest_message = usual
        if text is None:
            raise KeyRequired(f"No API key came within {self._terms.introduction_timeout:g} s.")
        try:
            return validated(Introduction, lambda: msgspec.json.decode(text, type=Introduction))
        except InvalidRequest:
            raise KeyRequired("The first message must bring the API key.") from None

    async def welcome(self, introduction: Introduction) -> None:
        """Tell the client that its key is accepted."""
        await self._say(Authenticated(id=introduction.id))

    async def turn_away(self, refusal: Refused) -> None:
        """Tell the client why, and close."""
        await self._say(error_message(refusal))
        await self._send({"type": "websocket.close", "code": NOT_AUTHORISED, "reason": str(refusal)[:LONGEST_REASON]})

    async def close(self, reason: str) -> None:
        """End what the application served."""
        with trio.move_on_after(1):
            await self._send({"type": "websocket.close", "code": NOT_AUTHORISED, "reason": reason})

    async def _accept(self) -> None:
        await self._receive()
        await self._send({"type": "websocket.accept", "subprotocol": None, "headers": self._headers()})
        self._accepted = True

    def _headers(self) -> list[tuple[bytes, bytes]]:
        return [*self._visit.extra, (b"x-request-id", self._visit.request_id.encode())]

    async def _say(self, message: object) -> None:
        text = encode(message).decode()
        batch = self._visit.parameter("batch") == "1"
        await self._send({"type": "websocket.send", "bytes": None, "text": f"[{text}]" if batch else text})

    async def receive(self) -> ASGIReceiveEvent:
        """What the application receives: first of all, that there is a client."""
        if self._accepted and not self._connected:
            self._connected = True
            return {"type": "websocket.connect"}
        self._connected = True
        event = await self._receive()
        await self._keep_pace()
        return event

    async def _keep_pace(self) -> None:
        present = trio.current_time()
        rate = self._terms.messages_per_second
        self._busy_until = max(self._busy_until, present) + 1 / rate
        ahead = self._busy_until - present - self._terms.messages_at_once / rate
        if ahead > 0:
            await trio.sleep(ahead)

    async def send(self, event: ASGISendEvent) -> None:
        """What the application sends; it need not know that the client was accepted already."""
        if event["type"] == "websocket.accept":
            if self._accepted:
                return
            self._accepted = True
            event["headers"] = [*event["headers"], *self._headers()]
        await self._send(event)
