"""What clients of streams are told of the session with the gateway and of its login; encoded once for all of them."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import msgspec

from ibactors.kernel.topic import Topic
from ibactors.model.encoded import Encoded
from ibactors.model.logins import LoginStatus
from ibactors.model.sessions import GatewayState, SessionStatus


class StatusChange(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="status"):
    """The session with a gateway, or a gateway's login, changed; of several, it tells of the first that is up."""

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
    gateways: tuple[GatewayState, ...] | msgspec.UnsetType = msgspec.UNSET
    """Where there are several: each of them."""

    @classmethod
    def of(
        cls, session: SessionStatus, login: LoginStatus, gateways: tuple[GatewayState, ...] | msgspec.UnsetType = msgspec.UNSET
    ) -> "StatusChange":
        """What clients are told of a session and a login."""
        return cls(
            connected=session.up,
            phase=session.phase.value,
            epoch=session.epoch,
            since=session.since,
            reason=session.reason,
            login=login,
            gateways=gateways,
        )


Status = Topic[Encoded[StatusChange]]


@contextmanager
def publishing_status(status: Status, told: Callable[[], StatusChange], changes: Iterable[Topic[Any]]) -> Iterator[None]:
    """Inside the block, publish what is *told* with each of the *changes*."""

    def publish(_change: object) -> None:
        status.publish(Encoded(told()))

    with ExitStack() as listening:
        for topic in changes:
            listening.enter_context(topic.listening(publish))
        publish(None)
        yield
