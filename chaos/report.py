"""What a run found, as a table for people, JSON for programs and a page for the documentation."""

import json
import math
import platform
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from chaos.conductor import Measured
from chaos.load import Resources, World
from chaos.order_run import Run

_PARTS = 6
_BY_AN_ADMIN = "called not received by an admin: 200"
_UNSEEN_MIDNIGHT = "called not received after a midnight that no clock showed"
_COLUMNS = (("sign_s", "first sign"), ("told_s", "all told"), ("health_s", "/health"), ("first_s", "first value"), ("live_s", "all live"))


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that `share` of all do not exceed."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def figures(world: World, before: Resources, after: Resources, minutes: float, memory: Sequence[float]) -> dict[str, Any]:
    """Everything that is worth keeping of a run."""
    truth = world.truth
    measured = world.conductor.measured
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "commit": _commit(),
        "seed": world.options.seed,
        "minutes": round(minutes, 2),
        "streams": world.options.streams,
        "callers": world.options.callers,
        "symbols": world.options.symbols,
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "longest_allowance_ms": round(truth.machine.longest_ms),
        "programs_waited_s": round(truth.machine.waited_ms / 1000, 1),
        "checked": dict(sorted(truth.checked.items())),
        "faults": {name: _row(group) for name, group in sorted(_groups(measured).items())},
        "commands_without_recipe": world.conductor.menu.unknown,
        "after_warm_up": asdict(before),
        "at_the_end": asdict(after),
        "memory_mb": list(memory),
        "violations": sum(truth.counts.values()),
        "kinds_of_violation": [
            {"rule": rule, "faults": faults, "count": count} for (rule, faults), count in sorted(truth.counts.items(), key=lambda x: -x[1])
        ],
        "examples": [asdict(violation) for violation in truth.violations],
    }


def _commit() -> str:
    """What is tested; empty outside of a repository."""
    asked = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)  # noqa: S607
    return asked.stdout.strip()


def _groups(measured: Iterable[Measured]) -> dict[str, list[Measured]]:
    groups: dict[str, list[Measured]] = {}
    for one in measured:
        groups.setdefault("two at once" if " + " in one.name else one.name, []).append(one)
    return groups


def _row(group: list[Measured]) -> dict[str, Any]:
    row: dict[str, Any] = {"count": len(group)}
    for column, _ in _COLUMNS:
        values = [value for one in group if (value := getattr(one, column)) is not None]
        if values:
            row[column] = [round(percentile(values, share), 3) for share in (0.5, 0.99, 1.0)]
    return row


