"""A copy of the journal in its place: another journal, halted, with the one before beside it."""

import shutil
from pathlib import Path

import pytest

from ibactors.errors import StartupError
from ibactors.orders.audit import check
from ibactors.orders.halts import halts_in_force
from ibactors.orders.journal import FILE, Job, Journal
from ibactors.orders.restoring import restore


def kept(folder: Path) -> tuple[str, int, str | None, list[str]]:
    """Its id, its sequence, whether it looks replaced, and what halts trading."""
    journal = Journal(folder, allow_ephemeral=True)
    (halts,) = journal.commit([Job(halts_in_force)])
    assert isinstance(halts, tuple)
    found = journal.journal_id, journal.sequence, journal.replaced, [halt.reason for halt in halts]
    journal.close()
    return found


def test_restored_journal_has_a_new_id_is_halted_and_keeps_the_one_before(tmp_path: Path) -> None:
    first = kept(tmp_path)
    copy = tmp_path / "copy.sqlite"
    shutil.copy2(tmp_path / FILE, copy)
    restore(copy, tmp_path / FILE)
    journal_id, _, replaced, halts = kept(tmp_path)
    assert journal_id != first[0]
    assert replaced is None, "it was put back knowingly"
    assert len(halts) == 1
    assert halts[0].startswith("journal_restored")
    assert check(tmp_path / FILE) == []
    assert len(list(tmp_path.glob(f"{FILE}.before-*"))) >= 1
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600


def test_no_journal_is_replaced_under_a_running_service(tmp_path: Path) -> None:
    journal = Journal(tmp_path, allow_ephemeral=True)
    copy = tmp_path / "copy.sqlite"
    shutil.copy2(tmp_path / FILE, copy)
    with pytest.raises(StartupError, match="locked"):
        restore(copy, tmp_path / FILE)
    journal.close()
