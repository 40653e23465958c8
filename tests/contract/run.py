"""The REST contract: schemathesis against the demo, with every check it has, in every phase.

    python tests/contract/run.py [--minutes 60] [--seed N]

Three runs: without keys, with a key, and with logins. Logging in and out takes the session away, and 503 is the truth then: the first two
leave both out and take no 5xx at all; the third has all routes, and takes a 503 where the document names one. schemathesis lives in an
environment of its own, .contract. Exit status 1 when it found anything.
"""

from __future__ import annotations

import argparse
import os
import queue
import re
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ibactors.keys import GRANTABLE, new_key

if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEMATHESIS = Path(".contract/bin/schemathesis")
STEADY, WITH_LOGINS = (Path(__file__).with_name(name) for name in ("steady.toml", "logins.toml"))
PATIENCE_S = 60
# The tests send more than any client may.
UNLIMITED = {"IBACTORS_RATE_PER_KEY": "off", "IBACTORS_LOGIN_ATTEMPTS": "1000", "IBACTORS_LOG_FORMAT": "json"}
_URL = re.compile(r"ibactors demo: (http://[^/\s]+)")


@dataclass(frozen=True)
class Run:
    """One service, and what is asked of it."""

    name: str
    environment: dict[str, str]
    configuration: Path
    options: list[str]


def main() -> int:
    parser = argparse.ArgumentParser(description="schemathesis against the demo")
    parser.add_argument("--minutes", type=float, default=1.5, help="for all runs together (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="default: %(default)s")
    arguments = parser.parse_args()
    runs, failed = planned(), []
    for run in runs:
        with running_demo(run.environment) as (url, log):
            say(f"== {run.name}: {url}")
            if check(url, run, seconds=int(arguments.minutes * 60 / len(runs)), seed=arguments.seed):
                failed.append(run.name)
        trouble = [entry for entry in log if '"level": "error"' in entry or "Traceback" in entry]
        if trouble:
            failed.append(f"{run.name}: errors in the service's log")
            say("".join(trouble))
    say(f"failed: {', '.join(failed)}" if failed else f"{len(runs)} runs passed")
    return 1 if failed else 0


def planned() -> list[Run]:
    """What is run."""
    key, line = new_key("contract", GRANTABLE)
    keyed, with_key = {"IBACTORS_API_KEYS": line}, ["--header", f"Authorization: Bearer {key}"]
    stay = ["--exclude-path-regex", "^/auth/log(in|out)$"]
    return [
        Run("without keys", {}, STEADY, stay),
        Run("with a key", keyed, STEADY, [*stay, *with_key]),
        Run("with logins", keyed, WITH_LOGINS, with_key),
    ]


def check(url: str, run: Run, *, seconds: int, seed: int) -> int:
    """Run schemathesis; its exit status."""
    command = [
        *(str(SCHEMATHESIS), "--config-file", str(run.configuration), "run", f"{url}/openapi.json", "--checks", "all", "--mode", "all"),
        *("--phases", "examples,coverage,fuzzing,stateful", "--max-time", str(max(1, seconds)), "--seed", str(seed)),
        *("--max-response-time", "30", "--request-timeout", "30", "--continue-on-failure", *run.options),
    ]
    return subprocess.run(command, check=False).returncode  # noqa: S603  # our own program


@contextmanager
def running_demo(environment: dict[str, str]) -> Iterator[tuple[str, list[str]]]:
    """`ibactors demo` on a free port; its URL, and its output as it comes."""
    process = subprocess.Popen(
        [sys.executable, "-m", "ibactors", "demo", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **UNLIMITED, **environment},
    )
    log: list[str] = []
    urls: queue.Queue[str] = queue.Queue()
    reader = threading.Thread(target=_read, args=(process, log, urls), daemon=True)
    reader.start()
    try:
        yield urls.get(timeout=PATIENCE_S), log
    finally:
        process.terminate()
        process.wait(PATIENCE_S)
        reader.join(PATIENCE_S)


def _read(process: subprocess.Popen[str], log: list[str], urls: queue.Queue[str]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if found := _URL.search(line):
            urls.put(found[1])
        if '"level": "info"' not in line:
            log.append(line)


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
