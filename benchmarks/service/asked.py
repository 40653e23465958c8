"""Requests side by side: ibactors, without keys and with one, and its rivals all run at once, a simulator behind each, asked in turns.

    python benchmarks/service/asked.py [--turns 5] [--starts 2] [--seconds 1] [--generator wrk|own] [--questions NAME…] [--report]

A busy machine is busy for all of them: the ratios of neighbouring turns mean something where the figures swing. Each question is asked on 1
and on 16 kept connections, with prices at rest and with 20 ticks a second of each of ten symbols. Processor time is the kernel's count in
nanoseconds, of all threads of a server. wrk is Debian's package; `own` is the generator of the other measurements.
"""

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from hashlib import sha256

import report
from load import Conversation, HttpClient
from rig import Rig, pin, running
from rivals import IBACTORS, SERVERS, Server, install
from rows import SYMBOLS

QUESTIONS = {
    "Warm quote": "/market/quote/AAPL",
    "Health": "/health",
    "Account summary": "/account/summary",
    "Positions": "/account/positions",
}
CONNECTIONS = (1, 16)
STATES = {"at rest": 0.01, "20 ticks/s": 20.0}
"""Updates a second and symbol."""
SETTLE_S = 0.2
KEY = "ibk_for-measurements-alone"
_UNLIMITED = "900000:900000"
KEYED = replace(
    IBACTORS,
    name="keyed",
    title="ibactors, with a key",
    environment=(
        *IBACTORS.environment,
        ("IBACTORS_API_KEYS", f"bench:read:{sha256(KEY.encode()).hexdigest()}"),
        ("IBACTORS_RATE_PER_KEY", _UNLIMITED),
    ),
)
COMPARED = (IBACTORS, KEYED, *(server for server in SERVERS if server.name in {"afternoon", "best"}))
Case = tuple[str, int, str]
"""Question, connections, state."""
Found = dict[tuple[Case, str], list[tuple[float, float]]]
"""Requests a second and microseconds of processor time each, by case and server, turn by turn."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=5, help="of each, in one start (default: 5)")
    parser.add_argument("--starts", type=int, default=2, help="how often all are started anew (default: 2)")
    parser.add_argument("--seconds", type=int, default=1, help="of each turn (default: 1)")
    parser.add_argument("--generator", choices=["wrk", "own"], default="wrk" if shutil.which("wrk") else "own")
    parser.add_argument("--questions", nargs="+", choices=list(QUESTIONS), default=list(QUESTIONS))
    parser.add_argument("--report", action="store_true", help="write the table into docs/performance.md")
    options = parser.parse_args()
    for server in COMPARED:
        if server.home:
            install(server.home, server.python)
    cores, found = pin(), defaultdict(list)
    for start in range(options.starts):
        shift = start % len(COMPARED)
        _measure(COMPARED[shift:] + COMPARED[:shift], cores, options, found)
    text = "\n\n".join((_conditions(options), _table(found, options.questions)))
    print(text)
    if options.report:
        report.put("requests", "bench-requests", text)
    return 0


def _measure(servers: tuple[Server, ...], cores: tuple[int, int], options: argparse.Namespace, found: Found) -> None:
    with ExitStack() as stack:
        rigs = {server.name: stack.enter_context(running(server, rate=0.01, cores=cores, tapped=False)) for server in servers}
        for name, rig in rigs.items():
            for path in [f"/market/quote/{symbol}" for symbol in SYMBOLS[:10]] + [QUESTIONS[question] for question in options.questions]:
                _warm(rig, _request(rig, name, path))
        for turn in range(options.turns):
            for case in _cases(options.questions):
                shift = turn % len(servers)
                for name in [*rigs][shift:] + [*rigs][:shift]:
                    found[case, name].append(_asked(rigs[name], name, case, options))
            print(f"{time.strftime('%H:%M:%S')} turn {turn + 1} of {options.turns}", file=sys.stderr, flush=True)


def _cases(questions: list[str]) -> Iterator[Case]:
    for state in STATES:
        for question in questions:
            for connections in CONNECTIONS:
                yield question, connections, state


def _request(rig: Rig, server: str, path: str) -> bytes:
    key = f"X-API-Key: {KEY}\r\n" if server == KEYED.name else ""
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{rig.port}\r\nAccept: */*\r\n{key}\r\n".encode()


def _warm(rig: Rig, request: bytes) -> None:
    def once() -> Conversation:
        yield request

    client = HttpClient(rig.loop, rig.port, once, again=False)
    if not rig.loop.run(20, lambda: bool(client.took)):
        raise TimeoutError(f"no answer to {request!r}")
    client.close()


def _asked(rig: Rig, server: str, case: Case, options: argparse.Namespace) -> tuple[float, float]:
    """Requests a second, and microseconds of the server's processor time for each."""
    question, connections, state = case
    if state != "at rest":
        rig.control(f"rate {STATES[state]}")
        rig.loop.run(SETTLE_S)
    ask = _by_wrk if options.generator == "wrk" else _by_ourselves
    cpu = rig.cpu_s()
    number, lasted = ask(rig, server, QUESTIONS[question], connections, options.seconds)
    cpu = rig.cpu_s() - cpu
    if state != "at rest":
        rig.control(f"rate {STATES['at rest']}")
    return number / lasted, cpu / max(number, 1) * 1e6


