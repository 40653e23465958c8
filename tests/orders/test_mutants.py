"""Errors that somebody might make in the journal, the matching and the judgement; the tests named with each must notice.

Slow, as each runs the tests anew on a copy of the package with one line changed.
"""

# ruff: noqa: E501  # a line of the source and what becomes of it stand side by side

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]


class Mutant(NamedTuple):
    name: str
    file: str
    old: str
    new: str
    tests: str


MUTANTS = (
    Mutant("a second placement is allowed", "schema.py", "CREATE UNIQUE INDEX one_place_an_order", "CREATE INDEX one_place_an_order", "journal"),
    Mutant("a number may be two orders'", "schema.py", "CREATE UNIQUE INDEX one_order_a_number", "CREATE INDEX one_order_a_number", "journal"),
    Mutant("ids are not remembered", "placing.py", "first = max(next_valid_id, highest + 1, highest_seen + 1, 1)", "first = max(next_valid_id, 1)", "journal"),
    Mutant("seen numbers do not count", "placing.py", "highest_seen + 1, 1)", "1)", "journal"),
    Mutant("tombstones are not looked at", "placing.py", 'if tx.row("SELECT 1 FROM tombstones', 'if False and tx.row("SELECT 1 FROM tombstones', "journal"),
    Mutant("no savepoint", "journal.py", "with transaction.alone():\n                return", "if True:\n                return", "journal"),
    Mutant("a lost number leaves a gap", "transaction.py", "            self.sequence = before\n", "", "journal"),
    Mutant("the sequence is told before the commit", "journal.py", '        connection.execute("COMMIT")\n        self.sequence', "        self.sequence", "journal"),
    Mutant("orders are taken after an I/O error", "journal.py", "self._failed = not full", "self._failed = False", "journal"),
    Mutant("a full disk stops halts", "journal.py", "if job.opens and self.broken is not None", "if self.broken is not None", "journal"),
    Mutant("no lock", "storage.py", "fcntl.flock(self._file", "fcntl.fcntl(self._file, fcntl.F_GETFD) or (self._file", "journal"),
    Mutant("an old copy is not noticed", "storage.py", "self.journal_id != journal_id or sequence < self.sequence", "False", "journal"),
    Mutant("a cursor of another journal is taken", "reader.py", "theirs != journal_id or not", "not", "journal"),
    Mutant("a correction is another execution", "fills.py", "if known.base == fill.base", "if known.execution_id == fill.execution_id", "states"),
    Mutant("a doubled execution counts twice", "fills.py", "if known.revision >= fill.revision", "if known.revision > fill.revision", "states"),
    Mutant("rebates are no commissions", "fills.py", "amount == PENDING", "amount < 0", "states"),
    Mutant("any code refuses", "codes.py", "return _U if row is None", "return _R if row is None", "states"),
    Mutant("a refused change rejects the order", "errors_seen.py", "case Meaning.REFUSES if action is Action.CHANGE:\n            change_refused(draft, seen.text, code=seen.code)", "case Meaning.REFUSES if action is Action.CHANGE:\n            _rejected(draft, seen, remark)", "states"),
    Mutant("10147 ends an order", "errors_seen.py", "    _warn(draft, remark)\n\n\ndef _dropped", '    draft.set(incarnations=())\n    draft.incarnation(remark, "Cancelled")  # type: ignore[arg-type]\n\n\ndef _dropped', "states"),
    Mutant("a late word raises the dead", "draft.py", "and not listed:\n        return old", "and False:\n        return old", "holes"),
    Mutant("numbers alone match", "matching.py", "return order if order is not None and _looks_like(row, order) else None", "return order", "verdicts"),
    Mutant("a copy in TWS is ours", "matching.py", "(row.client_id, row.order_id) != (order.client_id, order.ib_order_id) and", "False and", "holes"),
    Mutant("an unknown token is ignored", "matching.py", "behind.add(row.token)", "pass", "holes"),
    Mutant("a list without end is empty", "verdicts.py", "bool(missing)", "False", "verdicts"),
    Mutant("one pass is enough", "verdicts.py", "        earlier is not None\n        and earlier.unfit", "        earlier is None or earlier.unfit", "verdicts"),
    Mutant("passes of two sessions count", "verdicts.py", "and earlier.epoch == present.epoch", "", "verdicts"),
    Mutant("what was seen may be not received", "verdicts.py", "if order.seen or executed else", "if executed else", "holes"),
    Mutant("an orphan is ignored", "verdicts.py", "if _could_be(row, order, sent)", "if False", "holes"),
    Mutant("midnight is ignored", "verdicts.py", "not one_stretch(sent, present.ended, ground.gateway_zone)", "False", "holes"),
    Mutant("the gateway's loading is ignored", "verdicts.py", "self.began < self.synced_at + SETTLING", "False", "verdicts"),
    Mutant("other accounts are judged", "verdicts.py", "order.account not in ground.accounts or order.mode != ground.mode", "False", "verdicts"),
    Mutant("a change needs no sight", "permits.py", "order.seen_epoch != epoch", "False", "holes"),
    Mutant("the epoch alone is the fence", "permits.py", "not present.connected", "False", "holes"),
    Mutant("doubt counts for nothing", "exposure.py", "return not order.status.is_terminal or", "return order.status is Status.WORKING or", "limits"),
    Mutant("a change is not measured", "exposure.py", "return max(order.notional or NOTHING, changed or NOTHING)", "return order.notional or NOTHING", "limits"),
)  # fmt: skip


