"""Runs the examples of docs/simulator.md as they stand, with another port, each with the client it is for."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from pathlib import Path

from clients import CACHE, node
from table import DOCUMENT
from verdict import Verdict

LIMIT_S = 60
_SNIPPET = re.compile(r"<!-- run: (\w+) -->\n```(\w+)\n(.*?)```\n", re.DOTALL)
_PORT = "4002"


def snippets() -> list[tuple[str, str, str]]:
    """Client, language and text of each example."""
    return _SNIPPET.findall(DOCUMENT.read_text()) if DOCUMENT.exists() else []


def run(home: str, language: str, text: str, port: int) -> Verdict:
    """The verdict on one example: it ends by itself, well, and prints something."""
    verdict = Verdict(f"the example for {home}")
    program, suffix = (node("bin/node"), ".js") if language == "javascript" else (str(CACHE / home / "bin" / "python"), ".py")
    if _PORT not in text:
        verdict.faults.append(f"it does not connect to port {_PORT}")
        return verdict
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"example{suffix}"
        path.write_text(text.replace(_PORT, str(port)))
        environment = {**os.environ, "NODE_PATH": str(CACHE / home / "node_modules")}
        try:
            done = subprocess.run([program, str(path)], capture_output=True, text=True, timeout=LIMIT_S, env=environment, check=False)  # noqa: S603
        except subprocess.TimeoutExpired:
            verdict.faults.append(f"it ran for more than {LIMIT_S} s")
            return verdict
    if done.returncode or not done.stdout.strip() or "Traceback" in done.stderr:
        verdict.faults.append(f"status {done.returncode}, output {done.stdout[-200:]!r}, complaints {done.stderr[-400:]!r}")
    return verdict
