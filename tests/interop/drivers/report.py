"""What the Python drivers have in common: counting answers, waiting for a step's own, printing one JSON line a fact."""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

STEP_LIMIT_S = float(os.environ.get("INTEROP_STEP_LIMIT_S", "10"))
# Below the fifty messages a second that a gateway allows.
PACE_S = 0.05


class Report:
    """Counts what arrived. Threads and coroutines alike call `note_*`; `outstanding` says what a step still lacks."""

    def __init__(self) -> None:
        self.messages: Counter[int] = Counter()
        self.errors: list[tuple[int, int, str]] = []
        self.changed = threading.Condition()
        self._names: dict[int, str] = {}
        self._mark: Counter[int] = Counter()
        self._errors_mark = 0
        self._listener: Callable[[], None] = lambda: None

    def configure(self, names: dict[str, str]) -> None:
        self._names = {int(k): v for k, v in names.items()}

    def note_message(self, number: int) -> None:
        with self.changed:
            self.messages[number] += 1
            self.changed.notify_all()
        self._listener()

    def note_error(self, request_id: int, code: int, text: str) -> None:
        with self.changed:
            self.errors.append((request_id, code, text))
            self.changed.notify_all()
        self._listener()

    def begin(self, listener: Callable[[], None] = lambda: None) -> None:
        """Start a step; `listener` is called whenever something arrives."""
        self._listener = listener
        self._mark = self.messages.copy()
        self._errors_mark = len(self.errors)

    def outstanding(self, step: dict) -> list[str]:
        numbers = {v: k for k, v in self._names.items()}
        codes = [code for _, code, _ in self.errors[self._errors_mark :]]
        lacking = [a for a in step["answers"] if self.messages[numbers[a]] <= self._mark[numbers[a]]]
        return lacking + [f"error {e}" for e in step["errors"] if e not in codes]

    def wait(self, step: dict) -> list[str]:
        """Block until a step has everything; returns what did not come in time."""
        deadline = time.monotonic() + STEP_LIMIT_S
        with self.changed:
            while self.outstanding(step) and (left := deadline - time.monotonic()) > 0:
                self.changed.wait(left)
            return self.outstanding(step)

    def finish(self, version: int) -> None:
        for number, count in sorted(self.messages.items()):
            say(message=self._names.get(number, str(number)), count=count)
        for request_id, code, text in self.errors:
            say(error=code, id=request_id, text=text)
        say(end=True, version=version)


def say(**facts: object) -> None:
    """Print one fact as a JSON line."""
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


class Complaints(logging.Handler):
    """Prints what the client logs as an error."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        logging.getLogger().addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if record.exc_info:
            text += f" ({record.exc_info[0].__name__}: {record.exc_info[1]})"
        say(log=text[:500])


def arguments() -> tuple[int, int, dict]:
    """Port, client id and the plan (steps and message names), as the suite gives them."""
    port, client_id, plan = sys.argv[1:4]
    return int(port), int(client_id), json.loads(plan)
