"""A client that asks for something and measures how long it takes: `python -m tests.siege.meter PORT SECONDS [PATH…]`.

It is a process of its own, so that the work of its hostile neighbours does not count as the service's. It asks over one connection, and
in another thread over a new connection each time. It prints a line once it has a place, and in the end one JSON object: milliseconds of
each answer over the `kept` connection and over `new` ones, `refused` (new connections for which there was no place), and what `failed`.
"""

import http.client
import json
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from itertools import count

PATHS = ("/market/quote/AAPL", "/health", "/accounts")
PAUSE_S = 0.01
PATIENCE_S = 30.0


@dataclass
class Found:
    """What is printed."""

    kept: list[float] = field(default_factory=list)
    new: list[float] = field(default_factory=list)
    refused: int = 0
    failed: list[str] = field(default_factory=list)


def ask(connection: http.client.HTTPConnection, path: str) -> bytes:
    """The body of a 200, or of a refusal for want of a place. Raises OSError or HTTPException."""
    connection.request("GET", path)
    response = connection.getresponse()
    body = response.read()
    if response.status != http.HTTPStatus.OK and b"too_many_connections" not in body:
        raise http.client.HTTPException(f"{response.status} {body[:200]!r}")
    return body


def main(port: int, seconds: float, paths: Sequence[str] = PATHS) -> None:
    """Ask in both ways until the time is over."""
    found, end = Found(), time.perf_counter() + seconds
    kept = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    ask(kept, paths[0])
    print("seated", flush=True)  # noqa: T201  # for the process that has started this one

    def ask_over_new_ones() -> None:
        for number in count():
            if time.perf_counter() > end:
                return
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
            begun = time.perf_counter()
            try:
                if b"too_many_connections" in ask(connection, paths[number % len(paths)]):
                    found.refused += 1
                else:
                    found.new.append((time.perf_counter() - begun) * 1000)
            except ConnectionError:
                found.refused += 1
            except (OSError, http.client.HTTPException) as exc:
                found.failed.append(f"new: {exc!r}")
            connection.close()
            time.sleep(PAUSE_S)

    beside = threading.Thread(target=ask_over_new_ones)
    beside.start()
    for number in count():
        if time.perf_counter() > end:
            break
        begun = time.perf_counter()
        try:
            ask(kept, paths[number % len(paths)])
            found.kept.append((time.perf_counter() - begun) * 1000)
        except (OSError, http.client.HTTPException) as exc:
            found.failed.append(f"kept: {exc!r}")
            kept.close()
        time.sleep(PAUSE_S)
    beside.join()
    json.dump(asdict(found), sys.stdout)


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3:] or PATHS)
