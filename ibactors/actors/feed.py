"""An actor that keeps one subscription at IB open for all who want it: over breaks, silence and new sessions, until nobody wants it.

What it holds is shown while the session that it came from is current, and not after an interruption: then it asks IB again. Listeners hear
each value, and what stands in its place when it stops being current. A kind of feed is a subclass that says what is subscribed to, and
what listeners are told.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, assert_never

import structlog
import trio

from ibactors.actors.connection import ConnectionRef
from ibactors.actors.subscriber import COMPETING_WAIT, DOUBT_WAIT, REOPEN_WAIT, Directory, Due, SessionChanged, Subscriber
from ibactors.bridge.subscriptions import Subscription
from ibactors.errors import ActorDown, ActorError, CompetingSession, Doubtful, GatewayDisconnected, GatewayTimeout, IbactorsError
from ibactors.kernel.mailbox import Mailbox
from ibactors.kernel.pool import MemberRef
from ibactors.kernel.ref import Ask, Reply
from ibactors.kernel.topic import Topic, TopicName
from ibactors.model.sessions import SessionStatus

log = structlog.get_logger(__name__)

V = TypeVar("V")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GetNewest(Ask[Any]):
    """The newest value, or the first one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """IB has sent something, or an error in its place."""

    feed: "Feed"
    outcome: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Interrupted:
    """Data stopped behind the subscription: what is known is not current."""

    feed: "Feed"
    error: IbactorsError


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed:
    """Data should come again, or the request may have been thrown away."""

    feed: "Feed"


@dataclass(frozen=True, slots=True)
class Own:
    """Base of the messages of one kind of feed alone."""


FedMessage = GetNewest | Due | Own
FedNews = SessionChanged | Told | Interrupted | Resumed


class FedRef(MemberRef[FedMessage, FedNews]):
    """One subscription, as others see it."""

    def __init__(self, name: str, key: Any, topic: TopicName | None = None) -> None:
        super().__init__(name, key)
        self.refused = False
        """IB has nothing for it."""
        self.updates: Topic[Any] = Topic(None, topic)
        """What listeners are told; outlives a crash of the actor."""
        self.look: Callable[[], Any] | None = None
        """The actor's own, while there is one."""

    @property
    def wanted(self) -> bool:
        return self.updates.listeners > 0 or super().wanted

    @property
    def over(self) -> bool:
        return self.refused

    @property
    def present(self) -> Any:
        """What `newest` would answer without waiting; None where it would wait or raise."""
        value = None if self.look is None or not self.idle else self.look()
        if value is not None:
            self.touch()
        return value

    async def newest(self, to: str, *, within: float) -> Any:
        """The newest value or the first; *to* completes "The gateway did not …". Raises what IB refuses, or that nothing came in time."""
        self.touch()
        msg = GetNewest()
        try:
            with trio.fail_after(within):
                return await self.ask(msg, msg.reply)
        except trio.TooSlowError:
            raise GatewayTimeout(f"The gateway did not {to} within {within:g} s.") from None


class Feed:
    """Carries what the bridge says about one subscription into the actor's mailbox; the newest of it wins."""

    def __init__(self, ref: FedRef) -> None:
        self._ref = ref

    def told(self, value: Any) -> None:
        self._ref.tell_newest("told", Told(feed=self, outcome=value))

    def failed(self, error: IbactorsError) -> None:
        self._ref.tell_newest("told", Told(feed=self, outcome=error))

    def interrupted(self, error: IbactorsError) -> None:
        # In the place of what waits: that is from before the break.
        self._ref.tell_newest("told", Interrupted(feed=self, error=error))

    def resumed(self) -> None:
        self._ref.tell_newest("resumed", Resumed(feed=self))


