"""Watches the event loop: which step of which task holds it up and where, how late timers fire, how long each task has been waiting.

`Watch` is a trio Instrument, which trio calls when a step begins. A thread samples the loop's stack during a stall; afterwards the culprit
has left the stack. A slow step is one `slow_step` line in the log once it is over; the thread also logs one that lasts longer than a second
while it lasts (`loop_blocked`).
"""

import gc
import sys
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue
from time import perf_counter
from types import FrameType
from typing import NoReturn

import structlog
import trio

from ibactors.inside.histogram import Histogram
from ibactors.inside.tracebacks import Frame, frames_of
from ibactors.model.times import Value, next_round, now

log = structlog.get_logger(__name__)

LAG_INTERVAL, IDLE_INTERVAL = 0.05, 1.0
"""Seconds between two measurements of how late a timer fires; while nothing else happens they come to lie so far apart."""
LAG_WINDOW = 60.0
"""Seconds that the percentiles of the lag cover."""
BLOCKED = 1.0
"""Seconds after which a step is logged while it still runs."""
_LOGGED_CALLS = 8
_SHORTEST_NAP = 0.004
"""Seconds that the watching thread sleeps at least between two looks, however low the limit is."""
_LONG_DOZE = 0.1
"""Seconds after which the loop counts as idle: its next step does not make it likely that another one follows."""
_FEW = 10.0
"""Times a second that an idle loop waits at most: the session's own beat is three of them."""
_LOG_INTERVAL = 1.0
"""Seconds between two log lines about slow steps; those between are counted."""


_current: trio.lowlevel.RunVar["Watch | None"] = trio.lowlevel.RunVar("watch", None)


class SlowStep(Value, frozen=True, kw_only=True):
    """A step that held up the loop. `stack` is where it was, outermost call first; empty when the watching thread never got to run."""

    task: str
    """The task whose step it was."""
    at: str
    """When it was, by the machine's clock."""
    seconds: float
    """For so long the loop could do nothing else."""
    cpu: float | None
    """Share of the time spent computing, 0 to 1: low for a blocking call, or when processors are scarce. None without `stack`."""
    stack: tuple[Frame, ...]
    """Where it was, outermost call first; empty when the watching thread never got to run."""


