"""One client that asks for something and measures how long it takes: `python -m tests.siege.meter PORT SECONDS`.

It is a process of its own, so that the work of its hostile neighbours does not count as the service's. Every other request comes on a new
connection. It prints a line once it has a place, and in the end one JSON object: milliseconds of each answer over the `kept` connection and
over `new` ones, `refused` (new connections for which there was no place), and what `failed`.
"""

import http.client
import json
import sys
import time

PATHS = ("/market/quote/AAPL", "/health", "/accounts")
PAUSE_S = 0.005
PATIENCE_S = 10.0


def main(port: int, seconds: float) -> None:
    """Ask, one request after the other."""
    kept = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    kept.request("GET", PATHS[0])
    kept.getresponse().read()
    print("seated", flush=True)  # noqa: T201  # for the process that has started this one
    kept_ms, new_ms = list[float](), list[float]()
    refused, failed, number = 0, list[str](), 0
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        path, number = PATHS[number % len(PATHS)], number + 1
        new = number % 2 == 0
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S) if new else kept
        begun = time.perf_counter()
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException) as exc:
            if new and isinstance(exc, ConnectionError):
                refused += 1
            else:
                failed.append(f"{path}: {exc!r}")
                kept.close()
        else:
            if response.status == http.HTTPStatus.OK:
                (new_ms if new else kept_ms).append((time.perf_counter() - begun) * 1000)
            elif new and b"too_many_connections" in body:
                refused += 1
            else:
                failed.append(f"{path}: {response.status} {body[:200]!r}")
        if new:
            connection.close()
        time.sleep(PAUSE_S)
    json.dump({"kept": kept_ms, "new": new_ms, "refused": refused, "failed": failed}, sys.stdout)


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
