"""Many clients and bad ones: each gets its own, a slow one costs the others nothing and the server no memory."""

import json
import random
import socket

import pytest
import trio

from ibactors.sim import Simulator
from ibactors.sim.registry import REQUESTS
from ibactors.sim.wire import outbox
from tests.sim.rawclient import Bench, contract, market_data, pack

SYMBOLS = ("AAPL", "MSFT", "TSLA", "NVDA", "AMZN", "GOOGL", "META", "AMD", "INTC", "SPY")


async def test_twenty_clients_with_ten_lines_each_all_keep_the_rate(bench: Bench) -> None:
    clients = [await bench.client(i) for i in range(20)]
    for client in clients:
        lines = b"".join(market_data(n, contract(s)) for n, s in enumerate(SYMBOLS))
        await client.stream.send_all(lines)
    assert json.loads(await bench.control("stats"))["lines"].keys() <= set(SYMBOLS)

    async def follow(index: int) -> None:
        for n in range(len(SYMBOLS)):
            for _ in range(3):
                await clients[index].find("2", "6", str(n), "0")

    start = trio.current_time()
    async with trio.open_nursery() as followers:
        for index in range(len(clients)):
            followers.start_soon(follow, index)
    assert trio.current_time() - start < 8
    assert set(json.loads(await bench.control("stats"))["lines"].values()) == {20}


async def test_clients_that_read_nothing_lose_ticks_and_delay_nobody(
    bench: Bench, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "SOFT_LIMIT", 16 * 1024)
    await bench.control("rate 1000")
    slow, fast = await bench.client(1), await bench.client(2)
    for each in simulator.server.connections:
        # A small kernel buffer makes the point with fewer bytes.
        each._stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)  # noqa: SLF001
    lines = b"".join(market_data(n, contract(s)) for n, s in enumerate(SYMBOLS))
    await slow.stream.send_all(lines)
    await fast.stream.send_all(market_data(1, contract("AAPL")))
    with trio.fail_after(10):
        behind = next(s for s in simulator.server.sessions() if s.client_id == 1)
        while not behind._stale:  # noqa: SLF001 - the one fact that has no outside sign yet
            await fast.find("2", "6", "1", "0")
    for _ in range(50):
        await fast.find("2", "6", "1", "0")
    assert len(behind._outbox._data) < 64 * 1024  # noqa: SLF001
    await bench.control("set AAPL 100.00 100.01 100.00")
    # Once it reads again it gets the newest values, in order and well-formed.
    await slow.find("1", "6", "0", "1", "100.00")


async def test_client_that_asks_and_never_reads_is_read_no_further(bench: Bench, simulator: Simulator) -> None:
    client, other = await bench.client(1), await bench.client(2)
    for each in simulator.server.connections:
        each._stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)  # noqa: SLF001
    greedy = pack(62, 1, 1, "All", "NetLiquidation,$LEDGER:ALL")
    await client.stream.send_all(greedy * 48)
    for _ in range(5):
        await other.synchronise()
    held = next(s for s in simulator.server.sessions() if s.client_id == 1)
    assert len(held._outbox._data) < outbox.SOFT_LIMIT + 64 * 1024  # noqa: SLF001


async def test_client_that_takes_nothing_for_too_long_is_reset(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "STALL_S", 0.3)
    await bench.control("rate 1000")
    stalled = await bench.client(1)
    lines = b"".join(market_data(n, contract(s)) for n, s in enumerate(SYMBOLS))
    await stalled.stream.send_all(lines)
    await bench.until(lambda stats: not stats["clients"])


async def test_client_that_vanishes_mid_frame_leaves_nothing_behind(bench: Bench) -> None:
    client = await bench.client()
    await client.stream.send_all(market_data(1, contract("AAPL")) + b"\0\0\0\x50half a fra")
    await client.find("1", "6", "1")
    client.stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.stream.socket.close()
    stats = await bench.until(lambda stats: not stats["clients"])
    assert stats["lines"] == {}


async def test_client_that_dies_while_the_reader_waits_for_room_leaves_its_id_free(
    bench: Bench, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is read from it any more, so that only the writer notices."""
    monkeypatch.setattr(outbox, "SOFT_LIMIT", 1024)
    client = await bench.client(1)
    for each in simulator.server.connections:
        each._stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)  # noqa: SLF001
    client.stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    greedy = b"".join(pack(62, 1, n, "All", "NetLiquidation,$LEDGER:ALL") for n in range(2))
    lines = b"".join(market_data(n, contract(s)) for n, s in enumerate(SYMBOLS))
    await bench.control("rate 1000")
    await client.stream.send_all(greedy + lines)
    (held,) = simulator.server.sessions()
    with trio.fail_after(10):
        while held._outbox.has_room:  # noqa: SLF001
            await bench.control("stats")
    client.stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.stream.socket.close()
    await bench.until(lambda stats: not stats["clients"])
    await bench.client(1)


def noise(seed: int) -> bytes:
    """Frames that look like requests and are not."""
    rng = random.Random(seed)
    texts = ("", "0", "1", "-1", "7", "AAPL", "STK", "SMART", "USD", "BAG", "nan", "1e400", "9" * 12, "\u00e9", "x" * 300)
    frames = []
    for _ in range(60):
        message = rng.choice(sorted(REQUESTS))
        fields = pack(message, *rng.choices(texts, k=rng.randrange(40)))
        cut = fields[4 : rng.randrange(4, len(fields) + 1)]
        frames.append(len(cut).to_bytes(4, "big") + cut)
    return b"".join(frames) + rng.randbytes(rng.randrange(40))


@pytest.mark.parametrize("seed", range(12))
async def test_noise_ends_at_worst_its_own_session(bench: Bench, simulator: Simulator, seed: int) -> None:
    simulator.gateway.limits.messages_per_s = 1000
    good = await bench.client(1)
    bad = await bench.client(2)
    await bad.stream.send_all(noise(seed))
    await bad.stream.send_eof()
    await bad.ended()
    await good.synchronise()
