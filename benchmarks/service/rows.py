"""The measurements; each takes a rig and returns figures by name, in the unit that the report gives for the name."""

import math
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass

from load import HttpClient, StreamClient, percentile
from rig import Rig

Figures = dict[str, float]
SYMBOLS = [f"S{number:03d}" for number in range(1, 201)]
_PATIENCE_S = 20.0
_RESET_S = 30.0
_FRESH_S = 0.1
_MS = 1000.0
_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Lengths:
    """Seconds that the measurements take, and how many cold symbols there are."""

    stream: float
    slow: float
    rest: float
    cold: int


QUICK = Lengths(stream=3.0, slow=5.0, rest=2.0, cold=20)
FULL = Lengths(stream=8.0, slow=60.0, rest=5.0, cold=50)


def at_rest(rig: Rig, lengths: Lengths) -> Figures:
    """Memory and processor share of a server that is connected and has nothing to do."""
    rig.loop.run(0.5)
    return {"memory_rest": rig.memory() / _MIB, "cpu_rest": _cpu(rig, lambda: rig.loop.run(lengths.rest)) * 100}


def cold_quotes(rig: Rig, lengths: Lengths) -> Figures:
    """Quotes of symbols that nobody has asked for, one after another: in all, and after the first complete set left the gateway."""
    took, after = [], []
    client = HttpClient(rig.loop, rig.port, lambda: rig.dialect.quote("AAPL"), again=False)
    _answered(rig, client, 1)
    for count, symbol in enumerate(SYMBOLS[100 : 100 + lengths.cold], 2):
        client.hold(lambda symbol=symbol: rig.dialect.quote(symbol))  # type: ignore[misc]
        _answered(rig, client, count)
        took.append(client.took[-1] * _MS)
        if symbol in rig.tap.complete_at:
            after.append((time.perf_counter() - rig.tap.complete_at[symbol]) * _MS)
    client.close()
    return {"cold_p50": percentile(took, 0.5), "cold_after_p50": percentile(after, 0.5), "cold_after_p99": percentile(after, 0.99)}


def pushed(rig: Rig, lengths: Lengths) -> Figures:
    """Updates a second of one symbol that leave the gateway, and that reach one client."""
    if not rig.dialect.stream_path:
        return {}
    stream = StreamClient(rig.loop, rig.tap, rig.port, rig.dialect.stream_path)
    rig.loop.run(_PATIENCE_S, lambda: stream.open)
    rig.dialect.subscribe(rig.loop, stream, SYMBOLS[:1])
    rig.loop.run(1)
    before = len(rig.tap.left_at)
    figures = sampled(rig, [stream], lengths.stream)
    stream.close()
    return {"pushed": figures["updates"], "pushed_left": (len(rig.tap.left_at) - before) / lengths.stream}


def moderate(rig: Rig, lengths: Lengths) -> Figures:
    """Tick to client at 50 symbols, 4 updates a second each, 10 clients."""
    rig.control("rate 4")
    figures = _stream(rig, clients=10, symbols=SYMBOLS[:50], seconds=lengths.stream)
    return {f"moderate_{figure}": figures[figure] for figure in ("p50", "p99", "cpu_update", "load")}


def many_symbols(rig: Rig, lengths: Lengths) -> Figures:
    """Processor share at 100 symbols, 4 updates a second each, 10 clients."""
    rig.control("rate 4")
    return {"cpu_100x4x10": _stream(rig, clients=10, symbols=SYMBOLS[:100], seconds=lengths.stream)["cpu"]}


def saturation(rig: Rig, lengths: Lengths) -> Figures:
    """Updates delivered and how old they are at 100 symbols, 10 updates a second each, 100 clients."""
    return _saturate(rig, lengths, "", "full")


def saturation_in_batches(rig: Rig, lengths: Lengths) -> Figures:
    """The same with `?batch=1`."""
    return _saturate(rig, lengths, "?batch=1", "batch")


def far_above(rig: Rig, lengths: Lengths) -> Figures:
    """How much can be delivered at all: 100 symbols, 50 updates a second each, 100 clients."""
    return _saturate(rig, lengths, "", "over", rate=50)


def far_above_in_batches(rig: Rig, lengths: Lengths) -> Figures:
    """The same with `?batch=1`."""
    return _saturate(rig, lengths, "?batch=1", "over_batch", rate=50)


def _saturate(rig: Rig, lengths: Lengths, query: str, name: str, *, rate: int = 10) -> Figures:
    rig.control(f"rate {rate}")
    figures = _stream(rig, clients=100, symbols=SYMBOLS[:100], seconds=lengths.stream, query=query, sample=8)
    rig.control("rate 4")
    return {f"{name}_{figure}": figures[figure] for figure in ("updates", "p50", "p99", "cpu", "cpu_update", "load")}


def slow_reader(rig: Rig, lengths: Lengths) -> Figures:
    """One client of many that stops reading: the others' p99 before and meanwhile, memory, and the age of what it gets in the end."""
    rig.control("rate 10")
    others = connected(rig, 10, SYMBOLS[:100])
    slow = connected(rig, 1, SYMBOLS[:100])[0]
    before = sampled(rig, others, min(lengths.slow, lengths.stream))
    memory = rig.memory()
    slow.pause()
    meanwhile = sampled(rig, others, lengths.slow)
    grown = rig.memory() - memory
    slow.forget()
    fresh_after, hung_up = _until_fresh(rig, slow)
    for client in (*others, slow):
        client.close()
    rig.control("rate 4")
    return {
        "slow_before_p99": before["p99"],
        "slow_p99": meanwhile["p99"],
        "slow_memory": grown / _MIB,
        "slow_fresh": fresh_after * _MS,
        "slow_hung_up": hung_up,
        "slow_load": meanwhile["load"],
    }


