"""docs/simulator.md says what the code does: the commands of its help, and every request it knows."""

import re
from pathlib import Path

import pytest

from ibactors.sim import Simulator, SimulatorOptions
from ibactors.sim.registry import REQUESTS

HERE = Path(__file__).parent
DOCUMENT = (HERE.parent.parent / "docs" / "simulator.md").read_text()


def between(name: str) -> str:
    found = re.search(rf"<!-- {name}:begin -->\n(.*)<!-- {name}:end -->", DOCUMENT, re.DOTALL)
    assert found is not None
    return found[1]


def requests() -> list[list[str]]:
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in between("requests").splitlines()]
    return rows[2:]


def test_control_commands_are_those_of_the_help() -> None:
    commands = Simulator(SimulatorOptions(port=0)).control.execute("help").removeprefix("commands: ").split(", ")
    assert between("help") == "```\n" + "\n".join(commands) + "\n```\n"


def test_table_has_every_request_and_no_other() -> None:
    assert [(int(row[0]), row[1]) for row in requests()] == [(number, r.name) for number, r in sorted(REQUESTS.items())]


@pytest.mark.parametrize("row", requests(), ids=lambda row: row[1])
def test_what_checks_a_request_exists(row: list[str]) -> None:
    for name in row[3].split(", "):
        if name == "clients":
            steps = (HERE.parent / "interop" / "steps.py").read_text()
            drivers = "".join(p.read_text() for p in (HERE.parent / "interop" / "drivers").glob("steps_*"))
            assert f'"{row[1]}' in steps or row[1] in drivers or row[1] == "startApi"
        elif name != "recordings":
            assert (HERE / f"{name}.py").exists(), name


def test_table_of_clients_is_there() -> None:
    assert "ibapi 9.81.1" in between("interop")
