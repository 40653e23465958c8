"""Every command that README and the pages show does what they say, typed as it stands there beside a demo."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from ibactors.config import read_settings
from tests.pages.desk import SERVED, Desk, demo
from tests.pages.shown import PAGES, ROOT, Command, commands, named, urls

ELSEWHERE = {
    r"docker compose|^\./build\.sh": "tests/image drives these; `./dev image-test`",
    r"\bpip install|-m venv|^export PATH": "needs a package index and fills a disk",
    r"^nats-server |IBACTORS_BUS=|:8001/|ticks\.(py|jsonl)": "tests/cluster starts these, with the bus's server",
    r"^npx ": "tests/documents makes these types; `./dev documents`",
    r"^claude |^sudo |^\$EDITOR ": "programs of the reader's machine",
    r"^ibactors login jane": "asks for a password on a terminal; tests/service/test_commands_of_clients.py",
    r"trades\.xml": "tests/service/test_executions_import.py sends such a file",
}
"""What is not run here, and why."""
ENDLESS = {
    r"(ibactors|\./dev) (demo|serve)\b": SERVED,
    r"^ibactors watch|^curl -N|/stream\?": r"\S",
}
"""What has no end, and what it says first."""
_NOT_HERE = {
    r"IBACTORS_GATEWAY_HOST=\S+": "IBACTORS_GATEWAY_HOST=127.0.0.1",
    r"IBACTORS_GATEWAY_PORT=\d+": "IBACTORS_GATEWAY_PORT=9",
    r"--start 2026-01-01": "--start 2026-11-25",
}
"""No test knocks at a gateway that somebody may have running, or waits for a year of minutes."""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with demo(tmp_path_factory.mktemp("demo")) as running:
        yield running


@pytest.mark.parametrize("page", [page for page in PAGES if commands(page)], ids=named)
def test_commands_do_what_the_page_shows(desk: Desk, page: Path) -> None:
    faults = []
    for command in commands(page):
        if not any(re.search(pattern, command.typed) for pattern in ELSEWHERE):
            desk.settle()
            faults += [f"$ {command.typed}\n{fault}" for fault in _faults(desk, command)]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("page", [page for page in PAGES if urls(page)], ids=named)
def test_addresses_answer(desk: Desk, page: Path) -> None:
    desk.settle()
    answers = {url: desk.http.get(desk.here(url)) for url in sorted(urls(page))}
    assert {url: answer.text for url, answer in answers.items() if not answer.is_success} == {}


def test_starts_of_readme_take_the_ports_they_name() -> None:
    rows = re.findall(r"^\| .* \| (paper|live) \| (\d+) \| `(.*)ibactors serve` \|$", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE)
    assert len(rows) == 4
    for account_type, port, variables in rows:
        settings = read_settings(dict(word.split("=") for word in variables.split()), dotenv=None)
        assert (settings.account_type, settings.api_port) == (account_type, int(port))


def _faults(desk: Desk, command: Command) -> list[str]:
    typed = command.typed
    for pattern, ours in _NOT_HERE.items():
        typed = re.sub(pattern, ours, typed)
    for pattern, first in ENDLESS.items():
        if re.search(pattern, typed):
            try:
                desk.run_until(first, "bash", "-c", _in_the_path(desk.here(typed)), PORT="0", IBACTORS_GATEWAY_PORT="9")
            except AssertionError as error:
                return [str(error)]
            return []
    return [fault for part in _parts(typed) for fault in _faults_of_one(desk, part, command.output)]


def _faults_of_one(desk: Desk, typed: str, shown: str) -> list[str]:
    done = desk.run("bash", "-o", "pipefail", "-c", _in_the_path(desk.here(typed)))
    refused = shown.startswith('{"type":"urn:ibactors:problem:')
    well = done.returncode in ({22} if refused else {0, 1} if "exit status 1 when" in typed else {0})
    if not well:
        return [f"status {done.returncode}: {done.stdout[-400:]}{done.stderr[-400:]}"]
    try:
        wanted, given = json.loads(shown.replace("\n", "").replace("…", "")), json.loads(done.stdout)
    except ValueError:
        return []
    if not isinstance(wanted, dict) or wanted.keys() == given.keys():
        return []
    return [f"the page shows {[*wanted]}, the answer has {[*given]}"]


def _parts(typed: str) -> list[str]:
    """Commands in one line, each with an order of its own, and an answer for what would be asked on a terminal."""
    parts = typed.split("; ") if typed.count("ord_…") > 1 else [typed]
    return [
        f"{part} --yes" if re.match(r"ibactors order buy", part) else part
        for part in (re.sub(r"  #.*", "", p) if "buy" in p else p for p in parts)
    ]


def _in_the_path(typed: str) -> str:
    """The programs of this environment, whatever folder the page has them in."""
    for word in shlex.split(typed, comments=True)[:1]:
        if word.endswith("/ibactors"):
            return typed.replace(word, "ibactors", 1)
    return re.sub(r"(^|\s)\./dev (demo|serve|simulate)\b", r"\1ibactors \2", typed)
