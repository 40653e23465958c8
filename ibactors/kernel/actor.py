"""What runs behind a `Ref`: one mailbox, one handler, one task per incarnation."""

import math
from collections.abc import Callable
from time import perf_counter
from typing import Any, ClassVar, Generic, NoReturn, TypeAlias

import trio

from ibactors.kernel.mailbox import Mailbox
from ibactors.kernel.ref import Ask, M, N, Ref, Reply
from ibactors.kernel.status import State
from ibactors.kernel.timers import Timers


class Actor(Generic[M, N]):
    """One incarnation: state and two handlers. The supervisor makes a new object for each, so that no broken state survives a crash.

    M are its messages: asks, tells and timers, in order. N is what it is told by `Ref.tell_newest`, where only the newest counts.
    """

    mailbox_size: ClassVar[int] = 64
    """Overflow means that the actor is stuck or swamped; asks then fail with MailboxFull (503) instead of piling up."""

    has_children: ClassVar[bool] = True
    """Whether it has tasks besides its own; without it has no nursery."""

    def __init__(self, ref: Ref[M, N]) -> None:
        self.ref = ref
        self.nursery: trio.Nursery
        """For child tasks of this incarnation, if it has any; set before `run`, cancelled after it."""
        self.timers: Timers
        """Set before `run`."""

    async def run(self, mailbox: Mailbox[M, N]) -> None:
        """Serve until cancelled; override to hold resources open around `serve`."""
        await self.serve(mailbox)

    async def handle(self, msg: M) -> None:
        """Act on one message. An exception is a bug: it crashes the actor. A caller's mistake is a `reply.fail`."""
        raise NotImplementedError

    def handle_newest(self, msg: N) -> None:
        """Act on one conflated message; an exception crashes this actor, whoever's task it was raised in.

        Runs in the teller's task while this actor is idle, so that nothing waits for a turn of the event loop, else in its own. So it is
        short: what it takes is taken from the teller, and the log lines that it writes bear the teller's context. What must wait for
        something goes by way of `after` to `handle`.
        """
        raise NotImplementedError

    def after(self, seconds: float, msg: M) -> None:
        """Post *msg* to this actor later, however full its mailbox is; forgotten when the incarnation ends."""
        self.timers.set(trio.current_time() + seconds, self.ref, msg)

    async def serve(self, mailbox: Mailbox[M, N]) -> NoReturn:
        """Handle messages until cancelled."""
        self.ref.status.state = State.RUNNING
        self.ref.status.since = trio.current_time()
        while True:
            msg = await mailbox.next(self._handle_newest)
            if msg is not None:
                await self._handle(msg)
            for newest in mailbox.newest():
                self._handle_newest(newest)

    async def _handle(self, msg: M) -> None:
        reply: Reply[object] | None = msg.reply if isinstance(msg, Ask) else None
        if reply is not None:
            if reply.settled:
                return
            reply.started = True
        begun = perf_counter()
        try:
            await self.handle(msg)
            if reply is not None and not (reply.settled or reply.deferred):
                raise AssertionError(f"{type(msg).__name__} was left without an answer")
        except Exception as exc:
            self._blame(exc, msg)
            raise
        finally:
            self.ref.status.took(type(msg), perf_counter() - begun)
        self.ref.status.handled += 1

    def _handle_newest(self, msg: N) -> None:
        begun = perf_counter()
        try:
            self.handle_newest(msg)
        except Exception as exc:
            self._blame(exc, msg)
            raise
        finally:
            self.ref.status.took(type(msg), perf_counter() - begun)
        self.ref.status.handled += 1

    def _blame(self, error: Exception, msg: M | N) -> None:
        error.add_note(f"while actor {self.ref.name!r} handled {msg!r}")


class Alarm:
    """One message that an actor sends to itself later: of the moments that were set the earliest counts, and it comes once.

    An actor that sets timers one by one, each of which may set another, has ever more of them.
    """

    __slots__ = ("_actor", "_due", "_msg")

    def __init__(self, actor: Actor[Any, Any], msg: Any) -> None:
        self._actor = actor
        self._msg = msg
        self._due = math.inf

    def set(self, seconds: float) -> None:
        """Have the message come after *seconds*, if it does not come sooner."""
        due = trio.current_time() + seconds
        if due < self._due:
            self._due = due
            self._actor.after(seconds, self._msg)

    def unset(self) -> None:
        """Have it not come."""
        self._due = math.inf

    def rings(self) -> bool:
        """To be asked when the message comes: whether it is to be heeded, or was set for a moment that counts no more."""
        if trio.current_time() < self._due:
            return False
        self._due = math.inf
        return True


Build: TypeAlias = Callable[[], Actor[M, N]]
"""Makes the next incarnation of an actor."""
