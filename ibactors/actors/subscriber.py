"""What every actor does that keeps one subscription at IB open: it subscribes in each session, tries again, and ends when nobody wants it.

What is subscribed to, what comes of it and what a break means are its kind's own: the newest value counts (`feed.py`), or each in its order
(`ordered.py`), or it is a quote (`symbol_actor.py`).
"""

from dataclasses import dataclass
from typing import Any, Protocol

import trio

from ibactors.actors.connection import ConnectionRef
from ibactors.kernel.actor import Actor, Alarm
from ibactors.kernel.mailbox import Mailbox
from ibactors.kernel.pool import MemberRef
from ibactors.kernel.ref import M, N
from ibactors.model.sessions import SessionStatus

REOPEN_WAIT = 1.0
"""Seconds until a subscription that could not be made is tried again."""
DOUBT_WAIT = 5.0
"""The same for one that IB refused at a time at which that means nothing."""
COMPETING_WAIT = 10.0
"""The same for one whose data go to another session; no notice tells when that ends."""
FAILED_LINGER = 5.0
"""Seconds for which a refusal of IB's is remembered, so that clients that insist do not hammer IB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionChanged:
    """The session with the gateway came up or broke."""

    session: SessionStatus


@dataclass(frozen=True, slots=True)
class Due:
    """Base of what such an actor tells itself."""


@dataclass(frozen=True, slots=True)
class IdleCheck(Due):
    """Time to see whether anybody still wants it."""


@dataclass(frozen=True, slots=True)
class Reopen(Due):
    """Time to subscribe, unless that has been done."""


@dataclass(frozen=True, slots=True)
class Forget(Due):
    """Time to end after a refusal, so that the next request tries again."""


class Directory(Protocol):
    """What it needs of the actor that started it."""

    def retire(self, ref: Any) -> None:
        """Stop it, unless somebody wants it again."""


class Subscriber(Actor[M, N]):
    """One incarnation; among its messages are those above."""

    def __init__(self, ref: MemberRef[M, N], connection: ConnectionRef, directory: Directory, *, idle_seconds: float) -> None:
        super().__init__(ref)
        self._member: MemberRef[Any, Any] = ref
        self._connection = connection
        self._directory = directory
        self._idle_seconds = idle_seconds
        self._reopening = Alarm(self, Reopen())

    async def open(self) -> None:
        """Subscribe in the present session, if there is one and that has not been done."""
        raise NotImplementedError

    def stopped(self) -> None:
        """Nothing is kept current any more."""
        raise NotImplementedError

    async def run(self, mailbox: Mailbox[M, N]) -> None:
        self._set(self._idle_seconds, IdleCheck())
        with self._connection.sessions.listening(self._session_changed) as session:
            self._session_changed(session)
            try:
                await self.serve(mailbox)
            finally:
                self._connection.unsubscribe(self._member)
                self.stopped()

    async def due(self, msg: Due) -> None:
        """Act on what it has told itself."""
        match msg:
            case Reopen():
                if self._reopening.rings():
                    await self.open()
            case IdleCheck():
                self._directory.retire(self._member)
                self._set(max(self._idle_seconds - self._member.idle_for(), 1.0), IdleCheck())
            case Forget():
                self._directory.retire(self._member)
            case _:
                raise AssertionError(f"{msg!r} is for nobody")

    def forget_later(self) -> None:
        """It is over: end soon."""
        self._set(FAILED_LINGER, Forget())

    def _set(self, seconds: float, msg: Due) -> None:
        self.timers.set(trio.current_time() + seconds, self._member, msg)

    def _session_changed(self, session: SessionStatus) -> None:
        self._member.tell_newest("session", SessionChanged(session=session))
