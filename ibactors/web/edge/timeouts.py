"""For how long the edge waits for a client."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """In seconds."""

    head: float = 5.0
    """The head of a request must come within it, the first or the next one."""
    write: float = 100.0
    """A client must take what is written to it; one that pauses for a minute is kept."""
    handshake: float = 10.0
    """A client must do its part of the TLS handshake."""
    silence: float = 2.0
    """After closing our side we keep reading, so that the client can receive the last answer: until so much silence."""
    linger: float = 30.0
    """The same in all."""


TIMEOUTS = Timeouts()
