"""The past over REST: bars, ticks, first moments, sessions, histograms."""

from collections.abc import Hashable
from http import HTTPStatus
from typing import Any

from quart import request

from ibactors.actors.history_questions import (
    HeadQuestion,
    HistogramQuestion,
    ScheduleQuestion,
    TicksQuestion,
)
from ibactors.errors import (
    ActorDown,
    AskTimeout,
    CompetingSession,
    ContractAmbiguous,
    ContractNotFound,
    GatewayDisconnected,
    GatewayRefused,
    GatewayTimeout,
    HistoryPacing,
    InvalidRequest,
    MailboxFull,
    MarketDataNotSubscribed,
    NoHistory,
    TooManyJobs,
)
from ibactors.keys import Scope
from ibactors.model.bars import PriceLevel, Session, Tick, TickKind, What
from ibactors.model.times import Value, rfc3339
from ibactors.web.contract.bars import PastBar
from ibactors.web.contract.codec import encode
from ibactors.web.contract.moments import seconds_of
from ibactors.web.contract.tables import Rows
from ibactors.web.operation import Answer, Call, Nothing, Operation
from ibactors.web.rest.history_bars import Bars, JobReport, bars_body, job_path, job_report
from ibactors.web.rest.history_queries import (
    BarsQuery,
    HeadQuery,
    HistogramQuery,
    ScheduleQuery,
    TicksQuery,
    bars_question,
    bounds,
    instrument,
)

PROBLEMS = (
    ContractNotFound,
    ContractAmbiguous,
    NoHistory,
    HistoryPacing,
    MarketDataNotSubscribed,
    CompetingSession,
    GatewayDisconnected,
    GatewayRefused,
    GatewayTimeout,
    ActorDown,
    AskTimeout,
    MailboxFull,
    InvalidRequest,
)


class Ticks(Value, frozen=True, kw_only=True):
    """A page of past ticks, oldest first."""

    symbol: str
    con_id: int
    what: TickKind
    """`trades`, `bid_ask` or `midpoint`."""
    rth: bool
    ticks: tuple[Tick, ...]
    """Oldest first."""
    next_page_token: str | None


class FirstMoment(Value, frozen=True, kw_only=True):
    """Since when IB has data."""

    symbol: str
    con_id: int
    what: What
    rth: bool
    head: str
    """The time of the oldest data that IB has."""


class PastSession(Value, frozen=True, kw_only=True):
    """One session, in UTC."""

    date: str
    """The day that it belongs to."""
    open: str
    """When it began."""
    close: str
    """When it ended."""


class Schedule(Value, frozen=True, kw_only=True):
    """Sessions, oldest first."""

    symbol: str
    con_id: int
    time_zone: str
    """The exchange's."""
    rth: bool
    sessions: tuple[PastSession, ...]
    """Oldest first."""


class PriceHistogram(Value, frozen=True, kw_only=True):
    """How much was traded at which price, lowest first."""

    symbol: str
    con_id: int
    period: str
    """As it was asked for: days, weeks or months up to now."""
    rth: bool
    levels: tuple[PriceLevel, ...]
    """The lowest price first."""


_UNITS = {"d": "days", "w": "weeks", "mo": "months"}


async def get_bars(call: Call[BarsQuery, Nothing]) -> Answer:
    question = bars_question(call.query)
    history = call.site.history
    if "respond-async" in request.headers.get("Prefer", "").lower():
        download = await history.begin(question, caller=call.along.holder)
        headers = {"Location": job_path(download), "Preference-Applied": "respond-async"}
        return Answer(body=encode(job_report(download)), status=HTTPStatus.ACCEPTED, headers=headers)
    page = await history.bars(question, caller=call.along.holder, wait=call.query.wait)
    return Answer(body=await bars_body(call.system.bar_texts, call.site, question, page))


async def get_ticks(call: Call[TicksQuery, Nothing]) -> Ticks:
    query = call.query
    start, end = bounds(query.start, query.end)
    question = TicksQuestion(
        instrument=instrument(query),
        kind=query.what,
        rth=query.rth,
        start=start,
        end=end,
        limit=query.limit,
        page_token=query.page_token or "",
    )
    page = await call.site.history.ticks(question, caller=call.along.holder, wait=query.wait)
    return Ticks(
        symbol=page.contract.symbol,
        con_id=page.contract.con_id,
        what=query.what,
        rth=query.rth,
        ticks=page.ticks,
        next_page_token=page.next_page_token,
    )


