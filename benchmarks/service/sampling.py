"""Where the service's time goes: py-spy's samples of it under one of the benchmark's loads, by layer and by function.

    python benchmarks/service/sampling.py [--load NAME…] [--seconds 20] [--top 25] [--checkout FOLDER] [--svg FOLDER]

With --checkout the service of another checkout is sampled, which has an environment of its own in its `.venv`. Shares are of the samples
in which the service did something; needs leave to look into another process (root, or a ptrace scope that allows it).
"""

import argparse
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path

from load import HttpClient
from rig import Rig, pin, running
from rivals import CACHE, IBACTORS, install
from rows import SYMBOLS, connected

LAYERS = (
    ("bridge and ib_async", r"/(ib_async|eventkit)/|/ibactors/bridge/"),
    ("encoding", r"/ibactors/(model|web/contract)/|/msgspec/|/json/"),
    ("web layer of ibactors", r"/ibactors/web/"),
    ("actors, watch and meters", r"/ibactors/"),
    ("Quart and Werkzeug", r"/(quart|quart_trio|werkzeug|flask|blinker)/"),
    ("Hypercorn", r"/hypercorn/"),
    ("h11 and wsproto", r"/(h11|wsproto)/"),
    ("trio-asyncio and asyncio", r"/(trio_asyncio|asyncio)/"),
    ("trio", r"/(trio|outcome|sortedcontainers)/"),
)
"""A sample belongs to the layer of its innermost frame that is of any; the standard library counts for its caller."""
RATE_HZ = 400
_LIBRARY = re.compile(r".*/(?:site-packages|lib/python3\.\d+)(/.*)")
_FRAME = re.compile(r"(.*) \((.*?)(?::\d+)?\)$")

Stack = tuple[tuple[str, str], ...]
"""Function and file, outermost first."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--load", nargs="+", choices=LOADS, default=["saturation", "moderate", "warm"], help="default: saturation, moderate, warm"
    )
    parser.add_argument("--seconds", type=int, default=20, help="of sampling a load (default: 20)")
    parser.add_argument("--top", type=int, default=25, help="functions to print (default: 25)")
    parser.add_argument("--checkout", type=Path, help="where the service is that is sampled (default: this one)")
    parser.add_argument("--svg", type=Path, help="folder for a flame graph of each load")
    options = parser.parse_args()
    install("profile")
    server = IBACTORS
    if options.checkout:
        server = replace(server, command=(str(options.checkout.absolute() / ".venv" / "bin" / "ibactors"), *server.command[1:]))
    cores = pin()
    for name in options.load:
        with running(server, rate=4, cores=cores) as rig, LOADS[name](rig):
            if options.svg:
                options.svg.mkdir(parents=True, exist_ok=True)
                _record(rig, options.seconds, "flamegraph", options.svg / f"{name}.svg")
            with tempfile.NamedTemporaryFile("r", suffix=".txt") as file:
                _record(rig, options.seconds, "raw", Path(file.name))
                print(_text(name, _parsed(file), options.top), flush=True)
    return 0


@contextmanager
def _streaming(rig: Rig, *, clients: int, symbols: int, rate: int, query: str = "") -> Iterator[None]:
    rig.control("rate 1")
    streams = connected(rig, clients, SYMBOLS[:symbols], query, patience=60, sample=8)
    rig.control(f"rate {rate}")
    rig.loop.run(1)
    yield
    for stream in streams:
        stream.close()


@contextmanager
def _asking(rig: Rig, *, connections: int) -> Iterator[None]:
    clients = [HttpClient(rig.loop, rig.port, lambda: rig.dialect.quote("AAPL"), again=True) for _ in range(connections)]
    rig.loop.run(1)
    yield
    for client in clients:
        client.close()


LOADS: dict[str, Callable[[Rig], AbstractContextManager[None]]] = {
    "saturation": lambda rig: _streaming(rig, clients=100, symbols=100, rate=10),
    "far_above": lambda rig: _streaming(rig, clients=100, symbols=100, rate=50),
    "far_above_in_batches": lambda rig: _streaming(rig, clients=100, symbols=100, rate=50, query="?batch=1"),
    "moderate": lambda rig: _streaming(rig, clients=10, symbols=50, rate=4),
    "warm": lambda rig: _asking(rig, connections=16),
}


def _record(rig: Rig, seconds: int, form: str, file: Path) -> None:
    """Sample the server while its load goes on. Raises RuntimeError with what py-spy said."""
    what = ["record", "--pid", str(rig.pid), "--duration", str(seconds), "--rate", str(RATE_HZ), "--format", form, "--output", str(file)]
    how = ["--function", *(["--full-filenames"] if form == "raw" else [])]
    spy = subprocess.Popen([CACHE / "profile" / "bin" / "py-spy", *what, *how], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)  # noqa: S603
    if not rig.loop.run(seconds + 60, lambda: spy.poll() is not None):
        spy.kill()
    _, said = spy.communicate()
    if spy.returncode:
        raise RuntimeError(f"py-spy could not look into the service: {said.decode(errors='replace').strip()[-500:]}")


def _parsed(lines: Iterable[str]) -> Counter[Stack]:
    stacks: Counter[Stack] = Counter()
    for line in lines:
        frames, _, count = line.rpartition(" ")
        found = [_FRAME.match(frame) for frame in frames.split(";")]
        stack = tuple((match[1], match[2]) for match in found if match)
        if not _waits(stack[-1]):
            stacks[stack] += int(count)
    return stacks


def _text(name: str, stacks: Counter[Stack], top: int) -> str:
    samples = stacks.total()
    layers: Counter[str] = Counter()
    own: Counter[tuple[str, str]] = Counter()
    total: Counter[tuple[str, str]] = Counter()
    for stack, count in stacks.items():
        layers[next((layer for _, file in reversed(stack) if (layer := _layer(file))), "other")] += count
        own[stack[-1]] += count
        for frame in set(stack):
            total[frame] += count
    lines = [f"{name}: {samples} samples", "", "| layer | share |", "|---|---:|"]
    lines += [f"| {layer} | {count / samples:.1%} |" for layer, count in layers.most_common()]
    for title, first in (("own", own), ("total", total)):
        lines += ["", f"Most by {title} share:", "", "| own | total | function | file | layer |", "|---:|---:|---|---|---|"]
        for function, file in (frame for frame, _ in first.most_common(top)):
            shares = f"{own[function, file] / samples:.1%} | {total[function, file] / samples:.1%}"
            lines.append(f"| {shares} | {function} | {_short(file)} | {_layer(file) or 'other'} |")
    return "\n".join([*lines, ""])


def _waits(innermost: tuple[str, str]) -> bool:
    """Whether a thread does nothing, though py-spy takes it for busy."""
    function, file = innermost
    return function == "Condition.wait" and file.endswith("/threading.py")


def _layer(file: str) -> str | None:
    # Whatever the folders are called in which the checkout and its environment lie.
    library = _LIBRARY.match(file)
    return next((layer for layer, pattern in LAYERS if re.search(pattern, library[1] if library else file)), None)


def _short(file: str) -> str:
    return "/".join(Path(file).parts[-2:])


if __name__ == "__main__":
    sys.exit(main())
