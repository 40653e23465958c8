"""Ticks, books and bars: ticks and bars are held against the simulator's own record (`record.py`), forming values by their prices."""

import time
from datetime import datetime

from chaos.feeds import Feed, Json
from chaos.record import Record
from chaos.truth import SCALE, Symbol, Truth, View

_DISORDERED = 4
"""Books one after the other whose rows are not in order: one may be seen in the middle of a change."""
_LATE_S = 120.0
"""After that time a bar is there, or told as lost: history is asked for it up to six times."""


class Ticks(Feed):
    """Each tick of the record once, in order, or a gap."""

    numbered, held = True, False

    def begin(self) -> None:
        super().begin()
        self._pending: list[int | None] = []
        self._place, self._whole = -1, False

    def value(self, message: Json) -> float:
        if self.symbol is None:
            raise TypeError(f"{self.name} has no symbol")
        self._pending.append(round(message["bid"] / self.symbol.tick))
        return self._truth.now

    def lost(self, gap: Json) -> None:  # noqa: ARG002  # how many is counted by the numbers
        self._pending.append(None)

    def compare(self, record: Record) -> None:
        if self.symbol is None:
            return
        tape = record.tapes[self.symbol.local_symbol]
        for done, bid in enumerate(self._pending):
            if bid is None:
                self._whole = False
                continue
            place = tape.places.get(bid)
            if place is None and (not tape.bids or bid > tape.bids[-1]):
                del self._pending[:done]  # the record does not reach so far yet
                return
            if place is None:
                self.blame("invented", f"a tick with the bid {bid}, which never was")
                continue
            self._follow(place, [skipped for skipped in tape.bids[self._place + 1 : place] if not record.hides(skipped / SCALE)])
        self._pending.clear()

    def _follow(self, place: int, skipped: list[int]) -> None:
        self._truth.checked["ticks against the record"] += 1
        if place <= self._place:
            self.blame("ticks out of order", f"tick {place} of the record after {self._place}")
        elif self._whole and skipped:
            self.blame("a tick is lost untold", f"{len(skipped)} before tick {place} of the record, after {self._place}")
        self._place, self._whole = place, True


class Books(Feed):
    """A book: in order, with prices of this moment."""

    def begin(self) -> None:
        super().begin()
        self._disordered = 0
        self._shown = 0.0

    def value(self, message: Json) -> float:
        bids, asks = ([row["price"] for row in message[side]] for side in ("bids", "asks"))
        # Delivered in pieces, some rows of a change are there long before the others, and IB does not say which belong together.
        dripped = any(name.startswith(("drip", "after drip", "split", "after split")) for name in self._truth.active)
        in_order = bids == sorted(bids, reverse=True) and asks == sorted(asks) and not (bids and asks and bids[0] >= asks[0])
        self._disordered = 0 if in_order or dripped else self._disordered + 1
        if self._disordered >= _DISORDERED:
            self.blame("not a book", f"{bids} {asks}")
        # After a silence the same book may be the newest.
        if self.sequence is not None and message["sequence"] < self.sequence + (self.told <= self._shown):
            self.blame("an old book", f"{message['sequence']} after {self.sequence}")
        self.sequence, self._shown = message["sequence"], self._truth.now
        if not (bids and asks and self._view.prompt and self.symbol):
            return self._truth.now
        void = self._truth.void_before(self.symbol.name, self._truth.now)
        return max(self.check_price("bid", 0, bids[0], void), self.check_price("ask", 1, asks[0], void))


class Bars(Feed):
    """Each bar final once and equal to the record, none missing; a forming one of this moment."""

    numbered = True

    def __init__(self, name: str, wanted: Json, truth: Truth, view: View, symbol: Symbol, *, seconds: int, whole: bool) -> None:
        super().__init__(name, wanted, truth, view, symbol)
        self._seconds = seconds
        self._whole = whole
        """Whether none may be missing: IB's ration of small bars is soon used up by so many breaks."""

    def begin(self) -> None:
        super().begin()
        self._final: dict[int, list[float]] = {}
        self._gaps: list[tuple[float, float]] = []
        self._judged = set[int]()
        self._comes_again = False

    def resume(self) -> Json:
        self._comes_again = self.sequence is not None
        return super().resume()

    def _follows(self, skipped: int) -> bool:
        # Who comes again gets no forming bars that have a successor.
        return skipped == 0 or (self._comes_again and skipped > 0)

    def value(self, message: Json) -> float:
        at = int(datetime.fromisoformat(message["t"]).timestamp())
        self._comes_again = self._comes_again and message["final"]
        if not message["final"]:
            if at + self._seconds < time.time():
                return self._truth.now  # it is over, and only not final because no later one has come
            void = self._truth.void_before(self.symbol.name, self._truth.now) if self.symbol and self._view.prompt else 0.0
            return self.check_price("close", 0, message["c"], void)
        if at in self._final:
            self.blame("a bar is double", message["t"])
        self._final[at] = [message[name] for name in "ohlc"]
        return self.newest if message["backfill"] else self._truth.now

    def lost(self, gap: Json) -> None:
        if gap["from"] and gap["to"]:
            begun, ended = (datetime.fromisoformat(gap[name]).timestamp() for name in ("from", "to"))
            self._gaps.append((begun, ended))

    def compare(self, record: Record) -> None:
        if self.symbol is None or not self._final:
            return
        machine, since = self._truth.machine, self._truth.now - _LATE_S * 1000
        late = _LATE_S + (machine.allowance(since) + machine.paused_ms(since)) / 1000
        first, due = min(self._final), time.time() - self._seconds - late
        for at, prices in record.bars[self.symbol.local_symbol, self._seconds].items():
            if at in self._judged:
                continue
            if at in self._final:
                self._truth.checked["bars against the record"] += 1
                self._judged.add(at)
                if any(abs(a - b) > self.symbol.tick / 10 for a, b in zip(self._final[at], prices, strict=True)):
                    self.blame("a wrong bar", f"{at}: {self._final[at]}, which was {prices}")
            elif self._whole and first < at < due and not any(begun <= at <= ended for begun, ended in self._gaps):
                self._judged.add(at)
                self.blame("a bar is missing", f"{at}, which was {prices}")