def _until_fresh(rig: Rig, slow: StreamClient) -> tuple[float, bool]:
    """Seconds from when it reads again to a present value, after the old ones that the kernel holds; and whether it was hung up on."""
    slow.resume()
    begun = time.perf_counter()
    try:
        while time.perf_counter() - begun < _PATIENCE_S:
            rig.loop.run(0.02)
            if slow.ages and slow.ages[-1] < _FRESH_S:
                return time.perf_counter() - begun, False
    except ConnectionError:
        return math.nan, True
    return math.nan, False


def reset(rig: Rig, _lengths: Lengths) -> Figures:
    """From the moment the gateway drops all its connections to the first new tick at a client; NaN if the stream ends or stays silent."""
    client = connected(rig, 1, SYMBOLS[:10])[0]
    rig.loop.run(1)
    answer = rig.control("drop")
    if answer != "ok":
        raise RuntimeError(f"the simulator answered {answer!r}")
    dropped = time.perf_counter()
    left_at = rig.tap.left_at
    found = False
    with suppress(ConnectionError):
        found = rig.loop.run(_RESET_S, lambda: client.newest is not None and left_at.get(client.newest, 0) > dropped)
    client.close()
    return {"reset": time.perf_counter() - dropped if found else math.nan}


def memory(rig: Rig, _lengths: Lengths) -> Figures:
    """Octets that 100 symbols and 100 clients take, each; nobody has opened either before."""
    rig.loop.run(0.5)
    start = rig.memory()
    one = connected(rig, 1, SYMBOLS[:100])
    rig.loop.run(1)
    symbols = rig.memory()
    many = connected(rig, 100, SYMBOLS[:1])
    rig.loop.run(1)
    figures = {"memory_symbol": (symbols - start) / 100 / 1024, "memory_client": (rig.memory() - symbols) / 100 / 1024}
    for client in (*one, *many):
        client.close()
    rig.loop.run(0.3)
    return figures


Row = Callable[[Rig, Lengths], Figures]

REST_ROWS: tuple[Row, ...] = (at_rest, pushed, cold_quotes)
STREAM_ROWS: tuple[Row, ...] = (
    memory,
    moderate,
    many_symbols,
    saturation,
    saturation_in_batches,
    far_above,
    far_above_in_batches,
    reset,
)
ONCE_ROWS: tuple[Row, ...] = (slow_reader,)
BATCH_ROWS = frozenset({saturation_in_batches, far_above_in_batches})
"""For servers that have them."""


def connected(
    rig: Rig, count: int, symbols: list[str], query: str = "", *, patience: float = _PATIENCE_S, sample: int = 1
) -> list[StreamClient]:
    """Clients that have all got a quote of each symbol."""
    clients = [StreamClient(rig.loop, rig.tap, rig.port, rig.dialect.stream_path + query, sample=sample) for _ in range(count)]
    if not rig.loop.run(patience, lambda: all(client.open for client in clients)):
        raise TimeoutError(f"the server did not accept {count} streams within {patience:.0f} s")
    for client in clients:
        rig.dialect.subscribe(rig.loop, client, symbols)
    if not rig.loop.run(patience, lambda: all(client.updates >= len(symbols) for client in clients)):
        raise TimeoutError(f"the server did not send {len(symbols)} quotes to {count} streams within {patience:.0f} s")
    return clients


def sampled(rig: Rig, clients: Iterable[StreamClient], seconds: float) -> Figures:
    """What some clients get in some seconds: updates/s, their ages in ms, and what it costs server and generator."""
    for client in clients:
        client.forget()
    own, start = rig.load_cpu_s(), time.perf_counter()
    cpu = _cpu(rig, lambda: rig.loop.run(seconds))
    took = time.perf_counter() - start
    ages = [age * _MS for client in clients for age in client.ages]
    return {
        "updates": sum(client.updates for client in clients) / took,
        "p50": percentile(ages, 0.5),
        "p99": percentile(ages, 0.99),
        "cpu": cpu * 100,
        "cpu_update": cpu * took / max(sum(client.updates for client in clients), 1) * 1e6,
        "load": (rig.load_cpu_s() - own) / took * 100,
    }


def _stream(rig: Rig, *, clients: int, symbols: list[str], seconds: float, query: str = "", sample: int = 1) -> Figures:
    streams = connected(rig, clients, symbols, query, sample=sample)
    rig.loop.run(0.5)
    figures = sampled(rig, streams, seconds)
    for stream in streams:
        stream.close()
    rig.loop.run(0.5)
    return figures


def _answered(rig: Rig, client: HttpClient, count: int) -> None:
    if not rig.loop.run(_PATIENCE_S, lambda: len(client.took) == count):
        raise TimeoutError(f"the server did not answer within {_PATIENCE_S:.0f} s")


def _cpu(rig: Rig, during: Callable[[], object]) -> float:
    """Share of one core that the server uses."""
    start, cpu = time.perf_counter(), rig.cpu_s()
    during()
    return (rig.cpu_s() - cpu) / (time.perf_counter() - start)
