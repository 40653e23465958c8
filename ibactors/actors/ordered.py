"""What actors that follow one contract at IB have in common: books and ticks, each with one subscription for all who want it.

It is opened in each new session and again when IB says that data are back and nothing comes. What comes of it is heard in order, none left
out, up to a bound. When IB says that there is nothing to be had, the actor publishes `Failed` and retires soon, so that a later request
tries again; when nobody wants it any more it asks to be retired.
"""

import math
from collections import deque
from dataclasses import dataclass
from typing import Any, ClassVar

import structlog
import trio

from ibactors.actors.connection import ConnectionRef
from ibactors.actors.lookup import Found
from ibactors.actors.subscriber import COMPETING_WAIT, DOUBT_WAIT, REOPEN_WAIT, Directory, Due, SessionChanged, Subscriber
from ibactors.actors.symbol import Failed
from ibactors.bridge.subscriptions import Subscription
from ibactors.errors import ActorError, CompetingSession, DepthLimit, Doubtful, GatewayDisconnected, IbactorsError, TicksLimit
from ibactors.kernel.pool import MemberRef
from ibactors.kernel.topic import Topic, TopicName
from ibactors.model.instruments import names_of
from ibactors.model.sessions import SessionPhase, SessionStatus
from ibactors.model.times import now

log = structlog.get_logger(__name__)

VERIFY_WAIT = 3.0
"""Seconds within which something must come again after IB said that data are back; else it is opened anew."""
MOST_HEARD = 20_000
"""Of one subscription that wait for an actor that is busy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verify:
    """Time to see whether anything has come again."""

    feed: "OrderedFeed"
    heard: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """Something waits in a feed."""

    feed: "OrderedFeed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """Data stopped behind the subscription, which stays open."""

    error: IbactorsError


@dataclass(frozen=True, slots=True)
class Resumed:
    """Data should come again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Swamped:
    """More came than the actor could take; so many items of the feed are lost."""

    lost: int


OrderedNews = SessionChanged | Heard


class OrderedRef(MemberRef[Any, OrderedNews]):
    """One feed, as the web layer sees it."""

    sort: ClassVar[str]
    """What it follows; names the actors."""

    def __init__(self, key: Any, name: str, found: Found, sessions: Topic[SessionStatus]) -> None:
        super().__init__(f"{self.sort}:{name}", key)
        self.reading, self.contract = found
        self.sessions = sessions
        self.updates: Topic[Any] = Topic(None, TopicName(sessions.name.site if sessions.name else "", self.sort, name))
        """What is published; `Failed` when it is over."""
        self.pinned_until = -math.inf
        """Until this `trio.current_time()` it cannot be given up: IB would not let go of its subscription."""

    @property
    def wanted(self) -> bool:
        return trio.current_time() < self.pinned_until or self.updates.listeners > 0 or super().wanted

    @property
    def over(self) -> bool:
        return isinstance(self.updates.value, Failed)

    def fail(self, error: IbactorsError) -> None:
        """Tell everybody that it is over."""
        self.updates.publish(Failed(error=error))

    @property
    def names(self) -> dict[str, Any]:
        """Which instrument it is, by the members of `Named`."""
        return names_of(self.contract) | {"exchange": self.reading.exchange or self.contract.exchange}


class OrderedFeed:
    """Carries what the bridge says about one subscription to the actor, in order; the actor takes it out."""

    def __init__(self, ref: OrderedRef) -> None:
        self._ref = ref
        self._items: deque[Any] = deque()
        self._lost = 0
        self.count = 0
        """How much has come, ever."""

    def hear(self, item: Any) -> None:
        """Put *item* where the actor looks next."""
        self.count += 1
        if len(self._items) < MOST_HEARD:
            self._items.append(item)
        else:
            self._lost += 1
        self._ref.tell_newest("heard", Heard(feed=self))

    def take(self) -> list[Any]:
        """All that waits."""
        items = [*self._items, *([Swamped(lost=self._lost)] if self._lost else [])]
        self._items.clear()
        self._lost = 0
        return items

    def failed(self, error: IbactorsError) -> None:
        self.hear(Failed(error=error))

    def interrupted(self, error: IbactorsError) -> None:
        self.hear(Broken(error=error))

    def resumed(self) -> None:
        self.hear(Resumed())


