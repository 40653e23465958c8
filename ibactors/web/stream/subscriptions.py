"""What one client is subscribed to: the same for a WebSocket and for server-sent events.

A subscription comes in two steps, so that a client can be told that it is accepted before it gets the first value: `open` takes its place
among those of the key and opens what is listened to, which may take waiting; `start` begins to listen.
"""

from collections.abc import Awaitable, Callable, Hashable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Never, NoReturn, Protocol

from ibactors.actors.symbol import Failed
from ibactors.kernel.topic import Topic
from ibactors.model.gaps import Gap
from ibactors.model.times import now
from ibactors.web.contract.caller import Caller
from ibactors.web.contract.codec import encode
from ibactors.web.contract.messages import Message, MessageId
from ibactors.web.gate.refusals import ScopeMissing
from ibactors.web.stream.channel import Channel
from ibactors.web.stream.slot import Backlog, Lost, Slot
from ibactors.web.stream.source import Source
from ibactors.web.system import System


class Outlet(Protocol):
    """Where values leave for the client: one slot for each thing that they are about, the newest of each only, and backlogs."""

    def follow(self, topic: Topic[Any], slot: Hashable) -> AbstractContextManager[object]:
        """Send each new value of *topic* inside the block."""

    def put(self, slot: Hashable, value: Any) -> None:
        """Send a value, in place of an unsent older one of the slot."""

    def forget(self, slot: Slot) -> None:
        """Send nothing more of it."""

    def feeding(self, feed: Callable[[], Awaitable[Never]]) -> AbstractContextManager[object]:
        """Have *feed* run inside the block. It may be cancelled, and begun anew, at any time."""


@dataclass(slots=True, kw_only=True, eq=False)
class Subscription:
    """One source of one channel."""

    channel: Channel[Any]
    source: Source
    interval: float
    """Seconds between two values of a slot, at least."""
    id: MessageId = None
    """Of the command that began it; its values carry it."""
    on_failed: Callable[["Subscription", Failed], Sequence[Message]]
    """Called when it is over; says what to tell the client."""
    topic: Topic[Any]
    slots: dict[str, Slot] = field(default_factory=dict)
    """By what they are about."""
    told: dict[str, object] = field(default_factory=dict)
    """The last message about each, where a value is several of them: not all of them are new each time."""
    backlog: Backlog | None
    """Where its values wait, if none may be skipped."""
    place: ExitStack | None
    """Among those of the key; None for one that gets the place of another that it replaces."""
    until_stopped: ExitStack
    """What it holds besides."""
    listening: ExitStack = field(default_factory=ExitStack)

    @property
    def names(self) -> dict[str, Any]:
        """Which instrument it is, by the members of `Named`: as IB has it, or as the client has named it."""
        names = dict(self.source.names())
        return names | {"symbol": names.get("symbol") or self.source.symbol}

    def slot(self, about: str = "") -> Slot:
        """Where what is known about something leaves."""
        found = self.slots.get(about)
        if found is None:
            members = b'"id":'.join((b",", encode(self.id))) if self.id is not None else b""
            found = self.slots[about] = Slot(
                interval=self.interval,
                members=members,
                position=self.source.position,
                change=self.source.change,
                on_failed=partial(self.on_failed, self),
                on_lost=self.source.on_lost or self._gap,
            )
        return found

    def _gap(self, lost: Lost) -> Sequence[Gap]:
        gap = Gap(
            **self.names,
            channel=self.channel.name,
            kind=self.source.kind,
            lost=lost.count,
            begin=lost.first.value.timestamp,
            end=lost.last.value.timestamp,
            sequence=lost.last.value.sequence,
            timestamp=now(),
            code="slow_reader",
        )
        return (gap,)


