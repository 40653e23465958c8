"""When clients are flushed: at once when there is little to do, less often when it takes long."""

import itertools

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from ibactors.web import flusher
from ibactors.web.flusher import LONGEST_REST, REST, Flusher


class Client:
    """Notes when it is flushed."""

    def __init__(self, times: list[float]) -> None:
        self.times = times
        self.flushed = trio.Event()

    def flush(self) -> None:
        self.times.append(trio.current_time())
        self.flushed.set()

    def fail(self, error: Exception) -> None:
        raise AssertionError from error


@pytest.mark.parametrize(("took", "rest"), [(0.0001, 0.0), (0.001, REST * 0.001), (1.0, LONGEST_REST)])
async def test_long_round_is_followed_by_a_rest(
    autojump_clock: MockClock,  # noqa: ARG001
    monkeypatch: pytest.MonkeyPatch,
    took: float,
    rest: float,
) -> None:
    ticks = iter(range(1_000_000))
    monkeypatch.setattr(flusher, "SLICE", float("inf"))
    monkeypatch.setattr(flusher, "perf_counter", lambda: next(ticks) * took / 2)  # called thrice a round of one client
    times: list[float] = []
    flushing = Flusher()
    async with flushing.running():
        for _ in range(3):
            client = Client(times)
            flushing.call(client)
            await client.flushed.wait()
    assert [later - earlier for earlier, later in itertools.pairwise(times)] == pytest.approx([rest, rest])


async def test_clients_that_call_during_a_rest_are_flushed_together(
    autojump_clock: MockClock,  # noqa: ARG001
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(flusher, "SHORT", -1.0)
    monkeypatch.setattr(flusher, "LONGEST_REST", 1.0)
    monkeypatch.setattr(flusher, "REST", 1e9)
    times: list[float] = []
    flushing = Flusher()
    async with flushing.running():
        flushing.call(Client(times))
        await wait_all_tasks_blocked()
        for _ in range(5):
            await trio.sleep(0.1)
            flushing.call(Client(times))
        await trio.sleep(2)
    assert len(times) == 6
    assert len(set(times)) == 2
