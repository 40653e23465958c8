"""What can be said of actors and of the event loop without asking any actor, as types and as text for people."""

from collections.abc import Iterator
from functools import reduce
from operator import add
from typing import Any

import msgspec
import trio

from ibactors.actors.site import Site
from ibactors.bridge.tally import Notice
from ibactors.inside.histogram import Histogram
from ibactors.inside.tracebacks import Trace, frame_lines, render
from ibactors.inside.watch import SlowStep
from ibactors.kernel.pool import Usage
from ibactors.kernel.ref import AnyRef
from ibactors.kernel.status import Crash
from ibactors.model.sessions import SessionReport
from ibactors.web.system import System


class ActorReport(msgspec.Struct, frozen=True, kw_only=True):
    """One actor; times in seconds, counters over all incarnations."""

    name: str
    """Also in the path of `GET /debug/actors/{name}`."""
    state: str
    """`starting`, `running`, `backoff` or `stopped`."""
    for_seconds: float
    """In this state."""
    uptime_seconds: float
    """Since its first incarnation started."""
    incarnation: int
    """Which of its lives this is; each restart begins another."""
    epoch: int | None
    """Of the session with the gateway that its data belongs to."""
    restarts: int
    """How often it was started again."""
    handled: int
    """Messages that it has handled."""
    waiting: int
    """Messages in its mailbox."""
    waiting_peak: int
    """The most messages that ever waited."""
    open_asks: int
    """Questions to it that have no answer yet."""
    last_error: str | None
    """Its last crash in one line; null while there was none."""


