"""Answers about the past: pages of bars, sessions, first moments, histograms."""

from ibactors.actors.history_library import Library
from ibactors.actors.history_loads import Load, Patience
from ibactors.actors.history_questions import (
    BarPage,
    BarsQuestion,
    Head,
    HeadQuestion,
    Histogram,
    HistogramQuestion,
    ScheduleAnswer,
    ScheduleQuestion,
)
from ibactors.actors.history_turns import OPEN
from ibactors.actors.history_walk import Walk, begin_walk
from ibactors.bridge.history import check_kind, histogram, schedule
from ibactors.errors import GatewayRefused, GatewayTimeout, HistoryPacing, IbactorsError, NoHistory
from ibactors.history.calendar import read_sessions
from ibactors.history.pages import Place, read_token, write_token
from ibactors.history.plan import utc
from ibactors.history.rows import Rows
from ibactors.model.bars import PriceLevel
from ibactors.model.times import rfc3339


async def bar_page(library: Library, question: BarsQuestion, patience: Patience) -> BarPage:
    """One page; shorter than asked for where the rest would take too long.

    Raises NoHistory if all of the range is older than what IB keeps, and what `begin_walk` and `Library.piece` raise.
    """
    place = read_token(question.page_token, question.fingerprint) if question.page_token else None
    walk = await begin_walk(library, question, place, patience)
    found: list[Rows] = []
    count, forming, cut_short = 0, None, False
    while not (walk.is_over or cut_short or count >= question.limit):
        stretches = walk.next(_many(question, count, len(found)))
        for stretch, piece in zip(stretches, await walk.pieces(stretches, patience, question.limit - count), strict=True):
            if isinstance(piece, IbactorsError):
                if not (count and isinstance(piece, (HistoryPacing, GatewayTimeout))):
                    raise piece
                cut_short = True
                break
            found.append(piece.rows.between(walk.lowest, walk.end))
            count += len(found[-1])
            forming = piece.forming if piece.forming is not None else forming
            await walk.past(stretch, piece, patience)
    if not count and walk.is_over and walk.found_gone:
        raise await _no_history(library, walk, patience)
    rows = Rows()
    for part in reversed(found) if walk.backwards else found:
        rows += part
    return _page(question, walk, rows, forming)


def _many(question: BarsQuestion, count: int, stretches: int) -> int:
    """How many stretches to ask for at once: as many as the page is likely to need."""
    return min(OPEN, -(-(question.limit - count) * stretches // count)) if count else 1


def _page(question: BarsQuestion, walk: Walk, rows: Rows, forming: int | None) -> BarPage:
    """Cut to the limit, with the place of the next page."""
    over = len(rows) - question.limit
    at = None if walk.is_over else walk.at
    if over > 0 and walk.backwards:
        rows = rows.part(over, len(rows))
        at = rows.at(0)
    elif over > 0:
        rows = rows.part(0, question.limit)
        at = rows.at(len(rows) - 1) + 1
    end = 0 if walk.backwards else walk.end
    token = None if at is None else write_token(Place(question=question.fingerprint, at=at, end=end))
    return BarPage(contract=walk.series.contract, rows=rows, forming=forming, next_page_token=token)


async def _no_history(library: Library, walk: Walk, patience: Patience) -> NoHistory:
    head = await library.head(walk.series.contract, walk.series.what, rth=walk.series.rth, patience=patience)
    name = walk.series.contract.symbol
    if head is not None and head >= walk.end:
        text = rfc3339(head)
        return NoHistory(f"The data of {name} begin at {text}.", extra={"head": text})
    return NoHistory(f"IB keeps no bars of {walk.series.bar} of {name} that are so old.")


async def head_of(library: Library, question: HeadQuestion, patience: Patience) -> Head:
    """Since when there are data. Raises NoHistory where IB does not tell."""
    contract = await library.contract(question.instrument, patience)
    at = await library.head(contract, question.what, rth=question.rth, patience=patience)
    if at is None:
        check_kind(contract, question.what)
        raise NoHistory(f"IB tells no first moment of {question.what} of {question.instrument.name}.")
    return Head(contract=contract, at=at)


async def schedule_of(library: Library, question: ScheduleQuestion, patience: Patience) -> ScheduleAnswer:
    """Sessions up to an end. Raises NoHistory for none."""
    contract = await library.contract(question.instrument, patience)
    end = "" if question.end is None or question.end >= library.now() else utc(question.end)

    async def work(load: Load[ScheduleAnswer]) -> ScheduleAnswer:
        zone, rows = await library.loads.ask_one(load, schedule(contract, end=end, duration=f"{question.days} D", rth=question.rth))
        try:
            sessions = read_sessions(zone, rows)
        except ValueError as exc:
            raise GatewayRefused(f"The gateway sent a schedule that cannot be read: {exc}.") from exc
        return ScheduleAnswer(contract=contract, zone=zone, sessions=sessions[-question.days :])

    return await library.loads.get(question, work, patience)


async def histogram_of(library: Library, question: HistogramQuestion, patience: Patience) -> Histogram:
    """What was traded at which price."""
    contract = await library.contract(question.instrument, patience)

    async def work(load: Load[Histogram]) -> Histogram:
        levels = await library.loads.ask_one(load, histogram(contract, period=question.period, rth=question.rth))
        return Histogram(contract=contract, levels=tuple(sorted(levels, key=_price)))

    return await library.loads.get(question, work, patience)


def _price(level: PriceLevel) -> float:
    return level.price
