"""What is remembered of a session's day."""

from ibactors.model.sessions import SessionPhase, SessionStatus
from ibactors.model.times import rfc3339
from ibactors.web import timeline
from ibactors.web.timeline import KEPT, Timeline

BEGUN = 1_764_000_000.0


class Clock:
    """Unix time, set by hand."""

    def __init__(self) -> None:
        self.now = BEGUN

    def __call__(self) -> float:
        return self.now


def status(phase: SessionPhase, epoch: int = 1, reason: str | None = None) -> SessionStatus:
    return SessionStatus(phase=phase, epoch=epoch, since="", reason=reason, accounts=("DU1234567",))


def noted(changes: Timeline, clock: Clock, seconds: float, what: SessionStatus) -> None:
    clock.now = BEGUN + seconds
    changes.note(what)


def test_it_tells_what_was_in_force_when_the_time_begins_and_each_change_since() -> None:
    clock = Clock()
    changes = Timeline(clock)
    noted(changes, clock, 0, status(SessionPhase.CONNECTING, 0))
    noted(changes, clock, 5, status(SessionPhase.UP))
    noted(changes, clock, 60, status(SessionPhase.UP))  # nothing new
    noted(changes, clock, 100, status(SessionPhase.BACKING_OFF, 1, "gone"))
    noted(changes, clock, 130, status(SessionPhase.UP, 2))
    since, known = changes.since(BEGUN + 50)
    assert since == BEGUN + 50
    assert [(change.phase, change.at, change.reason) for change in known] == [
        ("up", rfc3339(BEGUN + 5), None),
        ("backing_off", rfc3339(BEGUN + 100), "gone"),
        ("up", rfc3339(BEGUN + 130), None),
    ]


def test_nothing_is_known_from_before_the_start() -> None:
    clock = Clock()
    changes = Timeline(clock)
    noted(changes, clock, 0, status(SessionPhase.UP))
    since, known = changes.since(BEGUN - KEPT)
    assert since == BEGUN
    assert len(known) == 1


def test_what_was_in_force_when_the_day_began_is_kept_and_what_was_before_is_not() -> None:
    clock = Clock()
    changes = Timeline(clock)
    noted(changes, clock, 0, status(SessionPhase.CONNECTING, 0))
    noted(changes, clock, 10, status(SessionPhase.UP))
    noted(changes, clock, KEPT + 100, status(SessionPhase.LOST))
    _, known = changes.since(BEGUN + 100)
    assert [change.phase for change in known] == ["up", "lost"]


def test_a_day_of_more_changes_than_are_kept_says_from_when_on_it_knows() -> None:
    clock = Clock()
    changes = Timeline(clock)
    for second in range(timeline.MOST + 10):
        noted(changes, clock, second, status(SessionPhase.UP, second))
    since, known = changes.since(BEGUN)
    assert since == BEGUN + 10
    assert len(known) == timeline.MOST