class KindReport(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of message of one actor; handling times in seconds, percentiles as exact as a histogram's buckets."""

    kind: str
    """Name of the message."""
    count: int
    """How many were handled."""
    mean: float | None
    """Average time; null without one."""
    p50: float | None
    """Half of them took no longer."""
    p90: float | None
    """Nine of ten took no longer."""
    p99: float | None
    """99 of 100 took no longer."""
    highest: float
    """The longest time."""


class CrashReport(msgspec.Struct, frozen=True, kw_only=True):
    """How an incarnation ended; `exception` has the frames for programs, `traceback` the lines for people."""

    at: str
    """When it crashed."""
    summary: str
    """In one line."""
    traceback: list[str]
    """For people, line by line."""
    exception: Trace
    """For programs."""


class ActorDetail(ActorReport, frozen=True, kw_only=True):
    """One actor with all that is known of it."""

    last_crash: CrashReport | None
    """Null while there was none."""
    messages: list[KindReport]
    """What it has spent most time on first."""


class BudgetReport(msgspec.Struct, frozen=True, kw_only=True):
    """How much of one budget is used, and by whom; what several hold counts for each of them."""

    name: str
    """What it is of, such as market-data lines."""
    limit: int
    """How many there are in all."""
    share: int
    """Of one caller."""
    used: int
    """How many are in use."""
    holders: dict[str, int]
    """How many each caller holds, by name."""


class UseReport(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a gateway is in use."""

    session: SessionReport
    """With the gateway."""
    lines: int
    """Market-data lines that are open."""
    max_lines: int
    """How many may be, by IBACTORS_MAX_LINES."""
    unsent: int
    """Messages that wait for their turn at the gateway's message rate."""
    budgets: list[BudgetReport]
    """What a login has few of."""
    notices: list[Notice]
    """The last errors and notices of IB, oldest first."""


class NamedUseReport(UseReport, frozen=True, kw_only=True):
    """How much of one of several gateways is in use."""

    name: str
    """As in IBACTORS_GATEWAYS."""


class ActorsReport(UseReport, frozen=True, kw_only=True):
    """All actors, the session of the default gateway, and how much is in use of what all logins have together."""

    actors: list[ActorReport]
    """By name."""
    gateways: list[NamedUseReport] | msgspec.UnsetType = msgspec.UNSET
    """Where there are several: each of them."""


class LagReport(msgspec.Struct, frozen=True, kw_only=True):
    """How late timers fired within the last minute, in seconds; null before the first. The clock's grain is 1 ms."""

    p50: float | None
    """Half of them fired no later."""
    p90: float | None
    """Nine of ten fired no later."""
    p99: float | None
    """99 of 100 fired no later."""
    highest: float | None
    """The latest."""


class LoopReport(msgspec.Struct, frozen=True, kw_only=True):
    """The event loop."""

    tasks: int
    """Tasks of trio that are alive."""
    watched: bool
    """False when IBACTORS_SLOW_STEP_SECONDS is 0."""
    lag: LagReport
    """How late timers fire."""
    slow_steps: int
    """Since the start."""
    last_slow_steps: list[SlowStep]
    """The last of them, oldest first."""


def report(ref: AnyRef) -> ActorReport:
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


def detail(ref: AnyRef) -> ActorDetail:
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
        actors=[report(ref) for ref in sorted(system.supervisor, key=lambda ref: ref.name)],
        gateways=[NamedUseReport(name=site.name, **_use(site)) for site in system.sites] if system.several else msgspec.UNSET,
        **_use(system.sites[0]) | _sums(system),
    )


def _sums(system: System) -> dict[str, Any]:
    """What all logins have together."""
    each = zip(*(site.budgets for site in system.sites), strict=True)
    return {
        "lines": sum(site.connection.lines for site in system.sites),
        "max_lines": sum(site.settings.max_lines for site in system.sites),
        "budgets": [_budget(reduce(add, usages)) for usages in each],
    }


def _use(site: Site) -> dict[str, Any]:
    """The members of `UseReport`."""
    return {
        "session": site.session.report,
        "lines": site.connection.lines,
        "max_lines": site.settings.max_lines,
        "budgets": [_budget(usage) for usage in site.budgets],
        "unsent": site.connection.unsent,
        "notices": list(site.connection.tally.notices),
    }


def _budget(usage: Usage) -> BudgetReport:
    return BudgetReport(name=usage.name, limit=usage.limit, share=usage.share, used=usage.used, holders=dict(usage.holders))


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


def heading(loop: LoopReport) -> str:
    if not loop.watched:
        return f"{loop.tasks} tasks; the event loop is not watched (IBACTORS_SLOW_STEP_SECONDS is 0)"
    lag = ", ".join(f"{name} {_ms(value)}" for name, value in (("p50", loop.lag.p50), ("p99", loop.lag.p99), ("worst", loop.lag.highest)))
    return f"{loop.tasks} tasks; loop lag of the last minute: {lag}; slow steps since the start: {loop.slow_steps}"


def _ms(seconds: float | None) -> str:
    return "unknown" if seconds is None else f"{seconds * 1000:.1f} ms"


def actors_text(report: ActorsReport) -> str:
    """The session in words and a table of the actors."""
    gateways = [("", report)] if report.gateways is msgspec.UNSET else [(f"{use.name}: ", use) for use in report.gateways]
    rows: list[tuple[str, ...]] = [("actor", "state", "for", "restarts", "handled", "waiting", "peak", "last error")]
    for actor in report.actors:
        numbers = (f"{actor.for_seconds:.1f} s", actor.restarts, actor.handled, actor.waiting, actor.waiting_peak)
        rows.append((actor.name, actor.state, *map(str, numbers), actor.last_error or ""))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    table = ["  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]).rstrip() for row in rows]
    together = [f"all lines: {report.lines} of {report.max_lines}"] if len(gateways) > 1 else []
    return "\n".join([*(line for name, use in gateways for line in _use_text(name, use)), *together, "", *table]) + "\n"


def _use_text(name: str, use: UseReport) -> Iterator[str]:
    session = use.session
    reason = f": {session.reason}" if session.reason else ""
    yield f"{name}session: {session.phase.value} since {session.since}, epoch {session.epoch}{reason}"
    yield f"{name}lines: {use.lines} of {use.max_lines}; unsent messages: {use.unsent}"


def actor_text(actor: ActorDetail) -> str:
    """All of one actor."""
    facts = [
        f"actor {actor.name}: {actor.state} for {actor.for_seconds:.1f} s",
        f"restarts: {actor.restarts}; incarnation {actor.incarnation}; first started {actor.uptime_seconds:.1f} s ago; epoch {actor.epoch}",
        f"mailbox: {actor.waiting} waiting, {actor.waiting_peak} at most; open asks: {actor.open_asks}",
        "",
        f"{'message':<20} {'count':>8} {'mean':>10} {'p50':>10} {'p99':>10} {'highest':>10}",
    ]
    for kind in actor.messages:
        times = "".join(f" {_ms(seconds):>10}" for seconds in (kind.mean, kind.p50, kind.p99, kind.highest))
        facts.append(f"{kind.kind:<20} {kind.count:>8}{times}")
    crash = actor.last_crash
    told = ["", f"last crash, at {crash.at}:", "", *crash.traceback] if crash else ["", "no crash"]
    return "\n".join([*facts, *told]) + "\n"


def _computed(cpu: float | None) -> str:
    return "" if cpu is None else f", computing {cpu:.0%} of the time"


def loop_text(loop: LoopReport) -> str:
    """How the event loop does, and the stacks of its slow steps."""
    lines = [heading(loop)]
    for step in loop.last_slow_steps:
        lines += ["", f"{step.at}  {step.task} held it up for {_ms(step.seconds)}{_computed(step.cpu)}", *frame_lines(step.stack)]
    return "\n".join(lines) + "\n"
