"""What may be asked of the past over REST: the parameters of each route, and the question about bars that they are."""

from typing import Annotated

import msgspec

from ibactors.actors.history_questions import BarsQuestion
from ibactors.errors import InvalidRequest
from ibactors.model.bars import BarSize, TickKind, What
from ibactors.model.instruments import Instrument
from ibactors.model.times import whole
from ibactors.web.contract.moments import Moment, seconds_of
from ibactors.web.contract.queries import InstrumentQuery, SymbolInPath, instrument_of

Wait = Annotated[
    float,
    msgspec.Meta(ge=0.1, le=60, description="Seconds that the answer may take, IB's pacing included; 30 if not given, 60 at most."),
]
Rth = Annotated[bool, msgspec.Meta(description="Regular trading hours only; `false` for all hours.")]
Token = Annotated[
    str, msgspec.Meta(pattern=whole("[A-Za-z0-9_-]{1,200}"), description="`next_page_token` of the page before; all else as there.")
]
WHAT = msgspec.Meta(
    description="What bars are made of. `bid_ask`: open and close are the average bid and ask, low and high the lowest bid and highest ask."
)


class PastQuery(InstrumentQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An instrument, and how long to wait."""

    symbol: SymbolInPath
    rth: Rth = True
    wait: Wait = 30.0


class BarsQuery(PastQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which bars."""

    bar: Annotated[BarSize, msgspec.Meta(description="How long a bar is: 1s to 1mo.")]
    what: Annotated[What, WHAT] = What.TRADES
    start: Annotated[Moment, msgspec.Meta(description="Bars that begin then or later. Without it the newest ones.")] | None = None
    end: Annotated[Moment, msgspec.Meta(description="Bars that begin before it. Without it, up to now.")] | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=10_000, description="Bars of a page; 1 to 10000.")] = 1000
    order: Annotated[
        str, msgspec.Meta(pattern=whole("asc|desc"), description="`asc`: oldest first, `desc`: newest first, and pages go backwards.")
    ] = "asc"
    page_token: Token | None = None


class TicksQuery(PastQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which ticks; a start or an end is needed."""

    what: Annotated[TickKind, msgspec.Meta(description="Trades, bids and asks, or midpoints.")] = TickKind.TRADES
    start: Annotated[Moment, msgspec.Meta(description="Ticks from then on.")] | None = None
    end: Annotated[Moment, msgspec.Meta(description="Ticks before it; without a start the last ones before it.")] | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000, description="Ticks of a page; 1 to 1000.")] = 1000
    page_token: Token | None = None


class HeadQuery(PastQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of what."""

    what: Annotated[What, WHAT] = What.TRADES


class ScheduleQuery(PastQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which sessions."""

    days: Annotated[int, msgspec.Meta(ge=1, le=365, description="How many sessions; 1 to 365.")] = 30
    end: Annotated[Moment, msgspec.Meta(description="Sessions that begin before it; now if not given.")] | None = None


class HistogramQuery(PastQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Over which time."""

    period: Annotated[
        str, msgspec.Meta(pattern=whole("[1-9][0-9]?(d|w|mo)"), description="Days, weeks or months up to now: `3d`, `1w`, `2mo`.")
    ] = "3d"


def bars_question(query: BarsQuery) -> BarsQuestion:
    """What a query asks for. Raises InvalidRequest."""
    start, end = bounds(query.start, query.end)
    return BarsQuestion(
        instrument=instrument(query),
        bar=query.bar,
        what=query.what,
        rth=query.rth,
        start=start,
        end=end,
        limit=query.limit,
        descending=query.order == "desc",
        page_token=query.page_token or "",
    )


def bounds(start: str | None, end: str | None) -> tuple[int | None, int | None]:
    """Both in Unix seconds. Raises InvalidRequest."""
    since, until = seconds_of(start, "start"), seconds_of(end, "end")
    if since is not None and until is not None and since >= until:
        raise InvalidRequest("The start is not before the end.", field="start", remedy="Give a start that is earlier than the end.")
    return since, until


def instrument(query: PastQuery) -> Instrument:
    """The instrument of a query. Raises InvalidRequest."""
    return instrument_of(query.symbol, query)
