"""Live bars: the address of a series, its messages and its directory; the actor is in `bars_actor.py`."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from ibactors.actors.directory import DirectoryRef
from ibactors.actors.feed import FedRef, Feed, Own, Told
from ibactors.actors.tape import Tape
from ibactors.bridge.live_bars import REAL_TIME, ArrivedBar
from ibactors.history.live import BarTrack, Hole
from ibactors.history.rows import Rows
from ibactors.history.sizes import SIZES
from ibactors.kernel.topic import TopicName
from ibactors.model.bars import BarSize, LiveBar, What
from ibactors.model.encoded import Encoded
from ibactors.model.gaps import Gap
from ibactors.model.instruments import ContractInfo, Instrument, names_of
from ibactors.model.times import Value

KEPT = 500
"""Bars that are kept for who comes again."""


class Series(Value, frozen=True, kw_only=True):
    """What a series is of."""

    instrument: Instrument
    bar: BarSize
    what: What = What.TRADES
    rth: bool = True

    @property
    def name(self) -> str:
        """Short and unique."""
        what, hours = "" if self.what is What.TRADES else self.what.value, "" if self.rth else "all"
        return ":".join(filter(None, (self.instrument.name, self.bar.value, what, hours)))


@dataclass(frozen=True, slots=True)
class Look(Own):
    """Time to see whether a bar is over, and whether anything still comes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled(Own):
    """History has what was missing, as far as there is anything; or it has not, whatever was tried."""

    hole: Hole
    rows: Rows | None
    """None where it could not be had."""


class BarsRef(FedRef):
    """One series of live bars. Listeners of `updates` are told each message, and `Failed` when it is over."""

    def __init__(self, series: Series, *, site: str = "") -> None:
        super().__init__(f"bars:{series.name}", series, TopicName(site, "bars", series.name))
        self.of = series
        self.track = BarTrack(size=SIZES[series.bar], grows=SIZES[series.bar].seconds != REAL_TIME)
        """On the ref, like the next two: a crash of the actor is one more break, after which what is missing is filled."""
        self.tape = Tape("bars", lambda: self.names, most=KEPT, kind=series.bar)
        self.contract: ContractInfo | None = None
        """What IB has found, by its `reading`; None until then."""
        self.reading = series.instrument
        self.forming: Encoded[LiveBar] | None = None
        """The present bar, while it may be shown."""

    @property
    def names(self) -> dict[str, Any]:
        """Which instrument it is, by the members of `Named`."""
        if self.contract is None:
            return names_of(self.of.instrument)
        return names_of(self.contract) | {"exchange": self.reading.exchange or self.contract.exchange}

    def since(self, number: int | None, *, current: bool) -> list[Encoded[Any]]:
        """What came after the message of a number, but for forming bars that have a successor; without one, the present bar.

        *current*: whether the present bar may be shown.
        """
        present = self.forming if current else None
        if number is None:
            return [present] if present is not None else []
        return self.tape.since(number, present)

    def publish(self, message: LiveBar | Gap) -> None:
        """Tell everybody; its number is the next."""
        grows = isinstance(message, LiveBar) and not message.final
        encoded = self.tape.pass_over(message) if grows else self.tape.keep(message)
        if isinstance(message, LiveBar) and not message.backfill:
            self.forming = encoded
        self.updates.publish(encoded)


class BarFeed(Feed):
    """Carries bars into the mailbox: the newest of each, so that none is lost while the actor is busy."""

    def told(self, value: ArrivedBar) -> None:
        self._ref.tell_newest(("told", value.read[0]), Told(feed=self, outcome=value))


class BarsRefs(DirectoryRef[BarsRef]):
    """Where the web layer asks for live bars."""

    def __init__(self) -> None:
        super().__init__("bars")

    async def of(self, series: Series, *, caller: str) -> BarsRef:
        """Who keeps a series. Raises TooManyBars."""
        make: Callable[[], BarsRef] = partial(BarsRef, series)
        return await self.open(series, make, caller=caller)
