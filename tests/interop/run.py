"""The conformance suite: unchanged clients from their registries against `ibactors simulate`.

    python tests/interop/run.py [WORD...]     only clients whose title contains one of the words

Every run has a simulator of its own. Exit status 1 when any client had anything to complain of.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import broken
import snippets
import table
import trio
from clients import CLIENTS, HERE, Client, InstallError, install
from relay import Relay
from steps import MESSAGES, STEPS, Step, as_json
from verdict import Verdict, judge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

RUN_LIMIT_S = 150
AT_ONCE = 3
_PORT = re.compile(rb"TWS API at [^ ]*:(\d+)")


def main() -> int:
    words = sys.argv[1:]
    clients = [c for c in CLIENTS if not words or any(w in c.title for w in words)]
    if not clients:
        sys.stderr.write(f"interop: no client fits {words}; there are: {', '.join(c.title for c in CLIENTS)}\n")
        return 2
    try:
        for home in dict.fromkeys(c.home for c in clients):
            install(home)
    except (InstallError, OSError) as error:
        sys.stderr.write(f"interop: {error}\n")
        return 2
    plain, relayed = trio.run(run_all, clients)
    say(table.as_text(plain))
    if not words and not table.write(plain):
        say("docs/simulator.md has no place for the table")
    failed = [v for v in (*plain, *relayed) if v.faults]
    for verdict in failed:
        say(f"FAILED {verdict.title}:\n  " + "\n  ".join(verdict.faults))
    say(f"{len(plain) + len(relayed) - len(failed)} runs passed, {len(failed)} failed")
    return 1 if failed else 0


async def run_all(clients: list[Client]) -> tuple[list[Verdict], list[Verdict]]:
    """Each client directly, then through the relay in both modes, then the examples; a few at a time."""
    fast = tuple(s for s in STEPS if not s.slow)
    runs: list[Callable[[], Verdict]] = [partial(run_one, c, STEPS, None) for c in clients]
    for mode in ("split", "glue"):
        runs += [partial(run_one, c, fast, mode) for c in clients if c.relayed]
    runs += [partial(run_broken, c, name) for c in clients if c.relayed for name in broken.DEFECTS]
    homes = {c.home for c in clients}
    runs += [partial(run_snippet, *s) for s in snippets.snippets() if s[0] in homes]
    verdicts: list[Verdict | None] = [None] * len(runs)
    limiter = trio.CapacityLimiter(AT_ONCE)

    async def keep(position: int) -> None:
        verdicts[position] = await trio.to_thread.run_sync(runs[position], limiter=limiter)

    async with trio.open_nursery() as nursery:
        for position in range(len(runs)):
            nursery.start_soon(keep, position)
    done = [v for v in verdicts if v is not None]
    return done[: len(clients)], done[len(clients) :]


def run_one(client: Client, steps: tuple[Step, ...], mode: str | None) -> Verdict:
    """Drive one client against a fresh simulator."""
    title = f"{client.title}, {mode} frames" if mode else client.title
    log: list[str] = []
    # Few updates through the relay: one byte a system call is slow enough.
    with simulator(rate=4 if mode == "split" else 20, log=log) as port:
        relay = Relay(port, mode) if mode else None
        try:
            done = drive(client, relay.port if relay else port, steps)
        finally:
            if relay:
                relay.close()
    verdict = judge(title, client.version, steps, done.stdout, done.stderr)
    verdict.faults += [f"the simulator logged: {line[:300]}" for line in log if '"level": "error"' in line or "Traceback" in line]
    return verdict


def drive(client: Client, port: int, steps: tuple[Step, ...], *, step_limit_s: int = 10) -> subprocess.CompletedProcess[str]:
    """Run a client's driver; one that takes too long is stopped, with what it printed until then."""
    command = client.command(port, {"messages": MESSAGES, "steps": as_json(steps)})
    environment = {**os.environ, **client.environment, "INTEROP_STEP_LIMIT_S": str(step_limit_s)}
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=RUN_LIMIT_S, env=environment, check=False)  # noqa: S603
    except subprocess.TimeoutExpired as error:
        printed = error.stdout.decode() if isinstance(error.stdout, bytes) else ""
        return subprocess.CompletedProcess(command, 1, printed, f"it ran for more than {RUN_LIMIT_S} s")


def run_broken(client: Client, name: str) -> Verdict:
    """Drive a client against a simulator with a known defect; the verdict is about the suite, which has to find it."""
    defect = broken.DEFECTS[name]
    steps = tuple(s for s in STEPS if s.name == defect.step)
    with simulator(rate=4, log=[], program=(str(HERE / "broken.py"), name)) as port:
        done = drive(client, port, steps, step_limit_s=3)
    found = judge(client.title, client.version, steps, done.stdout, done.stderr).faults
    verdict = Verdict(f"{client.title} against a broken simulator: {name}")
    if not any(sign in fault for sign in defect.signs for fault in found):
        verdict.faults = [f"the suite did not notice; it found {found}"]
    return verdict


def run_snippet(home: str, language: str, text: str) -> Verdict:
    """Run an example of the documentation against a fresh simulator."""
    with simulator(rate=4, log=[]) as port:
        return snippets.run(home, language, text, port)


@contextmanager
def simulator(*, rate: float, log: list[str], program: tuple[str, ...] = ()) -> Iterator[int]:
    """A simulator, or another program like it, in a process of its own; its log is in `log` once it has stopped."""
    command = [sys.executable, *(program or ("-m", "ibactors", "simulate", "--port", "0", "--rate", str(rate)))]
    environment = {**os.environ, "IBACTORS_LOG_FORMAT": "json", "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment) as process:  # noqa: S603
        assert process.stdout is not None
        try:
            port = next((int(m[1]) for line in process.stdout if (m := _PORT.search(line))), None)
            if port is None:
                raise RuntimeError("the simulator did not start")
            yield port
        finally:
            process.terminate()
            log += process.stdout.read().decode().splitlines()


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
