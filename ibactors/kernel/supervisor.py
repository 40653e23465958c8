"""Runs actors: one task each, a fresh object for each incarnation, restarts with backoff, one list of all that run.

A crash is logged once, here, with the note that names the actor and the message. Over its limit an actor takes the process down with
`RestartLimit`: the container runtime starts a clean one. What an actor depends on reaches it as messages, never as a restart cascade.
"""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog
import trio

from ibactors.errors import RestartLimit
from ibactors.inside.tracebacks import summary, trace_of
from ibactors.kernel.actor import Actor, Build
from ibactors.kernel.backoff import Backoff
from ibactors.kernel.ref import AnyRef, M, N, Ref
from ibactors.kernel.status import Crash, State
from ibactors.kernel.timers import Timers
from ibactors.model.times import now

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartPolicy(Backoff):
    """How often and how fast an actor is restarted; times in seconds."""

    factor: float = 2.0
    ceiling: float = 30.0
    jitter: float = 0.2
    max_restarts: int | None = 5
    """Failures allowed within `window`; None for an actor whose failure must never end the process."""
    window: float = 60.0


class Supervisor:
    """The nursery of all actors and the list of their addresses. Made by `open_supervisor`."""

    def __init__(self, nursery: trio.Nursery, timers: Timers, crew: str = "") -> None:
        self._nursery = nursery
        self._timers = timers
        self._crew = crew
        self._crews: list[Supervisor] = []
        self._running: dict[AnyRef, trio.CancelScope] = {}
        """By address, as names are for people: two actors may have the same, and one that ends the same as its successor."""
        self._restarts_of_stopped: Counter[str] = Counter()

    def __iter__(self) -> Iterator[AnyRef]:
        return iter([*self._running, *(ref for crew in self._crews for ref in crew)])

    def crew(self, name: str) -> "Supervisor":
        """For actors that know of each other alone: their names begin with that of the crew, and it lists no others."""
        crew = Supervisor(self._nursery, self._timers, f"{name}.")
        self._crews.append(crew)
        return crew

    @property
    def restarts(self) -> Counter[str]:
        """Restarts by kind of actor since the service started, those of actors that are gone included."""
        restarts = Counter(self._restarts_of_stopped)
        for ref in self._running:
            restarts[ref.kind] += ref.status.restarts
        for crew in self._crews:
            restarts.update(crew.restarts)
        return restarts

    async def start(self, ref: Ref[M, N], build: Build[M, N], policy: RestartPolicy | None = None) -> None:
        """Run the actor from now on; returns when it can be told and asked, or has failed for the first time."""
        if ref in self._running:
            raise ValueError(f"Actor {ref.name!r} runs already.")
        if not ref.name.startswith(self._crew):
            ref.name = f"{self._crew}{ref.name}"
        await self._nursery.start(self._run, ref, build, policy or RestartPolicy(), name=f"actor:{ref.name}")

    def stop(self, ref: Ref[M, N], *, reason: str) -> None:
        """End an actor for good, whatever it is doing; open asks get ActorDown. Returns at once."""
        scope = self._running.get(ref)
        if scope is not None:
            scope.cancel(reason=reason)

    async def _run(
        self,
        ref: Ref[M, N],
        build: Build[M, N],
        policy: RestartPolicy,
        *,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        structlog.contextvars.bind_contextvars(actor=ref.name)
        tell_started = _once(task_status.started)
        del task_status  # it would keep the nursery that the actor was started through, for as long as the actor lives
        with trio.CancelScope() as scope:
            self._running[ref] = scope
            try:
                await supervise(ref, build, policy, self._timers, tell_started)
            finally:
                self._restarts_of_stopped[ref.kind] += ref.status.restarts
                del self._running[ref]


@asynccontextmanager
async def open_supervisor() -> AsyncIterator[Supervisor]:
    """Actors started inside the block are stopped on leaving it, all of them, before the block is left."""
    async with trio.open_nursery() as nursery:
        timers = Timers()
        nursery.start_soon(timers.run, name="actors/timers")
        yield Supervisor(nursery, timers)
        nursery.cancel_scope.cancel(reason="the service stops")


async def supervise(ref: Ref[M, N], build: Build[M, N], policy: RestartPolicy, timers: Timers, tell_started: Callable[[], None]) -> None:
    """Run incarnations of one actor until it stops by itself, is cancelled, or fails too often (RestartLimit).

    *tell_started* is called when the actor can be told and asked, or has failed; again for each incarnation.
    """
    failures: list[float] = []
    ref.status.started = trio.current_time()
    try:
        while True:
            _enter(ref, State.STARTING)
            ref.status.incarnation += 1
            try:
                actor = build()
                actor.timers = timers
                await _run_incarnation(ref, actor, tell_started)
            except Exception as exc:  # noqa: BLE001  # the supervisor is the one place where any bug ends
                delay = _next_delay(ref, exc, failures, policy)
            except BaseExceptionGroup as group:
                raise _without_failures(ref, group) from None
            else:
                return
            # Whoever started the actor is not kept waiting for an incarnation that works: asks say that it is down.
            tell_started()
            _enter(ref, State.BACKOFF)
            await trio.sleep(delay)
    finally:
        _enter(ref, State.STOPPED)


def _once(function: Callable[[], None]) -> Callable[[], None]:
    """Call it the first time; afterwards it is not even kept."""
    calls = [function]

    def call() -> None:
        while calls:
            calls.pop()()

    return call


def _without_failures(ref: AnyRef, group: BaseExceptionGroup[BaseException]) -> BaseExceptionGroup[BaseException]:
    """What is left of a cancelled incarnation when the failures of its cleanup are logged; they must not end other actors."""
    failures, rest = group.split(Exception)
    if failures is not None:
        _note_crash(ref, failures)
        log.error("actor_failed_while_stopping", actor=ref.name, exc_info=failures)
    if rest is None:
        raise AssertionError("a group without BaseExceptions is an ExceptionGroup")
    return rest


async def _run_incarnation(ref: Ref[M, N], actor: Actor[M, N], tell_started: Callable[[], None]) -> None:
    # The mailbox is the outer block: it opens before the first child task can tell anything, and when it closes, with every open ask
    # settled, no task of the incarnation is left that could still answer.
    mailbox = ref.open_mailbox(actor.mailbox_size)
    try:
        if not actor.has_children:
            tell_started()
            await actor.run(mailbox)
            return
        async with trio.open_nursery() as nursery:
            actor.nursery = nursery
            tell_started()
            await actor.run(mailbox)
            nursery.cancel_scope.cancel(reason=f"actor {ref.name} stopped")
    finally:
        ref.close_mailbox()


def _next_delay(ref: AnyRef, exc: Exception, failures: list[float], policy: RestartPolicy) -> float:
    """Record a failure; seconds until the restart. Raises RestartLimit when there is none."""
    now = trio.current_time()
    failures.append(now)
    while failures[0] < now - policy.window:
        del failures[0]
    crash = _note_crash(ref, exc)
    if policy.max_restarts is not None and len(failures) > policy.max_restarts:
        raise RestartLimit(
            f"Actor {ref.name!r} failed {len(failures)} times within {policy.window:g} s; the last time with {crash.summary}."
        ) from exc
    ref.status.restarts += 1
    delay = policy.delay(len(failures))
    log.error("actor_crashed", actor=ref.name, restart=ref.status.restarts, delay_s=round(delay, 3), exc_info=exc)
    return delay


def _note_crash(ref: AnyRef, exc: BaseException) -> Crash:
    # What is kept is text: the exception itself would keep all locals of its frames alive.
    crash = ref.status.crash = Crash(at=now(), summary=summary(exc), trace=trace_of(exc))
    return crash


def _enter(ref: AnyRef, state: State) -> None:
    ref.status.state = state
    ref.status.since = trio.current_time()
