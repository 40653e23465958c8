"""The table of clients and messages, on the terminal and in the simulator's documentation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from steps import MESSAGES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from verdict import Verdict

DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "simulator.md"
_BEGIN, _END = "<!-- interop:begin -->\n", "<!-- interop:end -->\n"


def as_text(verdicts: Sequence[Verdict]) -> str:
    """Counts of what each client decoded, for the terminal."""
    names = _seen(verdicts)
    width = max(map(len, names))
    lines = [f"{n + 1}: {v.title} (server version {v.version}, {v.steps} steps)" for n, v in enumerate(verdicts)]
    lines.append(" " * width + "".join(f"{n + 1:>7}" for n in range(len(verdicts))))
    lines += [f"{name:{width}}" + "".join(f"{v.messages.get(name) or '-':>7}" for v in verdicts) for name in names]
    return "\n".join(lines)


def write(verdicts: Sequence[Verdict]) -> bool:
    """Put the table between its markers in the documentation; whether there was such a place."""
    if not DOCUMENT.exists():
        return False
    text = DOCUMENT.read_text()
    head, begin, rest = text.partition(_BEGIN)
    _, end, tail = rest.partition(_END)
    if begin and end:
        updated = head + begin + _markdown(verdicts) + end + tail
        if updated != text:
            DOCUMENT.write_text(updated)
    return bool(begin and end)


def _markdown(verdicts: Sequence[Verdict]) -> str:
    titles = [v.title for v in verdicts]
    rows = ["| message | " + " | ".join(titles) + " |", "|---" * (len(titles) + 1) + "|"]
    numbers = {name: number for number, name in MESSAGES.items()}
    for name in _seen(verdicts):
        cells = ["yes" if v.messages.get(name) else "-" for v in verdicts]
        rows.append(f"| {name} ({numbers[name]}) | " + " | ".join(cells) + " |")
    return "\n".join(rows) + "\n"


def _seen(verdicts: Sequence[Verdict]) -> list[str]:
    return [name for name in MESSAGES.values() if any(v.messages.get(name) for v in verdicts)]
