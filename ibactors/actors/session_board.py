"""What is told of the session: each change once, an outage as one state.

An outage lasts from the moment in which the data stop being current to the next one in which they are. Its `since` is the beginning,
whatever is tried meanwhile, and none of its reasons is told twice: attempts may fail in turns in two ways.
"""

import logging

import msgspec
import structlog

from ibactors.kernel.topic import Topic
from ibactors.model.sessions import SessionPhase, SessionStatus
from ibactors.model.times import now

log = structlog.get_logger(__name__)

_WORRYING = frozenset({SessionPhase.BACKING_OFF, SessionPhase.LOST, SessionPhase.SILENT, SessionPhase.FARM_DEGRADED})
_ON_PURPOSE = frozenset({SessionPhase.LOGGED_OUT, SessionPhase.STOPPED})
"""Nothing failed: an outage that follows has a beginning of its own."""


class SessionBoard:
    """Publishes the session's state for one incarnation of the connection actor."""

    def __init__(self, topic: Topic[SessionStatus]) -> None:
        self._topic = topic
        self._told = topic.value
        """What listeners know, while the topic may hold what comes next."""
        self._reasons: set[str | None] = set()
        """Those of this outage."""
        self._current_since = topic.value.since

    def show(
        self,
        phase: SessionPhase,
        reason: str | None,
        *,
        epoch: int | None = None,
        accounts: tuple[str, ...] = (),
        server_version: int | None = None,
    ) -> int:
        """Tell a change of state; an attempt that fails like one before is none. Returns the epoch."""
        old = self._told
        epoch = old.epoch if epoch is None else epoch
        fails_again = phase is old.phase is SessionPhase.BACKING_OFF and reason in self._reasons
        if not fails_again and (old.phase, old.reason, old.epoch) != (phase, reason, epoch):
            new = SessionStatus(phase=phase, epoch=epoch, since=now(), reason=reason, accounts=accounts, server_version=server_version)
            if new.current and not (old.current and old.epoch == epoch):
                self._current_since = new.since
            self._reasons = set() if new.current else self._reasons | {reason}
            self._told = SessionStatus(
                phase=phase, epoch=epoch, since=self._since(new), reason=reason, accounts=accounts, server_version=server_version
            )
            level = logging.WARNING if phase in _WORRYING else logging.INFO
            log.log(level, "session_changed", phase=phase.value, reason=reason, epoch=epoch)
            self._topic.publish(self._told)
        return epoch

    def hold(self, reason: str) -> None:
        """From this step on nobody takes what is known for current; `show` tells of it soon."""
        if self._told.current:
            self._topic.foresee(msgspec.structs.replace(self._told, phase=SessionPhase.SILENT, reason=reason, since=now()))

    def _since(self, new: SessionStatus) -> str:
        old = self._told
        if new.sound:
            return self._current_since
        lasts = old.phase is new.phase if new.current else not old.current and old.phase not in _ON_PURPOSE and new.phase not in _ON_PURPOSE
        return old.since if lasts else new.since
