"""What actors want to be told later: one task waits for all of it, where a task for each timer would be most of an actor's memory."""

import heapq
from itertools import count
from typing import Any, NoReturn

import trio

from ibactors.kernel.ref import AnyRef


class Timers:
    """Messages with the moment at which each is posted to its actor, in that order."""

    def __init__(self) -> None:
        self._due: list[tuple[float, int, AnyRef, object, Any]] = []
        self._numbers = count()
        self._waiting = trio.CancelScope()

    def set(self, due: float, ref: AnyRef, msg: Any) -> None:
        """Post *msg* to *ref* at *due*, in `trio.current_time()` seconds, if the present incarnation is there by then."""
        heapq.heappush(self._due, (due, next(self._numbers), ref, ref.lifetime, msg))
        self._waiting.deadline = self._due[0][0]

    async def run(self) -> NoReturn:
        """Post what is due, for ever."""
        while True:
            with trio.CancelScope(deadline=self._due[0][0] if self._due else float("inf")) as self._waiting:
                await trio.sleep_forever()
            while self._due and self._due[0][0] <= trio.current_time():
                _, _, ref, lifetime, msg = heapq.heappop(self._due)
                if lifetime is not None and ref.lifetime is lifetime:
                    ref.deliver(msg)
