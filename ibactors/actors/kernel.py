"""What an actor is: typed messages, a mailbox, an address that outlives crashes, and asks that always end.

An actor's module defines its messages, a `Ref` subclass with the methods that other modules call, and the `Actor` itself. The supervisor
(`supervisor.py`) runs one incarnation after another; the rules that keep callers safe are all here:

- An ask ends with the answer, the actor's refusal, `ActorDown`, `MailboxFull` or `AskTimeout`; never with silence. When an incarnation
  ends, every open reply is settled, whether its message was queued, being handled, or handed to a child task.
- A reply knows whether its message was begun (`started`): only what was not begun may be sent again.
- A handler that returns without answering an ask (and without `reply.defer()`) has a bug, and the actor crashes for it.
"""

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, ClassVar, Generic, NoReturn, TypeVar

import outcome
import trio

from ibactors.actors.mailbox import Conflated, Failed, Mailbox, Wake
from ibactors.actors.status import State, Status
from ibactors.errors import ActorDown, AskTimeout, MailboxFull

R = TypeVar("R")
M = TypeVar("M")


class Reply(Generic[R]):
    """One-shot slot for the answer to an ask; the first answer wins."""

    __slots__ = ("_event", "_outcome", "deadline", "deferred", "started")

    def __init__(self) -> None:
        self._event = trio.Event()
        self._outcome: outcome.Outcome[R] | None = None
        self.started = False
        """True once the actor has taken the message from its mailbox."""
        self.deferred = False
        """True once the handler has said that somebody else will answer."""
        self.deadline = float("inf")
        """When the caller stops waiting, in `trio.current_time()` seconds; an actor may budget its own waits by it."""

    @property
    def settled(self) -> bool:
        """True when there is an answer, or nobody waits for one any more."""
        return self._outcome is not None

    def send(self, value: R) -> None:
        """Answer; without effect when the reply is settled already."""
        self._settle(outcome.Value(value))

    def fail(self, error: Exception) -> None:
        """Refuse: the caller's `ask` raises *error*."""
        self._settle(outcome.Error(error))

    def defer(self) -> None:
        """Promise an answer after the handler has returned; if the incarnation ends before, the caller gets `ActorDown`."""
        self.deferred = True

    def _settle(self, result: "outcome.Outcome[R]") -> None:
        if self._outcome is None:
            self._outcome = result
            self._event.set()

    async def wait(self) -> R:
        """The answer, or the exception that was given in place of one."""
        await self._event.wait()
        if isinstance(self._outcome, outcome.Error):
            # One refusal may be given to many callers; without this each raise would lengthen its traceback.
            raise self._outcome.error.with_traceback(None)
        if self._outcome is None:
            raise AssertionError("a settled reply has an outcome")
        return self._outcome.unwrap()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ask(Generic[R]):
    """A message that is answered with an R; messages without an answer are plain frozen dataclasses."""

    reply: Reply[R] = field(default_factory=Reply, repr=False)


class Ref(Generic[M]):
    """The stable address of an actor: other modules hold this, never the actor."""

    ask_limit: ClassVar[float] = 30.0
    """Seconds after which an ask fails with `AskTimeout`, whatever the caller's own deadline."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.status = Status()
        self._mailbox: trio.MemorySendChannel[M | Wake | Failed] | None = None
        self._open: set[Reply[Any]] = set()
        self._newest: Conflated[M] = Conflated()

    @property
    def kind(self) -> str:
        """What sort of actor it is: the name up to the colon."""
        return self.name.partition(":")[0]

    @property
    def waiting(self) -> int:
        """Messages in the mailbox."""
        return 0 if self._mailbox is None else self._mailbox.statistics().current_buffer_used

    @property
    def peak(self) -> int:
        """The most messages that ever waited."""
        current = 0 if self._mailbox is None else self._mailbox.statistics().peak_buffer_used
        return max(self.status.mailbox_peak, current)

    @property
    def open_asks(self) -> int:
        """Asks that have no answer yet."""
        return len(self._open)

    def tell(self, msg: M) -> None:
        """Post *msg* without waiting. Raises ActorDown (not started) or MailboxFull."""
        self._post(msg)

    def tell_newest(self, key: Hashable, msg: M) -> None:
        """Post *msg*, replacing a waiting one with the same *key*; nothing happens when the actor is down.

        For states and ticks, where only the newest counts. It cannot overflow: there is one place for each key, and a full mailbox does
        not lose the message, because the actor looks at these after each message it handles. An actor that has nothing else to do may
        handle it before this method returns (`Actor.handle_at_once`); its failure is then its own crash, not the teller's.
        """
        if self._mailbox is None:
            return
        newest = self._newest
        if newest.at_once is not None:
            try:
                if newest.at_once(msg):
                    return
            except Exception as exc:  # noqa: BLE001  # whatever it is, the actor's own task raises it
                self._post(Failed(exc))
                return
        newest.messages[key] = msg
        if not newest.announced:
            try:
                self._post(Wake())
            except MailboxFull:
                return
            newest.announced = True

    async def ask(self, msg: M, reply: Reply[R]) -> R:
        """Post *msg* and wait for *reply*, within the caller's deadline and `ask_limit`.

        Raises what the actor refused with, ActorDown, MailboxFull or AskTimeout.
        """
        limit = trio.current_time() + self.ask_limit
        reply.deadline = min(limit, trio.current_effective_deadline())
        self._post(msg)
        self._open.add(reply)
        try:
            with trio.fail_at(limit):
                return await reply.wait()
        except trio.TooSlowError:
            raise AskTimeout(self.name, self.ask_limit, started=reply.started) from None
        finally:
            self._open.discard(reply)
            # An abandoned request is settled, so that the actor skips it instead of working for nobody.
            reply.fail(ActorDown(self.name, started=reply.started))

    def _post(self, msg: "M | Wake | Failed") -> None:
        if self._mailbox is None:
            raise ActorDown(self.name, started=False)
        self._newest.at_once = None
        try:
            self._mailbox.send_nowait(msg)
        except trio.WouldBlock:
            raise MailboxFull(self.name, self.waiting) from None

    @contextmanager
    def open_mailbox(self, size: int) -> Iterator["Mailbox[M]"]:
        """Be reachable inside the block; on leaving it, every open ask is settled with ActorDown. For the supervisor."""
        send, receive = trio.open_memory_channel[M | Wake | Failed](size)
        with send, receive:
            self._mailbox = send
            try:
                yield Mailbox(receive, self._newest)
            finally:
                self.status.mailbox_peak = self.peak
                self._mailbox = None
                self._newest = Conflated()
                for reply in tuple(self._open):
                    reply.fail(ActorDown(self.name, started=reply.started))


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
