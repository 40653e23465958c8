"""What the holder of a session takes from whoever is at the bus."""

from typing import Any

from ibactors.bus import wire
from ibactors.bus.link import Arrived
from ibactors.holder.publication import MOST_EDGES, Publication


def arrived(data: bytes) -> Arrived:
    return Arrived("ibactors.main.ping", "", data, nobody_listens=False)


async def test_pings_that_cannot_be_read_end_nothing_and_edges_are_bounded() -> None:
    nothing: Any = None
    publication = Publication(nothing, nothing, nothing, wire.Subjects("ibactors.main"))
    for noise in (b"", b"\xc1", b"\x92\x01\x02", wire.encode(wire.Ping("x" * 201, 1))):
        publication._pinged(arrived(noise))  # noqa: SLF001
    assert not publication._echoes  # noqa: SLF001
    for number in range(2 * MOST_EDGES):
        publication._pinged(arrived(wire.encode(wire.Ping(f"edge-{number}", number))))  # noqa: SLF001
    assert len(publication._echoes) == len(publication._heard_at) == MOST_EDGES  # noqa: SLF001
