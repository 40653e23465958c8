"""The measurements; each takes a rig and returns figures by name, in the unit that the report gives for the name."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from load import HttpClient, StreamClient, percentile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from rig import Rig

Figures = dict[str, float]
SYMBOLS = [f"S{number:03d}" for number in range(1, 201)]
_PATIENCE_S = 10.0
_MS = 1000.0
_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Lengths:
    """Seconds that the measurements take, and how many cold symbols there are."""

    http: float
    stream: float
    slow: float
    rest: float
    cold: int


QUICK = Lengths(http=1.5, stream=3.0, slow=5.0, rest=2.0, cold=20)
FULL = Lengths(http=5.0, stream=10.0, slow=60.0, rest=10.0, cold=60)


def at_rest(rig: Rig, lengths: Lengths) -> Figures:
    """Memory and processor share of a server that is connected and has nothing to do."""
    rig.loop.run(0.5)
    return {"memory_rest": rig.memory() / _MIB, "cpu_rest": _cpu(rig, lambda: rig.loop.run(lengths.rest)) * 100}


def cold_quotes(rig: Rig, lengths: Lengths) -> Figures:
    """Quotes of symbols that nobody has asked for, one after another: in all, and after the first complete set left the gateway."""
    took, after = [], []
    client = HttpClient(rig.loop, rig.port, rig.server.quote.format(symbol="AAPL"), again=False)
    _answered(rig, client, 1)
    for count, symbol in enumerate(SYMBOLS[100 : 100 + lengths.cold], 2):
        client.ask(rig.server.quote.format(symbol=symbol))
        _answered(rig, client, count)
        took.append(client.took[-1] * _MS)
        after.append((time.perf_counter() - rig.tap.complete_at[symbol]) * _MS)
    client.close()
    return {"cold_p50": percentile(took, 0.5), "cold_after_p50": percentile(after, 0.5), "cold_after_p99": percentile(after, 0.99)}


def warm_quotes(rig: Rig, lengths: Lengths) -> Figures:
    """Quotes of one symbol that is streaming, at 1 and at 16 connections."""
    figures: Figures = {}
    for connections in (1, 16):
        path = rig.server.quote.format(symbol="AAPL")
        clients = [HttpClient(rig.loop, rig.port, path, again=True) for _ in range(connections)]
        rig.loop.run(0.3)
        before = [len(client.took) for client in clients]
        start, cpu = time.perf_counter(), rig.cpu_s()
        rig.loop.run(lengths.http)
        seconds, cpu = time.perf_counter() - start, rig.cpu_s() - cpu
        took = [value * _MS for client, skip in zip(clients, before, strict=True) for value in client.took[skip:]]
        for client in clients:
            client.close()
        figures |= {
            f"warm{connections}_rps": len(took) / seconds,
            f"warm{connections}_p50": percentile(took, 0.5),
            f"warm{connections}_p99": percentile(took, 0.99),
            f"warm{connections}_cpu": cpu / len(took) * 1e6,
        }
    return figures


def moderate(rig: Rig, lengths: Lengths) -> Figures:
    """Tick to client at 50 symbols, 4 updates a second each, 10 clients."""
    rig.control("rate 4")
    figures = _stream(rig, clients=10, symbols=SYMBOLS[:50], seconds=lengths.stream)
    return {"moderate_p50": figures["p50"], "moderate_p99": figures["p99"], "moderate_cpu_update": figures["cpu_update"]}


def many_symbols(rig: Rig, lengths: Lengths) -> Figures:
    """Processor share at 100 symbols, 4 updates a second each, 10 clients."""
    rig.control("rate 4")
    return {"cpu_100x4x10": _stream(rig, clients=10, symbols=SYMBOLS[:100], seconds=lengths.stream)["cpu"]}


def saturation(rig: Rig, lengths: Lengths) -> Figures:
    """Updates delivered and how old they are at 100 symbols, 10 updates a second each, 100 clients."""
    return _saturate(rig, lengths, "/ws/stream", "full")


def saturation_in_batches(rig: Rig, lengths: Lengths) -> Figures:
    """The same with `?batch=1`, where the server has it."""
    return _saturate(rig, lengths, "/ws/stream?batch=1", "batch") if rig.server.batches else {}


def far_above(rig: Rig, lengths: Lengths) -> Figures:
    """How much can be delivered at all: 100 symbols, 50 updates a second each, 100 clients."""
    return _saturate(rig, lengths, "/ws/stream", "over", rate=50)


def far_above_in_batches(rig: Rig, lengths: Lengths) -> Figures:
    """The same with `?batch=1`, where the server has it."""
    return _saturate(rig, lengths, "/ws/stream?batch=1", "over_batch", rate=50) if rig.server.batches else {}


def _saturate(rig: Rig, lengths: Lengths, path: str, name: str, *, rate: int = 10) -> Figures:
    rig.control(f"rate {rate}")
    figures = _stream(rig, clients=100, symbols=SYMBOLS[:100], seconds=lengths.stream, path=path)
    rig.control("rate 4")
    return {f"{name}_{figure}": figures[figure] for figure in ("updates", "p50", "p99", "cpu", "cpu_update", "load")}


def slow_reader(rig: Rig, lengths: Lengths) -> Figures:
    """One client of many that stops reading: the others' p99 before and meanwhile, memory, and the age of what it gets in the end."""
    rig.control("rate 10")
    others = _connect(rig, 10, SYMBOLS[:100], "/ws/stream")
    slow = _connect(rig, 1, SYMBOLS[:100], "/ws/stream")[0]
    before = _sample(rig, others, min(lengths.slow, lengths.stream))
    memory = rig.memory()
    slow.pause()
    meanwhile = _sample(rig, others, lengths.slow)
    grown = rig.memory() - memory
    slow.resume()
    slow.forget()
    # What the kernel holds comes first, and is old; after it everything must be new.
    begun = time.perf_counter()
    fresh_after = math.nan
    while time.perf_counter() - begun < _PATIENCE_S:
        rig.loop.run(0.02)
        if slow.ages and slow.ages[-1] < 0.1:
            fresh_after = time.perf_counter() - begun
            break
    old = sum(age > 1 for age in slow.ages)
    for client in (*others, slow):
        client.close()
    rig.control("rate 4")
    return {
        "slow_before_p99": before["p99"],
        "slow_p99": meanwhile["p99"],
        "slow_memory": grown / _MIB,
        "slow_old": old,
        "slow_fresh": fresh_after * _MS,
    }


