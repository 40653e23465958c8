"""The journal's thread: what waits is written together, in the order in which it came, and nobody is answered before it is durable."""

from collections import deque
from collections.abc import Callable
from typing import Generic, cast

import trio

from ibactors.orders.errors import JournalBusy, JournalClosed
from ibactors.orders.journal import Job, Journal, Outcome
from ibactors.orders.transaction import Operation, T

MOST_WAITING = 2_000
MOST_TOGETHER = 256
"""Operations of one commit."""
QUIET = 0.5
"""Seconds without a write after which the log is folded into the file."""
FOLDED_AFTER = 8
"""Commits at least before it is."""


class _Waiting(Generic[T]):
    """An operation that waits for its commit."""

    def __init__(self, operation: Operation[T], *, opens: bool, then: Callable[[], object]) -> None:
        self.job = Job(operation, opens)
        self.then = then
        self.done = trio.Event()
        self.outcome: Outcome = None


class Writer:
    """The one way to write. `run` must be running; when it ends, what still waits is refused.

    A caller that is cancelled while it waits changes nothing: its operation is carried out all the same.
    """

    def __init__(self, journal: Journal, on_durable: Callable[[int], object] = lambda _: None) -> None:
        self._journal = journal
        self._on_durable = on_durable
        """Told, after each commit, the number up to which everything is on disk."""
        self._waiting: deque[_Waiting[object]] = deque()
        self._wake = trio.Event()
        self._closed = False
        # One thread at a time has the connection. It is never abandoned: a commit that nobody waits for is a commit nobody knows of.
        self._limiter = trio.CapacityLimiter(1)
        self._unfolded = 0
        """Commits since the log was folded."""
        self.lag = 0.0
        """Seconds that the oldest operation of the last commit had to wait until it was durable."""

    async def write(self, operation: Operation[T], *, opens: bool = False, then: Callable[[], object] = lambda: None) -> T:
        """Carry out *operation* and return its result once it is durable. `opens`: it takes a new order or a change.

        `then` is called when it is durable, in the order of the writes, in which callers are not resumed; it must not raise.
        Raises what the operation raises, JournalFailed, JournalFull, JournalBusy or JournalClosed.
        """
        if self._closed:
            raise JournalClosed("The journal of orders is closed.")
        if len(self._waiting) >= MOST_WAITING and opens:
            raise JournalBusy(f"{len(self._waiting)} writes wait for the journal of orders.")
        waiting = _Waiting(cast("Operation[object]", operation), opens=opens, then=then)
        self._waiting.append(waiting)
        self._wake.set()
        await waiting.done.wait()
        if isinstance(waiting.outcome, Exception):
            raise waiting.outcome
        return cast("T", waiting.outcome)

    async def run(self) -> None:
        """Write for as long as the task lives; what came before its end is still written."""
        try:
            while True:
                await self._rest()
                self._wake = trio.Event()
                while self._waiting:
                    await self._write_some()
        finally:
            self._closed = True
            with trio.CancelScope(shield=True):  # each commit ends by itself; no lock is waited for, as there is one writer
                while self._waiting:
                    await self._write_some()

    async def _rest(self) -> None:
        """Wait for something to write; once nothing has come for a while, fold what was written."""
        if self._unfolded >= FOLDED_AFTER:
            with trio.move_on_after(QUIET):
                await self._wake.wait()
            if not self._wake.is_set():
                with trio.CancelScope(shield=True):
                    await trio.to_thread.run_sync(self._journal.fold, limiter=self._limiter, abandon_on_cancel=False)
                self._unfolded = 0
        await self._wake.wait()

    async def _write_some(self) -> None:
        group = [self._waiting.popleft() for _ in range(min(len(self._waiting), MOST_TOGETHER))]
        began = trio.current_time()
        jobs = [each.job for each in group]
        with trio.CancelScope(shield=True):
            outcomes = await trio.to_thread.run_sync(self._journal.commit, jobs, limiter=self._limiter, abandon_on_cancel=False)
        self._unfolded += 1
        self.lag = trio.current_time() - began
        for each, outcome in zip(group, outcomes, strict=True):
            each.outcome = outcome
            if not isinstance(outcome, Exception):
                each.then()
        self._on_durable(self._journal.sequence)
        for each in group:
            each.done.set()
