"""Turns at something that may be done once in a while only: callers go round, so that one who asks for much does not hold up the rest."""

from collections import deque
from typing import NoReturn

import trio

from ibactors.errors import MailboxFull


class Turns:
    """At most one turn in *pause* seconds; *run* hands them out."""

    def __init__(self, name: str, *, pause: float, most: int, most_each: int) -> None:
        self._name = name
        self._pause = pause
        self._most = most
        self._most_each = most_each
        self._callers: dict[str, deque[trio.Event]] = {}
        """Who waits, the next caller first; nobody stands here with nothing to wait for."""
        self._filled = trio.Event()

    def __len__(self) -> int:
        return sum(map(len, self._callers.values()))

    async def turn(self, caller: str) -> None:
        """Wait for a turn. Raises MailboxFull when too many wait already, all in all or of this caller."""
        mine = self._callers.get(caller, ())
        if len(self) >= self._most or len(mine) >= self._most_each:
            raise MailboxFull(self._name, len(self))
        event = trio.Event()
        self._callers.setdefault(caller, deque()).append(event)
        self._filled.set()
        try:
            await event.wait()
        finally:
            self._leave(caller, event)

    async def run(self) -> NoReturn:
        """Hand out turns, for as long as the actor lives."""
        while True:
            while not self._callers:
                self._filled = trio.Event()
                await self._filled.wait()
            caller = next(iter(self._callers))
            waiting = self._callers.pop(caller)
            waiting.popleft().set()
            if waiting:
                self._callers[caller] = waiting  # at the end of the round
            await trio.sleep(self._pause)

    def _leave(self, caller: str, event: trio.Event) -> None:
        """One that was cancelled takes no turn."""
        waiting = self._callers.get(caller)
        if waiting is not None and event in waiting:
            waiting.remove(event)
            if not waiting:
                del self._callers[caller]
