"""How bytes leave a session: whole, one at a time, cut at random, collected, or not at all.

TCP keeps no frame boundaries, so a client must not depend on them; these faults show whether it does. One `Delivery` belongs to a gateway:
sessions ask it before they read and while they send.
"""

import random
from collections.abc import Iterator

import trio

GLUE_S = 0.25
_LONGEST_PIECE = 40


class Delivery:
    """The faults of the wire that are on at the moment."""

    def __init__(self, seed: int = 1) -> None:
        self.drips = False
        self.splits = False
        self.glues = False
        self._dice = random.Random(f"{seed}:delivery")
        self._alive = trio.Event()
        self._alive.set()

    @property
    def is_half_open(self) -> bool:
        """Whether sockets stay open and nothing moves on them."""
        return not self._alive.is_set()

    def freeze(self) -> None:
        """Stop reading and sending; no socket is closed."""
        if self._alive.is_set():
            self._alive = trio.Event()

    def thaw(self) -> None:
        """Go on where it stopped; what was queued meanwhile goes out, as after a repaired cable."""
        self._alive.set()

    def restore(self) -> None:
        """Deliver as a healthy gateway does."""
        self.drips = self.splits = self.glues = False
        self.thaw()

    async def alive(self) -> None:
        """Wait while connections are half open."""
        while not self._alive.is_set():
            await self._alive.wait()

    async def gather(self) -> None:
        """Wait until what is queued may be sent."""
        if self.glues:
            await trio.sleep(GLUE_S)
        await self.alive()

    async def send(self, stream: trio.abc.SendStream, data: bytes) -> None:
        """Send in pieces of the kind that is on."""
        if not (self.drips or self.splits):
            await stream.send_all(data)
            return
        for piece in self._pieces(data):
            await self.alive()
            await stream.send_all(piece)

    def _pieces(self, data: bytes) -> Iterator[bytes]:
        position = 0
        while position < len(data):
            # Asked for each piece, so that switching a fault off ends it in the middle of a long answer.
            length = 1 if self.drips else self._dice.randint(1, _LONGEST_PIECE) if self.splits else len(data)
            yield data[position : position + length]
            position += length
