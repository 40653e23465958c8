"""The address of an actor: how others reach it. A caller never hangs: each ask is answered, refused or settled with an error."""

from collections.abc import Hashable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, TypeAlias, TypeVar

import outcome
import trio

from ibactors.errors import ActorDown, AskTimeout, MailboxFull
from ibactors.kernel.mailbox import Conflated, Mailbox, Wake
from ibactors.kernel.status import Status

R = TypeVar("R")
M = TypeVar("M")
N = TypeVar("N")


class Reply(Generic[R]):
    """One-shot slot for the answer to an ask; the first answer wins."""

    __slots__ = ("_event", "_outcome", "deferred", "started")

    def __init__(self) -> None:
        self._event = trio.Event()
        self._outcome: outcome.Outcome[R] | None = None
        self.started = False
        """True once the actor has taken the message from its mailbox."""
        self.deferred = False
        """True once the handler has said that somebody else will answer."""

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

    async def over(self) -> None:
        """Wait until there is an answer, or nobody waits for one any more."""
        await self._event.wait()

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


class Ref(Generic[M, N]):
    """The stable address of an actor: other modules hold this, never the actor.

    It takes messages M, each of which is handled, and N, of which the newest is. What else lies on a Ref is written by its actor or by the
    Ref's own methods, and only read by others.
    """

    ask_limit: ClassVar[float] = 30.0
    """Seconds after which an ask fails with `AskTimeout`, whatever the caller's own deadline."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.status = Status()
        self._mailbox: Mailbox[M, N] | None = None
        self._open: set[Reply[Any]] = set()
        self._newest: Conflated[N] = Conflated()

    @property
    def kind(self) -> str:
        """What sort of actor it is: the name up to the colon."""
        return self.name.partition(":")[0]

    @property
    def waiting(self) -> int:
        """Messages in the mailbox."""
        return 0 if self._mailbox is None else len(self._mailbox)

    @property
    def peak(self) -> int:
        """The most messages that ever waited."""
        current = 0 if self._mailbox is None else self._mailbox.peak
        return max(self.status.mailbox_peak, current)

    @property
    def idle(self) -> bool:
        """Whether the actor waits with nothing on its way to it: what it knows now is what an ask would be answered from."""
        return self._newest.handler is not None and not self._newest.in_step

    @property
    def open_asks(self) -> int:
        """Asks that have no answer yet."""
        return len(self._open)

    def tell(self, msg: M) -> None:
        """Post *msg* without waiting. Raises ActorDown (not started) or MailboxFull."""
        self._post(msg)

    async def post(self, msg: M) -> None:
        """Post *msg* however full the mailbox is; for tasks of the actor itself, of which there are so many and no more."""
        self.deliver(msg)
        await trio.lowlevel.checkpoint()

    def deliver(self, msg: M) -> None:
        """The same without a turn of the event loop; for the actor's timers."""
        self._post(msg, beyond=True)

    @property
    def lifetime(self) -> object:
        """Stands for the incarnation that runs now, None for none; another one for each."""
        return self._mailbox

    def tell_newest(self, key: Hashable, msg: N) -> None:
        """Post *msg*, replacing a waiting one with the same *key*; nothing happens when the actor is down.

        For states and ticks, where only the newest counts. It cannot overflow: there is one place for each key, and a full mailbox does
        not lose the message, because the actor looks at these after each message it handles. An actor that is idle handles it before this
        method returns (`Actor.handle_newest`); its failure is then its own crash, not the teller's.
        """
        if self._mailbox is None:
            return
        newest = self._newest
        if newest.handler is not None and not newest.in_step:
            newest.in_step = True
            try:
                newest.handler(msg)
            except Exception as exc:  # noqa: BLE001  # whatever it is, the actor's own task raises it
                newest.failure = exc
                self._wake()
            finally:
                newest.in_step = False
        else:
            newest.messages[key] = msg
            self._wake()

    async def ask(self, msg: M, reply: Reply[R]) -> R:
        """Post *msg* and wait for *reply*, within the caller's deadline and `ask_limit`.

        Raises what the actor refused with, ActorDown, MailboxFull or AskTimeout.
        """
        limit = trio.current_time() + self.ask_limit
        self._post(msg)
        self._open.add(reply)
        try:
            with trio.fail_at(limit):
                return await reply.wait()
        except trio.TooSlowError:
            raise AskTimeout(self.name, self.ask_limit, started=reply.started) from None
        finally:
            self._open.discard(reply)
            if not reply.settled:
                # An abandoned request is settled, so that the actor skips it instead of working for nobody.
                reply.fail(ActorDown(self.name, started=reply.started))

    def _wake(self) -> None:
        if not self._newest.announced:
            with suppress(MailboxFull):  # it looks after the next message
                self._post(Wake())
                self._newest.announced = True

    def _post(self, msg: "M | Wake", *, beyond: bool = False) -> None:
        if self._mailbox is None:
            raise ActorDown(self.name, started=False)
        self._newest.handler = None  # see Conflated.handler
        try:
            self._mailbox.put(msg, beyond=beyond)
        except trio.WouldBlock:
            raise MailboxFull(self.name, self.waiting) from None

    def open_mailbox(self, size: int) -> "Mailbox[M, N]":
        """Be reachable until `close_mailbox`. For the supervisor."""
        self._mailbox = Mailbox(size, self._newest)
        return self._mailbox

    def close_mailbox(self) -> None:
        """Be reachable no more; every open ask is settled with ActorDown."""
        self.status.mailbox_peak = self.peak
        self._mailbox = None
        self._newest = Conflated()
        for reply in tuple(self._open):
            reply.fail(ActorDown(self.name, started=reply.started))


AnyRef: TypeAlias = Ref[Any, Any]
"""An actor's address, for whoever only looks at it."""
