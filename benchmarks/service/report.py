"""The table and the plot of a run, for docs/performance.md."""

import json
import math
import os
import platform
import statistics
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from rivals import Server

Results = Mapping[str, Mapping[str, Sequence[float]]]
"""By server and figure: one value a repeat."""

DOCUMENT = Path(__file__).parents[2] / "docs" / "performance.md"
PLOT = DOCUMENT.parent / "images" / "performance.png"
YARDSTICK = "afternoon"
"""The server that ratios refer to."""
BUSY = 90
"""Percent of its core from which on generator and simulator, and not the server, may be what limits."""


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of the table; `more` tells whether more is better.

    `busy` names the generator's share meanwhile, `against` the figure of (a) that it is compared with, if not the same.
    """

    name: str
    title: str
    unit: str
    more: bool = False
    plotted: bool = False
    busy: str = ""
    against: str = ""
    compared: bool = True

    @property
    def yardstick(self) -> str:
        """What figure of (a) it is compared with."""
        return self.against or self.name


def _updates(name: str, against: str = "") -> tuple[Row, ...]:
    against, busy = against or name, f"{name}_load"
    return (
        Row(f"{name}_updates", "delivered", "updates/s", more=True, plotted=True, busy=busy, against=f"{against}_updates"),
        Row(f"{name}_p50", "age at the client, p50", "ms", busy=busy, against=f"{against}_p50"),
        Row(f"{name}_p99", "age at the client, p99", "ms", plotted=True, busy=busy, against=f"{against}_p99"),
        Row(f"{name}_cpu_update", "processor time each", "µs", against=f"{against}_cpu_update"),
        Row(busy, "generator and simulator", "% of their core", compared=False),
    )


SECTIONS: dict[str, tuple[Row, ...]] = {
    "Cold quote: a symbol that nobody has asked for": (
        Row("cold_p50", "time to answer, p50", "ms"),
        Row("cold_after_p50", "since its first complete set left the gateway, p50", "ms"),
        Row("cold_after_p99", "p99", "ms"),
    ),
    "Stream, 1 symbol × 4/s × 1 client": (Row("pushed", "delivered", "updates/s", more=True),),
    "Stream, 50 symbols × 4/s × 10 clients": (
        Row("moderate_p50", "age at the client, p50", "ms", plotted=True),
        Row("moderate_p99", "age at the client, p99", "ms", plotted=True),
        Row("moderate_cpu_update", "processor time each", "µs"),
    ),
    "Stream, 100 symbols × 10/s × 100 clients": _updates("full"),
    "The same in batches (`?batch=1`), against (a) without": _updates("batch", "full"),
    "Stream, 100 symbols × 50/s × 100 clients": _updates("over"),
    "The same with 50/s in batches, against (a) without": _updates("over_batch", "over"),
    "One of 11 clients stops reading, 100 symbols × 10/s": (
        Row("slow_before_p99", "age at the others before, p99", "ms"),
        Row("slow_p99", "age at the others meanwhile, p99", "ms"),
        Row("slow_memory", "memory grown meanwhile", "MiB"),
        Row("slow_fresh", "until it has present values when it reads again", "ms"),
    ),
    "The gateway drops its connections": (Row("reset", "until the first new tick", "s", plotted=True),),
    "Memory": (
        Row("memory_rest", "at rest", "MiB", plotted=True),
        Row("memory_symbol", "a symbol", "KiB"),
        Row("memory_client", "a client", "KiB"),
    ),
    "Processor": (
        Row("cpu_rest", "at rest", "% of a core"),
        Row("cpu_100x4x10", "at 100 symbols × 4/s × 10 clients", "% of a core", plotted=True),
    ),
}


class Spread(NamedTuple):
    """Of the repeats."""

    median: float
    lowest: float
    highest: float


def table(servers: Sequence[Server], results: Results) -> str:
    """Medians, with ratio and range of the repeats; figures that nobody has are left out."""
    found = _Found(servers, results)
    lines = ["| | unit | " + " | ".join(server.title for server in servers) + " |", "|---|---|" + "---:|" * len(servers)]
    for title, rows in SECTIONS.items():
        known = [row for row in rows if found.has(row)]
        if known:
            lines.append(f"| **{title}** |" + " |" * (len(servers) + 1))
            lines += [f"| {row.title} | {row.unit} | " + " | ".join(found.cells(row)) + " |" for row in known]
    return "\n".join(lines)


def write(servers: Sequence[Server], results: Results, remarks: Sequence[str], plot_python: Path) -> None:
    """Put table and plot into docs/."""
    found = _Found(servers, results)
    parts = (_conditions(results), table(servers, results), "\n".join(f"- {remark}" for remark in remarks), _picture())
    put("table", "bench", "\n\n".join(parts))
    PLOT.parent.mkdir(exist_ok=True)
    with tempfile.NamedTemporaryFile("w", suffix=".json") as data:
        json.dump({"servers": [server.title for server in servers], "panels": found.panels()}, data)
        data.flush()
        subprocess.run([plot_python, Path(__file__).parent / "plot.py", data.name, PLOT], check=True)  # noqa: S603


def put(name: str, recipe: str, text: str) -> None:
    """Put *text* in its place in the document."""
    begin, end = f"<!-- {name}: written by ./dev {recipe} -->", f"<!-- end of {name} -->"
    head, found, rest = DOCUMENT.read_text(encoding="utf-8").partition(begin)
    if not found:
        raise RuntimeError(f"{DOCUMENT} has no place for {name}")
    DOCUMENT.write_text(f"{head}{begin}\n\n{text}\n\n{end}{rest.partition(end)[2]}", encoding="utf-8")


def moment() -> str:
    """When and on what it was measured."""
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, Python {platform.python_version()}, {os.cpu_count()} cores"


def _conditions(results: Results) -> str:
    repeats = max((len(values) for figures in results.values() for values in figures.values()), default=0)
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    when = f"{moment()}, repeats: {repeats}"
    return (
        f"Measured {when}; load averages of the machine at the end: {load}. Medians; in brackets the ratio to (a), below them the lowest "
        f"and the highest of the repeats. †: generator and simulator kept their core more than {BUSY} % busy, so that the server may have "
        "been able to do more. –: not there, or not reached."
    )


def _picture() -> str:
    return f"![The figures of the table as bars](images/{PLOT.name})"


@dataclass(frozen=True, slots=True)
class _Found:
    """What was measured, by row and server."""

    servers: Sequence[Server]
    results: Results

    def has(self, row: Row) -> bool:
        return any(self._spreads(row))

    def cells(self, row: Row) -> list[str]:
        """One text a server."""
        yardstick = self._spread(YARDSTICK, row.yardstick) if row.compared else None
        return [self._cell(server.name, row, yardstick) for server in self.servers]

    def panels(self) -> list[dict[str, object]]:
        """What is drawn."""
        return [
            {
                "title": title.replace("`", ""),
                "unit": f"{row.title}, {row.unit}, {'more' if row.more else 'less'} is better",
                "values": [self._spread(server.name, row.yardstick if server.name == YARDSTICK else row.name) for server in self.servers],
            }
            for title, rows in SECTIONS.items()
            for row in rows
            if row.plotted and self.has(row)
        ]

    def _spreads(self, row: Row) -> list[Spread | None]:
        return [self._spread(server.name, row.name) for server in self.servers]

    def _spread(self, server: str, name: str) -> Spread | None:
        known = [value for value in self.results.get(server, {}).get(name, ()) if not math.isnan(value)]
        return Spread(statistics.median(known), min(known), max(known)) if known else None

    def _cell(self, server: str, row: Row, yardstick: Spread | None) -> str:
        spread = self._spread(server, row.name)
        if spread is None:
            return "–"
        text = _number(spread.median)
        busy = self._spread(server, row.busy)
        if busy and busy.median > BUSY:
            text += "†"
        if yardstick and yardstick.median > 0 and server != YARDSTICK:
            text += f" (×{_number(spread.median / yardstick.median)})"
        if spread.lowest < spread.highest:
            text += f"<br><sub>{_number(spread.lowest)}–{_number(spread.highest)}</sub>"
        return text


def _number(value: float) -> str:
    if abs(value) >= 99.95:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 9.995 else f"{value:.2f}"
