"""One subscription of one client, and where its values leave."""

from collections.abc import Awaitable, Callable, Hashable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Never, Protocol

from ibactors.actors.site import Site
from ibactors.actors.symbol import Failed
from ibactors.errors import IbactorsError
from ibactors.kernel.topic import Topic
from ibactors.model.encoded import Encoded
from ibactors.model.gaps import Gap
from ibactors.model.times import now
from ibactors.web.contract.codec import encode
from ibactors.web.contract.messages import Message, MessageId
from ibactors.web.stream.channel import Channel
from ibactors.web.stream.slot import Backlog, Lost, Slot, voids
from ibactors.web.stream.source import Source


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


class Owner(Protocol):
    """Whose subscription it is."""

    async def relocate(self, subscription: "Subscription", site: Site) -> None:
        """Go on at another gateway. Raises what opening there does."""

    def put(self, subscription: "Subscription", value: Any) -> None:
        """Have the client told."""


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
    following: ExitStack = field(default_factory=ExitStack)
    """Has it moved to another gateway when it must be."""
    owner: Owner

    @property
    def site(self) -> Site:
        """The gateway that it is of."""
        if self.source.site is None:
            raise AssertionError("only what is of one gateway moves")
        return self.source.site

    @property
    def what(self) -> Hashable:
        """What is asked of a gateway."""
        return self.channel.name, self.source.key

    @property
    def void(self) -> bool:
        """Whether nothing that it has told is still taken for current."""
        newest = self.topic.value
        return not (self.channel.conflated and isinstance(newest, Encoded)) or voids(newest)

    async def move(self, site: Site) -> None:
        """Go on at another gateway. Raises what opening there does; then it is where it was."""
        await self.owner.relocate(self, site)

    def fail(self, error: IbactorsError) -> None:
        """It is over: nobody gives it."""
        self.owner.put(self, Failed(error=error))

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