async def get_head(call: Call[HeadQuery, Nothing]) -> FirstMoment:
    query = call.query
    question = HeadQuestion(instrument=instrument(query), what=query.what, rth=query.rth)
    head = await call.site.history.head(question, caller=call.along.holder, wait=query.wait)
    symbol = head.contract.symbol
    return FirstMoment(symbol=symbol, con_id=head.contract.con_id, what=query.what, rth=query.rth, head=rfc3339(head.at))


async def get_schedule(call: Call[ScheduleQuery, Nothing]) -> Schedule:
    query = call.query
    question = ScheduleQuestion(instrument=instrument(query), days=query.days, end=seconds_of(query.end, "end"), rth=query.rth)
    answer = await call.site.history.schedule(question, caller=call.along.holder, wait=query.wait)
    return Schedule(
        symbol=answer.contract.symbol,
        con_id=answer.contract.con_id,
        time_zone=answer.zone,
        rth=query.rth,
        sessions=tuple(map(_session, answer.sessions)),
    )


def _session(session: Session) -> PastSession:
    return PastSession(date=session.date, open=rfc3339(session.opens), close=rfc3339(session.closes))


async def get_histogram(call: Call[HistogramQuery, Nothing]) -> PriceHistogram:
    query = call.query
    count, unit = query.period.rstrip("dwmo"), query.period.lstrip("0123456789")
    question = HistogramQuestion(instrument=instrument(query), period=f"{count} {_UNITS[unit]}", rth=query.rth)
    answer = await call.site.history.histogram(question, caller=call.along.holder, wait=query.wait)
    return PriceHistogram(
        symbol=answer.contract.symbol, con_id=answer.contract.con_id, period=query.period, rth=query.rth, levels=answer.levels
    )


def _past_of(call: Call[Any, Nothing]) -> Hashable:
    return "history", instrument(call.query)


OPERATIONS = (
    Operation(
        method="GET",
        path="/history/bars/{symbol}",
        handle=get_bars,
        asks=_past_of,
        summary="Past bars of one instrument",
        tag="History",
        scope=Scope.READ,
        query=BarsQuery,
        body=Nothing,
        returns=Bars,
        rows=Rows(of=PastBar, member="bars"),
        accepted=JobReport,
        problems=(*PROBLEMS, TooManyJobs),
        description=(
            "A range of any length, cut into what IB takes and put together again. Finished bars are kept and cost IB nothing when they "
            "are asked for again. Without `start` the newest bars come, and further pages go back in time. With the header "
            "`Prefer: respond-async` the whole range is downloaded in the background: 202, and `Location` says where."
        ),
    ),
    Operation(
        method="GET",
        path="/history/ticks/{symbol}",
        handle=get_ticks,
        asks=_past_of,
        summary="Past ticks of one instrument",
        tag="History",
        scope=Scope.READ,
        query=TicksQuery,
        body=Nothing,
        returns=Ticks,
        rows=Rows(of=Tick, member="ticks"),
        problems=PROBLEMS,
    ),
    Operation(
        method="GET",
        path="/history/head/{symbol}",
        handle=get_head,
        asks=_past_of,
        summary="Since when IB has data of one instrument",
        tag="History",
        scope=Scope.READ,
        query=HeadQuery,
        body=Nothing,
        returns=FirstMoment,
        problems=PROBLEMS,
    ),
    Operation(
        method="GET",
        path="/history/schedule/{symbol}",
        handle=get_schedule,
        asks=_past_of,
        summary="The past sessions of one instrument",
        tag="History",
        scope=Scope.READ,
        query=ScheduleQuery,
        body=Nothing,
        returns=Schedule,
        problems=PROBLEMS,
    ),
    Operation(
        method="GET",
        path="/history/histogram/{symbol}",
        handle=get_histogram,
        asks=_past_of,
        summary="How much was traded at which price",
        tag="History",
        scope=Scope.READ,
        query=HistogramQuery,
        body=Nothing,
        returns=PriceHistogram,
        problems=PROBLEMS,
    ),
)