MACHINE = frozenset(
    {
        "a lost number leaves a gap",
        "a correction is another execution",
        "a list without end is empty",
        "what was seen may be not received",
        "numbers alone match",
    }
)
"""Those that the state machine of `test_orders_stateful` notices without a test that was written for them."""
SEEDS = 8
"""How many runs of the machine have the chance to notice; nearly always the first does."""
FIRST_FAILURE = """
from hypothesis import Phase, settings
settings.register_profile("first failure", deadline=None, database=None, phases=[Phase.generate])
settings.load_profile("first failure")
"""
"""To make a failure small takes longer than to find it."""


@pytest.mark.slow
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name.replace(" ", "-"))
def test_the_tests_notice(mutant: Mutant, tmp_path: Path) -> None:
    _mutate(mutant, tmp_path)
    run = _run(mutant.tests, tmp_path)
    assert _failed(run), run.stdout[-2000:] + run.stderr[-2000:]


@pytest.mark.slow
@pytest.mark.parametrize("mutant", [each for each in MUTANTS if each.name in MACHINE], ids=lambda mutant: mutant.name.replace(" ", "-"))
def test_the_machine_notices(mutant: Mutant, tmp_path: Path) -> None:
    _mutate(mutant, tmp_path)
    (tmp_path / "conftest.py").write_text(FIRST_FAILURE)
    # A seed is no promise: what it draws depends on the version of Hypothesis and on what else is imported.
    runs = (_run("orders_stateful", tmp_path, f"--hypothesis-seed={seed}") for seed in range(SEEDS))
    assert any(_failed(run) for run in runs)


def _mutate(mutant: Mutant, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "ibactors", tmp_path / "ibactors", ignore=shutil.ignore_patterns("__pycache__", "ui", "page"))
    shutil.copytree(ROOT / "tests/orders", tmp_path / "tests/orders")
    (tmp_path / "tests/__init__.py").touch()
    shutil.copy(ROOT / "tests/examples.py", tmp_path / "tests")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    source = tmp_path / "ibactors/orders" / mutant.file
    text = source.read_text()
    assert text.count(mutant.old) == 1, "the line to change is there once"
    source.write_text(text.replace(mutant.old, mutant.new))


def _run(tests: str, tmp_path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-n", "0", "-x", "-q", "-p", "no:cacheprovider", *options, f"tests/orders/test_{tests}.py"]
    environment = os.environ | {"PYTHONPATH": str(tmp_path), "THOROUGH": "1"}
    return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False)  # noqa: S603  # this interpreter


def _failed(run: subprocess.CompletedProcess[str]) -> bool:
    """Whether a test failed, and not the run: that it could not begin would notice nothing."""
    return run.returncode == 1 and "failed" in run.stdout