def _by_wrk(rig: Rig, server: str, path: str, connections: int, seconds: int) -> tuple[int, float]:
    key = ["-H", f"X-API-Key: {KEY}"] if server == KEYED.name else []
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-H", "Accept: */*", *key, f"http://127.0.0.1:{rig.port}{path}"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)  # noqa: S603
    rig.loop.run(seconds + 10, lambda: process.poll() is not None)
    said, _ = process.communicate(timeout=10)
    done = re.search(r"(\d+) requests in ([\d.]+)(m?s)", said)
    if done is None or "Non-2xx" in said:
        raise RuntimeError(f"wrk said: {said}")
    return int(done[1]), float(done[2]) / (1000 if done[3] == "ms" else 1)


def _by_ourselves(rig: Rig, server: str, path: str, connections: int, seconds: int) -> tuple[int, float]:
    request = _request(rig, server, path)

    def again() -> Conversation:
        yield request

    clients = [HttpClient(rig.loop, rig.port, again, again=True) for _ in range(connections)]
    begun = time.perf_counter()
    rig.loop.run(seconds)
    lasted, number = time.perf_counter() - begun, sum(len(client.took) for client in clients)
    for client in clients:
        client.close()
    return number, lasted


def _conditions(options: argparse.Namespace) -> str:
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return (
        f"Measured {report.moment()}; load averages of the machine at the end: {load}. {options.turns * options.starts} turns of "
        f"{options.seconds} s each, over {options.starts} starts, asked by {options.generator}. Medians of the turns; ratios: medians "
        "of those of each turn, in brackets their quartiles. Above requests a second, below microseconds of processor time a request."
    )


def _table(found: Found, questions: list[str]) -> str:
    lines = ["| | (a) | (a+) | ibactors | to (a) | to (a+) | with a key | to (a) | to (a+) |", "|---|" + "---:|" * 8]
    for question, connections, state in _cases(questions):
        case = question, connections, state
        a, best = found[case, "afternoon"], found[case, "best"]
        cells = [_figures(a), _figures(best)]
        for name in (IBACTORS.name, KEYED.name):
            mine = found[case, name]
            cells += [_figures(mine), _ratios(mine, a), _ratios(mine, best)]
        plural = "connection" if connections == 1 else "connections"
        lines.append(f"| **{question}**, {connections} {plural}, {state} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _figures(turns: list[tuple[float, float]]) -> str:
    rps, cpu = (statistics.median(values) for values in zip(*turns, strict=True))
    return f"{rps:,.0f}<br>{cpu:.1f} µs"


def _ratios(mine: list[tuple[float, float]], base: list[tuple[float, float]]) -> str:
    return "<br>".join(_ratio([one[place] / other[place] for one, other in zip(mine, base, strict=True)]) for place in (0, 1))


def _ratio(values: list[float]) -> str:
    low, middle, high = statistics.quantiles(values, n=4) if len(values) > 1 else values * 3
    return f"×{middle:.2f} <sub>({low:.2f}–{high:.2f})</sub>"


if __name__ == "__main__":
    sys.exit(main())
