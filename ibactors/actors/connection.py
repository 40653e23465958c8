"""The connection's address and messages; the actor itself is in `connection_actor.py`.

Every change of the session is published on `ConnectionRef.sessions`, where actors and WebSocket clients listen: a new epoch means that all
data must be requested anew.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from ibactors.bridge.accounts import AccountListener
from ibactors.bridge.order_desk import OrderDesk
from ibactors.bridge.requests import RequestSpec, only
from ibactors.bridge.session import Session
from ibactors.bridge.subscriptions import Subscription
from ibactors.bridge.tally import GatewayTally
from ibactors.kernel.ref import Ask, Ref
from ibactors.kernel.topic import Topic, TopicName
from ibactors.model.sessions import SessionPhase, SessionStatus
from ibactors.model.times import now

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Request(Ask[tuple[Any, ...]]):
    """Whatever the gateway is asked for; answered with the rows that the spec makes of its answer."""

    spec: RequestSpec[Any]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Subscribe(Ask[None]):
    """Have the gateway send something; what the same owner had before is ended first."""

    owner: Hashable
    subscription: Subscription[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsubscribe:
    """The owner needs its subscription no longer."""

    owner: Hashable


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountsTold:
    """What a session has told of its accounts."""

    epoch: int
    complete: bool
    """Whether the first full set is in."""
    refused: str | None
    """What IB does not send, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchAccounts:
    """Subscribe to account data for the rest of the present session."""

    listener: AccountListener


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where to connect, as whoever logs the gateway in says."""

    port: int | None = None
    """None: the port of the settings."""
    closed: str | None = None
    """Why there is nothing to connect to; None when there is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retarget:
    """Connect somewhere else from now on, or nowhere."""

    target: Target


ConnectionMessage = Request | Subscribe
ConnectionNews = Unsubscribe | WatchAccounts | AccountsTold | Retarget


class ConnectionRef(Ref[ConnectionMessage, ConnectionNews]):
    """The session with the gateway, as other actors and the web layer see it."""

    ask_limit: ClassVar[float] = 150.0
    """Above what any request's own time-out may be, which says more when it is over."""

    def __init__(self, site: str = "") -> None:
        super().__init__("connection")
        self.sessions: Topic[SessionStatus] = Topic(
            SessionStatus(phase=SessionPhase.CONNECTING, epoch=0, since=now(), reason="The service is starting."),
            TopicName(site, "session"),
        )
        """The state of the session; its value may be read at any time without asking."""
        self.tally = GatewayTally()
        """Traffic with the gateway since the service started."""
        self.target = Target()
        """Where to connect: what `retarget` said last. On the ref, so that no crash loses it; may be said before the actor runs."""
        self.session: Session | None = None
        """The live session; set and used by the actor, read by others only through the properties below."""

    @property
    def lines(self) -> int:
        """Open market-data lines."""
        return 0 if self.session is None else self.session.lines

    @property
    def proof_age(self) -> float | None:
        """On an edge with a session: how old what is known of it is at most, in seconds; None elsewhere."""
        return None

    @property
    def closing_books(self) -> int:
        """Books that nobody wants any more and IB does not let go yet."""
        return 0 if self.session is None else self.session.closing_books

    @property
    def unsent(self) -> int:
        """Messages that wait for their turn at the gateway's message rate."""
        return 0 if self.session is None else self.session.waiting

    @property
    def desk(self) -> OrderDesk | None:
        """The desk for orders of the session that is up; for the one actor that keeps them."""
        return None if self.session is None else self.session.orders

    async def request(self, spec: RequestSpec[T]) -> tuple[T, ...]:
        """All rows of the answer to *spec*; raises what `Session.request` raises, or an ActorError."""
        msg = Request(spec=spec)
        rows: tuple[T, ...] = await self.ask(msg, msg.reply)
        return rows

    async def request_one(self, spec: RequestSpec[T]) -> T:
        """The same of what is answered with one row. Raises GatewayRefused where the answer has none, or several."""
        return only(spec, await self.request(spec))

    async def subscribe(self, owner: Hashable, subscription: Subscription[Any]) -> None:
        """Have the gateway send something, told to the subscription's listener, for the rest of the session.

        An *owner* has one, the last. It is an object, such as the address of an actor, and not a name: two owners never share one.
        Raises GatewayDisconnected, InvalidRequest or an ActorError.
        """
        msg = Subscribe(owner=owner, subscription=subscription)
        await self.ask(msg, msg.reply)

    def unsubscribe(self, owner: Hashable) -> None:
        """End the owner's subscription, if it has one; without effect while the actor is down, as its session ended with it."""
        self.tell_newest(("unsubscribe", owner), Unsubscribe(owner=owner))

    def retarget(self, target: Target) -> None:
        """End the session and begin another one at *target*; at once if the actor is idle, else as soon as it gets to it."""
        self.target = target
        self.tell_newest("retarget", Retarget(target=target))

    def accounts_told(self, epoch: int, *, complete: bool, refused: str | None) -> None:
        """Say how far the account data of the session have come."""
        self.tell_newest("accounts", AccountsTold(epoch=epoch, complete=complete, refused=refused))

    def watch_accounts(self, listener: AccountListener) -> None:
        """Have account data of this session sent to *listener*."""
        self.tell_newest("watch_accounts", WatchAccounts(listener=listener))