class FedActor(Subscriber[FedMessage, FedNews], Generic[V]):
    """One incarnation: it begins with nothing and asks for it again."""

    mailbox_size = 256  # one ask per waiting request; more are refused with 503

    def __init__(self, ref: FedRef, connection: ConnectionRef, directory: Directory, *, idle_seconds: float) -> None:
        super().__init__(ref, connection, directory, idle_seconds=idle_seconds)
        self._fed = ref
        self._feed: Feed | None = None
        self._epoch = 0
        self._outcome: V | IbactorsError | None = None
        self._showing = False
        """Whether listeners hold something for current."""
        self._waiting: list[Reply[V]] = []
        self._proven = False
        """Whether IB is known to have it, from a session before."""

    async def subscription(self, feed: Feed) -> Subscription[Any]:
        """What is subscribed to in the present session. Raises IbactorsError."""
        raise NotImplementedError

    def new_feed(self) -> Feed:
        """What carries the news of a new subscription."""
        return Feed(self._fed)

    def subscribed(self) -> None:
        """It is subscribed to, again or for the first time."""

    def shown(self, value: V) -> Any:
        """What listeners are told of a value."""
        return value

    def voided(self, error: IbactorsError) -> Any:
        """What listeners are told in its place when it stops being current."""
        return error

    def ended(self, error: IbactorsError) -> Any:
        """What listeners are told when there is nothing more to come."""
        return error

    def act(self, msg: Own) -> None:
        """Act on one of its own messages."""
        raise NotImplementedError

    def recovered(self, value: V | None) -> None:
        """The gateway was silent and is not any more; *value* came last."""
        if value is not None:
            self.show(value)

    def took(self, value: V) -> None:
        """A value has come; it may be shown if the session is current."""
        self.show(value)

    async def run(self, mailbox: Mailbox[FedMessage, FedNews]) -> None:
        self._fed.look = self._look
        await super().run(mailbox)

    def stopped(self) -> None:
        self._fed.look = None
        self.void(ActorDown(self._fed.name, started=False))

    async def handle(self, msg: FedMessage) -> None:
        match msg:
            case GetNewest():
                self._answer_or_wait(msg.reply)
            case Due():
                await self.due(msg)
            case Own():
                self.act(msg)
            case _:
                assert_never(msg)

    def handle_newest(self, msg: FedNews) -> None:
        match msg:
            case SessionChanged():
                self._on_session(msg.session)
            case Told():
                if msg.feed is self._feed:
                    self._on_outcome(msg.outcome)
            case Interrupted():
                if msg.feed is self._feed:
                    self._outcome = msg.error
                    self.void(msg.error)
                    self._answer_waiting()
            case Resumed():
                if msg.feed is self._feed:
                    # IB may send nothing until something changes: on the old subscription that might take hours.
                    self._drop(GatewayDisconnected("It is requested again after an interruption."))
                    self._reopening.set(0.0)
            case _:
                assert_never(msg)

    def show(self, value: V) -> None:
        """Tell listeners of a value, if it may be shown."""
        if self._connection.sessions.value.current:
            self._showing = True
            self._fed.updates.publish(self.shown(value))

    def void(self, error: IbactorsError) -> None:
        """Tell listeners that what they hold is not current, and why."""
        if self._showing:
            self._showing = False
            self._fed.updates.publish(self.voided(error))

    def reopen(self) -> None:
        """Subscribe anew, in place of what there is; listeners hear nothing of it."""
        self._feed = None
        self._reopening.set(0.0)

    def _drop(self, error: IbactorsError) -> None:
        self._outcome = self._feed = None
        self.void(error)

    def _on_session(self, session: SessionStatus) -> None:
        """What belongs to an ended session goes; but what IB has refused is over, and whoever asks again later gets another one."""
        if self._fed.refused:
            return
        if not session.up or session.epoch != self._epoch or self._feed is None:
            self._drop(GatewayDisconnected(session.reason or "The session was replaced."))
            self._reopening.set(0.0)
        elif not session.current:
            self.void(GatewayDisconnected(session.reason or "The gateway is silent."))
        elif not self._showing and not isinstance(self._outcome, IbactorsError):
            self.recovered(self._outcome)
        self._answer_waiting()

    async def open(self) -> None:
        session = self._connection.sessions.value
        if not session.up or self._feed is not None or self._fed.refused:
            return
        feed = self.new_feed()
        try:
            # The feed counts from before the request leaves: its first answer may come while this waits.
            self._feed, self._epoch = feed, session.epoch
            await self._connection.subscribe(self._fed, await self.subscription(feed))
            self.subscribed()
        except IbactorsError as exc:
            self._on_outcome(exc)

    def wait_after(self, error: IbactorsError) -> float | None:
        """Seconds until it is tried again after an error; None where it is IB's last word."""
        if isinstance(error, Doubtful):
            return DOUBT_WAIT
        if isinstance(error, CompetingSession):
            return COMPETING_WAIT
        return REOPEN_WAIT if isinstance(error, GatewayDisconnected | GatewayTimeout | ActorError) else None

    def _on_outcome(self, outcome: V | IbactorsError) -> None:
        if not isinstance(outcome, IbactorsError):
            self._outcome = outcome
            self._proven = True
            self.took(outcome)
        elif (wait := self.wait_after(outcome)) is not None:
            # The gateway holds no subscription now. When there is a new session, that tells; until then it is tried now and then.
            self._outcome = outcome if isinstance(outcome, Doubtful | CompetingSession) else None
            self._feed = None
            self.void(outcome)
            self._reopening.set(wait)
        else:
            log.info("feed_refused", kind=self._fed.kind, code=outcome.code, ib_code=outcome.ib_code)
            self._outcome = outcome
            self._fed.refused = True
            self._showing = False
            self._fed.updates.publish(self.ended(outcome))
            self.forget_later()
        self._answer_waiting()

    def _look(self) -> V | None:
        session = self._connection.sessions.value
        if not session.current or self._epoch != session.epoch or isinstance(self._outcome, IbactorsError):
            return None
        return self._outcome

    def _answer_or_wait(self, reply: Reply[V]) -> None:
        session = self._connection.sessions.value
        if not session.current:
            reply.fail(GatewayDisconnected(session.reason or "There is no session with the gateway."))
        elif isinstance(self._outcome, IbactorsError) and (self._fed.refused or self._epoch == session.epoch):
            reply.fail(self._outcome)
        elif self._outcome is None or isinstance(self._outcome, IbactorsError) or self._epoch != session.epoch:
            reply.defer()
            self._waiting = [waiting for waiting in self._waiting if not waiting.settled]
            self._waiting.append(reply)
        else:
            reply.send(self._outcome)

    def _answer_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        for reply in waiting:
            self._answer_or_wait(reply)
