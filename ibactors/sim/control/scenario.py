"""Scenarios: text files that say which control command a simulator carries out when.

One step a line, `at 1m30s refuse 10` or `every 60s nightly 5`, times since the start, `#` begins a comment.
Everything that can be wrong with a line is wrong when the file is read, except what depends on the moment,
such as the order that `fill` names; that is logged and the scenario goes on.
"""

import logging
import re
from dataclasses import dataclass
from pathlib import Path

import trio

from ibactors.sim.control.commands import CommandError, fit
from ibactors.sim.control.port import ANSWERS_ONLY, Control, usage_of

_FORM = "`at TIME COMMAND` or `every TIME COMMAND`, as in `at 1m30s refuse 10`"
_TIME = re.compile(r"(?=\d)(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6}(?:\.\d{1,3})?)s)?\Z")
_SHORTEST_S = 0.1

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A command, when it is carried out first, and whether again and again after the same time."""

    line: int
    seconds: float
    repeats: bool
    command: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """The steps of one file; `name` is for messages."""

    name: str
    steps: tuple[Step, ...]

    async def run(self, control: Control) -> None:
        """Carry out the steps when they are due; returns after the last of those that do not repeat."""
        logger.info("scenario %s begins with %d steps", self.name, len(self.steps))
        start = trio.current_time()
        async with trio.open_nursery() as nursery:
            once = sorted((s for s in self.steps if not s.repeats), key=lambda s: s.seconds)
            nursery.start_soon(self._walk, control, start, once, name="sim:scenario steps")
            for step in self.steps:
                if step.repeats:
                    nursery.start_soon(self._repeat, control, start, step, name=f"sim:scenario line {step.line}")

    async def _walk(self, control: Control, start: float, steps: list[Step]) -> None:
        for step in steps:
            await trio.sleep_until(start + step.seconds)
            self._carry_out(control, step)
        logger.info("scenario %s has no further step that comes once", self.name)

    async def _repeat(self, control: Control, start: float, step: Step) -> None:
        due = start
        while True:
            due += step.seconds
            await trio.sleep_until(due)
            self._carry_out(control, step)

    def _carry_out(self, control: Control, step: Step) -> None:
        answer = control.execute(step.command)
        if answer.startswith("error: "):
            logger.warning("scenario %s, line %d: %s: %s", self.name, step.line, step.command, answer.removeprefix("error: "))
        else:
            logger.info("scenario %s, line %d: %s", self.name, step.line, step.command)


def read_scenario(path: str | Path) -> Scenario:
    """The scenario in a file; ValueError that names the file, the line and the problem."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise ValueError(f"cannot read the scenario {path}: {reason}") from error
    return parse_scenario(text, name=str(path))


def parse_scenario(text: str, *, name: str = "scenario") -> Scenario:
    """The scenario in a text; ValueError that names the line and the problem."""
    steps = []
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        try:
            steps.append(_step(number, words))
        except CommandError as error:
            raise ValueError(f"{name}, line {number}: {error}") from error
    if not steps:
        raise ValueError(f"{name} has no step; a step is {_FORM}")
    return Scenario(name=name, steps=tuple(steps))


def _step(number: int, words: list[str]) -> Step:
    if len(words) < 3 or words[0] not in ("at", "every"):
        raise CommandError(f"a step is {_FORM}")
    keyword, time, command, *arguments = words
    seconds = _seconds(time)
    repeats = keyword == "every"
    if repeats and seconds < _SHORTEST_S:
        raise CommandError(f"`every {time}` is too often; {_SHORTEST_S:g}s is the shortest interval")
    if command in ANSWERS_ONLY:
        raise CommandError(f"{command!r} only answers, which nobody would see")
    fit(command, usage_of(command), arguments)
    return Step(line=number, seconds=seconds, repeats=repeats, command=" ".join([command, *arguments]))


def _seconds(text: str) -> float:
    match = _TIME.match(text)
    if match is None:
        raise CommandError(f"{text!r} is no time; write it like 5s, 1m30s, 2h or 0.5s")
    hours, minutes, seconds = match.groups(default="0")
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
