"""An actor for one profit and loss: that of an account, or of one of its positions.

It subscribes once for all who want it, keeps the newest figures and answers from them, and asks `profits` to be retired when nobody has
wanted them for a while. What it holds is shown while the session that it came from is current, and not after an interruption: then it
asks IB again and callers wait for what comes.
"""

from dataclasses import dataclass
from typing import Protocol, assert_never

import structlog
import trio

from ibactors.actors.connection import ConnectionRef
from ibactors.bridge.profits import ProfitLine
from ibactors.errors import Doubtful, GatewayDisconnected, GatewayTimeout, IbactorsError
from ibactors.kernel.actor import Actor
from ibactors.kernel.mailbox import Mailbox
from ibactors.kernel.pool import MemberRef
from ibactors.kernel.ref import Ask, Reply
from ibactors.model.accounts import Profit, ProfitKey
from ibactors.model.instruments import Instrument
from ibactors.model.sessions import SessionStatus

log = structlog.get_logger(__name__)

REOPEN_WAIT = 1.0
"""Seconds until a subscription that could not be made, or was interrupted, is tried again."""
DOUBT_WAIT = 5.0
"""The same for one that IB refused at a time at which that means nothing."""
FAILED_LINGER = 5.0
"""Seconds for which a refusal of IB's is remembered, so that clients that insist do not hammer IB."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GetProfit(Ask[Profit]):
    """The newest figures, or the first ones."""


@dataclass(frozen=True, slots=True)
class IdleCheck:
    """Time to see whether anybody still wants the figures."""


@dataclass(frozen=True, slots=True)
class Reopen:
    """Time to subscribe, unless that has been done."""


@dataclass(frozen=True, slots=True)
class Forget:
    """Time to end after a refusal, so that the next request tries again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionChanged:
    """The session with the gateway came up or broke."""

    session: SessionStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """IB has sent figures, or an error in their place."""

    feed: "_Feed"
    outcome: Profit | IbactorsError


@dataclass(frozen=True, slots=True, kw_only=True)
class Interrupted:
    """Data stopped behind the subscription: what is known is not current."""

    feed: "_Feed"
    error: IbactorsError


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed:
    """Data should come again, or the request may have been thrown away."""

    feed: "_Feed"


ProfitMessage = GetProfit | IdleCheck | Reopen | Forget
ProfitNews = SessionChanged | Told | Interrupted | Resumed


class ProfitRef(MemberRef[ProfitMessage, ProfitNews]):
    """One profit and loss, as the web layer sees it."""

    def __init__(self, key: ProfitKey, instrument: Instrument | None, *, timeout: float) -> None:
        super().__init__(f"pnl:{key}", key)
        self.of = key
        self.instrument = instrument
        """Of a position; None for an account, whose figures depend on the data of all it holds."""
        self.refused = False
        """IB has nothing for it."""
        self._timeout = timeout

    @property
    def over(self) -> bool:
        return self.refused

    async def profit(self) -> Profit:
        """The newest figures; waits for the first ones.

        Raises what IB's refusal means, GatewayDisconnected, GatewayTimeout or an ActorError.
        """
        self.touch()
        msg = GetProfit()
        try:
            with trio.fail_after(self._timeout):
                return await self.ask(msg, msg.reply)
        except trio.TooSlowError:
            raise GatewayTimeout(f"The gateway did not send profit and loss within {self._timeout:g} s.") from None


class _Feed:
    """Carries what the bridge says about one subscription into the actor's mailbox; the newest of it wins."""

    def __init__(self, ref: ProfitRef) -> None:
        self._ref = ref

    def told(self, profit: Profit) -> None:
        self._ref.tell_newest("told", Told(feed=self, outcome=profit))

    def failed(self, error: IbactorsError) -> None:
        self._ref.tell_newest("told", Told(feed=self, outcome=error))

    def interrupted(self, error: IbactorsError) -> None:
        # In the place of figures that wait: they are from before the break.
        self._ref.tell_newest("told", Interrupted(feed=self, error=error))

    def resumed(self) -> None:
        self._ref.tell_newest("resumed", Resumed(feed=self))


class Directory(Protocol):
    """What one needs of the actor that started it."""

    def retire(self, ref: ProfitRef) -> None:
        """Stop it, unless somebody wants it again."""


