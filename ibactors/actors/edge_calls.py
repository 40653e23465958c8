"""An edge's questions to the session's holder: each expires, and none is ever asked twice from here."""

from collections.abc import Callable

import trio

from ibactors.actors.edge_errors import error_of
from ibactors.bus import wire
from ibactors.bus.follower import Follower
from ibactors.bus.link import Arrived
from ibactors.errors import AnswerLost, GatewayDisconnected, GatewayRefused, GatewayTimeout, IbactorsError, MailboxFull

CALL_TIMEOUT = 15.0
"""Seconds for which an answer is waited for that takes the holder no more than a few requests to its gateway."""
READ_TIMEOUT = 60.0
"""The same for what clients read: a page of history takes its time."""
ACT_TIMEOUT = 40.0
"""The same for orders, whose clients may wait 20 s for IB's word."""
MOST_WAITING = 1024
"""Calls under way; more are refused."""

Publish = Callable[[str, bytes, str], None]


class _Waiting:
    """A call under way."""

    def __init__(self) -> None:
        self.over = trio.Event()
        self.answer: wire.Answer | None = None
        self.body: list[bytes] = []
        self.error: IbactorsError | None = None

    def end(self, error: IbactorsError | None = None) -> None:
        self.error = self.error or error
        self.over.set()


class Calls:
    """Of one session."""

    def __init__(self, edge: str, subjects: wire.Subjects, follower: Follower, publish: Publish) -> None:
        self._edge = edge
        self._subjects = subjects
        self._follower = follower
        self._publish = publish
        self._lost: str | None = None
        self._waiting: dict[str, _Waiting] = {}
        self._count = 0

    @property
    def replies(self) -> str:
        """Where answers come."""
        return self._subjects.reply(self._edge, "*")

    def end(self, reason: str) -> None:
        """The session is over: nobody answers."""
        self._lost = reason
        for waiting in self._waiting.values():
            waiting.end(GatewayDisconnected(reason))

    async def ask(self, question: wire.Question, seconds: float = CALL_TIMEOUT) -> tuple[wire.Answer, list[bytes]]:
        """The answer and its body, in pieces. Raises what the holder raises, GatewayDisconnected, GatewayTimeout or MailboxFull."""
        if len(self._waiting) >= MOST_WAITING:
            raise MailboxFull("bus", len(self._waiting))
        self._count += 1
        number, waiting = str(self._count), _Waiting()
        self._waiting[number] = waiting
        try:
            if self._lost is not None:
                raise GatewayDisconnected(self._lost)
            self.send(question, seconds, reply=self._subjects.reply(self._edge, number))
            with trio.fail_after(seconds):
                await waiting.over.wait()
        except trio.TooSlowError:
            raise GatewayTimeout(f"The session's holder did not answer within {seconds:g} s.") from None
        finally:
            del self._waiting[number]
        if waiting.error is not None:
            raise waiting.error.with_traceback(None)
        if waiting.answer is None or (self._follower.stream and not self._follower.fresh):
            raise GatewayDisconnected(self._lost or self._follower.overdue)
        return waiting.answer, waiting.body

    async def act(self, question: wire.Act) -> tuple[wire.Answer, list[bytes]]:
        """The same for what changes orders. Raises AnswerLost where it may have been done, or may be yet."""
        if self._lost is not None or not self._follower.fresh:
            raise GatewayDisconnected(self._lost or self._follower.overdue)
        try:
            return await self.ask(question, ACT_TIMEOUT)
        except GatewayDisconnected as exc:
            if self._lost is None and self._follower.fresh:
                raise  # the holder's word, or the bus's that nobody listens
            raise AnswerLost(str(exc)) from None
        except GatewayTimeout as exc:
            raise AnswerLost(str(exc)) from None

    def send(self, question: wire.Question, seconds: float = CALL_TIMEOUT, *, reply: str = "") -> None:
        """Ask, or tell where there is nothing to answer."""
        subject = self._subjects.order if isinstance(question, wire.Act) else self._subjects.call
        self._publish(subject, wire.encode(wire.Call(self._edge, self._follower.stream, seconds, question)), reply)

    def answered(self, message: Arrived) -> None:
        """Take an answer, or a piece of one. Raises MsgspecError."""
        waiting = self._waiting.get(message.subject.rpartition(".")[2])
        if waiting is None:
            return
        if message.nobody_listens:
            waiting.end(GatewayDisconnected("No holder of the session is at the bus."))
            return
        answer = wire.read_answer(message.data)
        waiting.answer = waiting.answer or answer
        waiting.body.append(answer.body)
        if answer.refusal is not None:
            waiting.end(error_of(answer.refusal))
        elif len(waiting.body) > wire.MOST_PIECES:
            waiting.end(GatewayRefused("The answer of the session's holder is too long for the bus."))
        elif not answer.more:
            waiting.end()
