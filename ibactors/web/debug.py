"""For whoever is woken at night: which actor is in what state and why, which task waits where, what holds up the event loop.

All of it is read off the running service without asking any actor, so that it answers when they do not. Frames and messages' names are
shown, never locals; account numbers are masked.
"""

from typing import Annotated, Literal

import msgspec
import trio
from quart import request

from ibactors import tasktree
from ibactors.actors.kernel import Crash, Ref
from ibactors.errors import IbactorsError
from ibactors.logs import masked as masked_text
from ibactors.meters import Histogram, Notice
from ibactors.metrics import exposition
from ibactors.model import SessionStatus
from ibactors.system import System
from ibactors.tracebacks import Trace, render
from ibactors.watch import SlowStep, waiting_for
from ibactors.web.health import masked
from ibactors.web.operations import Answer, Call, Nothing, Operation, encode
from ibactors.web.problems import Problem, make_problem

_MOST_NAMES = 50
_LONGEST_NAME = 200


class ActorReport(msgspec.Struct, frozen=True, kw_only=True):
    """One actor; times in seconds, counters over all incarnations."""

    name: str
    state: str
    for_seconds: float
    """In this state."""
    uptime_seconds: float
    """Since its first incarnation started."""
    incarnation: int
    epoch: int | None
    """Of the session with the gateway that its data belongs to."""
    restarts: int
    handled: int
    waiting: int
    waiting_peak: int
    open_asks: int
    last_error: str | None


class KindReport(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of message of one actor; handling times in seconds, percentiles as exact as a histogram's buckets."""

    kind: str
    count: int
    mean: float | None
    p50: float | None
    p90: float | None
    p99: float | None
    highest: float


class CrashReport(msgspec.Struct, frozen=True, kw_only=True):
    """How an incarnation ended; `exception` has the frames for programs, `traceback` the lines for people."""

    at: str
    summary: str
    traceback: list[str]
    exception: Trace


class ActorDetail(ActorReport, frozen=True, kw_only=True):
    """One actor with all that is known of it."""

    last_crash: CrashReport | None
    messages: list[KindReport]


class ActorsReport(msgspec.Struct, frozen=True, kw_only=True):
    """All actors, the session, and how much of the gateway is in use."""

    session: SessionStatus
    actors: list[ActorReport]
    lines: int
    max_lines: int
    unsent: int
    notices: list[Notice]
    """The last errors and notices of IB, oldest first."""


class LagReport(msgspec.Struct, frozen=True, kw_only=True):
    """How late timers fired within the last minute, in seconds; null before the first. The clock's grain is 1 ms."""

    p50: float | None
    p90: float | None
    p99: float | None
    highest: float | None


class LoopReport(msgspec.Struct, frozen=True, kw_only=True):
    """The event loop."""

    tasks: int
    watched: bool
    """False when IBACTORS_SLOW_STEP_SECONDS is 0."""
    lag: LagReport
    slow_steps: int
    """Since the start."""
    last_slow_steps: list[SlowStep]


class TasksQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """In which form."""

    format: Annotated[
        Literal["text", "json", "html"] | None,
        msgspec.Meta(description="text, json or html; by the Accept header when not given."),
    ] = None


def report(ref: Ref[object]) -> ActorReport:
    """What can be said of an actor without asking it."""
    status = ref.status
    return ActorReport(
        name=ref.name,
        state=status.state.value,
        for_seconds=round(trio.current_time() - status.since, 3),
        uptime_seconds=round(trio.current_time() - status.started, 3),
        incarnation=status.incarnation,
        epoch=status.epoch,
        restarts=status.restarts,
        handled=status.handled,
        waiting=ref.waiting,
        waiting_peak=ref.peak,
        open_asks=ref.open_asks,
        last_error=status.last_error,
    )


def detail(ref: Ref[object]) -> ActorDetail:
    """Everything that can be said of an actor without asking it."""
    kinds = sorted(ref.status.kinds.items(), key=lambda item: -item[1].sum)
    crash = ref.status.crash
    return ActorDetail(
        **msgspec.structs.asdict(report(ref)),
        last_crash=_crash_report(crash) if crash else None,
        messages=[_kind_report(kind.__name__, histogram) for kind, histogram in kinds],
    )


def _crash_report(crash: Crash) -> CrashReport:
    return CrashReport(at=crash.at, summary=crash.summary, traceback=render(crash.trace).splitlines(), exception=crash.trace)


def _kind_report(kind: str, taken: Histogram) -> KindReport:
    p50, p90, p99 = (_rounded(taken.percentile(share)) for share in (0.5, 0.9, 0.99))
    mean = _rounded(taken.sum / taken.count) if taken.count else None
    return KindReport(kind=kind, count=taken.count, mean=mean, p50=p50, p90=p90, p99=p99, highest=round(taken.highest, 6))


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 6)


