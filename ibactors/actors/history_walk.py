"""A walk through the stretches of a range of bars, forwards or backwards, as pages and downloads need it."""

from collections.abc import Sequence
from math import inf

import trio

from ibactors.actors.history_library import SMALL_KEPT, Library, Piece, Series
from ibactors.actors.history_loads import Patience
from ibactors.actors.history_questions import BarsQuestion
from ibactors.errors import IbactorsError, InvalidRequest
from ibactors.history.cache import Finished
from ibactors.history.pages import Place
from ibactors.history.sizes import DAY
from ibactors.model.bars import What
from ibactors.model.times import rfc3339

_FURTHEST = 66 * 365 * DAY
"""Seconds that a request without an end may reach back."""


class Walk:
    """Where one answer is in its range."""

    def __init__(self, library: Library, series: Series, lowest: int, end: int, *, backwards: bool) -> None:
        self.series = series
        self.lowest = lowest
        self.end = end
        self.backwards = backwards
        self.at = end if backwards else lowest
        """How far it has come."""
        self.found_gone = False
        """Whether it has come to where IB keeps nothing."""
        self._library = library

    @property
    def is_over(self) -> bool:
        """Whether all of the range is done."""
        return self.at <= self.lowest if self.backwards else self.at >= self.end

    @property
    def left(self) -> int:
        """How many stretches are left, as far as the range has a beginning."""
        length = self.series.size.stretch or 216 * 30 * DAY
        return max(0, -(-((self.at - self.lowest) if self.backwards else (self.end - self.at)) // length))

    def next(self, count: int) -> list[tuple[int, int]]:
        """The next stretches, in the order of the walk."""
        if self.series.is_open_ended:
            return [(self.lowest, self.end)]
        found: list[tuple[int, int]] = []
        at = self.at
        while len(found) < count and (at > self.lowest if self.backwards else at < self.end):
            stretch = self.series.size.stretch_of(at - 1 if self.backwards else at)
            found.append(stretch)
            at = stretch[0] if self.backwards else stretch[1]
        return found

    async def pieces(self, stretches: Sequence[tuple[int, int]], patience: Patience, wanted: float = inf) -> list[Piece | IbactorsError]:
        """What there is in each of them, or why not; asked for together. Of the first one not more than *wanted* bars are needed."""
        found: dict[int, Piece | IbactorsError] = {}

        def enough(kept: Finished) -> bool:
            # More than wanted, so that the page ends among these. Backwards they are needed up to the end.
            return kept.until >= self.end or (not self.backwards and len(kept.rows.between(self.at, self.end)) > wanted)

        async def load(n: int) -> None:
            try:
                found[n] = await self._library.piece(self.series, stretches[n], patience, enough)
            except IbactorsError as exc:
                found[n] = exc

        async with trio.open_nursery() as nursery:
            for n in range(len(stretches)):
                nursery.start_soon(load, n)
        return [found[n] for n in range(len(stretches))]

    async def past(self, stretch: tuple[int, int], piece: Piece, patience: Patience) -> None:
        """Go past a stretch; and past all that IB does not keep, if the stretch is of that."""
        self.at = stretch[0] if self.backwards else stretch[1]
        if piece.gone:
            self.found_gone = True
            if self.backwards:
                self.at = self.lowest
            else:
                head = await self._library.head(self.series.contract, self.series.what, rth=self.series.rth, patience=patience)
                kept = int(self._library.now()) - SMALL_KEPT if self.series.size.is_small else 0
                self.at = max(self.at, min(self.end, max(head or 0, kept)))


async def begin_walk(library: Library, question: BarsQuestion, place: Place | None, patience: Patience) -> Walk:
    """The walk that answers a question, from its beginning or from the place of a page.

    Raises InvalidRequest, ContractNotFound, ContractAmbiguous, or what the gateway's session raises.
    """
    if question.what is What.ADJUSTED_LAST and question.end is not None:
        raise InvalidRequest("IB takes no end for adjusted_last.", field="end", remedy="Leave it out, or ask for trades.")
    contract = await library.contract(question.instrument, patience)
    series = Series(contract=contract, bar=question.bar, what=question.what, rth=question.rth)
    present = int(library.now()) + 1 + (DAY if series.size.is_dated else 0)  # a session may have tomorrow's date
    stated = place.end if place is not None and place.end else question.end
    end = present if stated is None else min(stated, present)
    lowest = await _lowest(library, series, question.start, patience)
    if place is not None and question.backwards:
        end = min(end, place.at)
    elif place is not None:
        lowest = max(lowest, place.at)
    return Walk(library, series, lowest, end, backwards=question.backwards)


async def _lowest(library: Library, series: Series, start: int | None, patience: Patience) -> int:
    """Where the range begins. One request has to reach back to there where IB takes no end."""
    if not series.is_open_ended:
        return start or 0
    furthest = int(library.now()) - (_FURTHEST if series.size.is_dated else series.size.stretch)
    if start is None:
        head = await library.head(series.contract, series.what, rth=series.rth, patience=patience) if series.size.is_dated else None
        return max(furthest, head or 0) // DAY * DAY
    if start < furthest:
        raise InvalidRequest(
            f"Bars of {series.bar} reach back to {rfc3339(furthest)} for adjusted_last, as IB takes no end for it.",
            field="start",
            remedy="Ask for larger bars, or for a later start.",
        )
    return start
