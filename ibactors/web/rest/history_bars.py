"""Bars as JSON, and what a download says of itself."""

from ibactors.actors.history_jobs import Download
from ibactors.actors.history_questions import BarPage, BarsQuestion
from ibactors.actors.site import Site
from ibactors.model.bars import BarSize, What
from ibactors.model.encoded import Encoded
from ibactors.model.instruments import Instrument
from ibactors.model.quotes import MarketDataType, Quote
from ibactors.model.times import Value, rfc3339
from ibactors.web.contract.bars import BarTexts, PastBar
from ibactors.web.contract.codec import encode
from ibactors.web.contract.problems import Problem, problem_of


class Bars(Value, frozen=True, kw_only=True):
    """A page of bars."""

    symbol: str
    con_id: int
    bar: BarSize
    what: What
    rth: bool
    bars: tuple[PastBar, ...]
    """In the order that was asked for."""
    complete: bool
    """Whether all of these are."""
    next_page_token: str | None
    """Null on the last page. A page before it may have fewer bars than asked for, or none."""
    market_data_type: MarketDataType | None
    """That of the instrument's quotes, while there are any: IB does not tell whether bars are delayed."""


class JobReport(Value, frozen=True, kw_only=True):
    """How far a download is."""

    id: str
    """For `GET /history/jobs/{id}`."""
    status: str
    """`running`, `done` or `failed`."""
    symbol: str
    """IB's; what was asked for while the contract is not known."""
    bar: BarSize
    what: What
    rth: bool
    start: str | None
    """From when on; null where none was given."""
    end: str | None
    """Up to when; null where none was given."""
    bars: int
    """So far."""
    requests_done: int
    """Stretches of time that are in; each costs IB one request at most."""
    requests_left: int | None
    """Stretches that are still to come; null while that is not known."""
    eta: float | None
    """Seconds that are left."""
    created: str
    """When it was asked for."""
    ended: str | None
    """When it ended; null while it runs."""
    problem: Problem | None
    """Why it failed."""
    result: str
    """Where its bars are, as far as they are in."""


class JobReports(Value, frozen=True, kw_only=True):
    """The caller's downloads."""

    jobs: tuple[JobReport, ...]
    """How far each of them is."""


class _Head(Value, frozen=True, kw_only=True):
    """`Bars` without the bars."""

    symbol: str
    con_id: int
    bar: BarSize
    what: What
    rth: bool
    complete: bool
    next_page_token: str | None
    market_data_type: MarketDataType | None


async def bars_body(texts: BarTexts, site: Site, question: BarsQuestion, page: BarPage) -> bytes:
    """The JSON of a page, `Bars`."""
    head = _Head(
        symbol=page.contract.symbol,
        con_id=page.contract.con_id,
        bar=question.bar,
        what=question.what,
        rth=question.rth,
        complete=page.forming is None
        or not any(page.rows.at(n) == page.forming for n in range(max(0, len(page.rows) - 1), len(page.rows))),
        next_page_token=page.next_page_token,
        market_data_type=data_type(site, question.instrument),
    )
    return encode(head)[:-1] + b',"bars":[' + await texts.of(question, page, site.history.stride) + b"]}"


def data_type(site: Site, instrument: Instrument) -> MarketDataType | None:
    """What kind of data the instrument's line delivers, if it has one."""
    ref = site.market.symbols.get(instrument)
    update = ref.updates.value if ref is not None else None
    return update.value.market_data_type if isinstance(update, Encoded) and isinstance(update.value, Quote) else None


def job_path(download: Download) -> str:
    """Where a download is."""
    return f"/history/jobs/{download.id}"


def job_report(download: Download) -> JobReport:
    """How far it is."""
    question = download.question
    return JobReport(
        id=download.id,
        status=download.state.value,
        symbol=download.contract.symbol if download.contract is not None else question.instrument.symbol,
        bar=question.bar,
        what=question.what,
        rth=question.rth,
        start=None if question.start is None else rfc3339(question.start),
        end=None if question.end is None else rfc3339(question.end),
        bars=download.bars,
        requests_done=download.steps_done,
        requests_left=download.steps_left,
        eta=download.eta,
        created=rfc3339(download.created),
        ended=None if download.ended is None else rfc3339(download.ended),
        problem=None if download.error is None else problem_of(download.error),
        result=f"{job_path(download)}/bars",
    )
