"""Downloads of bars over REST: how far they are, what they have, and their end."""

from typing import Annotated

import msgspec

from ibactors.actors.history_jobs import Download
from ibactors.actors.history_questions import BarPage
from ibactors.errors import ActorDown, AskTimeout, GatewayDisconnected, JobNotFound, MailboxFull
from ibactors.history.pages import Place, read_token, write_token
from ibactors.history.rows import Rows
from ibactors.keys import Scope
from ibactors.model.times import whole
from ibactors.web.contract import tables
from ibactors.web.contract.bars import PastBar
from ibactors.web.operation import Answer, Call, Nothing, Operation
from ibactors.web.rest.history_bars import Bars, JobReport, JobReports, bars_body, job_report
from ibactors.web.rest.history_queries import Token

JobId = Annotated[
    str, msgspec.Meta(pattern=whole("job_[0-9a-f]{16}"), description="The download's `id`.", examples=["job_0123456789abcdef"])
]


class JobQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which download."""

    id: JobId


class ResultQuery(JobQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which page of its bars."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=10_000, description="Bars of a page; 1 to 10000.")] = 10_000
    page_token: Token | None = None


async def get_jobs(call: Call[Nothing, Nothing]) -> JobReports:
    downloads = [download for site in call.system.sites for download in site.history.downloads.values()]
    return JobReports(jobs=tuple(job_report(download) for download in downloads if download.caller == call.along.holder))


async def get_job(call: Call[JobQuery, Nothing]) -> JobReport:
    return job_report(_mine(call, call.query.id))


async def get_job_bars(call: Call[ResultQuery, Nothing]) -> Answer:
    download = _mine(call, call.query.id)
    if download.contract is None:
        raise download.error or GatewayDisconnected("The download has not begun yet.")
    number = download.question.fingerprint
    place = read_token(call.query.page_token, number) if call.query.page_token else Place(number, 0)
    rows, is_last = _rows(download, place.at, call.query.limit)
    ended = is_last and download.ended is not None
    at = rows.at(len(rows) - 1) + 1 if len(rows) else place.at
    token = None if ended else write_token(Place(number, at))
    page = BarPage(contract=download.contract, rows=rows, forming=download.forming, next_page_token=token)
    return Answer(body=await bars_body(call.system.bar_texts, call.site, download.question, page))


async def delete_job(call: Call[JobQuery, Nothing]) -> JobReport:
    download = _mine(call, call.query.id)
    site = next(site for site in call.system.sites if download.id in site.history.downloads)
    await site.history.drop(download.id, caller=call.along.holder)
    return job_report(download)


def _mine(call: Call[JobQuery, Nothing] | Call[ResultQuery, Nothing], download: str) -> Download:
    found = next((site.history.downloads[download] for site in call.system.sites if download in site.history.downloads), None)
    if found is None or found.caller != call.along.holder:
        raise JobNotFound(f"There is no download {download!r}.")
    return found


def _rows(download: Download, at: int, limit: int) -> tuple[Rows, bool]:
    """The next bars from *at* on, and whether they are the last ones so far."""
    rows = Rows()
    for part in download.rows:
        if len(part) and part.at(len(part) - 1) >= at:
            rows += part.between(at, part.at(len(part) - 1) + 1)
        if len(rows) > limit:
            return rows.part(0, limit), False
    return rows, True


_PROBLEMS = (JobNotFound, ActorDown, AskTimeout, MailboxFull)
OPERATIONS = (
    Operation(
        method="GET",
        path="/history/jobs",
        handle=get_jobs,
        summary="Downloads of bars",
        tag="History",
        scope=Scope.READ,
        query=Nothing,
        body=Nothing,
        returns=JobReports,
    ),
    Operation(
        method="GET",
        path="/history/jobs/{id}",
        handle=get_job,
        summary="How far a download is",
        tag="History",
        scope=Scope.READ,
        query=JobQuery,
        body=Nothing,
        returns=JobReport,
        problems=(JobNotFound,),
    ),
    Operation(
        method="GET",
        path="/history/jobs/{id}/bars",
        handle=get_job_bars,
        summary="The bars of a download, as far as they are in",
        tag="History",
        scope=Scope.READ,
        query=ResultQuery,
        body=Nothing,
        returns=Bars,
        rows=tables.Rows(of=PastBar, member="bars"),
        problems=(JobNotFound, GatewayDisconnected),
        description="Oldest first. While the download runs, each page has a `next_page_token`; the last one has when it is over.",
    ),
    Operation(
        method="DELETE",
        path="/history/jobs/{id}",
        handle=delete_job,
        summary="End a download and forget it",
        tag="History",
        scope=Scope.READ,
        query=JobQuery,
        body=Nothing,
        returns=JobReport,
        problems=_PROBLEMS,
    ),
)