class Watch(trio.abc.Instrument):
    """Watches one event loop, from `open_watch` on; durations in seconds."""

    def __init__(self, slow: float) -> None:
        self.slow = slow
        self.lag = Histogram()
        """How late timers fired since the start."""
        self.slow_steps = 0
        self.slowest: deque[SlowStep] = deque(maxlen=20)
        """The last slow steps."""
        self._recent_lag: deque[tuple[float, float]] = deque(maxlen=int(LAG_WINDOW / LAG_INTERVAL))
        """When it was measured, and how late it was."""
        self._waits = 0
        """How often the loop has waited."""
        self._stepped: dict[trio.lowlevel.Task, float] = {}
        self._task: trio.lowlevel.Task | None = None
        self._since = float("inf")
        self._look = _Look()
        self._begun = perf_counter()
        self._loop_thread = threading.get_ident()
        self._stop = threading.Event()
        self._dozing = False
        """Whether the watching thread is to be woken by the next step."""
        self._wake: SimpleQueue[None] = SimpleQueue()
        self._next_log = 0.0
        self._unlogged = 0

    # what trio calls; the first two are on every task's way

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        present = perf_counter()
        if present - self._since > self.slow:
            self._report(present)
        self._task = task
        self._since = self._stepped[task] = present
        if self._dozing:  # after `_since` is set, as the thread looks at the two in the other order
            self._dozing = False
            self._wake.put(None)

    def before_io_wait(self, _timeout: float) -> None:
        present = perf_counter()
        if present - self._since > self.slow:
            self._report(present)
        self._since = float("inf")
        self._waits += 1

    def task_exited(self, task: trio.lowlevel.Task) -> None:
        self._stepped.pop(task, None)

    # what others ask

    @property
    def remembered(self) -> int:
        """Tasks whose last step is remembered; those that have ended are not."""
        return len(self._stepped)

    def waiting_for(self, task: trio.lowlevel.Task) -> float:
        """Seconds since the task last ran; since the watch began, if it has not run since."""
        return perf_counter() - self._stepped.get(task, self._begun)

    def lag_percentiles(self, *shares: float) -> list[float | None]:
        """Percentiles, as *shares* from 0 to 1, of how late the last minute's timers fired, in seconds; None before the first."""
        begin = perf_counter() - LAG_WINDOW
        recent = sorted(lag for at, lag in self._recent_lag if at >= begin)
        return [recent[min(int(share * len(recent)), len(recent) - 1)] if recent else None for share in shares]

    # the loop's side

    async def measure_lag(self) -> NoReturn:
        """Measure again and again how late a timer fires; seldom while there is nothing that could make it late.

        A loop that has nothing to do is not to be woken twenty times a second. A block in between is noted by `_report`.
        """
        interval = LAG_INTERVAL
        while True:
            waits, due = self._waits, next_round(trio.current_time(), interval)
            await trio.sleep_until(due)
            self._was_late(max(trio.current_time() - due, 0.0))
            idle = self._waits - waits <= 2 + _FEW * interval
            interval = min(2 * interval, IDLE_INTERVAL) if idle else LAG_INTERVAL

    def _was_late(self, lag: float) -> None:
        self.lag.add(lag)
        self._recent_lag.append((perf_counter(), lag))

    def _report(self, present: float) -> None:
        """Record and log the step that began at `_since`, which took long."""
        seconds, look = present - self._since, self._look
        seen = look.step == self._since
        step = SlowStep(
            task=self._task.name if self._task else "?",
            at=now(),
            seconds=round(seconds, 4),
            cpu=round(min((time.thread_time() - look.cpu) / (seconds - look.first), 1.0), 2) if seen and look.cpu is not None else None,
            stack=look.stack if seen else (),
        )
        self._was_late(seconds)  # as whatever was due when it began
        self.slow_steps += 1
        self.slowest.append(step)
        if present < self._next_log:
            self._unlogged += 1
            return
        log.warning("slow_step", task=step.task, seconds=step.seconds, cpu=step.cpu, **_places(step.stack), unlogged_before=self._unlogged)
        self._next_log, self._unlogged = present + _LOG_INTERVAL, 0

    # the watching thread's side

    @contextmanager
    def thread(self) -> Iterator[None]:
        """The watching thread runs inside the block."""
        thread = threading.Thread(target=self._keep_looking, name="watch", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            self._wake.put(None)
            thread.join()

    def _doze(self) -> float:
        """Sleep while the loop waits; for how many seconds."""
        begun = perf_counter()
        self._dozing = True
        if self._since == float("inf") and not self._stop.is_set():
            self._wake.get()
        self._dozing = False
        return perf_counter() - begun

    def _keep_looking(self) -> None:
        logged = 0.0
        clock = _cpu_clock(self._loop_thread)
        nap = max(self.slow * 0.4, _SHORTEST_NAP)
        while not self._stop.is_set():
            if self._since == float("inf") and self._doze() > _LONG_DOZE and self._since == float("inf"):
                continue  # a step woke it which is over: so it is in a loop that has nothing to do, where no nap is wanted either
            if self._stop.wait(nap) or self._since == float("inf"):
                continue
            since, task, before = self._since, self._task, self._look
            running = perf_counter() - since
            again = before.step == since
            # Again when it has lasted twice as long: the last look is then neither at its beginning nor at its very end.
            due = 2 * before.last if again else self.slow * 0.4
            if task is None or running < (due if logged == since else min(due, BLOCKED)):
                continue
            stack = frames_of(calls_of_step(self._loop_thread))
            first, cpu = (before.first, before.cpu) if again else (running, clock())
            if self._since != since:
                continue  # another step by now
            self._look = _Look(step=since, first=first, last=running, cpu=cpu, stack=stack)
            if running > BLOCKED and logged != since:
                logged = since
                log.warning("loop_blocked", task=task.name, seconds=round(running, 2), **_places(stack))


def _cpu_clock(thread: int) -> Callable[[], float | None]:
    if sys.platform != "linux":
        return lambda: None
    return partial(time.clock_gettime, time.pthread_getcpuclockid(thread))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """What the watching thread saw of the step that began at *step*; *first* and *last* are seconds from then on."""

    step: float = 0.0
    first: float = 0.0
    last: float = 0.0
    cpu: float | None = 0.0
    """The loop's processor time at the first look; None where the system does not tell it of other threads."""
    stack: tuple[Frame, ...] = ()


def _places(stack: tuple[Frame, ...]) -> dict[str, object]:
    """Fields of a log line: the innermost call, and the calls that led to it."""
    if not stack:
        return {"where": "unknown: it did not let the watching thread run"}
    return {"where": str(stack[-1]), "calls": [str(frame) for frame in stack[-_LOGGED_CALLS:]]}


def calls_of_step(thread: int) -> list[tuple[FrameType, int]]:
    """The calls inside a thread's step, outermost first: those below trio's own loop.

    No garbage is collected meanwhile. Python 3.11 collects while it makes an object of a frame; a finalizer that lets the other thread run
    then lets that frame end, and what is written to it next is somebody else's memory: a segmentation fault, sooner or later.
    """
    calls: list[tuple[FrameType, int]] = []
    collects = gc.isenabled()
    gc.disable()
    try:
        frame = sys._current_frames().get(thread)  # noqa: SLF001  # documented, and meant for this
        while frame is not None and frame.f_code.co_name != "unrolled_run":
            calls.append((frame, frame.f_lineno))
            frame = frame.f_back
        calls.reverse()
    finally:
        if collects:
            gc.enable()
    return calls


@asynccontextmanager
async def open_watch(slow: float) -> AsyncIterator[Watch | None]:
    """Watch the running loop inside the block; *slow* is the duration, in seconds, from which a step is reported. None when it is 0."""
    if not slow:
        yield None
        return
    watch = Watch(slow)
    token = _current.set(watch)
    async with trio.open_nursery() as nursery:
        trio.lowlevel.add_instrument(watch)
        try:
            with watch.thread():
                nursery.start_soon(watch.measure_lag, name="watch")
                yield watch
                nursery.cancel_scope.cancel(reason="the service stops")
        finally:
            trio.lowlevel.remove_instrument(watch)
            _current.reset(token)


def waiting_for(task: trio.lowlevel.Task) -> float | None:
    """Seconds since a task of this run last did something; None when no watch knows."""
    watch = _current.get(None)
    return watch.waiting_for(task) if watch else None
