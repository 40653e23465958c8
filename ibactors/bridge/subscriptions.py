"""What a session keeps open at the gateway: each thing that IB goes on sending under a request's id until it is cancelled.

A kind of subscription is a subclass of `Subscription` that knows how it is requested and cancelled and what its messages mean;
`quote_line.py` is the first. `Subscriptions` has the open ones of a kind, and does for each what errors and breaks ask for. All of it runs
in the step that reads a packet, and nothing here waits.
"""

from collections.abc import Callable
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import structlog

from ibactors.bridge import codes
from ibactors.bridge.codes import Verdict
from ibactors.bridge.connectivity import serves
from ibactors.bridge.texts import shown
from ibactors.bridge.wire import GatewayClient
from ibactors.errors import GatewayRefused, IbactorsError
from ibactors.model.instruments import Instrument

log = structlog.get_logger(__name__)


class SubscriptionListener(Protocol):
    """Who hears of a subscription; each method returns at once."""

    def failed(self, error: IbactorsError) -> None:
        """IB sent an error for it."""

    def interrupted(self, error: IbactorsError) -> None:
        """Data stopped behind it, though it stays open; what came before is not current any more."""

    def resumed(self) -> None:
        """Data should come again, if it was interrupted or was never served."""


L = TypeVar("L", bound=SubscriptionListener)


class Subscription(Generic[L]):
    """One thing that the gateway keeps sending; it belongs to one session, and a new one has new ones."""

    __slots__ = ("_interrupted", "_proven", "_served", "caller", "closing", "elsewhere", "listener", "origin")

    kind: ClassVar[str]
    """Kinds take turns on the way to the gateway."""
    is_market_data: ClassVar[bool] = True
    """Whether the gateway has lost it when it says that data are lost (1101); other subscriptions it may hold on to."""

    def __init__(self, origin: Instrument | None, listener: L, *, proven: bool = False, caller: str = "") -> None:
        self.origin = origin
        """What is known of where its data come from; None where breaks of any data concern it."""
        self.listener = listener
        self.caller = caller
        """For whom it is requested; see `RequestSpec.caller`."""
        self._proven = proven
        self._served = False
        """True once anything has come: the gateway has taken the request."""
        self._interrupted = False
        self.elsewhere: Instrument | None = None
        """The contract that has its data, where IB has sent it there: a contract for difference has those of its stock."""
        self.closing: GatewayClient | None = None
        """Where to cancel it, once that is heeded; nobody listens to it any more."""

    def request(self, client: GatewayClient, request_id: int) -> None:
        """Ask the gateway for it."""
        raise NotImplementedError

    def cancel(self, client: GatewayClient, request_id: int) -> None:
        """Ask the gateway to end it."""
        raise NotImplementedError

    @property
    def cancellable(self) -> bool:
        """Whether a cancel is heeded by now; if not, it is sent as soon as it is."""
        return True

    def judge(self, code: int, text: str) -> IbactorsError | Verdict:
        """What an error of IB's means to it: its failure, or that it goes on."""
        return codes.judge(code, text)

    def forget(self) -> None:
        """Show nothing again that has not come anew."""
        raise NotImplementedError

    def packet_done(self, arrived: float) -> None:
        """Tell the listener what the packet that arrived at Unix time *arrived* has brought."""
        raise NotImplementedError

    @property
    def inherited(self) -> bool:
        """Whether IB is known to have it from a session before."""
        return self._proven

    @property
    def proven(self) -> bool:
        """Whether IB is known to have it: it was served, in this session or in one before."""
        return self._proven or self._served

    @property
    def served(self) -> bool:
        """Whether the gateway has taken the request, as far as its messages show."""
        return self._served

    def fail(self, error: IbactorsError) -> None:
        """IB sent an error that is no notice."""
        self.forget()
        self.listener.failed(error)

    def reroute(self, con_id: int, exchange: str) -> bool:
        """IB sends nothing for it but where its data are; whether it is to be requested there. It is, once."""
        if self.elsewhere is not None:
            self.fail(GatewayRefused(f"The gateway sent the request on and on, now to {con_id}@{exchange}."))
            return False
        self.elsewhere = Instrument.of_id(con_id, exchange)
        self.origin = None  # which farm serves that is not known
        return True

    def expect_resume(self) -> None:
        """It is requested during a break, and the gateway may have thrown it away by the end of it."""
        self._interrupted = True

    def interrupt(self, error: IbactorsError) -> None:
        """Forget everything: it is from before a break."""
        self.forget()
        self._interrupted = True
        self.listener.interrupted(error)

    def resume(self) -> None:
        """The break is over, says IB."""
        if self._interrupted:
            self._interrupted = False
            self.listener.resumed()

    def doubt(self) -> None:
        """The request may have been thrown away; have its owner look whether anything comes."""
        if not self._served:
            self.listener.resumed()