def reports(system: System) -> ActorsReport:
    """The whole supervisor, by name."""
    return ActorsReport(
        session=masked(system.connection.sessions.value),
        actors=[report(ref) for ref in sorted(system.supervisor, key=lambda ref: ref.name)],
        lines=system.connection.lines,
        max_lines=system.settings.max_lines,
        unsent=system.connection.unsent,
        notices=list(system.connection.tally.notices),
    )


def loop_report(system: System) -> LoopReport:
    """How the event loop does."""
    watch = system.watch
    p50, p90, p99, highest = map(_rounded, watch.lag_percentiles(0.5, 0.9, 0.99, 1.0) if watch else [None] * 4)
    return LoopReport(
        tasks=trio.lowlevel.current_statistics().tasks_living,
        watched=watch is not None,
        lag=LagReport(p50=p50, p90=p90, p99=p99, highest=highest),
        slow_steps=watch.slow_steps if watch else 0,
        last_slow_steps=list(watch.slowest) if watch else [],
    )


def _heading(loop: LoopReport) -> str:
    if not loop.watched:
        return f"{loop.tasks} tasks; the event loop is not watched (IBACTORS_SLOW_STEP_SECONDS is 0)"
    lag = ", ".join(f"{name} {_ms(value)}" for name, value in (("p50", loop.lag.p50), ("p99", loop.lag.p99), ("worst", loop.lag.highest)))
    return f"{loop.tasks} tasks; loop lag of the last minute: {lag}; slow steps since the start: {loop.slow_steps}"


def _ms(seconds: float | None) -> str:
    return "unknown" if seconds is None else f"{seconds * 1000:.1f} ms"


def _json(value: object) -> Answer:
    return Answer(body=masked_text(encode(value).decode()))


async def get_actors(call: Call[Nothing, Nothing]) -> Answer:
    return _json(reports(call.system))


async def get_actor(call: Call[Nothing, Nothing]) -> Answer | Problem:
    refs = {ref.name: ref for ref in call.system.supervisor}
    name = call.path["name"]
    if name in refs:
        return _json(detail(refs[name]))
    names = sorted(refs)
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    hint = f"There are: {'; '.join(names[:_MOST_NAMES])}{more}. A symbol's actor ends when nobody wants it any more."
    return make_problem("not_found", f"There is no actor {name[:_LONGEST_NAME]!r}.", hint=hint)


async def get_tasks(call: Call[TasksQuery, Nothing]) -> Answer:
    tree = tasktree.snapshot(waiting_for=waiting_for)
    accepted = request.accept_mimetypes.best_match(["text/plain", "text/html", "application/json"])
    form = call.query.format or {"text/html": "html", "application/json": "json"}.get(accepted or "", "text")
    if form == "json":
        return _json(tree)
    heading = _heading(loop_report(call.system))
    if form == "html":
        return Answer(body=masked_text(tasktree.render_html(tree, heading)), content_type="text/html; charset=utf-8")
    return Answer(body=masked_text(f"# {heading}\n{tasktree.render(tree)}"), content_type="text/plain; charset=utf-8")


async def get_loop(call: Call[Nothing, Nothing]) -> Answer:
    return _json(loop_report(call.system))


async def get_metrics(call: Call[Nothing, Nothing]) -> Answer:
    body, content_type = exposition(call.system, request.headers.get("Accept", ""))
    return Answer(body=body, content_type=content_type)


class NoSuchActor(IbactorsError):
    """No actor of this name runs."""

    code = "not_found"


OPERATIONS = (
    Operation(
        method="GET",
        path="/debug/actors",
        handler=get_actors,
        summary="All actors: state, restarts, mailboxes, last errors",
        tag="Debug",
        query=Nothing,
        body=Nothing,
        returns=ActorsReport,
    ),
    Operation(
        method="GET",
        path="/debug/actors/{name}",
        rule="/debug/actors/<path:name>",
        handler=get_actor,
        summary="One actor: last crash with its traceback, handling times by kind of message",
        tag="Debug",
        query=Nothing,
        body=Nothing,
        returns=ActorDetail,
        problems=(NoSuchActor,),
    ),
    Operation(
        method="GET",
        path="/debug/tasks",
        handler=get_tasks,
        summary="The tree of trio tasks: where each waits, for how long, within which cancel scopes",
        tag="Debug",
        query=TasksQuery,
        body=Nothing,
        media_type="text/plain",
        description="Text, JSON or HTML, by the Accept header or `?format=`.",
    ),
    Operation(
        method="GET",
        path="/debug/loop",
        handler=get_loop,
        summary="The event loop: lag, and the steps that held it up, with their stacks",
        tag="Debug",
        query=Nothing,
        body=Nothing,
        returns=LoopReport,
    ),
    Operation(
        method="GET",
        path="/metrics",
        handler=get_metrics,
        summary="Metrics for Prometheus",
        tag="Debug",
        query=Nothing,
        body=Nothing,
        media_type="text/plain",
    ),
)
