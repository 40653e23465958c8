"""What lies in an actor's mailbox, and how the actor takes it out: for the kernel alone."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

import trio

M = TypeVar("M")


@dataclass(frozen=True, slots=True)
class Wake:
    """Lies in the mailbox to wake the actor for its conflated messages."""


@dataclass(frozen=True, slots=True)
class Failed:
    """Lies in the mailbox to crash the actor, because it has failed in the step of whoever told it something."""

    error: Exception


class Conflated(Generic[M]):
    """The newest message of each key, and whether a `Wake` for them lies in the mailbox; there is never more than one."""

    __slots__ = ("announced", "at_once", "messages")

    def __init__(self) -> None:
        self.messages: dict[Hashable, M] = {}
        self.announced = False
        self.at_once: Callable[[M], bool] | None = None
        """Handles a message in the step of its teller and says whether it did; there while the actor waits and the mailbox is empty."""


class Mailbox(Generic[M]):
    """The receiving end: messages in order, and after each one whatever was conflated meanwhile."""

    def __init__(self, receive: "trio.MemoryReceiveChannel[M | Wake | Failed]", newest: Conflated[M]) -> None:
        self._receive = receive
        self._newest = newest

    async def next(self, at_once: Callable[[M], bool]) -> list[M]:
        """The next messages to handle; waits until there is at least one, and offers conflated ones to *at_once* meanwhile."""
        try:
            msg = self._receive.receive_nowait()
        except trio.WouldBlock:
            self._newest.at_once = at_once
            try:
                msg = await self._receive.receive()
            finally:
                self._newest.at_once = None
        else:
            await trio.lowlevel.checkpoint()
        if isinstance(msg, Failed):
            raise msg.error
        if isinstance(msg, Wake):
            self._newest.announced = False
            batch = []
        else:
            batch = [msg]
        batch += self._newest.messages.values()
        self._newest.messages.clear()
        return batch