class Subscriptions:
    """Those of one client."""

    def __init__(self, caller: Caller, outlet: Outlet, *, holder: str = "") -> None:
        self._caller = caller
        self._holder = holder
        """By whose share they count; see `Handover.holder`."""
        self._outlet = outlet
        self._backlogs: dict[str, Backlog] = {}
        """By channel."""
        self._started: dict[tuple[str, Hashable], Subscription] = {}
        self._opened: set[Subscription] = set()
        """Those that have a place, but are not started yet."""

    def __iter__(self) -> Iterator[Subscription]:
        """Those that are started, the oldest first."""
        return iter(self._started.values())

    def check(self, channel: Channel[Any]) -> None:
        """Raises ScopeMissing unless the client may listen to *channel*."""
        if channel.scope not in self._caller.scopes:
            needed = f"The {channel.name} channel needs the scope {channel.scope.value!r}"
            raise ScopeMissing(f"{needed}, which the key of {self._caller.name!r} does not have.")

    async def open(
        self,
        channel: Channel[Any],
        source: Source,
        *,
        on_failed: Callable[[Subscription, Failed], Sequence[Message]],
        interval: float = 0.0,
        message_id: MessageId = None,
    ) -> Subscription:
        """Take a place and open what is listened to; `start` must follow. Raises TooManySubscriptions and what the source raises."""
        with ExitStack() as place, ExitStack() as until_stopped:
            # Taken before the wait for the source, as others of the same key may want the last place meanwhile. What replaces another
            # gets the place of that.
            replaces = (channel.name, source.key) in self._started
            if not replaces:
                place.enter_context(self._caller.subscribed())
            topic = await source.open(self._holder, until_stopped)
            subscription = Subscription(
                channel=channel,
                source=source,
                interval=interval,
                id=message_id,
                on_failed=on_failed,
                topic=topic,
                backlog=None if channel.conflated else self._backlogs.setdefault(channel.name, Backlog()),
                place=None if replaces else place.pop_all(),
                until_stopped=until_stopped.pop_all(),
            )
        self._opened.add(subscription)
        return subscription

    def start(self, subscription: Subscription) -> None:
        """Listen, in place of an older subscription to the same; nothing is sent of what is known already, see `show`."""
        key = subscription.channel.name, subscription.source.key
        older = self._started.get(key)
        if subscription.place is None and older is not None:
            subscription.place, older.place = older.place, None
        elif subscription.place is None:  # the older one has failed meanwhile, and gave its place back
            subscription.place = ExitStack()
            subscription.place.enter_context(self._caller.subscribed(again=True))
        if older is not None:
            self.stop(older)
        self._opened.discard(subscription)
        self._started[key] = subscription
        self._listen(subscription)

    def move(self, subscription: Subscription, topic: Topic[Any]) -> None:
        """Go on with another topic, at once with what is known there."""
        subscription.listening.close()
        subscription.topic = topic
        self._listen(subscription)
        self.show(subscription)

    def _listen(self, subscription: Subscription) -> None:
        listening: AbstractContextManager[object]
        if subscription.source.pull is not None:
            listening = self._outlet.feeding(partial(self._feed, subscription, subscription.source.pull))
        elif subscription.source.split is None and subscription.backlog is None:
            listening = self._outlet.follow(subscription.topic, subscription.slot())
        else:
            listening = subscription.topic.listening(partial(self._put, subscription))
        subscription.listening.enter_context(listening)

    async def _feed(self, subscription: Subscription, pull: Callable[[], Awaitable[Sequence[Any]]]) -> NoReturn:
        """Ask for what comes next when what came before has left: a slow client has one answer in memory, and no more."""
        backlog = subscription.backlog
        if backlog is None:
            raise AssertionError("a channel whose values are pulled is not conflated")
        while True:
            await backlog.emptied()
            for message in await pull():
                self._send(subscription, subscription.slot(), message)

    def show(self, subscription: Subscription) -> None:
        """Send what is known; in the step that has started it, or values would come twice."""
        newest = subscription.topic.value
        if subscription.backlog is not None:
            for value in [*subscription.source.first(subscription.topic), *([newest] if isinstance(newest, Failed) else [])]:
                self._put(subscription, value)
        elif subscription.source.is_current(newest):
            self._put(subscription, newest)

    def stop(self, subscription: Subscription) -> None:
        """Listen no more; nothing more is sent."""
        self._started.pop((subscription.channel.name, subscription.source.key), None)
        subscription.listening.close()
        subscription.until_stopped.close()
        if subscription.place is not None:
            subscription.place.close()
        for slot in subscription.slots.values():
            self._outlet.forget(slot)

    def stop_named(self, channel: Channel[Any], sources: Sequence[Source]) -> list[Subscription]:
        """Stop what *sources* name: the very same, or else all with the same symbol, or of the same contract. Returns those."""
        stopped: list[Subscription] = []
        for source in sources:
            exact = self._started.get((channel.name, source.key))
            alike = [known for known in self if known.channel is channel and _is_meant(known, source)]
            stopped += [exact] if exact is not None else alike
            for subscription in stopped:
                self.stop(subscription)
        return stopped

    def close(self) -> None:
        """Stop all of them."""
        for subscription in [*self._started.values(), *self._opened]:
            self.stop(subscription)
        self._opened.clear()

    def _put(self, subscription: Subscription, value: Any) -> None:
        split = subscription.source.split
        if split is not None and not isinstance(value, Failed):
            for about, message in split(value).items():
                if subscription.told.get(about) is not message:
                    subscription.told[about] = message
                    self._send(subscription, subscription.slot(about), message)
        elif value is not None:
            self._send(subscription, subscription.slot(), value)

    def _send(self, subscription: Subscription, slot: Slot, value: Any) -> None:
        backlog = subscription.backlog
        if backlog is None:
            self._outlet.put(slot, value)
        elif backlog.add(slot, value):
            self._outlet.put(backlog, backlog)


def _is_meant(known: Subscription, source: Source) -> bool:
    if source.symbol is not None and known.source.symbol == source.symbol:
        return True
    con_id = source.names().get("con_id")
    return bool(con_id) and known.source.names().get("con_id") == con_id


@contextmanager
def showing_status(system: System, outlet: Outlet) -> Iterator[None]:
    """Inside the block, tell the client of the session and the login: each change, and at once what is wrong already."""
    with outlet.follow(system.status, "status"):
        status = system.status.value
        if not status.value.connected:
            outlet.put("status", status)
        yield
