"""Halts and dead man's switches in the journal: they hold over restarts. The flag in memory is set before anything is written."""

from ibactors.model.times import Value
from ibactors.orders.transaction import Entry, Transaction


class Halt(Value, frozen=True, kw_only=True):
    """Trading is stopped: nothing but cancels is sent."""

    at: float
    by: str
    reason: str
    cancel: str
    """`entries`, `ours`, `all` or `none`: what was to be cancelled."""


class Resume(Value, frozen=True, kw_only=True):
    """Trading goes on."""

    at: float
    by: str


class Deadman(Value, frozen=True, kw_only=True):
    """A key whose orders go when it falls silent."""

    key: str
    seconds: float
    wall: float
    """When it was last renewed, Unix seconds."""
    boot: float
    """The same on the clock that counts through suspends."""
    fired_at: float | None = None


def halt(tx: Transaction, stop: Halt) -> Entry:
    """Write a halt down. Several may be in force; one resume ends them all."""
    tx.run("INSERT INTO halts (at, by, reason, cancel) VALUES (?, ?, ?, ?)", (stop.at, stop.by, stop.reason, stop.cancel))
    return tx.note("halt", stop.at, stop)


def resume(tx: Transaction, go: Resume) -> Entry:
    """End all halts."""
    tx.run("UPDATE halts SET resumed_at = ?, resumed_by = ? WHERE resumed_at IS NULL", (go.at, go.by))
    return tx.note("resume", go.at, go)


def halts_in_force(tx: Transaction) -> tuple[Halt, ...]:
    """What stops trading, oldest first."""
    rows = tx.rows("SELECT at, by, reason, cancel FROM halts WHERE resumed_at IS NULL ORDER BY halt_id LIMIT 100")
    return tuple(Halt(at=float(at or 0), by=str(by), reason=str(reason), cancel=str(cancel)) for at, by, reason, cancel in rows)


def watch(tx: Transaction, deadman: Deadman) -> None:
    """Register or renew a switch; a renewal also lifts what the fired one blocks."""
    tx.run(
        "INSERT OR REPLACE INTO deadmen VALUES (?, ?, ?, ?, ?)",
        (deadman.key, deadman.seconds, deadman.wall, deadman.boot, deadman.fired_at),
    )


def unwatch(tx: Transaction, key: str) -> None:
    """Remove a switch."""
    tx.run("DELETE FROM deadmen WHERE key = ?", (key,))


def fire(tx: Transaction, key: str, at: float) -> Entry | None:
    """Note that a switch went off: once, until it is renewed. None when it had before."""
    if tx.run("UPDATE deadmen SET fired_at = ? WHERE key = ? AND fired_at IS NULL", (at, key)) == 0:
        return None
    return tx.note("deadman", at, {"key": key})


def deadmen(tx: Transaction) -> tuple[Deadman, ...]:
    """All switches. After a start each expires `seconds` after the API answers, unless it is renewed."""
    rows = tx.rows("SELECT key, seconds, wall, boot, fired_at FROM deadmen ORDER BY key LIMIT 10000")
    return tuple(
        Deadman(key=str(key), seconds=float(s or 0), wall=float(w or 0), boot=float(b or 0), fired_at=None if f is None else float(f))
        for key, s, w, b, f in rows
    )
