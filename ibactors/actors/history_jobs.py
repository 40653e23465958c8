"""Downloads: long answers that go on by themselves, through breaks of the session, and are kept for a while when they are done."""

import enum
import math
import secrets
import time
from dataclasses import dataclass, field

import structlog
import trio

from ibactors.actors.history_library import Library
from ibactors.actors.history_loads import Patience
from ibactors.actors.history_questions import BarsQuestion
from ibactors.actors.history_turns import Turns
from ibactors.actors.history_walk import Walk, begin_walk
from ibactors.errors import IbactorsError, InvalidRequest, TooManyJobs
from ibactors.history.rows import Rows
from ibactors.model.instruments import ContractInfo

log = structlog.get_logger(__name__)

MOST = 6
"""Downloads that are kept, running or not."""
MOST_OF_CALLER = 3
MOST_BARS = 400_000
"""Of one download: 25 MiB."""
KEPT = 900.0
"""Seconds for which a finished one is kept."""
_AHEAD = 3
"""Stretches that one download asks for at once."""
_ATTEMPTS = 3
"""How often a stretch is tried again."""
_PAUSE = 5.0
"""Seconds between two attempts."""


class State(enum.StrEnum):
    """Where a download is."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(slots=True, eq=False, kw_only=True)
class Download:
    """One download; changed by the history actor, read by all."""

    id: str = field(default_factory=lambda: f"job_{secrets.token_hex(8)}")
    caller: str
    question: BarsQuestion
    created: float = field(default_factory=time.time)
    ended: float | None = None
    state: State = State.RUNNING
    error: IbactorsError | None = None
    contract: ContractInfo | None = None
    rows: list[Rows] = field(default_factory=list)
    """Oldest first."""
    bars: int = 0
    forming: int | None = None
    steps_done: int = 0
    """Stretches of time."""
    steps_left: int | None = None
    """None before it is known."""
    eta: float | None = None
    """Seconds that are left, by IB's pacing and by how long the ones before took."""
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)


def check_room(downloads: dict[str, Download], question: BarsQuestion, caller: str) -> None:
    """Raises TooManyJobs where there is no room for another one, InvalidRequest for a question without a beginning."""
    if question.start is None:
        raise InvalidRequest("A download needs a start.", field="start", remedy="GET /history/head tells since when there are data.")
    if len(downloads) >= MOST:
        raise TooManyJobs(f"{len(downloads)} downloads are kept; more are not.")
    if sum(download.caller == caller for download in downloads.values()) >= MOST_OF_CALLER:
        raise TooManyJobs(f"{MOST_OF_CALLER} downloads of one caller are kept; more are not.")


async def run_download(library: Library, turns: Turns, download: Download) -> None:
    """Fetch all of it. What goes wrong is kept with it."""
    try:
        with download.scope:
            await _fetch(library, turns, download)
            download.state = State.DONE
    except IbactorsError as exc:
        download.state, download.error = State.FAILED, exc
        log.info("download_failed", job=download.id, code=exc.code)
    download.ended, download.eta = time.time(), 0.0


async def _fetch(library: Library, turns: Turns, download: Download) -> None:
    patience = Patience(download.caller, math.inf)
    walk = await begin_walk(library, download.question, None, patience)
    walk.backwards, walk.at = False, walk.lowest
    download.contract, begun = walk.series.contract, trio.current_time()
    attempts = 0
    while not walk.is_over:
        download.steps_left = walk.left
        stretches = walk.next(_AHEAD)
        for stretch, piece in zip(stretches, await walk.pieces(stretches, patience), strict=True):
            if isinstance(piece, IbactorsError):
                attempts += 1
                if attempts == _ATTEMPTS or isinstance(piece, InvalidRequest):
                    raise piece
                await trio.sleep(_PAUSE * attempts)
                break
            attempts = 0
            rows = piece.rows.between(walk.lowest, walk.end)
            download.rows.append(rows)
            download.bars += len(rows)
            download.forming = piece.forming if piece.forming is not None else download.forming
            download.steps_done += 1
            await walk.past(stretch, piece, patience)
            if download.bars > MOST_BARS:
                raise InvalidRequest(f"It has more than {MOST_BARS} bars.", field="start", remedy="Ask for a shorter time.")
        download.eta = _eta(turns, walk, download, trio.current_time() - begun)
    download.steps_left = 0


def _eta(turns: Turns, walk: Walk, download: Download, spent: float) -> float:
    """Seconds that the rest takes: as long for each as those before, or what the pacing dictates."""
    left = walk.left
    paced = turns.pacing.forecast(trio.current_time(), left) if walk.series.size.is_small else 0.0
    return round(max(paced, left * spent / max(1, download.steps_done)), 1)
