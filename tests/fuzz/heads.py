"""Differential fuzzing of heads: what the short way's reader takes, h11 must read in the same way, to the last octet.

    ./dev fuzz-heads [--heads 200000] [--seed N]

Heads are made of good ones by inserting, doubling, cutting and exchanging what parsers are known to differ on. What the reader leaves to
h11 proves nothing, so that the run also fails when it takes too few. Prints each head that is read in two ways.
"""

import argparse
import random
import sys
import time
from collections.abc import Iterator

import h11

from ibactors.web.edge.heads import read_head

SEEDS = (
    b"GET /market/quote/AAPL?currency=USD HTTP/1.1\r\nHost: 127.0.0.1:8000\r\nAccept: */*\r\nX-API-Key: ibk_abc\r\n\r\n",
    b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive\r\nUser-Agent: Mozilla/5.0 (X11; Linux)\r\n\r\n",
    b'GET /account/summary HTTP/1.1\r\nhost:\tlocalhost \t\r\nEmpty:\r\nBlank: \t \r\nCookie: a=\xe4; b="c"\r\n\r\n',
    b"GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST /auth/ticket HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n",
    b"GET /ws/stream HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
)
LINES = (
    b"Host: other\r\n",
    b"Host:\r\n",
    b"Content-Length: 5\r\n",
    b"Content-Length: 0\r\n",
    b"content-length : 3\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding:\tchunked\r\n",
    b"TE: trailers\r\n",
    b"Expect: 100-continue\r\n",
    b"Connection: close\r\n",
    b"Connection: keep-alive, close\r\n",
    b"Connection: KEEP-ALIVE\r\n",
    b"X: y\r\n",
    b" folded\r\n",
    b"\tfolded\r\n",
    b": nameless\r\n",
    b"nothing\r\n",
    b"GET / HTTP/1.1\r\n",
)
PIECES = (
    *(b"\r\n", b"\n", b"\r", b"\r\n\r\n", b"\n\n", b"\n\r\n", b" ", b"  ", b"\t", b":", b"::", b",", b";", b'"', b"\\", b"#", b"?", b"%00"),
    *(bytes([octet]) for octet in (0, 1, 8, 11, 12, 27, 28, 31, 127, 128, 133, 160, 255)),
    *(b"//", b"http://x/", b"HTTP/1.0", b"HTTP/2.0", b" HTTP/1.1", b"\xc2\xa0", b"\xef\xbc\x9a", b"a" * 70),
)


def heads(rng: random.Random) -> Iterator[bytes]:
    """Octets without end of which most are nearly a head."""
    while True:
        data = bytearray(rng.choice(SEEDS))
        for _ in range(rng.randint(0, 4)):
            at = rng.randrange(len(data) + 1)
            match rng.randrange(6):
                case 0:
                    ends = [place + 2 for place in range(len(data) - 1) if data[place : place + 2] == b"\r\n"]
                    at = rng.choice(ends or [at])
                    data[at:at] = rng.choice(LINES)
                case 1:
                    data[at:at] = rng.choice(PIECES)
                case 2:
                    del data[at : at + rng.randint(1, 3)]
                case 3:
                    data[at : at + 1] = bytes([rng.randrange(256)])
                case 4:
                    other = rng.randrange(len(data) + 1)
                    data[at:at] = data[min(at, other) : max(at, other)][:60]
                case _:
                    seed = rng.choice(SEEDS)
                    data[at:] = seed[rng.randrange(len(seed)) :]
        yield bytes(data)


def difference(head: bytes) -> str | None:
    """In what h11 reads *head* in another way than our reader has taken it; None if in nothing, or if it was not taken."""
    mine = read_head(head)
    if mine is None:
        return None
    peer = h11.Connection(h11.SERVER)
    peer.receive_data(head)
    try:
        request, end = peer.next_event(), peer.next_event()
    except h11.RemoteProtocolError as error:
        return f"h11 refuses it: {error}"
    if not isinstance(request, h11.Request) or not isinstance(end, h11.EndOfMessage):
        return f"h11 sees {request!r}, {end!r}"
    if peer.trailing_data[0] or peer.their_state is not h11.DONE:
        return f"h11 goes on: {peer.trailing_data!r}, {peer.their_state}"
    theirs = request.method, request.target, request.http_version, list(request.headers)
    ours = mine.method, mine.target, mine.http_version, mine.headers
    return None if theirs == ours else f"h11 reads {theirs}, we {ours}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--heads", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    options = parser.parse_args()
    sys.stdout.write(f"seed {options.seed}\n")
    source, taken, differing = heads(random.Random(options.seed)), 0, 0
    for _ in range(options.heads):
        data = next(source)
        end = data.find(b"\r\n\r\n") + 4
        head = data[:end] if end >= 4 else data
        taken += read_head(head) is not None
        if why := difference(head):
            differing += 1
            sys.stdout.write(f"{head!r}: {why}\n")
    sys.stdout.write(f"{options.heads} heads, {taken} taken, {differing} read in two ways\n")
    return 1 if differing or taken < options.heads / 100 else 0


if __name__ == "__main__":
    sys.exit(main())
