"""Ticks of one instrument and kind: their address, and the last of them for who comes again. The actor is in `ticks_actor.py`."""

from typing import Any, ClassVar

from ibactors.actors.lookup import Found
from ibactors.actors.ordered import OrderedRef
from ibactors.actors.tape import Tape
from ibactors.kernel.topic import Topic
from ibactors.model.gaps import Gap
from ibactors.model.sessions import SessionStatus
from ibactors.model.ticks import LiveKind, LiveTick

KEPT = 5_000
"""Ticks that are kept for who comes again."""


class TicksRef(OrderedRef):
    """The ticks of one instrument and kind, as the web layer sees them."""

    sort: ClassVar[str] = "ticks"

    def __init__(self, key: Any, of: LiveKind, found: Found, sessions: Topic[SessionStatus]) -> None:
        super().__init__(key, f"{found[0].name},{of}", found, sessions)
        self.of = of
        self.tape = Tape("ticks", lambda: self.names, most=KEPT, kind=of)

    def publish(self, message: LiveTick | Gap) -> None:
        """Tell everybody, and keep it; its number is the next."""
        self.updates.publish(self.tape.keep(message))
