"""Plays the incidents again and writes what the operator saw into docs/debugging.md: `./dev incidents [NAME…]`."""

import re
import sys
import tempfile
from functools import partial
from pathlib import Path

import trio

from tests.incidents.incidents import INCIDENTS, played

DOCUMENT = Path(__file__).parents[2] / "docs" / "debugging.md"


def place_of(name: str) -> re.Pattern[str]:
    """Where the document shows an incident."""
    return re.compile(rf"(<!-- incident: {name} -->\n```console\n).*?(```\n)", re.DOTALL)


def _with(text: str, place: re.Match[str]) -> str:
    return f"{place[1]}{text}{place[2]}"


async def main(names: list[str]) -> None:
    for name in names or list(INCIDENTS):
        print(f"playing {name}", flush=True)  # noqa: T201  # a program that tells its progress
        with tempfile.TemporaryDirectory() as folder:
            async with played(name, Path(folder)) as scene:
                text = scene.text
        document = DOCUMENT.read_text(encoding="utf-8")
        replaced, number = place_of(name).subn(partial(_with, text), document)
        if number != 1:
            raise SystemExit(f"{DOCUMENT.name} has {number} places for the incident {name}; it must have one.")
        DOCUMENT.write_text(replaced, encoding="utf-8")


if __name__ == "__main__":
    trio.run(main, sys.argv[1:])