def table(found: dict[str, Any]) -> str:
    """The faults with their times, in Markdown that reads well in a terminal."""
    head = ["fault", "count", *(f"{title} p50 / p99 / max" for _, title in _COLUMNS)]
    rows = [
        [name, str(row["count"]), *(" / ".join(f"{v:.2f}" for v in row[c]) if c in row else "" for c, _ in _COLUMNS)]
        for name, row in found["faults"].items()
    ]
    widths = [max(len(line[column]) for line in [head, *rows]) for column in range(len(head))]
    lines = [head, ["-" * width for width in widths], *rows]
    return "\n".join("| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines)


def totals(found: dict[str, Any]) -> str:
    """What was checked, and what the service held before and after."""
    checked, before, after = found["checked"], found["after_warm_up"], found["at_the_end"]
    statuses = ", ".join(f"{name.split()[1]}: {count}" for name, count in checked.items() if name.startswith("status "))
    kinds = [
        f"{checked.get(name, 0)} {name}" for name in ("values", "messages", "stale messages", "connections", "requests", "health checks")
    ]
    held = ", ".join(f"{name.replace('_', ' ')} {before[name]} → {after[name]}" for name in before)
    waited = f"simulator and service waited {found['programs_waited_s']:g} s for a processor"
    allowed = f"Limits were longer by {found['longest_allowance_ms']} ms at most in a second, as the machine was busy: {waited}."
    memory = found["memory_mb"]
    course = ", ".join(f"{memory[round(part * (len(memory) - 1) / _PARTS)]:g}" for part in range(_PARTS + 1)) if memory else ""
    lines = [
        f"Checked: {', '.join(kinds)}; answers {statuses}.",
        allowed,
        f"Held after warm-up → at the end: {held}.",
        f"Memory in between, with all clients at work, in MB at equal distances: {course}.",
    ]
    return "\n".join(lines)


def write_page(path: Path, found: dict[str, Any], mode: str, command: str) -> None:
    """Put the figures between the markers of the documentation page."""
    load = f"{found['streams']} streams, {found['callers']} REST clients, {found['symbols']} symbols"
    lines = [
        f"`./dev {command}` of {found['date']}, commit {found['commit']}: {found['minutes']:g} minutes, {load}; {found['machine']}.",
        "",
        table(found),
        "",
        "Seconds. First sign, all told and `/health` count from the begin of the fault, first value and all live from its end.",
        "",
        totals(found).replace("\n", "\n\n"),
        "",
        f"Violations: {found['violations']}.",
        *(f"- {kind['count']} times: {kind['rule']} ({kind['faults'] or 'calm'})" for kind in found["kinds_of_violation"]),
    ]
    _put(path, mode, lines)


def write_orders(path: Path, found: dict[str, Any], command: str) -> None:
    """The same for a run about orders."""
    counts, kills = found["counts"], found["kills"]
    faults = sum(count for name, count in counts.items() if name.startswith("fault "))
    points = {name: count for name, count in kills.items() if name != "random instant"}
    lines = [
        f"`./dev {command}` of {found['date']}, commit {_commit()}; {platform.machine()}, Python {platform.python_version()}.",
        "",
        "| | |",
        "|---|---|",
        f"| orders asked for | {found['asked']}, in {counts.get('posts', 0)} requests and {found['minutes']:.1f} minutes |",
        f"| of them without a verdict until the calm | {counts.get('asked again in the calm', 0)} |",
        f"| orders that reached the gateway, members of brackets each | {counts.get('orders at the gateway', 0)} |",
        f"| kill -9 | {sum(kills.values())}: {kills.get('random instant', 0)} at a random instant, {sum(points.values())} at a point |",
        f"| per point | {', '.join(f'{name} {count}' for name, count in sorted(points.items()))} |",
        f"| faults of the gateway | {faults} |",
        f"| events read, each with its number | {counts.get('events', 0)} |",
        f"| everything alive is shown after a session | {found['visible'][0]:.2f} s (median), {found['visible'][1]:.2f} s (longest) |",
        f"| orders whose fills are told as not verified | {counts.get('told as not verified', 0)} |",
        f"| an admin's to say, as a day had ended or the gateway may have been restarted | {counts.get(_BY_AN_ADMIN, 0)} |",
        f"| left unknown | {counts.get('left unknown', 0)} |",
        f"| called not received after a midnight that no clock showed | {counts.get(_UNSEEN_MIDNIGHT, 0)} |",
        f"| slowest answer to a request | {counts.get('slowest answer, ms', 0)} ms |",
        f"| the machine was late | by {found['late_ms']} ms at most in a second; programs waited {found['waited_s']} s for a processor |",
        f"| violations | {len(found['violations'])} |",
        *(f"| | {each} |" for each in found["violations"]),
    ]
    _put(path, "orders", lines)


def write_client(path: Path, run: Run, command: str) -> None:
    """The same for a run of the client."""
    counts, kills = run.counts, sum(run.kills.values())
    faults = ", ".join(f"{name.removeprefix('fault ')} {count}" for name, count in sorted(counts.items()) if name.startswith("fault "))
    held = ", ".join(
        f"{name.replace('_', ' ')} {counts[f'{name} before']} → {counts[f'{name} after']}" for name in ("files", "tasks", "memory_mb")
    )
    lines = [
        f"`./dev {command}` of {datetime.now(UTC):%Y-%m-%d}, commit {_commit()}; {platform.machine()}, Python {platform.python_version()}.",
        "",
        "| | |",
        "|---|---|",
        f"| minutes of faults | {run.minutes:.1f}, with {kills} kill -9 of the service |",
        f"| faults | {faults} |",
        f"| 429, 502, 503, 504 of the road; answers that it cut | {counts['answers of the road']}; {counts['answers cut']} |",
        f"| quotes followed; breaks of the stream | {counts['quotes followed']}; {counts['breaks of the stream']} |",
        f"| quotes read; reads given up | {counts['quotes read']}; {counts['reads given up']} |",
        f"| prices judged | {counts['values']} |",
        f"| orders placed, of those asked for | {counts['orders placed']} of {len(run.asked)} |",
        f"| answers that the outcome is unknown | {counts['outcomes unknown']} |",
        f"| asked again in the calm | {counts['asked again in the calm']} |",
        f"| orders at the gateway | {counts['orders at the gateway']} |",
        f"| events of orders, each with its number | {counts['orders followed']} |",
        f"| held by the process before → after | {held} |",
        f"| violations | {len(run.found)} |",
        *(f"| | {each} |" for each in run.found),
    ]
    _put(path, "client", lines)


def _put(path: Path, mode: str, lines: list[str]) -> None:
    text = path.read_text()
    begin, end = f"<!-- {mode}: begin -->", f"<!-- {mode}: end -->"
    head, _, rest = text.partition(begin)
    _, marker, tail = rest.partition(end)
    if not marker:
        raise ValueError(f"{path} has no {begin} and {end}")
    path.write_text(f"{head}{begin}\n" + "\n".join(lines) + f"\n{end}{tail}")


def write_json(path: Path, found: dict[str, Any]) -> None:
    """All figures and violations."""
    path.write_text(json.dumps(found, indent=1) + "\n")
