"""The table and the plot of a run, for docs/performance.md."""

from __future__ import annotations

import json
import math
import os
import platform
import statistics
import subprocess
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rivals import Server

DOCUMENT = Path(__file__).parents[2] / "docs" / "performance.md"
PLOT = DOCUMENT.parent / "images" / "performance.png"
_BEGIN, _END = "<!-- table: written by ./dev bench -->", "<!-- end of table -->"


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of the table; `more` tells whether more is better."""

    name: str
    title: str
    unit: str
    more: bool = False
    plotted: bool = False


ROWS = (
    Row("warm1_rps", "warm quote, 1 connection", "requests/s", more=True, plotted=True),
    Row("warm1_p50", "warm quote, 1 connection, p50", "ms"),
    Row("warm1_p99", "warm quote, 1 connection, p99", "ms"),
    Row("warm16_rps", "warm quote, 16 connections", "requests/s", more=True, plotted=True),
    Row("warm16_p50", "warm quote, 16 connections, p50", "ms"),
    Row("warm16_p99", "warm quote, 16 connections, p99", "ms"),
    Row("warm16_cpu", "processor time a request, 16 connections", "µs"),
    Row("cold_p50", "cold quote (new symbol), p50", "ms"),
    Row("cold_after_p50", "cold quote after its first complete set left the gateway, p50", "ms"),
    Row("cold_after_p99", "the same, p99", "ms"),
    Row("moderate_p50", "tick to client, 50 symbols × 4/s × 10 clients, p50", "ms", plotted=True),
    Row("moderate_p99", "the same, p99", "ms", plotted=True),
    Row("moderate_cpu_update", "processor time an update at that load", "µs"),
    Row("full_updates", "delivered at saturation, 100 symbols × 10/s × 100 clients", "updates/s", more=True, plotted=True),
    Row("full_p50", "age at saturation, p50", "ms"),
    Row("full_p99", "age at saturation, p99", "ms", plotted=True),
    Row("full_cpu_update", "processor time an update at saturation", "µs"),
    Row("batch_updates", "delivered in batches (?batch=1)", "updates/s", more=True),
    Row("batch_p99", "age in batches, p99", "ms"),
    Row("batch_cpu_update", "processor time an update in batches", "µs"),
    Row("over_updates", "delivered far above saturation, 100 symbols × 50/s × 100 clients", "updates/s", more=True, plotted=True),
    Row("over_p99", "age far above saturation, p99", "ms"),
    Row("over_batch_updates", "the same in batches, delivered", "updates/s", more=True, plotted=True),
    Row("over_batch_p99", "the same in batches, age p99", "ms"),
    Row("slow_before_p99", "others' p99 before one of them stops reading", "ms"),
    Row("slow_p99", "others' p99 while it does not read", "ms"),
    Row("slow_memory", "memory that the slow reader costs", "MiB"),
    Row("slow_fresh", "until it gets present values when it reads again", "ms"),
    Row("reset", "from a reset of the gateway to the first new tick", "s"),
    Row("memory_rest", "memory at rest", "MiB"),
    Row("memory_symbol", "memory a symbol", "KiB"),
    Row("memory_client", "memory a client", "KiB"),
    Row("cpu_rest", "processor at rest", "% of a core"),
    Row("cpu_100x4x10", "processor at 100 symbols × 4/s × 10 clients", "% of a core"),
)


def table(servers: Sequence[Server], results: Mapping[str, Mapping[str, Sequence[float]]]) -> str:
    """Medians, with the lowest and the highest of the repeats; figures that nobody has are left out."""
    lines = ["| | unit | " + " | ".join(server.title for server in servers) + " |", "|---|---|" + "---:|" * len(servers)]
    for row in ROWS:
        cells = [_cell(results[server.name].get(row.name, ())) for server in servers]
        if any(cell != "–" for cell in cells):
            lines.append(f"| {row.title} | {row.unit} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def write(servers: Sequence[Server], results: Mapping[str, Mapping[str, Sequence[float]]], plot_python: Path) -> None:
    """Put table and plot into docs/."""
    head, _, rest = DOCUMENT.read_text(encoding="utf-8").partition(_BEGIN)
    _, _, tail = rest.partition(_END)
    repeats = max((len(values) for figures in results.values() for values in figures.values()), default=0)
    when = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, Python {platform.python_version()}, {repeats} repeats, {os.cpu_count()} cores"
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    note = f"Measured {when}; load averages of the machine at the end: {load}."
    DOCUMENT.write_text(f"{head}{_BEGIN}\n{note}\n\n{table(servers, results)}\n{_END}{tail}", encoding="utf-8")
    PLOT.parent.mkdir(exist_ok=True)
    with tempfile.NamedTemporaryFile("w", suffix=".json") as data:
        json.dump({"servers": [[server.name, server.title] for server in servers], "panels": _panels(servers, results)}, data)
        data.flush()
        subprocess.run([plot_python, Path(__file__).parent / "plot.py", data.name, PLOT], check=True)  # noqa: S603


def _panels(servers: Sequence[Server], results: Mapping[str, Mapping[str, Sequence[float]]]) -> list[dict[str, object]]:
    return [
        {
            "title": row.title,
            "unit": row.unit,
            "better": "more is better" if row.more else "less is better",
            "values": [_spread(results[server.name].get(row.name, ())) for server in servers],
        }
        for row in ROWS
        if row.plotted and any(results[server.name].get(row.name) for server in servers)
    ]


def _spread(values: Sequence[float]) -> tuple[float, float, float] | None:
    known = [value for value in values if not math.isnan(value)]
    return (statistics.median(known), min(known), max(known)) if known else None


def _cell(values: Sequence[float]) -> str:
    spread = _spread(values)
    if spread is None:
        return "–"
    middle, low, high = map(_number, spread)
    return middle if len(values) == 1 else f"{middle} ({low}–{high})"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
