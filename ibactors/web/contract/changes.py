"""What clients of streams are told of the session with the gateway and of its login; encoded once for all of them."""

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from ibactors.kernel.topic import Topic
from ibactors.model.encoded import Encoded
from ibactors.model.logins import LoginStatus
from ibactors.model.sessions import SessionStatus


class StatusChange(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="status"):
    """The session with the gateway, or the gateway's login, changed."""

    connected: bool
    """Whether the session is up."""
    phase: str
    """What the session is doing."""
    epoch: int
    since: str
    """When this state of the session began."""
    reason: str | None
    """What is wrong with the session, in words; null while nothing is."""
    login: LoginStatus
    """Of the gateway at IB."""

    @classmethod
    def of(cls, session: SessionStatus, login: LoginStatus) -> "StatusChange":
        """What clients are told of a session and a login."""
        return cls(
            connected=session.up,
            phase=session.phase.value,
            epoch=session.epoch,
            since=session.since,
            reason=session.reason,
            login=login,
        )


Status = Topic[Encoded[StatusChange]]


@contextmanager
def publishing_status(status: Status, sessions: Topic[SessionStatus], logins: Topic[LoginStatus]) -> Iterator[None]:
    """Inside the block, publish each change of either as one message, the newest of both."""

    def publish(_change: SessionStatus | LoginStatus) -> None:
        status.publish(Encoded(StatusChange.of(sessions.value, logins.value)))

    with sessions.listening(publish) as session, logins.listening(publish):
        publish(session)
        yield
