"""ib_async's decoder, bent to a service's needs: one frame's fields in, calls of the packet listener out.

What nobody here listens to, or waits for, is not decoded. A message that cannot be decoded costs one log line, and the request that it
answers, if it does.
"""

from collections.abc import Callable, Sequence
from datetime import UTC
from functools import partial
from typing import Any, Protocol, cast

import structlog
from ib_async.decoder import Decoder

from ibactors.bridge.answers import ANSWERS, Answer

log = structlog.get_logger(__name__)

_HEARD = (4, 7, 61, 62, 63, 64)
"""Messages that the inbox listens to, besides ticks and answers to requests: errors, portfolio, positions, account summary."""

Calls = Sequence[tuple[str, tuple[Any, ...]]]
"""What one message says: methods of IB's EWrapper with their arguments."""


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

    def answered(self, answer: Answer, fields: list[str], decode: Callable[[list[str]], Calls]) -> None:
        """A message that answers a request; it is decoded only if somebody waits for it."""

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


class _NoZone:
    """In place of the zone that TWS was set to, which nothing tells us."""

    @property
    def TimezoneTWS(self) -> str:  # noqa: N802  # what ib_async's decoder looks for
        raise ValueError("a time without its zone")


class _Noted:
    """In place of EWrapper: notes what the decoder calls."""

    defaultTimezone = UTC  # noqa: N815  # what ib_async's decoder looks for
    ib = _NoZone()

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[Any, ...]]] = []

    def __getattr__(self, method: str) -> Callable[..., None]:
        return lambda *arguments: self.calls.append((method, arguments))


class FrameDecoder(Decoder):
    """ib_async's decoder, reduced to what somebody listens to; ticks without its detour by lists of types.

    Its own way to decode simple messages logs what it cannot read and goes on; here that is an error like any other.
    """

    wrapper: Any
    """Whom the handlers call: the inbox, or for answers what notes the calls."""

    def __init__(self, inbox: PacketListener) -> None:
        super().__init__(cast("Any", inbox), 0)
        self._inbox = inbox
        self._handlers: dict[str, Callable[[list[str]], None]] = {str(number): self.handlers[number] for number in _HEARD}
        self._handlers |= {str(number): partial(self._answer, answer) for number, answer in ANSWERS.items()}
        self._handlers |= {"1": self._price, "2": self._size, "45": self._generic, "46": self._text, "58": self._data_type}

    def wrap(self, methodName: str, types: list[type], skip: int = 2) -> Callable[[list[str]], None]:  # noqa: N803  # ib_async's name
        def handler(fields: list[str]) -> None:
            values = fields[skip:]
            arguments = [
                text if kind is str else kind(text or 0) if kind is not bool else bool(int(text or 0))
                for kind, text in zip(types, values, strict=False)
            ]
            getattr(self.wrapper, methodName)(*arguments)

        return handler

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

    def _answer(self, answer: Answer, fields: list[str]) -> None:
        self._inbox.answered(answer, fields, self._decode)

    def _decode(self, fields: list[str]) -> Calls:
        noted = self.wrapper = _Noted()
        try:
            self.handlers[int(fields[0])](fields)
        finally:
            self.wrapper = self._inbox
        return noted.calls

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