class OrderedActor(Subscriber[Any, OrderedNews]):
    """One incarnation; what it makes of its subscription is in its subclasses."""

    mailbox_size = 256  # one ask per waiting request; more are refused with 503
    request_gap: ClassVar[float] = 0.0
    """Seconds between two requests of the subscription in one session, at least."""

    def __init__(self, ref: OrderedRef, connection: ConnectionRef, directory: Directory, *, idle_seconds: float) -> None:
        super().__init__(ref, connection, directory, idle_seconds=idle_seconds)
        self._me = ref
        self._feed: OrderedFeed | None = None
        self._epoch = 0
        self._requested_at = -math.inf
        self._opened_at = now()
        """When it was requested last, for others than this process."""
        self._proven = False  # whether IB is known to have it, from a session before

    # for subclasses

    def subscription(self, feed: OrderedFeed) -> Subscription[Any]:
        """What IB is asked for."""
        raise NotImplementedError

    def took(self, item: Any) -> None:
        """Something came of it."""
        raise NotImplementedError

    def broke(self, error: IbactorsError) -> None:
        """Data stopped; what is known is not current any more."""
        raise NotImplementedError

    def gave_up(self, error: IbactorsError) -> None:
        """Nobody waits any more: it is over."""

    async def act(self, msg: Any) -> None:
        """One of the subclass's own messages."""
        raise NotImplementedError

    def session_seen(self, session: SessionStatus) -> None:
        """The session goes on, but may be silent or not current."""

    # the same for all

    def stopped(self) -> None:
        self._me.pinned_until = -math.inf
        self.broke(GatewayDisconnected("The part of the service that follows it was stopped."))

    async def handle(self, msg: Any) -> None:
        match msg:
            case Due():
                await self.due(msg)
            case Verify():
                if msg.feed is self._feed and msg.feed.count == msg.heard:
                    # From here on nobody hears what may still come of it.
                    self.broke(GatewayDisconnected("It is requested again, as nothing came of it."))
                    self._feed = None
                    self._reopen(0.0)
            case _:
                await self.act(msg)

    def handle_newest(self, msg: OrderedNews) -> None:
        if isinstance(msg, SessionChanged):
            self._on_session(msg.session)
        elif msg.feed is self._feed:
            for item in msg.feed.take():
                self._on_item(item)
        else:
            msg.feed.take()

    def _on_session(self, session: SessionStatus) -> None:
        is_other = session.epoch != self._epoch
        if not session.up or (is_other and self._feed is not None):
            self.broke(GatewayDisconnected(session.reason or "There is no session with the gateway."))
        if is_other:
            self._requested_at = -math.inf
        if is_other or (not session.up and session.phase is not SessionPhase.LOST):
            self._feed = None
            self._me.pinned_until = -math.inf
        if session.up and self._feed is None:
            self._reopen(0.0)
        elif session.up:
            self.session_seen(session)

    def _reopen(self, wait: float) -> None:
        self._reopening.set(max(wait, self._requested_at + self.request_gap - trio.current_time()))

    async def open(self) -> None:
        session = self._connection.sessions.value
        if not session.up or self._me.over or (self._feed is not None and self._epoch == session.epoch):
            return
        feed = OrderedFeed(self._me)
        # It counts from before the request leaves: something may come of it while this waits.
        self._feed, self._epoch, self._requested_at, self._opened_at = feed, session.epoch, trio.current_time(), now()
        try:
            await self._connection.subscribe(self._me, self.subscription(feed))
        except (GatewayDisconnected, ActorError):
            self._feed = None
            self._reopen(REOPEN_WAIT)
        except IbactorsError as exc:
            self._on_failure(exc)
        else:
            self.ref.status.epoch = session.epoch

    def _on_item(self, item: Any) -> None:
        match item:
            case Failed():
                self._on_failure(item.error)
            case Broken():
                self.broke(item.error)
            case Resumed():
                self._verify(VERIFY_WAIT)
            case _:
                self._proven = True
                self.took(item)

    def _verify(self, wait: float) -> None:
        if self._feed is not None:
            self.after(wait, Verify(feed=self._feed, heard=self._feed.count))

    def _on_failure(self, error: IbactorsError) -> None:
        self._me.pinned_until = -math.inf
        if isinstance(error, CompetingSession):
            self.broke(error)
            self._verify(COMPETING_WAIT)  # it lives on: data come again when the other session ends, or it takes a new request
        elif isinstance(error, Doubtful) or (self._proven and isinstance(error, DepthLimit | TicksLimit)):
            # Another program may have the place that it had, for a moment: IB frees places late.
            log.info("refusal_doubted", feed=self._me.name, ib_code=error.ib_code)
            self._feed = None
            self.broke(error)
            self._reopen(DOUBT_WAIT)
        else:
            log.info("feed_failed", feed=self._me.name, code=error.code, ib_code=error.ib_code)
            self._feed = None
            self._me.fail(error)
            self.gave_up(error)
            self.forget_later()
