"""What one subscription of a channel listens to."""

from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from ibactors.actors.site import Site
from ibactors.kernel.topic import Topic
from ibactors.model.encoded import Encoded
from ibactors.web.stream.slot import Lost


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
    site: Site | None = None
    """The gateway that it is of; None where it is of all."""
    at: "Callable[[Site], Source] | None" = None
    """The same of another gateway, where it may move there when its own breaks or refuses it."""
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
    moved: Callable[[str], Iterable[Encoded[Any]]] = _nothing
    """What a client of such a channel gets at the beginning that comes from another gateway, which has told nothing since a time."""
    position: str = ""
    """Names it within a stream of events, for who comes again; without `;`. Empty where its values have no number to go on from."""
    resumed: "Callable[[int], Source] | None" = None
    """The same, with what came after the value of a number first."""
    pull: Callable[[], Awaitable[Sequence[Encoded[Any]]]] | None = None
    """What comes next, however long that takes, in place of what a topic tells: called when a client has room for it, and never more than
    one at a time. It may be cancelled, which loses nothing. The channel is then not conflated, and nothing is ever lost."""
    on_lost: Callable[[Lost], Sequence[Any]] | None = None
    """What a client gets in place of values that found no room, if that is not a `Gap`."""
