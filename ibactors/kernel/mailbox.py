"""What lies in an actor's mailbox, and how the actor takes it out: for the kernel alone."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

import outcome
import trio

M = TypeVar("M")
N = TypeVar("N")


@dataclass(frozen=True, slots=True)
class Wake:
    """Lies in the mailbox to wake the actor for its conflated messages, or for its failure in the step of a teller."""


class Conflated(Generic[N]):
    """The newest message of each key, and whether a `Wake` for them lies in the mailbox; there is never more than one."""

    __slots__ = ("announced", "failure", "handler", "in_step", "messages")

    def __init__(self) -> None:
        self.messages: dict[Hashable, N] = {}
        self.announced = False
        self.failure: Exception | None = None
        """With what the actor has failed in the step of a teller; the actor's own task raises it before it handles anything else."""
        self.handler: Callable[[N], None] | None = None
        """Handles a message in the step of its teller. There only while the actor waits and nothing is on its way to it: whoever posts
        anything takes it away first, or a conflated message would overtake what was told before."""
        self.in_step = False
        """Whether it is at work. What it tells its own actor meanwhile is posted: a handler never runs inside another one."""


class Mailbox(Generic[M, N]):
    """Messages in order, and after each one whatever was conflated meanwhile; one task takes them out.

    A channel of trio's would do the same at four times the memory, of which each symbol has one.
    """

    __slots__ = ("_newest", "_queue", "_size", "_waiter", "peak")

    def __init__(self, size: int, newest: Conflated[N]) -> None:
        self._size = size
        self._newest = newest
        self._queue: list[M | Wake] = []
        self._waiter: trio.lowlevel.Task | None = None
        self.peak = 0
        """The most messages that ever waited."""

    def __len__(self) -> int:
        """How many messages wait."""
        return len(self._queue)

    def put(self, msg: M | Wake, *, beyond: bool = False) -> None:
        """Hand *msg* to the task that waits, or keep it for it; *beyond* its size only what the actor posts to itself.

        Raises trio.WouldBlock when it is full.
        """
        if self._waiter is not None:
            waiter, self._waiter = self._waiter, None
            trio.lowlevel.reschedule(waiter, outcome.Value(msg))
            return
        if len(self._queue) >= self._size and not beyond:
            raise trio.WouldBlock
        self._queue.append(msg)
        self.peak = max(self.peak, len(self._queue))

    async def next(self, handler: Callable[[N], None]) -> M | None:
        """The next message, or None if only conflated ones came; until there is one, conflated ones go to *handler* as they are told."""
        msg: M | Wake
        if self._queue:
            msg = self._queue.pop(0)
            await trio.lowlevel.checkpoint()
        else:
            self._newest.handler = handler
            self._waiter = trio.lowlevel.current_task()
            try:
                msg = await trio.lowlevel.wait_task_rescheduled(self._stop_waiting)
            finally:
                self._newest.handler = None
        if self._newest.failure is not None:
            raise self._newest.failure
        if isinstance(msg, Wake):
            self._newest.announced = False
            return None
        return msg

    def newest(self) -> list[N]:
        """Take out what was conflated so far. To be called after each message: a full mailbox has no place for a `Wake`."""
        messages = list(self._newest.messages.values())
        self._newest.messages.clear()
        return messages

    def _stop_waiting(self, _raise_cancel: object) -> trio.lowlevel.Abort:
        self._waiter = None
        return trio.lowlevel.Abort.SUCCEEDED
