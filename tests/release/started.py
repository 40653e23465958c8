"""Wheels as a user has them: installed into an environment of their own, and started."""

from __future__ import annotations

import http.client
import json
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

DEADLINE = 60.0
"""Seconds for the demo to serve, and for the notebook to run."""
NOTEBOOK = Path(__file__).parents[2] / "client" / "examples" / "first_steps.py"


def install(wheels: list[Path], place: Path) -> None:
    """A fresh environment in *place* with the wheels and what they need."""
    subprocess.run([sys.executable, "-m", "venv", place], check=True)
    subprocess.run([place / "bin" / "pip", "install", "-qq", "--disable-pip-version-check", *wheels], check=True)


def answers_as(version: str, place: Path) -> str:
    """What the installed demo and the notebook of the client do. Raises AssertionError, or what the notebook raises."""
    began = time.monotonic()
    command = [place / "bin" / "ibactors", "demo", "--port", "0"]
    with subprocess.Popen(command, cwd=place, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as demo:
        late = threading.Timer(DEADLINE, demo.kill)
        late.start()
        try:
            banner = demo.stdout.readline()
            found = re.match(r"ibactors demo: (http://[\d.:]+)/ui", banner)
            assert found, f"the demo did not start: {banner!r}"
            while _get(found[1], "/health")["status"] != "healthy":
                time.sleep(0.1)
            assert _get(found[1], "/")["version"] == version
            served = time.monotonic() - began
            notebook = [place / "bin" / "python", "-I", NOTEBOOK]
            subprocess.run(notebook, env={"IBACTORS_URL": found[1]}, check=True, stdout=subprocess.DEVNULL, timeout=DEADLINE)
        finally:
            late.cancel()
            demo.terminate()
    return f"healthy after {served:.1f} s, and the notebook after {time.monotonic() - began:.1f} s"


def _get(url: str, path: str) -> dict[str, object]:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=DEADLINE)
    connection.request("GET", path)
    return json.load(connection.getresponse())
