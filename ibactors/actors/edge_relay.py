"""What one client of an edge follows of a channel: the holder's messages, over breaks of the edge's session.

A break voids what is known, and what was missed in it is asked for by number, where the messages have any: the holder sends it, or a gap.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ibactors.actors.symbol import Failed
from ibactors.bus import wire
from ibactors.errors import IbactorsError, MailboxFull
from ibactors.kernel.topic import Topic
from ibactors.model.encoded import Encoded

MOST_EARLY = 10_000
"""Messages that are kept until their client is told that it has subscribed."""

Void = Callable[[Any, str], Any]
"""What makes the last message void, by that and the reason; None where nothing is voided by a break."""


class Relay:
    """One subscription. Values of `updates` are messages: by what they are about, if the channel is conflated, or each by itself."""

    def __init__(
        self, command: bytes, after: int | None, caller: str, *, conflated: bool, decode: Callable[[bytes], Any], void: Void
    ) -> None:
        self.command = command
        self.after = after
        """The number of the last message that is known; None where there is none."""
        self.caller = caller
        self.decode = decode
        self.names: Mapping[str, Any] = {}
        """Which instrument it is; empty while the holder has not said so."""
        self.updates: Topic[Any] = Topic(None)
        self.voided = False
        """Whether nothing that is known may be taken for current."""
        self._conflated = conflated
        self._void = void
        self._asked_after = after
        self._started = False
        self._early: list[Encoded[Any]] = []
        self._last: dict[str, Encoded[Any]] = {}

    def question(self, seat: int) -> wire.Follow:
        """What the holder is asked."""
        return wire.Follow(self.command, self.after, seat, self.caller)

    def heard(self, about: str, message: Encoded[Any] | IbactorsError) -> None:
        """Take the next message, or the error that ends it."""
        if isinstance(message, IbactorsError):
            self.updates.publish(Failed(error=message))
            return
        self.voided = False
        self._last = {**self._last, about: message} if self._conflated else {"": message}
        if self._conflated:
            self.updates.publish(self._last)
            return
        self.after = message.value.sequence
        self._pass_on(message)

    def interrupted(self, reason: str) -> None:
        """The session is over."""
        self.voided = True
        void = {about: self._void(last.value, reason) for about, last in self._last.items()}
        told = {about: Encoded(message) for about, message in void.items() if message is not None}
        self._last = {**self._last, **told}
        if self._conflated and told:
            self.updates.publish(self._last)
        for message in () if self._conflated else told.values():
            self._pass_on(message)

    def first(self, *, current: bool) -> Iterable[Encoded[Any]]:
        """What a client gets that begins in this step; from here on it listens to `updates`."""
        self._started = True
        early, self._early = self._early, []
        if not current:  # it comes again, in the next session
            self.after, early = self._asked_after, []
        return early

    def _pass_on(self, message: Encoded[Any]) -> None:
        if self._started:
            self.updates.publish(message)
        elif len(self._early) < MOST_EARLY:
            self._early.append(message)
        else:
            self.updates.publish(Failed(error=MailboxFull("bus", MOST_EARLY)))
