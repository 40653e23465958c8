"""What operators see of an actor: where it is in its life, what it has handled, how it crashed."""

import enum
from dataclasses import dataclass, field

from ibactors.inside.histogram import Histogram
from ibactors.inside.tracebacks import Trace


class State(enum.StrEnum):
    """Where an actor is in its life."""

    STARTING = "starting"
    RUNNING = "running"
    BACKOFF = "backoff"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Crash:
    """How an incarnation ended."""

    at: str
    summary: str
    """One line: the leaves of a group, each with its type."""
    trace: Trace


@dataclass(slots=True)
class Status:
    """What operators see of an actor; counters run over all incarnations."""

    state: State = State.STOPPED
    since: float = 0.0
    """`trio.current_time()` at the last change of state."""
    started: float = 0.0
    """`trio.current_time()` at the start of the first incarnation."""
    incarnation: int = 0
    restarts: int = 0
    handled: int = 0
    crash: Crash | None = None
    """The last one."""
    mailbox_peak: int = 0
    epoch: int | None = None
    """Of the session with the gateway that the actor's data belongs to; None for an actor without such data."""
    kinds: dict[type, Histogram] = field(default_factory=dict)
    """Handling times of each kind of message, handlers that failed included."""

    @property
    def last_error(self) -> str | None:
        """The last crash in one line."""
        return self.crash.summary if self.crash else None

    def took(self, kind: type, seconds: float) -> None:
        """Note how long a message was handled."""
        histogram = self.kinds.get(kind)
        if histogram is None:
            histogram = self.kinds[kind] = Histogram()
        histogram.add(seconds)
