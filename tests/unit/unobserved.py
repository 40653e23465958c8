"""A session whose packets nobody waits for."""


class Unobserved:
    """A `PacketObserver` that does nothing but count."""

    def __init__(self) -> None:
        self.begun = self.ended = 0

    def packet_begins(self) -> None:
        self.begun += 1

    def packet_ended(self) -> None:
        self.ended += 1
