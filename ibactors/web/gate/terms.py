"""What the gate grants a client, whoever it is."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class GateTerms:
    """Times in seconds."""

    body_timeout: float = 10.0
    """The whole body must come within it."""
    introduction_timeout: float = 10.0
    """A client of a WebSocket without a key in its request must send it in a message within it."""
    messages_per_second: float = 200.0
    messages_at_once: float = 1000.0
    """Messages of one WebSocket; a client that sends more is read more slowly."""


TERMS = GateTerms()
