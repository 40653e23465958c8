"""The rules of who may import whom, in pyproject.toml: they hold, and the linter sees each of them broken."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ibactors import __file__ as package

ROOT = Path(__file__).parents[2]
BREACHES = {
    "ibactors.errors": "import ibactors.web.app",
    "ibactors.web.contract.codec": "import ibactors.web.fanout",
    "ibactors.web.rest.account": "import ibactors.web.stream.client",
    "ibactors.kernel.ref": "import ibactors.model.quotes, ibactors.config.settings",
    "ibactors.bridge.wire": "import ibactors.kernel.ref",
    "ibactors.actors.account": "import ib_async, nats, quart, trio_asyncio",
    "ibactors.sim.server": "import ibactors.errors",
    "ibactors.web.edge.connection": "import ibactors.actors.market",
    "ibactors.web.gate.gate": "import hypercorn.protocol",
}
"""Which file of the copy gets which import; together they break every rule."""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the package and of the rules."""
    shutil.copytree(Path(package).parent, tmp_path / "ibactors", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def contracts(copy: Path) -> dict[str, str]:
    """What the linter says of each contract: KEPT or BROKEN."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    environment = os.environ | {"PYTHONPATH": str(copy), "COLUMNS": "300"}
    done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False)  # noqa: S603  # our own tool
    said = dict(re.findall(r"^(.+) (KEPT|BROKEN)\b", done.stdout, re.MULTILINE))
    assert said, done.stdout + done.stderr
    assert done.returncode == ("BROKEN" in said.values())
    return said


def test_rooms_keep_their_rules(copy: Path) -> None:
    assert {name for name, verdict in contracts(copy).items() if verdict == "BROKEN"} == set()


def test_each_rule_is_seen_broken(copy: Path) -> None:
    for module, line in BREACHES.items():
        path = copy.joinpath(*module.split(".")).with_suffix(".py")
        path.write_text(f"{path.read_text()}\n{line}\n")
    assert {name for name, verdict in contracts(copy).items() if verdict == "KEPT"} == set()
