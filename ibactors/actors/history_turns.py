"""Turns at IB's history: who may ask next, for all callers of the service together.

Six questions are open at a time, of which IB allows fifty to all programs of a user. Callers take turns, so that one who asks for a
thousand things does not make another one wait for more than one of them. Small bars wait for IB's pacing (`history/pacing.py`) besides.
"""

import math
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import NoReturn

import trio

from ibactors.history.pacing import Counted, Pacing, Ration

OPEN = 6
"""Questions that are open at IB."""
_LOOK = 16
"""How many of one caller's questions are looked at for one that the pacing allows."""


@dataclass(slots=True, eq=False, kw_only=True)
class Turn:
    """One question that waits for its turn, or has it."""

    caller: str
    ration: Ration | None
    """None for what IB does not count."""
    come: trio.Event = field(default_factory=trio.Event)
    counted: Counted | None = None

    @property
    def lane(self) -> tuple[str, bool]:
        """Where it waits."""
        return self.caller, self.ration is not None


class Turns:
    """All that wait, by caller; what IB rations waits apart, so that it holds up nothing else of the same caller."""

    def __init__(self, pacing: Pacing) -> None:
        self.pacing = pacing
        self._lanes: dict[tuple[str, bool], deque[Turn]] = {}
        self._open = 0
        self._changed = trio.Event()

    @property
    def waiting(self) -> int:
        """How many wait."""
        return sum(map(len, self._lanes.values()))

    def forecast(self, turn: Turn) -> float:
        """Seconds until *turn* comes, by the rule of sixty alone; one that does not wait yet comes after its caller's others."""
        if turn.come.is_set() or turn.ration is None:
            return 0.0
        mine = self._lanes.get(turn.lane, deque())
        ahead = mine.index(turn) if turn in mine else len(mine)
        # Before each of this caller's own, every other caller has one.
        others = (min(len(lane), ahead + 1) for key, lane in self._lanes.items() if key != turn.lane and key[1])
        return self.pacing.forecast(trio.current_time(), (ahead + 1 + sum(others)) * turn.ration.weight)

    @asynccontextmanager
    async def taken(self, turn: Turn) -> AsyncIterator[None]:
        """Wait for the turn, and hold it inside the block."""
        self._lanes.setdefault(turn.lane, deque()).append(turn)
        self._changed.set()
        try:
            await turn.come.wait()
            yield
        finally:
            if turn.come.is_set():
                self._open -= 1
                if turn.counted is not None:
                    self.pacing.end(trio.current_time(), turn.counted)
            else:
                self._withdraw(turn)
            self._changed.set()

    async def run(self) -> NoReturn:
        """Give out turns."""
        while True:
            self._changed = trio.Event()
            pause = self._give_out()
            with trio.move_on_after(pause):
                await self._changed.wait()

    def _give_out(self) -> float:
        """Give turns to all who may have one now; seconds until there may be another one."""
        while self._open < OPEN:
            turn, pause = self._next()
            if turn is None:
                return pause
            self._withdraw(turn)
            self._open += 1
            if turn.ration is not None:
                # In the step that has looked at the rules; the task that waits runs later than the next look at them.
                turn.counted = self.pacing.begin(turn.ration)
            turn.come.set()
        return math.inf

    def _next(self) -> tuple[Turn | None, float]:
        """Whose turn it is, or when to look again. The caller who gets it goes to the end of the line."""
        now, pause = trio.current_time(), math.inf
        for lane, waiting in list(self._lanes.items()):
            for turn in islice(waiting, _LOOK):
                wait = 0.0 if turn.ration is None else self.pacing.wait(now, turn.ration)
                if not wait:
                    self._lanes[lane] = self._lanes.pop(lane)
                    return turn, 0.0
                pause = min(pause, wait)
        return None, pause

    def _withdraw(self, turn: Turn) -> None:
        lane = self._lanes[turn.lane]
        lane.remove(turn)
        if not lane:
            del self._lanes[turn.lane]
