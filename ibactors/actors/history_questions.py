"""What callers ask about the past, and what they are told: frozen values between the web layer and the history actor."""

from dataclasses import dataclass
from typing import TypeAlias

from ibactors.history.pages import fingerprint
from ibactors.history.rows import Rows
from ibactors.model.bars import BarSize, PriceLevel, Session, Tick, TickKind, What
from ibactors.model.instruments import ContractInfo, Instrument
from ibactors.model.times import Value


class BarsQuestion(Value, frozen=True, kw_only=True):
    """Bars that begin within [start, end), a page of them; times in Unix seconds."""

    instrument: Instrument
    bar: BarSize
    what: What = What.TRADES
    rth: bool = True
    start: int | None = None
    """None for as far back as there are any; then pages go backwards."""
    end: int | None = None
    """None for now."""
    limit: int
    descending: bool = False
    page_token: str = ""

    @property
    def backwards(self) -> bool:
        """Whether the first page has the newest bars."""
        return self.descending or self.start is None

    @property
    def fingerprint(self) -> int:
        """A number for what all pages are about."""
        return fingerprint(
            ("bars", self.instrument, self.bar, self.what, self.rth, self.start, self.end, self.descending),
        )


class TicksQuestion(Value, frozen=True, kw_only=True):
    """Ticks within [start, end), a page of them: forwards from a start, backwards from an end without one."""

    instrument: Instrument
    kind: TickKind = TickKind.TRADES
    rth: bool = True
    start: int | None = None
    end: int | None = None
    limit: int
    page_token: str = ""

    @property
    def fingerprint(self) -> int:
        """A number for what all pages are about."""
        return fingerprint(("ticks", self.instrument, self.kind, self.rth, self.start, self.end))


class HeadQuestion(Value, frozen=True, kw_only=True):
    """Since when there are data."""

    instrument: Instrument
    what: What = What.TRADES
    rth: bool = True


class ScheduleQuestion(Value, frozen=True, kw_only=True):
    """The sessions of some days."""

    instrument: Instrument
    days: int
    """How many sessions."""
    end: int | None = None
    rth: bool = True


class HistogramQuestion(Value, frozen=True, kw_only=True):
    """How much was traded at which price."""

    instrument: Instrument
    period: str
    """In IB's words: `3 days`."""
    rth: bool = True


Question: TypeAlias = BarsQuestion | TicksQuestion | HeadQuestion | ScheduleQuestion | HistogramQuestion


@dataclass(frozen=True, slots=True, kw_only=True)
class BarPage:
    """One page of bars."""

    contract: ContractInfo
    rows: Rows
    forming: int | None
    """The time of the bar that may still change, if it is among these."""
    next_page_token: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TickPage:
    """One page of ticks, oldest first."""

    contract: ContractInfo
    ticks: tuple[Tick, ...]
    next_page_token: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """Since when there are data."""

    contract: ContractInfo
    at: int
    """In Unix seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleAnswer:
    """Sessions, oldest first."""

    contract: ContractInfo
    zone: str
    sessions: tuple[Session, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """What was traded at which price, lowest first."""

    contract: ContractInfo
    levels: tuple[PriceLevel, ...]
