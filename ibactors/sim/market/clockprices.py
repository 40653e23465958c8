"""Prices that tell when they were sent and for what: for a checker that sees only the far end of a client.

With `--prices clock` every bid, ask and last is a number of minimum ticks that encodes the milliseconds since the simulator's start and the
instrument. They rise strictly with every frame. Whoever reads one can therefore say how old it is, whether it belongs to the symbol it is
shown under, whether it was sent before a break, and whether it was ever sent at all.
"""

import trio

from ibactors.sim.market.instruments import Instrument
from ibactors.sim.market.listing import Catalogue
from ibactors.sim.market.walk import Field, PriceWalk

SCALE = 1000
"""Ticks per millisecond; the rest is twice the instrument's number, and one more for an ask."""


class PriceClock:
    """The time since it was first asked, and a number for each instrument."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._started: float | None = None
        self._numbers = {con_id: number for number, con_id in enumerate(catalogue.by_con_id)}
        if len(self._numbers) > SCALE // 2:
            raise ValueError(f"prices that tell the time leave room for {SCALE // 2} instruments, not {len(self._numbers)}")

    @property
    def milliseconds(self) -> int:
        """Whole milliseconds since the first look."""
        now = trio.current_time()
        if self._started is None:
            self._started = now
        return int((now - self._started) * 1000)

    def knows(self, instrument: Instrument) -> bool:
        """Whether the instrument has a number; an option of a large class has none, and its price is a walk's."""
        return instrument.con_id in self._numbers

    def number(self, instrument: Instrument) -> int:
        """The number that stands for the instrument in its prices."""
        return self._numbers[instrument.con_id]


class ClockWalk(PriceWalk):
    """The market of one instrument whose prices are times; close, open and the day's range keep the walk's."""

    def __init__(self, instrument: Instrument, seed: int, epoch_s: int, clock: PriceClock) -> None:
        super().__init__(instrument, seed, epoch_s)
        self._clock = clock
        self._number = clock.number(instrument)
        self._sent_ms = -1
        self._stamp(epoch_s)

    def step(self, epoch_s: int) -> set[Field]:
        """Move on to the present time; a fixed or halted market stands still."""
        if self.frozen or self.halted:
            return set()
        self._stamp(epoch_s)
        return {Field.BID, Field.ASK, Field.LAST, Field.LAST_SIZE, Field.TIME, Field.VOLUME} & self.known()

    def look(self, epoch_s: int) -> set[Field]:
        """All values, to be sent now and therefore marked with the present time; fixed prices stay."""
        if not self.frozen:
            self._stamp(epoch_s)
        return self.known()

    def _stamp(self, epoch_s: int) -> None:
        self._sent_ms = max(self._clock.milliseconds, self._sent_ms + 1)
        self.bid = self.last = self._sent_ms * SCALE + 2 * self._number
        self.ask = self.bid + 1
        self.time = epoch_s
        self.volume += self.last_size
