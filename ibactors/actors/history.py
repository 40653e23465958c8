"""The past of instruments, as the web layer asks for it: the history actor's address and messages.

Questions about bars of any length are answered in pages; whatever IB has to be asked for that waits for IB's pacing, which is one for the
whole service. Long ones can be left to a download (`history_jobs.py`) that goes on by itself.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

import trio

from ibactors.actors.history_jobs import Download
from ibactors.actors.history_questions import (
    BarPage,
    BarsQuestion,
    Head,
    HeadQuestion,
    Histogram,
    HistogramQuestion,
    Question,
    ScheduleAnswer,
    ScheduleQuestion,
    TickPage,
    TicksQuestion,
)
from ibactors.history.pacing import Counted, Pacing, Ration
from ibactors.kernel.ref import Ask, Ref

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Look(Ask[Any]):
    """Somebody wants to know about the past."""

    question: Question
    caller: str
    patience: float
    """Seconds that the answer may take."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Begin(Ask[Download]):
    """Somebody wants a long answer in the background."""

    question: BarsQuestion
    caller: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Drop(Ask[None]):
    """A download is not needed any more."""

    id: str
    caller: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Forget:
    """A download was kept for long enough."""

    id: str


HistoryMessage = Look | Begin | Drop | Forget

LEAVES_WITHIN = 5.0
"""Seconds within which a subscription has reached IB for certain."""


class HistoryRef(Ref[HistoryMessage, frozenset[str]]):
    """Where to ask about the past. All questions raise what `Answers` raises, or an ActorError."""

    ask_limit: ClassVar[float] = 90.0
    """Longer than any `wait`."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        super().__init__("history")
        self.now = clock
        """Unix time, by which bars are over."""
        self.stride = trio.Lock()
        """Held for each step of what reads or writes many bars: twenty of such steps in one turn of the loop would delay every quote."""
        self.pacing = Pacing()
        """What IB has been asked for; here, as a crash of the actor makes IB forget nothing."""
        self.downloads: dict[str, Download] = {}
        """By id; kept by the actor, may be read at any time without asking."""

    async def bars(self, question: BarsQuestion, *, caller: str, wait: float) -> BarPage:
        """One page of bars, within *wait* seconds; shorter than asked for where IB's pacing allows no more."""
        page: BarPage = await self._look(question, caller, wait)
        return page

    async def ticks(self, question: TicksQuestion, *, caller: str, wait: float) -> TickPage:
        """One page of ticks."""
        page: TickPage = await self._look(question, caller, wait)
        return page

    async def head(self, question: HeadQuestion, *, caller: str, wait: float) -> Head:
        """Since when there are data."""
        head: Head = await self._look(question, caller, wait)
        return head

    async def schedule(self, question: ScheduleQuestion, *, caller: str, wait: float) -> ScheduleAnswer:
        """The sessions of some days."""
        sessions: ScheduleAnswer = await self._look(question, caller, wait)
        return sessions

    async def histogram(self, question: HistogramQuestion, *, caller: str, wait: float) -> Histogram:
        """What was traded at which price."""
        levels: Histogram = await self._look(question, caller, wait)
        return levels

    def reserve(self, ration: Ration) -> Counted:
        """Count a subscription to small bars, which IB counts as one more request for them. Raises HistoryPacing.

        What comes of it is for `give_back`, if it turns out that nothing was asked.
        """
        now = trio.current_time()
        if seconds := self.pacing.wait(now, ration):
            raise self.pacing.refusal("this subscription", seconds)
        counted = self.pacing.begin(ration)
        self.pacing.end(now + LEAVES_WITHIN, counted)
        return counted

    def give_back(self, counted: Counted) -> None:
        """Count a subscription no longer, of which nothing was sent."""
        self.pacing.drop(counted)

    async def _look(self, question: Question, caller: str, wait: float) -> Any:
        msg = Look(question=question, caller=caller, patience=wait)
        return await self.ask(msg, msg.reply)

    async def begin(self, question: BarsQuestion, *, caller: str) -> Download:
        """A download that goes on by itself. Raises TooManyJobs, or what is wrong with the question."""
        msg = Begin(question=question, caller=caller)
        return await self.ask(msg, msg.reply)

    async def drop(self, download: str, *, caller: str) -> None:
        """End a download and forget it. Raises JobNotFound."""
        msg = Drop(id=download, caller=caller)
        await self.ask(msg, msg.reply)

    def keep_only(self, callers: frozenset[str]) -> None:
        """End and forget the downloads of all others: their keys are not valid any more."""
        self.tell_newest("callers", callers)
