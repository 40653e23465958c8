"""What one client is subscribed to: the same for a WebSocket and for server-sent events.

A subscription comes in two steps, so that a client can be told that it is accepted before it gets the first value: `open` takes its place
among those of the key and opens what is listened to, which may take waiting; `start` begins to listen.
"""

from collections.abc import Awaitable, Callable, Hashable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from typing import Any, NoReturn

from ibactors.actors.site import Site
from ibactors.actors.symbol import Failed
from ibactors.errors import IbactorsError
from ibactors.kernel.topic import Topic
from ibactors.model.encoded import Encoded
from ibactors.web.choosing import ELSEWHERE
from ibactors.web.contract.caller import Caller
from ibactors.web.contract.messages import Message, MessageId
from ibactors.web.gate.refusals import ScopeMissing
from ibactors.web.moving import Moves
from ibactors.web.stream.channel import Channel
from ibactors.web.stream.slot import Backlog, Slot
from ibactors.web.stream.source import Source
from ibactors.web.stream.subscription import Outlet, Subscription
from ibactors.web.system import System


class Subscriptions:
    """Those of one client."""

    def __init__(self, caller: Caller, outlet: Outlet, *, holder: str = "", moves: Moves | None = None) -> None:
        self._caller = caller
        self._moves = moves
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
            there, topic = await self._opened_at_one(channel, source, until_stopped)
            subscription = Subscription(
                channel=channel,
                source=there,
                interval=interval,
                id=message_id,
                on_failed=on_failed,
                topic=topic,
                backlog=None if channel.conflated else self._backlogs.setdefault(channel.name, Backlog()),
                place=None if replaces else place.pop_all(),
                until_stopped=until_stopped.pop_all(),
                owner=self,
            )
        self._opened.add(subscription)
        return subscription

    async def _opened_at_one(self, channel: Channel[Any], source: Source, until_stopped: ExitStack) -> tuple[Source, Topic[Any]]:
        """It, or the same of the next gateway that gives it."""
        at = source.at
        if self._moves is None or at is None:
            return source, await source.open(self._holder, until_stopped)

        async def opened(site: Site) -> tuple[Source, Topic[Any]]:
            there = at(site)
            return there, await there.open(self._holder, until_stopped)

        return await self._moves.choices.ask((channel.name, source.key), opened)

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
        if self._moves is not None and subscription.source.at is not None:
            subscription.following.enter_context(self._moves.following(subscription))

    def elsewhere(self, subscription: Subscription, error: IbactorsError) -> bool:
        """Whether another gateway may give what its own has refused with *error*."""
        site = subscription.source.site
        if self._moves is None or site is None or not isinstance(error, ELSEWHERE):
            return False
        self._moves.choices.refused(site, subscription.what, error)
        return self._moves.choices.best(subscription.what) is not None

    def goes_on(self, subscription: Subscription, failed: Failed) -> bool:
        """Whether it is tried at another gateway, as its own has refused it."""
        goes_on = self.elsewhere(subscription, failed.error)
        if goes_on and self._moves is not None:
            self._moves.refused(subscription, failed.error)
        return goes_on

    async def relocate(self, subscription: Subscription, site: Site) -> None:
        """Go on at another gateway, with nothing of the one before. Raises what opening there does; then all is as it was."""
        if subscription.source.at is None:
            raise AssertionError("only what is of one gateway moves")
        source, newest = subscription.source.at(site), subscription.topic.value
        with ExitStack() as until_stopped:
            topic = await source.open(self._holder, until_stopped)
            if self._started.get((subscription.channel.name, source.key)) is not subscription:
                return  # the client has unsubscribed meanwhile
            since = None if isinstance(newest, Failed) else subscription.site.session.since
            subscription.until_stopped.close()
            subscription.source, subscription.until_stopped = source, until_stopped.pop_all()
        for slot in subscription.slots.values():
            slot.change, slot.sent = source.change, None
        if subscription.backlog is None and topic.value is None and isinstance(newest, Encoded):
            self.put(subscription, newest)  # the break may not have left yet, and nothing takes its place
        self.move(subscription, topic, since)

    def move(self, subscription: Subscription, topic: Topic[Any], since: str | None = None) -> None:
        """Go on with another topic, at once with what is known there. *since*: from when on nothing was told, of another gateway."""
        subscription.listening.close()
        subscription.topic = topic
        self._listen(subscription)
        if since is None or subscription.backlog is None:
            self.show(subscription)
        else:
            for value in [*subscription.source.moved(since), *([topic.value] if isinstance(topic.value, Failed) else [])]:
                self.put(subscription, value)

    def _listen(self, subscription: Subscription) -> None:
        listening: AbstractContextManager[object]
        if subscription.source.pull is not None:
            listening = self._outlet.feeding(partial(self._feed, subscription, subscription.source.pull))
        elif subscription.source.split is None and subscription.backlog is None:
            listening = self._outlet.follow(subscription.topic, subscription.slot())
        else:
            listening = subscription.topic.listening(partial(self.put, subscription))
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
                self.put(subscription, value)
        elif subscription.source.is_current(newest):
            self.put(subscription, newest)

    def stop(self, subscription: Subscription) -> None:
        """Listen no more; nothing more is sent."""
        self._started.pop((subscription.channel.name, subscription.source.key), None)
        subscription.listening.close()
        subscription.following.close()
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

    def put(self, subscription: Subscription, value: Any) -> None:
        """Send what a topic tells."""
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
