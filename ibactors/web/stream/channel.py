"""What a channel of the stream is: a row from which WebSocket, server-sent events and AsyncAPI derive."""

from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec

from ibactors.errors import InvalidRequest
from ibactors.kernel.topic import Topic
from ibactors.keys import Scope
from ibactors.model.encoded import Encoded
from ibactors.validation import validated
from ibactors.web.contract.messages import Command
from ibactors.web.gate.refusals import NotOnEdge
from ibactors.web.stream.slot import Lost
from ibactors.web.system import System

P = TypeVar("P", bound=msgspec.Struct)


def _always(_value: object) -> bool:
    return True


def _nothing(_topic: object) -> tuple[()]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One thing to listen to."""

    key: Hashable
    """Names it within its channel: a client that wants the same again gets it again, in place of the first."""
    symbol: str | None = None
    """How its client names it, where it does."""
    names: Callable[[], Mapping[str, Any]] = dict
    """Which instrument it is, by the members of `Named`, as far as that is known by now; empty for what is none."""
    open: Callable[[str, ExitStack], Awaitable[Topic[Any]]]
    """Where to listen: values are `Encoded`, None while there is none, or `Failed` when it is over. Raises IbactorsError.

    It is told by whose share it counts (`Handover.holder`), and what gives that back when the subscription ends.
    """
    split: Callable[[Any], Mapping[str, Encoded[Any]]] | None = None
    """The messages of one value, by what each is about: a newer one replaces an unsent one about the same. None: each value is one."""
    is_current: Callable[[Any], bool] = _always
    """Whether the value that is there at the beginning may be shown."""
    change: Callable[[Encoded[Any] | None, Encoded[Any]], Encoded[Any]] | None = None
    """What is sent in place of a value to a client that has got another one last, if any. None: values are sent as they are."""
    kind: str | None = None
    """What a gap is told of, besides the channel and the instrument."""
    first: Callable[[Topic[Any]], Iterable[Encoded[Any]]] = _nothing
    """What a client of a channel that is not conflated gets at the beginning, such as what it has missed."""
    position: str = ""
    """Names it within a stream of events, for who comes again; without `;`. Empty where its values have no number to go on from."""
    resumed: "Callable[[int], Source] | None" = None
    """The same, with what came after the value of a number first."""
    pull: Callable[[], Awaitable[Sequence[Encoded[Any]]]] | None = None
    """What comes next, however long that takes, in place of what a topic tells: called when a client has room for it, and never more than
    one at a time. It may be cancelled, which loses nothing. The channel is then not conflated, and nothing is ever lost."""
    on_lost: Callable[[Lost], Sequence[Any]] | None = None
    """What a client gets in place of values that found no room, if that is not a `Gap`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel(Generic[P]):
    """One kind of what clients subscribe to."""

    name: str
    """As in `channel` of a command."""
    summary: str
    """For the AsyncAPI document."""
    scope: Scope
    """What a key must be good for, besides streams."""
    parameters: type[P]
    """What a command says of it; all members have defaults, as a command may be one of any channel."""
    sources: Callable[[System, P], list[Source]]
    """What the parameters name; none when they name nothing. Raises InvalidRequest."""
    messages: Mapping[str, tuple[type[msgspec.Struct], str]]
    """What clients get, by name in the AsyncAPI document, with what each tells."""
    conflated: bool = True
    """Whether a slow reader gets the newest of each and skips the rest. If not, it gets all, up to a bound, and a `Gap` where that is
    exceeded: then each message has a `sequence` and a `timestamp`."""

    on_edges: bool = False
    """Whether an edge has it, too."""

    def wanted(self, system: System, command: Command) -> list[Source]:
        """What a command names. Raises InvalidRequest, and NotOnEdge there."""
        if command.interval_ms and not self.conflated:
            raise InvalidRequest(f"The channel {self.name!r} skips nothing, so that it has no interval.", field="interval_ms")
        if system.settings.role == "edge" and not self.on_edges:
            raise NotOnEdge(f"An edge has no channel {self.name!r} yet.")
        parameters = validated(self.parameters, lambda: msgspec.convert(command, self.parameters, from_attributes=True))
        return self.sources(system, parameters)
