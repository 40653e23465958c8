"""Whatever arrives at the API port, one socket suffers at most; IBACTORS_FUZZ_EXAMPLES asks for a longer run."""

import gc
import os

import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ibactors.sim import Simulator
from ibactors.sim.connection import Connection
from ibactors.sim.registry import REQUESTS
from tests.examples import examples
from tests.sim.rawclient import Bench, assault, hello, pack
from tests.sim.seeds import OPENING, REAL

USUAL_EXAMPLES = examples(120, 500)
EXAMPLES = int(os.environ.get("IBACTORS_FUZZ_EXAMPLES", USUAL_EXAMPLES))
FIELDS = st.one_of(st.sampled_from(["", "0", "-1", "nan", "1e400", "9" * 12, "AAPL", "\u00e9"]), st.text(max_size=12))
ANY_REQUEST = st.builds(lambda n, fields: pack(n, *fields), st.sampled_from(sorted(REQUESTS)), st.lists(FIELDS, max_size=30))


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A real request with some of its bytes changed, cut out or put in."""
    data = bytearray(draw(st.sampled_from(REAL)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data) - 1)) if data else 0
        data[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=3))
    return bytes(data)


OVERSIZED = st.builds(lambda n, rest: n.to_bytes(4, "big") + rest, st.integers(1 << 20, (1 << 32) - 1), st.binary(max_size=40))
TRUNCATED = st.builds(lambda data, n: data[: n % len(data)], st.sampled_from(REAL), st.integers(1, 400))
FRAMES = st.one_of(st.sampled_from(REAL), ANY_REQUEST, mutated(), OVERSIZED, TRUNCATED, st.binary(max_size=60))
STREAMS = st.one_of(
    st.binary(max_size=200),
    st.lists(FRAMES, max_size=8).map(b"".join),
    st.lists(FRAMES, max_size=12).map(lambda frames: OPENING + b"".join(frames)),
    st.permutations([hello(), pack(71, 2, 99, ""), *REAL[:4]]).map(b"".join),
)


@pytest.mark.thorough
async def test_no_input_harms_others_or_leaves_anything_behind(bench: Bench, simulator: Simulator) -> None:
    good = await bench.client(1)
    await bench.control("limit rate 100000")
    before = await bench.until(lambda stats: len(stats["clients"]) == 1)
    tasks = trio.lowlevel.current_statistics().tasks_living

    inputs: list[bytes] = []
    collect(inputs)
    for data in inputs:
        with trio.fail_after(10):
            await assault(bench.ports.port, data)
            await good.synchronise()
    after = await bench.until(lambda stats: len(stats["clients"]) == 1)
    assert after["lines"] == before["lines"] == {}
    await bench.until(lambda _: len(simulator.server.connections) == 1 and trio.lowlevel.current_statistics().tasks_living <= tasks)
    gc.collect()
    assert sum(isinstance(o, Connection) for o in gc.get_objects()) <= 2


def collect(inputs: list[bytes]) -> None:
    """Let Hypothesis make up the inputs; the socket's side of the test is asynchronous and shares one server."""

    @settings(max_examples=EXAMPLES, database=None, derandomize=EXAMPLES == USUAL_EXAMPLES, suppress_health_check=list(HealthCheck))
    @given(STREAMS)
    def take(data: bytes) -> None:
        inputs.append(data)

    take()
