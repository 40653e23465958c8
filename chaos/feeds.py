"""What one client has of one channel, judged from outside: numbers that follow on each other, nothing old, nothing invented."""

from typing import Any

from chaos.record import Record
from chaos.truth import FUTURE_MS, Symbol, Truth, View

Json = dict[str, Any]


class Feed:
    """One channel at one client: what was shown last may be current until `stale` or a newer one."""

    numbered = False
    """Whether each message has a number, one more than the last: nothing is left out."""
    steady = True
    """Whether something of it comes every few seconds."""
    held = True
    """Whether what was shown stays shown, so that the client must be told when it is not current any more."""

    def __init__(self, name: str, wanted: Json, truth: Truth, view: View, symbol: Symbol | None = None) -> None:
        self.name = name
        self.wanted = wanted
        self.symbol = symbol
        self._truth = truth
        self._view = view
        self.since = float("inf")
        """Since when it is subscribed to."""
        self.newest = self.told = 0.0
        """When the newest value was sent, as far as that is known; when the client was told that it is not current."""
        self.sequence: int | None = None

    def _follows(self, skipped: int) -> bool:
        """Whether so many numbers may be left out before the next."""
        return skipped == 0

    def begin(self) -> None:
        """It is asked for anew: nothing is held, and numbers may begin anew."""
        self.since, self.newest, self.told, self.sequence = self._truth.now, 0.0, 0.0, None

    def resume(self) -> Json:
        """The command that goes on after a connection has ended."""
        if not self.numbered:
            self.begin()
        self.since, self.newest, self.told = self._truth.now, 0.0, 0.0
        return self.wanted | ({} if self.sequence is None else {"after_sequence": self.sequence})

    def untold(self, begun: float) -> bool:
        """Whether a value from before a break is held without a word."""
        return self.held and self.since < begun and 0.0 < self.newest < begun and self.told < begun

    def take(self, message: Json) -> None:
        """Judge a message."""
        if self.numbered:
            self._count(message)
        match message["type"]:
            case "stale" | "reset":
                self.told = self._truth.now
            case "gap":
                self.lost(message)
            case _:
                self.newest = max(self.newest, self.value(message))

    def value(self, message: Json) -> float:
        """Judge a value, and say when it was sent."""
        raise NotImplementedError

    def lost(self, gap: Json) -> None:
        """Take note of a loss that was told."""

    def compare(self, record: Record) -> None:
        """Hold what has come against the simulator's record."""

    def blame(self, rule: str, detail: str) -> None:
        self._truth.blame(rule, self._view.client, f"{self.name}: {detail}")

    def void(self) -> float:
        """What was sent before is not to be shown: a break, of which the client knows or should know by now."""
        truth = self._truth
        known = [
            b.begun for b in truth.breaks if b.session and not b.frozen and b.void_from + truth.machine.allowance(b.begun) <= truth.now
        ]
        return max(known, default=0.0) if self._view.prompt else 0.0

    def check_price(self, side: str, bit: int, price: float, void: float) -> float:
        """When a price was sent; blamed if it is none, older than one before, or void."""
        if self.symbol is None:
            raise TypeError(f"{self.name} has no symbol")
        return self._truth.check_price(self._view, self.symbol, side, bit, price, self._truth.now, void)

    def check_time(self, message: Json) -> float:
        """When something without a price arrived at the service; blamed if that was before a break."""
        at = self._truth.wall(message["timestamp"])
        if at < self.void() - FUTURE_MS:
            self.blame("from before a break", f"of {message['timestamp']}, {self.void() - at:.0f} ms before the break")
        return at

    def _count(self, message: Json) -> None:
        before, sequence = self.sequence, message["sequence"]
        step = message["lost"] or 1 if message["type"] == "gap" else 1
        # Who comes again after too long is told so, and numbers may have begun anew; what has a successor is left out for it.
        if before is not None and message.get("code") != "forgotten" and not self._follows(sequence - before - step):
            self.blame("lost or double", f"{message['type']} {sequence} after {before}")
        self.sequence = sequence
