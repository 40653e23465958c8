"""What runs behind a `Ref`: one mailbox, one handler, one task per incarnation."""

from collections.abc import Callable
from time import perf_counter
from typing import ClassVar, Generic, NoReturn

import trio

from ibactors.kernel.mailbox import Mailbox
from ibactors.kernel.ref import Ask, M, Ref, Reply
from ibactors.kernel.status import State


class Actor(Generic[M]):
    """One incarnation: state and a handler. The supervisor makes a new object for each, so that no broken state survives a crash."""

    mailbox_size: ClassVar[int] = 64
    """Overflow means that the actor is stuck or swamped; asks then fail with MailboxFull (503) instead of piling up."""

    def __init__(self, ref: Ref[M]) -> None:
        self.ref = ref
        self.nursery: trio.Nursery
        """For child tasks of this incarnation; set before `run`, cancelled after it."""
        self._in_step = False
        """Whether a message is being handled in the step of its teller."""

    async def run(self, mailbox: Mailbox[M]) -> None:
        """Serve until cancelled; override to hold resources open around `serve`."""
        await self.serve(mailbox)

    async def handle(self, msg: M) -> None:
        """Act on one message. An exception is a bug: it crashes the actor. A caller's mistake is a `reply.fail`."""
        raise NotImplementedError

    def handle_at_once(self, _msg: M) -> bool:
        """Act on a conflated message without waiting, in the step of whoever tells it, and return True; or leave it to `handle`.

        Only called while the actor waits and its mailbox is empty, so that messages keep their order. What it does counts for the teller
        as part of telling; it is for what must not wait for a turn of the event loop.
        """
        return False

    def after(self, seconds: float, msg: M) -> None:
        """Post *msg* to this actor later; forgotten when the incarnation ends."""
        self.nursery.start_soon(self._post_later, seconds, msg, name=f"actor:{self.ref.name}/timer")

    async def serve(self, mailbox: Mailbox[M]) -> NoReturn:
        """Handle messages until cancelled."""
        self.ref.status.state = State.RUNNING
        self.ref.status.since = trio.current_time()
        while True:
            for msg in await mailbox.next(self._at_once):
                await self._handle_one(msg)

    async def _handle_one(self, msg: M) -> None:
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

    def _at_once(self, msg: M) -> bool:
        if self._in_step:
            return False  # the handler told its own actor something
        begun = perf_counter()
        self._in_step = True
        try:
            done = self.handle_at_once(msg)
        except Exception as exc:
            self._blame(exc, msg)
            self.ref.status.took(type(msg), perf_counter() - begun)
            raise
        finally:
            self._in_step = False
        if done:
            self.ref.status.took(type(msg), perf_counter() - begun)
            self.ref.status.handled += 1
        return done

    def _blame(self, error: Exception, msg: M) -> None:
        error.add_note(f"while actor {self.ref.name!r} handled {msg!r}")

    async def _post_later(self, seconds: float, msg: M) -> None:
        await trio.sleep(seconds)
        self.ref.tell_newest(object(), msg)


Build = Callable[[], Actor[M]]
"""Makes the next incarnation of an actor."""
