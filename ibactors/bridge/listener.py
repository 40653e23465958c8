"""What is told of each network packet, and of each message in it: by the wire and the decoder, to the session's inbox."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from ibactors.bridge.answers import Answer

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

    def time_asked(self) -> None:
        """The gateway is being asked for its time (message 49)."""

    def packet_done(self) -> None:
        """All complete frames among them have been handled."""

    def connection_lost(self, reason: str | None) -> None:
        """The socket is closed, or must not be used any more."""

    def answered(self, answer: Answer, fields: list[str], decode: Callable[[list[str]], Calls]) -> None:
        """A message that answers a request; it is decoded only if somebody waits for it."""

    def order_frame(self, fields: list[str], decode: Callable[[list[str]], Calls]) -> None:
        """A message about an order, an execution or a commission; raises nothing."""

    def unreadable(self, message_id: str) -> None:
        """A message that answers no request could not be read."""

    def price_tick(self, line_id: int, tick_type: int, price: float, size: float | None) -> None:
        """Message 1, with NaN for an empty price and None for an empty size."""

    def tickSize(self, line_id: int, tick_type: int, size: float) -> None:  # noqa: N802  # EWrapper's name
        """Message 2."""

    def tickString(self, line_id: int, tick_type: int, text: str) -> None:  # noqa: N802
        """Message 46."""

    def tickGeneric(self, line_id: int, tick_type: int, value: float) -> None:  # noqa: N802
        """Message 45."""

    def feed(self, request_id: int, fields: list[str]) -> bool:
        """A message of what the gateway goes on sending, as it came; tells whether it is for a subscription."""

    def feed_all(self, fields: list[str]) -> None:
        """The same, for all subscriptions to what names no request."""

    def marketDataType(self, line_id: int, number: int) -> None:  # noqa: N802
        """Message 58."""

    def computation(self, line_id: int, tick_type: int, values: list[float]) -> None:
        """Message 21, but for the answers to calculations."""

    def tickSnapshotEnd(self, line_id: int) -> None:  # noqa: N802
        """Message 57."""
