from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
from structlog.testing import capture_logs
from structlog.typing import EventDict
from trio.testing import MockClock, wait_all_tasks_blocked

from ibactors.sim import Simulator, SimulatorOptions, parse_scenario, read_scenario
from tests.sim.rawclient import Bench

EXAMPLES = sorted((Path(__file__).parent.parent.parent / "docs" / "scenarios").glob("*.txt"))


def test_there_are_examples() -> None:
    assert {p.name for p in EXAMPLES} >= {"nightly.txt", "weekend.txt"}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.name)
def test_example_is_a_scenario(path: Path) -> None:
    assert len(read_scenario(path).steps) > 5


def test_times_commands_and_comments_are_read() -> None:
    text = "# a comment\n\nat 5s drop\n  at 1h2m3.5s refuse 10 # why\nevery 60s nightly 5\nat 0s error 2104 well\n"
    rows = [(s.line, s.seconds, s.repeats, s.command) for s in parse_scenario(text).steps]
    assert rows == [
        (3, 5, False, "drop"),
        (4, 3723.5, False, "refuse 10"),
        (5, 60, True, "nightly 5"),
        (6, 0, False, "error 2104 well"),
    ]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("drop", "a step is `at TIME COMMAND`"),
        ("at 5s", "a step is `at TIME COMMAND`"),
        ("after 5s drop", "a step is `at TIME COMMAND`"),
        ("at soon drop", "'soon' is not a time"),
        ("at 5 drop", "'5' is not a time"),
        ("at -5s drop", "'-5s' is not a time"),
        ("at s drop", "'s' is not a time"),
        ("every 0s drop", "too often"),
        ("at 5s explode", "there is no command 'explode'"),
        ("at 5s refuse", "usage: refuse SECONDS"),
        ("at 5s refuse ten", "'ten' is not a number"),
        ("at 5s half-open perhaps", "usage: half-open on|off"),
        ("at 5s stats", "only answers"),
    ],
)
def test_bad_line_is_named_with_its_problem(line: str, problem: str) -> None:
    with pytest.raises(ValueError, match=r"night\.txt, line 2: ") as caught:
        parse_scenario(f"at 1s drop\n{line}\n", name="night.txt")
    assert problem in str(caught.value)


def test_file_without_a_step_and_file_that_is_missing_are_errors(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has no step"):
        parse_scenario("# nothing\n")
    with pytest.raises(ValueError, match="cannot read the scenario"):
        read_scenario(tmp_path / "missing.txt")
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match="not UTF-8"):
        read_scenario(tmp_path / "binary.txt")


@pytest.fixture
def logged() -> Iterator[list[EventDict]]:
    with capture_logs() as events:
        yield events


async def test_steps_come_at_their_times(autojump_clock: MockClock, nursery: trio.Nursery, logged: list[EventDict]) -> None:
    assert autojump_clock.autojump_threshold == 0
    scenario = parse_scenario("every 4s limit rate 60\nat 6s limit lines 7\nat 3s limit lines 5\nat 7s fill 99\n", name="s")
    simulator = Simulator(SimulatorOptions(port=0))
    nursery.start_soon(scenario.run, simulator.control)
    limits = simulator.gateway.limits
    seen = []
    for _ in range(9):
        await trio.sleep(1)
        await wait_all_tasks_blocked()
        seen.append((limits.lines, limits.messages_per_s))
    assert seen == [(100, 50)] * 2 + [(5, 50)] + [(5, 60)] * 2 + [(7, 60)] * 4
    assert [(e["event"], e["line"], e["command"]) for e in logged if "line" in e] == [
        ("scenario_step_done", 3, "limit lines 5"),
        ("scenario_step_done", 1, "limit rate 60"),
        ("scenario_step_done", 2, "limit lines 7"),
        ("scenario_step_failed", 4, "fill 99"),
        ("scenario_step_done", 1, "limit rate 60"),
    ]
    assert [e["error"] for e in logged if "error" in e] == ["no open order has the id 99"]
    assert {e["scenario"] for e in logged} == {"s"}
    nursery.cancel_scope.cancel()


async def test_simulator_carries_out_its_scenario(nursery: trio.Nursery) -> None:
    options = SimulatorOptions(port=0, control_port=0, scenario=parse_scenario("every 0.1s error 2104 hello"))
    bench = Bench(await nursery.start(Simulator(options).run))
    client = await bench.client()
    for _ in range(2):
        await client.find("4", "2", "-1", "2104", "hello")
    bench.close()
    nursery.cancel_scope.cancel()
