"""What README and the pages of docs/ show in fences, and the commands in them."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
URL = "http://127.0.0.1:8000"
"""Where the pages have the service."""
ELSEWHERE = {"debugging.md": "tests/service/test_incidents.py", "simulator.md": "tests/interop/snippets.py"}
"""Pages whose examples are run by other tests."""
PAGES = [ROOT / "README.md", *(page for page in sorted((ROOT / "docs").glob("**/*.md")) if page.name not in ELSEWHERE)]
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Command:
    """One command as it is typed, and what the page shows of its output."""

    typed: str
    output: str


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(page: Path, *languages: str) -> list[str]:
    """The texts in fences of these languages."""
    return [text for language, text in _FENCE.findall(page.read_text(encoding="utf-8")) if language in languages]


def commands(page: Path) -> list[Command]:
    """All commands of a page, in order."""
    return [command for text in blocks(page, "console") for command in _split(text)]


def urls(page: Path) -> set[str]:
    """Addresses of the service that a page names outside of what is run, such as in tables and formulas."""
    text = _FENCE.sub(lambda found: "" if found[1] in {"console", "python", "javascript"} else found[0], page.read_text(encoding="utf-8"))
    return {url for url in re.findall(rf"{URL}/[^\s`\"')\]]*", text) if "…" not in url and not url.endswith(("/ws/stream", "/mcp", "/udf"))}


def _split(text: str) -> list[Command]:
    made: list[tuple[str, list[str]]] = []
    for line in text.splitlines():
        if made and not made[-1][1] and _goes_on(made[-1][0]):
            made[-1] = (f"{made[-1][0]}\n{line}", [])
        elif line.startswith("$ "):
            made.append((line[2:], []))
        elif made:
            made[-1][1].append(line)
    return [Command(typed, "\n".join(output).strip()) for typed, output in made]


def _goes_on(typed: str) -> bool:
    try:
        shlex.split(typed, comments=True)
    except ValueError:
        return True
    return typed.endswith(("\\", "|"))
