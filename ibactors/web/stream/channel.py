"""What a channel of the stream is: a row from which WebSocket, server-sent events and AsyncAPI derive."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

import msgspec

from ibactors.errors import InvalidRequest
from ibactors.keys import Scope
from ibactors.validation import validated
from ibactors.web.contract.messages import Command
from ibactors.web.stream.relayed import relayed
from ibactors.web.stream.source import Source
from ibactors.web.system import System

P = TypeVar("P", bound=msgspec.Struct)


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

    kept_on_edges: bool = False
    """Whether an edge has actors of its own for it; the messages of all others are the holder's, and are passed on."""

    def wanted(self, system: System, command: Command) -> list[Source]:
        """What a command names. Raises InvalidRequest."""
        if command.interval_ms and not self.conflated:
            raise InvalidRequest(f"The channel {self.name!r} skips nothing, so that it has no interval.", field="interval_ms")
        parameters = validated(self.parameters, lambda: msgspec.convert(command, self.parameters, from_attributes=True))
        sources = self.sources(system, parameters)
        if system.settings.role != "edge" or self.kept_on_edges:
            return sources
        kinds = [kind for kind, _ in self.messages.values()]
        return [relayed(system, self.name, kinds, command, source, conflated=self.conflated) for source in sources]