class ProfitActor(Actor[ProfitMessage, ProfitNews]):
    """One incarnation: it begins without figures and asks for them again."""

    mailbox_size = 256  # one ask per waiting request; more are refused with 503

    def __init__(self, ref: ProfitRef, connection: ConnectionRef, directory: Directory, *, idle_seconds: float) -> None:
        super().__init__(ref)
        self._me = ref
        self._connection = connection
        self._directory = directory
        self._idle_seconds = idle_seconds
        self._feed: _Feed | None = None
        self._epoch = 0
        self._outcome: Profit | IbactorsError | None = None
        self._waiting: list[Reply[Profit]] = []

    async def run(self, mailbox: Mailbox[ProfitMessage, ProfitNews]) -> None:
        self.after(self._idle_seconds, IdleCheck())
        with self._connection.sessions.listening(self._session_changed) as session:
            self._session_changed(session)
            try:
                await self.serve(mailbox)
            finally:
                self._connection.unsubscribe(self._me.name)

    async def handle(self, msg: ProfitMessage) -> None:
        match msg:
            case GetProfit():
                self._answer_or_wait(msg.reply)
            case Reopen():
                await self._open()
            case IdleCheck():
                self._directory.retire(self._me)
                self.after(max(self._idle_seconds - self._me.idle_for(), 1.0), IdleCheck())
            case Forget():
                self._directory.retire(self._me)
            case _:
                assert_never(msg)

    def handle_newest(self, msg: ProfitNews) -> None:
        match msg:
            case SessionChanged():
                self._on_session(msg.session)
            case Told():
                if msg.feed is self._feed:
                    self._on_outcome(msg.outcome)
            case Interrupted():
                if msg.feed is self._feed:
                    self._outcome = msg.error
                    self._answer_waiting()
            case Resumed():
                if msg.feed is self._feed:
                    # IB sends figures when they change: on the old subscription they might not come again for hours.
                    self._outcome = self._feed = None
                    self.after(0.0, Reopen())
            case _:
                assert_never(msg)

    def _session_changed(self, session: SessionStatus) -> None:
        self._me.tell_newest("session", SessionChanged(session=session))

    def _on_session(self, session: SessionStatus) -> None:
        """What belongs to an ended session goes; a refusal does too, as another gateway may have another mind."""
        if not session.up or session.epoch != self._epoch or self._feed is None:
            self._outcome = self._feed = None
            self.after(0.0, Reopen())
        self._answer_waiting()

    async def _open(self) -> None:
        session = self._connection.sessions.value
        if not session.up or self._feed is not None or self._me.refused:
            return
        feed = _Feed(self._me)
        try:
            # The feed counts from before the request leaves: its first answer may come while this waits.
            self._feed, self._epoch = feed, session.epoch
            await self._connection.subscribe(self._me.name, ProfitLine(self._me.of, self._me.instrument, feed))
        except IbactorsError:
            # No session at this moment, or no connection actor; callers wait for the next try until their timeout.
            self._feed = None
            self.after(REOPEN_WAIT, Reopen())

    def _on_outcome(self, outcome: Profit | IbactorsError) -> None:
        self._outcome = outcome
        if isinstance(outcome, Doubtful):
            # The gateway holds no subscription now. When the trouble is over, the session tells; until then it is tried now and then.
            self._feed = None
            self.after(DOUBT_WAIT, Reopen())
        elif isinstance(outcome, IbactorsError):
            log.info("profit_refused", code=outcome.code, ib_code=outcome.ib_code)
            self._me.refused = True
            self.after(FAILED_LINGER, Forget())
        self._answer_waiting()

    def _answer_or_wait(self, reply: Reply[Profit]) -> None:
        session = self._connection.sessions.value
        if not session.current:
            reply.fail(GatewayDisconnected(session.reason or "There is no session with the gateway."))
        elif self._outcome is None or self._epoch != session.epoch:
            reply.defer()
            self._waiting = [waiting for waiting in self._waiting if not waiting.settled]
            self._waiting.append(reply)
        elif isinstance(self._outcome, IbactorsError):
            reply.fail(self._outcome)
        else:
            reply.send(self._outcome)

    def _answer_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        for reply in waiting:
            self._answer_or_wait(reply)
