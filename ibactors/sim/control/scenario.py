"""Scenarios: text files that say which control command a simulator carries out when.

One step per line, `at 1m30s refuse 10` or `every 60s nightly 5`, times since the start, `#` begins a comment. Mistakes in a line are
reported when the file is read, except what depends on the moment, such as the order that `fill` names; that is logged and the scenario goes
on.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import structlog
import trio

from ibactors.sim.control.commands import CommandRefused, fit
from ibactors.sim.control.port import ANSWERS_ONLY, Control, usage_of

_FORM = "`at TIME COMMAND` or `every TIME COMMAND`, as in `at 1m30s refuse 10`"
_TIME = re.compile(r"(?=\d)(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6}(?:\.\d{1,3})?)s)?\Z")
_SHORTEST_S = 0.1

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A command, the time of its first run, and whether it repeats at that interval."""

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
        log.info("scenario_started", scenario=self.name, steps=len(self.steps))
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
        log.info("scenario_single_steps_done", scenario=self.name)

    async def _repeat(self, control: Control, start: float, step: Step) -> None:
        due = start
        while True:
            due += step.seconds
            await trio.sleep_until(due)
            self._carry_out(control, step)

    def _carry_out(self, control: Control, step: Step) -> None:
        answer = control.execute(step.command)
        if answer.startswith("error: "):
            error = answer.removeprefix("error: ")
            log.warning("scenario_step_failed", scenario=self.name, line=step.line, command=step.command, error=error)
        else:
            log.info("scenario_step_done", scenario=self.name, line=step.line, command=step.command)


def read_scenario(path: str | Path) -> Scenario:
    """The scenario in a file; ValueError that names the file, the line and the problem."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
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
        except CommandRefused as error:
            raise ValueError(f"{name}, line {number}: {error}") from error
    if not steps:
        raise ValueError(f"{name} has no step; a step is {_FORM}")
    return Scenario(name=name, steps=tuple(steps))


def _step(number: int, words: list[str]) -> Step:
    if len(words) < 3 or words[0] not in ("at", "every"):
        raise CommandRefused(f"a step is {_FORM}")
    keyword, time, command, *arguments = words
    seconds = _seconds(time)
    repeats = keyword == "every"
    if repeats and seconds < _SHORTEST_S:
        raise CommandRefused(f"`every {time}` is too often; {_SHORTEST_S:g}s is the shortest interval")
    if command in ANSWERS_ONLY:
        raise CommandRefused(f"{command!r} only answers, which nobody would see")
    fit(command, usage_of(command), arguments)
    return Step(line=number, seconds=seconds, repeats=repeats, command=" ".join([command, *arguments]))


def _seconds(text: str) -> float:
    match = _TIME.match(text)
    if match is None:
        raise CommandRefused(f"{text!r} is not a time; write it like 5s, 1m30s, 2h or 0.5s")
    hours, minutes, seconds = match.groups(default="0")
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
