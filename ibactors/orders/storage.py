"""Where the journal may lie: a local disk, locked by one process, with some room kept back for the day it is full."""

import os
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

from ibactors.errors import StartupError

if sys.platform != "win32":
    import fcntl

RESERVE = 16 * 2**20
"""Bytes kept back on disk, so that halts, cancels and evidence can still be written when it is full."""
LEAST_FREE = 256 * 2**20
"""Bytes free, below which no order is taken."""
HIGH_WATER_STEP = 1000
"""How far the high-water file may lag behind the sequence."""

REMOTE = frozenset("nfs nfs4 cifs smb3 smbfs ncpfs 9p virtiofs ceph glusterfs lustre afs gfs2 ocfs2 vboxsf".split())
"""File systems whose locks and syncs depend on another machine; write-ahead logs are not made for them (sqlite.org/wal.html)."""
EPHEMERAL = frozenset("tmpfs ramfs overlay aufs".split())
"""File systems that are gone with the machine or the container, and the client_order_ids with them."""
_MOUNTS = Path("/proc/self/mountinfo")


def file_system_of(path: Path, mounts: Path = _MOUNTS) -> str | None:
    """The type of the file system that *path* is on, or None where the system does not tell (proc(5), mountinfo)."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return None
    place = path.resolve()
    best: tuple[int, str] | None = None
    for line in lines:
        mount, _, rest = line.partition(" - ")
        point = mount.split()[4].encode().decode("unicode_escape")
        # Of two on one point the later one covers the earlier.
        if place.is_relative_to(point) and (best is None or len(point) >= best[0]):
            best = (len(point), rest.split()[0])
    return best[1] if best else None


def check_file_system(path: Path, *, allow_ephemeral: bool, mounts: Path = _MOUNTS) -> None:
    """Raises StartupError for a file system, or a system, on which a journal would be none."""
    if sys.platform == "win32":
        raise StartupError("Orders are not kept on Windows, where the journal was never tried: leave IBACTORS_TRADING unset, or use WSL 2.")
    kind = file_system_of(path, mounts)
    if kind is None:
        return
    if kind in REMOTE or kind.startswith("fuse"):
        raise StartupError(
            f"{path} is on {kind}. The journal of orders needs a local disk, as locks and syncs are not reliable over a network or FUSE; "
            "set IBACTORS_STATE_PATH to a path on one."
        )
    if kind in EPHEMERAL and not allow_ephemeral:
        raise StartupError(
            f"{path} is on {kind}, which is gone with the container or the machine. Set IBACTORS_STATE_PATH to a persistent volume, or "
            "IBACTORS_JOURNAL_EPHEMERAL=1 if orders may be forgotten."
        )


def free_bytes(path: Path) -> int:
    """Bytes that this user may still write there."""
    return shutil.disk_usage(path).free


class Lock:
    """The right to write. A file of its own: closing any descriptor of the database would drop SQLite's own POSIX locks on it."""

    def __init__(self, path: Path) -> None:
        self._file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "rb+", buffering=0)
        try:
            if sys.platform != "win32":
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.close()
            raise StartupError(
                f"Another process has the journal of orders open ({path} is locked). Stop it, or use another IBACTORS_STATE_PATH."
            ) from error

    def release(self) -> None:
        """Let another process have it."""
        self._file.close()


class Reserve:
    """Sixteen megabytes of nothing, given up when the disk is full."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def fill(self) -> bool:
        """Have the reserve; False when there is no room for it."""
        try:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                if sys.platform == "linux":
                    os.posix_fallocate(file, 0, RESERVE)
                else:
                    _fill(file, RESERVE)
            finally:
                os.close(file)
        except OSError:
            self.release()
            return False
        return True

    def release(self) -> None:
        """Give it up."""
        self._path.unlink(missing_ok=True)


def _fill(file: int, size: int) -> None:
    """Write as many bytes as it lacks of *size*, where the system cannot allocate them. Raises OSError."""
    missing = size - os.lseek(file, 0, os.SEEK_END)
    while missing > 0:
        missing -= os.write(file, bytes(min(missing, 2**20)))


class HighWater(NamedTuple):
    """What the file beside the database says: this journal has come at least this far."""

    journal_id: str
    sequence: int

    @staticmethod
    def read(path: Path) -> "HighWater | None":
        """None without a file, or with one that says nothing readable."""
        try:
            journal_id, number = path.read_text(encoding="ascii").split()
            return HighWater(journal_id, int(number))
        except (OSError, ValueError):
            return None

    def write(self, path: Path) -> None:
        """Put it on disk, in one piece. What it says is durable already, so that a crash in between loses nothing. Raises OSError."""
        fresh = path.with_name(path.name + ".new")
        file = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.write(file, f"{self.journal_id} {self.sequence}\n".encode())
            os.fsync(file)
        finally:
            os.close(file)
        fresh.replace(path)

    def betrays(self, journal_id: str, sequence: int) -> bool:
        """True when the database cannot be the one that this file was written beside: another, or an older copy of it."""
        return self.journal_id != journal_id or sequence < self.sequence
