"""Coverage-guided fuzzing of the simulator's API port: whatever arrives, one socket suffers at most.

    ./dev fuzz [--seconds 60]

A real server listens on a real socket, and next to the one that gets the fuzzer's bytes a good client is connected.
An input fails when the server logs an error, when the bad socket costs more than one line of log, or when the good
client is not answered. Inputs that fail, and those that reached new code, are kept in .fuzz/; the former are run first.
"""

import argparse
import struct
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import atheris
import structlog
import trio
from structlog.typing import EventDict, WrappedLogger

from tests.sim.ordertools import place
from tests.sim.rawclient import Bench, RawClient, assault, pack
from tests.sim.seeds import OPENING, REAL

with atheris.instrument_imports(include=["ibactors.sim"]):
    from ibactors.sim import Simulator, SimulatorOptions
    from ibactors.sim.registry import REQUESTS

KEPT, FAILED = Path(".fuzz/corpus"), Path(".fuzz/failed")
ANSWER_LIMIT_S = 30.0
# A fresh simulator now and then, as placed orders stay in its book for good.
INPUTS_A_SIMULATOR = 500
_BETWEEN = b"\xff\xfe"


def as_stream(data: bytes) -> bytes:
    """What an input stands for, by its first byte: raw bytes, bytes after a good start, or whole frames after one."""
    kind, rest = data[:1], data[1:]
    if kind == b"r":
        return rest
    if kind == b"b":
        return OPENING + rest
    return OPENING + b"".join(struct.pack(">I", len(body)) + body for body in rest.split(_BETWEEN))


class Log:
    """What the simulator logged for one input."""

    def __init__(self) -> None:
        self.events: list[EventDict] = []

    def __call__(self, _logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        if event["event"] != "client_connected":
            self.events.append({**event, "level": method})
        raise structlog.DropEvent


class Target:
    """A server in a thread of its own, and what every input is held against."""

    def __init__(self) -> None:
        self.log = Log()
        structlog.configure(processors=[self.log], wrapper_class=structlog.make_filtering_bound_logger(20))
        self._token: trio.lowlevel.TrioToken | None = None
        self._running = threading.Event()
        self._inputs, self._take = trio.open_memory_channel[tuple[bytes, "Callable[[BaseException | None], None]"]](0)
        threading.Thread(target=trio.run, args=(self._serve,), daemon=True).start()
        self._running.wait()

    def __call__(self, data: bytes) -> None:
        """Send an input to the server; AssertionError or TooSlowError when somebody else noticed."""
        trio.from_thread.run(self._try, as_stream(data), trio_token=self._token)

    async def _serve(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        self._running.set()
        while True:
            async with trio.open_nursery() as nursery:
                bench = Bench(await nursery.start(Simulator(SimulatorOptions(port=0, control_port=0, rate=20)).run))
                good = await bench.client(1)
                await bench.control("limit rate 1000000")
                for _ in range(INPUTS_A_SIMULATOR):
                    data, settle = await self._take.receive()
                    settle(await self._trouble(bench, good, data))
                bench.close()
                nursery.cancel_scope.cancel()

    async def _try(self, data: bytes) -> None:
        outcome: list[BaseException | None] = []
        done = trio.Event()

        def settle(trouble: BaseException | None) -> None:
            outcome.append(trouble)
            done.set()

        await self._inputs.send((data, settle))
        await done.wait()
        if outcome[0] is not None:
            raise outcome[0]

    async def _trouble(self, bench: Bench, good: RawClient, data: bytes) -> BaseException | None:
        self.log.events.clear()
        try:
            with trio.fail_after(ANSWER_LIMIT_S):
                await assault(bench.ports.port, data)
                await good.synchronise()
            texts = [str(event) for event in self.log.events]
            assert all(event["level"] not in {"error", "critical"} for event in self.log.events), texts
            assert len(texts) <= 1, texts
        except (AssertionError, trio.TooSlowError, EOFError, trio.BrokenResourceError) as trouble:
            return trouble
        return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=60)
    seconds = parser.parse_args().seconds
    for folder in (KEPT, FAILED):
        folder.mkdir(parents=True, exist_ok=True)
    bare = [pack(number, *[1] * 12) for number in REQUESTS]
    for n, request in enumerate([*REAL, pack(*place(1)), *bare]):
        (KEPT / f"seed-{n}").write_bytes(b"f" + request[4:])
    (KEPT / "seed-start").write_bytes(b"r" + OPENING)
    target = Target()
    for path in sorted(FAILED.iterdir()):
        target(path.read_bytes())
    options = [f"-max_total_time={seconds}", f"-artifact_prefix={FAILED}/", "-max_len=2000", "-len_control=0", "-timeout=60"]
    atheris.Setup([sys.argv[0], *options, str(KEPT)], target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
