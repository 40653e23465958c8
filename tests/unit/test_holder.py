"""What the holder of a session takes from whoever is at the bus."""

from types import SimpleNamespace
from typing import Any

import pytest

from ibactors.bus import wire
from ibactors.bus.link import Arrived
from ibactors.errors import GatewayDisconnected
from ibactors.holder import lines
from ibactors.holder.lines import Beats
from ibactors.holder.publication import MOST_EDGES, Publication


def arrived(data: bytes) -> Arrived:
    return Arrived("ibactors.main.ping", "", data, nobody_listens=False)


async def test_pings_that_cannot_be_read_end_nothing_and_edges_are_bounded() -> None:
    publication = publication_of()
    for noise in (b"", b"\xc1", b"\x92\x01\x02", wire.encode(wire.Ping("x" * 201, 1))):
        publication._pinged(arrived(noise))  # noqa: SLF001
    assert not publication._echoes  # noqa: SLF001
    for number in range(2 * MOST_EDGES):
        publication._pinged(arrived(wire.encode(wire.Ping(f"edge-{number}", number))))  # noqa: SLF001
    assert len(publication._echoes) == len(publication._heard_at) == MOST_EDGES  # noqa: SLF001


def publication_of(*, bus_orders: bool = True) -> Publication:
    system: Any = SimpleNamespace(settings=SimpleNamespace(bus_orders=bus_orders))
    nothing: Any = None
    return Publication(system, nothing, nothing, wire.Subjects("ibactors.main"))


def act(seen: int) -> wire.Act:
    return wire.Act("POST", "/orders", b"", [], b"{}", "desk", "r", seen)


def test_an_order_that_hung_on_its_way_is_not_placed(monkeypatch: pytest.MonkeyPatch) -> None:
    time, beats = 99.0, Beats()
    monkeypatch.setattr(lines, "boot_time", lambda: time)
    with pytest.raises(GatewayDisconnected):
        beats.check(1)
    beats.note(10)
    time = 99.9
    beats.note(14)
    time = 100.0
    beats.check(10)
    for hung, now in ((9, 100.0), (10, 101.1), (14, 102.0), (14, 200.0)):
        time = now
        with pytest.raises(GatewayDisconnected, match="nothing was done"):
            beats.check(hung)


async def test_an_order_is_taken_from_its_own_subject_alone() -> None:
    publication = publication_of()
    call = wire.Call("edge", "", 1.0, act(0))
    publication._called(Arrived("ibactors.main.call", "reply", wire.encode(call), nobody_listens=False))  # noqa: SLF001
    assert publication._calls.taken == 0  # noqa: SLF001
