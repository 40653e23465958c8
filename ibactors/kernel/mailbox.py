"""What lies in an actor's mailbox, and how the actor takes it out: for the kernel alone."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

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
    """The receiving end: messages in order, and after each one whatever was conflated meanwhile."""

    def __init__(self, receive: "trio.MemoryReceiveChannel[M | Wake]", newest: Conflated[N]) -> None:
        self._receive = receive
        self._newest = newest

    async def next(self, handler: Callable[[N], None]) -> M | None:
        """The next message, or None if only conflated ones came; until there is one, conflated ones go to *handler* as they are told."""
        try:
            msg = self._receive.receive_nowait()
        except trio.WouldBlock:
            self._newest.handler = handler
            try:
                msg = await self._receive.receive()
            finally:
                self._newest.handler = None
        else:
            await trio.lowlevel.checkpoint()
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