class FedSubscription(Subscription[L]):
    """One whose messages come as their fields, each with the id of its request."""

    what: ClassVar[str]
    """To complete "The gateway sent … that cannot be read"."""
    unnumbered: ClassVar[str | None] = None
    """The id of the messages that are for it although they name no request, if there are any."""

    def take(self, fields: list[str]) -> None:
        """A message for it. Raises ValueError or IndexError for what cannot be read."""
        raise NotImplementedError

    def feed(self, fields: list[str]) -> None:
        """Take a message; what cannot be read fails it, as what was known is not the newest any more."""
        try:
            self.take(fields)
        except (ValueError, IndexError, OverflowError) as exc:
            log.warning("feed_unreadable", kind=self.kind, message_id=fields[0], fields=len(fields), error=shown(repr(exc)))
            self.fail(GatewayRefused(f"The gateway sent {self.what} that cannot be read."))


S = TypeVar("S", bound=Subscription[Any])


class Subscriptions(Generic[S]):
    """The open ones of one kind, by request id. A message for any other id has nowhere to go: it is late, or from before a break."""

    def __init__(self) -> None:
        self.open: dict[int, S] = {}
        self.touched: dict[int, S] = {}
        """Those that the present packet has something for; whoever routes a message to one puts it here."""

    def add(self, client: GatewayClient, subscription: S) -> int:
        """Request it; its id is what closes it again. Raises InvalidRequest for what cannot be sent."""
        request_id = client.getReqId()
        ask(client, request_id, subscription)
        self.open[request_id] = subscription
        return request_id

    def close(self, client: GatewayClient, request_id: int) -> None:
        """End it; unknown ids are ignored, because it may have been given up after a break."""
        subscription = self.open.get(request_id)
        if subscription is None:
            return
        if client.outbox.withdraw(request_id):
            del self.open[request_id]
        elif subscription.cancellable:
            del self.open[request_id]
            release(client, request_id, subscription)
        else:
            subscription.closing = client

    def beat(self) -> None:
        """Close what was not cancellable when it was to be closed, and is by now though nothing has come of it."""
        for request_id, subscription in tuple(self.open.items()):
            if subscription.closing is not None:
                self.close(subscription.closing, request_id)

    def packet_done(self, arrived: float) -> None:
        """Have each that was touched tell its listener."""
        touched, self.touched = self.touched, {}
        for request_id, subscription in touched.items():
            subscription.packet_done(arrived)
            if subscription.closing is not None:
                self.close(subscription.closing, request_id)

    def failed(self, request_id: int, code: int, text: str, trouble: Callable[[S, IbactorsError], str | None]) -> bool:
        """IB sent an error; tells whether it belongs to one of these. It is not believed of one for which there is trouble."""
        subscription = self.open.get(request_id)
        if subscription is None:
            return False
        verdict = subscription.judge(code, text)
        if not isinstance(verdict, Verdict):
            if subscription.closing is not None:
                del self.open[request_id]  # that is its end
            reason = None if code in codes.PASSING else trouble(subscription, verdict)
            subscription.fail(codes.doubted(verdict, reason) if reason else verdict)
        return True

    def interrupt(self, farm: str | None, error: IbactorsError) -> None:
        """Data stopped behind those that the farm serves; None stands for all farms."""
        for subscription in self._served_by(farm):
            subscription.interrupt(error)

    def resume(self, farm: str | None, interrupted: Callable[[Instrument | None], bool]) -> None:
        """It is said to come again, but for what is still *interrupted*."""
        for subscription in self._served_by(farm):
            if not interrupted(subscription.origin):
                subscription.resume()

    def doubt(self) -> None:
        """The gateway threw some message away."""
        for subscription in tuple(self.open.values()):
            subscription.doubt()

    def abandon(self) -> dict[int, S]:
        """Forget all, as the gateway has lost them (1101); those that it may hold are returned: what it had not served, and other data."""
        lost, self.open = self.open, {}
        return {
            request_id: subscription
            for request_id, subscription in lost.items()
            if not (subscription.served and subscription.is_market_data)
        }

    def _served_by(self, farm: str | None) -> list[S]:
        # A list, because a listener may close what it hears of.
        return [subscription for subscription in self.open.values() if serves(farm, subscription.origin)]


def ask(client: GatewayClient, request_id: int, subscription: Subscription[Any]) -> None:
    """Request it, in the turn of its caller. Raises InvalidRequest for what cannot be sent."""
    with client.sending(subscription.kind, caller=subscription.caller, key=request_id):
        subscription.request(client, request_id)


def release(client: GatewayClient, request_id: int, subscription: Subscription[Any]) -> None:
    """Have the gateway end it, or take the request back if it has not left: a cancel must never overtake its request."""
    if not client.outbox.withdraw(request_id):
        with client.sending(subscription.kind, urgent=True):
            subscription.cancel(client, request_id)