def reset(rig: Rig, _lengths: Lengths) -> Figures:
    """From the moment the gateway drops all its connections to the first new tick at a client."""
    client = _connect(rig, 1, SYMBOLS[:10], "/ws/stream")[0]
    rig.loop.run(1)
    answer = rig.control("drop")
    if answer != "ok":
        raise RuntimeError(f"the simulator answered {answer!r}")
    dropped = time.perf_counter()
    left_at = rig.tap.left_at
    found = rig.loop.run(60, lambda: client.newest is not None and left_at.get(client.newest, 0) > dropped)
    client.close()
    return {"reset": time.perf_counter() - dropped if found else math.nan}


def memory(rig: Rig, _lengths: Lengths) -> Figures:
    """Octets that 100 symbols and 100 clients take, each; nobody has opened either before."""
    rig.loop.run(0.5)
    start = rig.memory()
    one = _connect(rig, 1, SYMBOLS[:100], "/ws/stream")
    rig.loop.run(1)
    symbols = rig.memory()
    many = _connect(rig, 100, SYMBOLS[:1], "/ws/stream")
    rig.loop.run(1)
    figures = {"memory_symbol": (symbols - start) / 100 / 1024, "memory_client": (rig.memory() - symbols) / 100 / 1024}
    for client in (*one, *many):
        client.close()
    rig.loop.run(0.3)
    return figures


REST_ROWS: tuple[Callable[[Rig, Lengths], Figures], ...] = (at_rest, cold_quotes, warm_quotes)
STREAM_ROWS: tuple[Callable[[Rig, Lengths], Figures], ...] = (
    memory,
    moderate,
    many_symbols,
    saturation,
    saturation_in_batches,
    far_above,
    far_above_in_batches,
    reset,
)
ONCE_ROWS: tuple[Callable[[Rig, Lengths], Figures], ...] = (slow_reader,)


def _connect(rig: Rig, count: int, symbols: list[str], path: str) -> list[StreamClient]:
    """Clients that have all got a quote."""
    clients = [StreamClient(rig.loop, rig.tap, rig.port, path) for _ in range(count)]
    if not rig.loop.run(_PATIENCE_S, lambda: all(client.open for client in clients)):
        raise TimeoutError("the server did not accept all streams")
    for client in clients:
        client.subscribe(symbols)
    if not rig.loop.run(_PATIENCE_S, lambda: all(client.updates >= len(symbols) for client in clients)):
        raise TimeoutError("the server did not send quotes to all streams")
    return clients


def _sample(rig: Rig, clients: Iterable[StreamClient], seconds: float) -> Figures:
    for client in clients:
        client.forget()
    own = time.process_time()
    start = time.perf_counter()
    cpu = _cpu(rig, lambda: rig.loop.run(seconds))
    took = time.perf_counter() - start
    ages = [age * _MS for client in clients for age in client.ages]
    return {
        "updates": sum(client.updates for client in clients) / took,
        "p50": percentile(ages, 0.5),
        "p99": percentile(ages, 0.99),
        "cpu": cpu * 100,
        "cpu_update": cpu * took / max(sum(client.updates for client in clients), 1) * 1e6,
        "load": (time.process_time() - own) / took * 100,
    }


def _stream(rig: Rig, *, clients: int, symbols: list[str], seconds: float, path: str = "/ws/stream") -> Figures:
    streams = _connect(rig, clients, symbols, path)
    rig.loop.run(0.5)
    figures = _sample(rig, streams, seconds)
    for stream in streams:
        stream.close()
    rig.loop.run(0.5)
    return figures


def _answered(rig: Rig, client: HttpClient, count: int) -> None:
    if not rig.loop.run(_PATIENCE_S, lambda: len(client.took) == count):
        raise TimeoutError("the server did not answer")


def _cpu(rig: Rig, during: Callable[[], object]) -> float:
    """Share of one core that the server uses."""
    start, cpu = time.perf_counter(), rig.cpu_s()
    during()
    return (rig.cpu_s() - cpu) / (time.perf_counter() - start)
