"""Which bars of a live series have been told: each as final once, whatever breaks, and what is missing between them."""

from dataclasses import dataclass, field

from ibactors.history.sizes import Size
from ibactors.model.bars import Bar

SLACK, SMALL_SLACK = 1.0, 6.0
"""Seconds before its end at which the last update of a bar may come; IB updates bars every five seconds, and rations what is asked of small
ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hole:
    """Bars that begin within [begin, end) have not come, if there are any; Unix seconds."""

    begin: int
    end: int


@dataclass(slots=True, kw_only=True)
class BarTrack:
    """How far one series has come."""

    size: Size
    grows: bool
    """Whether its bars come while they form; else each comes once, when it is over."""
    forming: Bar | None = None
    holes: list[Hole] = field(default_factory=list)
    """To be filled from history, the oldest first."""
    _covered: int | None = None
    """Whatever begins before it has been told, or is in a hole; None before the first bar."""
    _updated_at: float = 0.0
    """When the newest update of the forming bar came."""
    _expected: int = 0
    """A bar that begins later than this comes after a hole."""

    def take(self, bar: Bar, now: float, *, updated: bool = True) -> list[tuple[Bar, bool]]:
        """What is to be told when *bar* has come, each with whether it is final. What was told as final is not told again.

        IB may leave updates out, the last one of a bar too: one whose end was not seen is missing when the next one begins. *updated* is
        false of one that came as of some moment before it arrived.
        """
        if self._covered is not None and bar.at < self._covered:
            return []
        told: list[tuple[Bar, bool]] = []
        if self.forming is not None and self.size.bucket(bar.at) > self.size.bucket(self.forming.at):
            if self._is_whole(self.forming):
                told.append((self._end(self.forming), True))
            self.forming = None
        if self.forming is None and self._covered is not None and bar.at > self._expected:
            self.holes.append(Hole(begin=self._covered, end=bar.at))
        self._covered = self._expected = bar.at
        if self.grows:
            self._updated_at = now if updated else self._updated_at if self.forming is not None else 0.0
            self.forming = bar
            told.append((bar, False))
        else:
            told.append((self._end(bar), True))
        return told

    def close(self) -> Bar | None:
        """The forming bar is over, though no later one has come: it, or None where it must be asked of history."""
        if self.forming is None:
            return None
        whole, bar = self._is_whole(self.forming), self._end(self.forming)
        if not whole:
            self.holes.append(Hole(begin=bar.at, end=bar.at + 1))
        return bar if whole else None

    def lose(self) -> None:
        """Something may be missed from here on: what is forming is not known any more, and is told when it comes again."""
        self.forming = None

    def _is_whole(self, bar: Bar) -> bool:
        """Whether an update came when the bar was over, or about to be."""
        return self._updated_at >= self.size.over(bar.at) - (SMALL_SLACK if self.size.is_small else SLACK)

    def _end(self, bar: Bar) -> Bar:
        self.forming = None
        self._covered = bar.at + 1
        self._expected = bar.at + self.size.seconds
        return bar
