"""How much market data `ibactors simulate` delivers on one core: N clients, 100 lines each, R updates a second and line.

The simulator is a process pinned to the first core; the clients are raw sockets in this process, pinned to the
second. All clients watch the same symbols, so each line must bring every client the same frames in the same
order: a frame that one has and another has not is lost, and a different checksum is a different order. Counts
are taken between two moments at which the market stands still: every frame that the simulator counted as sent
must have arrived, and the updates that its market made are what the rate asked for.

A rate is held when no frame is lost, all are in order, and the market made 95 of 100 updates: one that cannot
keep up skips updates and loses none. An update is one to a dozen frames a line, whatever fields it changed.
"Waited" is how long the simulator was ready to run and its core was busy with other processes. The last line is the
wire's own limit: what the same clients take from a process that only sends frames which were made before.
"""

import argparse
import atexit
import json
import multiprocessing
import os
import selectors
import socket
import struct
import subprocess
import sys
import time
import zlib
from dataclasses import dataclass, field

STANDSTILL = 0.001
ENOUGH = 0.95
QUIET_S = 1.0
STEP = 1.25
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def pack(*fields: object) -> bytes:
    """One request frame."""
    body = b"".join(str(f).encode() + b"\0" for f in fields)
    return struct.pack(">I", len(body)) + body


@dataclass(slots=True)
class Client:
    """One API connection; counts and sums what each of its lines brings."""

    connection: socket.socket
    data: bytearray = field(default_factory=bytearray)
    counts: dict[bytes, int] = field(default_factory=dict)
    checksums: dict[bytes, int] = field(default_factory=dict)
    received: int = 0

    @classmethod
    def connect(cls, port: int, client_id: int, lines: int) -> "Client":
        """Connect, start the API and ask for the lines."""
        connection = socket.create_connection(("127.0.0.1", port))
        hello = b"v157..178"
        connection.sendall(b"API\0" + struct.pack(">I", len(hello)) + hello)
        connection.sendall(pack(71, 2, client_id, ""))
        for n in range(1, lines + 1):
            contract = (0, f"S{n:03d}", "STK", "", "", "", "", "SMART", "", "USD", "", "")
            connection.sendall(pack(1, 11, n, *contract, 0, "", 0, 0, ""))
        connection.setblocking(False)
        return cls(connection)

    def begin(self) -> None:
        """Forget what came before the measurement."""
        self.counts, self.checksums, self.received = {}, {}, 0

    def read(self) -> None:
        """Take what has arrived; ConnectionError when the simulator has closed."""
        chunk = self.connection.recv(1 << 20)
        if not chunk:
            raise ConnectionError("the simulator closed a connection; its log says why")
        self.received += len(chunk)
        data = bytes(self.data) + chunk if self.data else chunk
        position, end = 0, len(data)
        while position + 4 <= end:
            stop = position + 4 + int.from_bytes(data[position : position + 4], "big")
            if stop > end:
                break
            self._take(data[position + 4 : stop])
            position = stop
        self.data = bytearray(data[position:])

    def _take(self, body: bytes) -> None:
        if body.startswith((b"1\x006\0", b"2\x006\0", b"45\x006\0", b"46\x006\0")):
            _, _, line, rest = body.split(b"\0", 3)
            self.counts[line] = self.counts.get(line, 0) + 1
            self.checksums[line] = zlib.crc32(rest, self.checksums.get(line, 0))


@dataclass(slots=True, kw_only=True)
class Result:
    """What one measurement found."""

    rate: float
    seconds: float
    frames: int
    octets: int
    lost: int
    disordered: int
    unaccounted: int
    share: float
    server_cpu: float
    server_waited: float
    client_cpu: float

    @property
    def held(self) -> bool:
        """Whether the simulator held the rate."""
        return not (self.lost or self.disordered or self.unaccounted) and self.share >= ENOUGH

    def __str__(self) -> str:
        """One line of figures."""
        return (
            f"{self.rate:6.1f}/s a line: {self.frames / self.seconds:9,.0f} frames/s {self.octets / self.seconds / 1e6:6.2f} MB/s  "
            f"lost {self.lost}  out of order {self.disordered}  unaccounted {self.unaccounted}  updates {self.share:6.1%}  "
            f"CPU {self.server_cpu:4.0%}, waited {self.server_waited:4.0%} (clients {self.client_cpu:4.0%})  "
            f"{'held' if self.held else 'NOT HELD'}"
        )


class Rig:
    """A simulator process, its control connection and the clients."""

    def __init__(self, clients: int, lines: int) -> None:
        simulate = "from ibactors.cli import main; main()"
        arguments = ["simulate", "--port", "0", "--control-port", "0", "--rate", str(STANDSTILL), "--extra-symbols", str(lines)]
        self.process = subprocess.Popen([sys.executable, "-c", simulate, *arguments], stdout=subprocess.PIPE, text=True)  # noqa: S603
        # Whatever goes wrong with the clients, the simulator must not outlive them.
        atexit.register(self.process.kill)
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(self.process.pid, {cores[0]})
        os.sched_setaffinity(0, {cores[-1]})
        assert self.process.stdout is not None  # noqa: S101
        words = next(line for line in self.process.stdout if "TWS API at" in line).replace(",", "").split()
        ports = [int(w.rpartition(":")[2]) for w in words if ":" in w]
        self.control_stream = socket.create_connection(("127.0.0.1", ports[1])).makefile("rw")
        self.control("limit rate 1000000")
        self.selector = selectors.DefaultSelector()
        self.clients = [Client.connect(ports[0], n, lines) for n in range(1, clients + 1)]
        for client in self.clients:
            self.selector.register(client.connection, selectors.EVENT_READ, client)
        self.drain()

    def control(self, line: str) -> str:
        """The answer to a control command."""
        self.control_stream.write(line + "\n")
        self.control_stream.flush()
        return self.control_stream.readline().rstrip("\n")

    def measure(self, rate: float, seconds: float) -> Result:
        """Let the market run at a rate for some seconds."""
        for client in self.clients:
            client.begin()
        sent, updates = self._counters()
        cpu, own = self._cpu(), time.process_time()
        waited = self._waited()
        start = time.monotonic()
        self.control(f"rate {rate}")
        self._read_until(start + seconds)
        took = time.monotonic() - start
        cpu, own = self._cpu() - cpu, time.process_time() - own
        waited = self._waited() - waited
        self.control(f"rate {STANDSTILL}")
        self.drain()
        sent, updates = (after - before for after, before in zip(self._counters(), (sent, updates), strict=True))
        frames = sum(sum(c.counts.values()) for c in self.clients)
        lines = {line for c in self.clients for line in c.counts}
        most = {line: max(c.counts.get(line, 0) for c in self.clients) for line in lines}
        return Result(
            rate=rate,
            seconds=took,
            frames=frames,
            octets=sum(c.received for c in self.clients),
            lost=sum(most[line] - c.counts.get(line, 0) for c in self.clients for line in lines),
            disordered=sum(len({c.checksums.get(line) for c in self.clients}) > 1 for line in lines),
            unaccounted=abs(sent - frames),
            share=updates / (rate * took * max(1, len(lines))),
            server_cpu=cpu / took,
            server_waited=waited / took,
            client_cpu=own / took,
        )

    def drain(self) -> None:
        """Read until nothing has come for a while."""
        while self._read_until(time.monotonic() + QUIET_S):
            pass

    def close(self) -> None:
        """End the simulator."""
        for client in self.clients:
            client.connection.close()
        self.process.terminate()
        self.process.wait(10)

    def _read_until(self, deadline: float) -> bool:
        read = False
        while (left := deadline - time.monotonic()) > 0:
            for key, _ in self.selector.select(left):
                key.data.read()
                read = True
        return read

    def _counters(self) -> tuple[int, int]:
        """Frames sent and updates made since the start."""
        stats = json.loads(self.control("stats"))
        return int(stats["messages_out"]), int(stats["updates"])

    def _waited(self) -> float:
        """Seconds for which the simulator was ready to run and did not."""
        with open(f"/proc/{self.process.pid}/schedstat") as stat:  # noqa: PTH123
            return int(stat.read().split()[1]) / 1e9

    def _cpu(self) -> float:
        with open(f"/proc/{self.process.pid}/stat") as stat:  # noqa: PTH123
            fields = stat.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def send_forever(listener: socket.socket, core: int, clients: int, lines: int) -> None:
    """Accept the clients and send each the same frames again and again; ends when they hang up."""
    os.sched_setaffinity(0, {core})
    data = b""
    for n in range(lines):
        data += pack(1, 6, n, 1, "201.35", 300, 1) + pack(2, 6, n, 0, 300) + pack(1, 6, n, 2, "201.36", 500, 1) + pack(2, 6, n, 3, 500)
    connections = [listener.accept()[0] for _ in range(clients)]
    try:
        while True:
            for connection in connections:
                connection.sendall(data)
    except ConnectionError:
        return


def measure_wire(core: int, clients: int, lines: int, seconds: float) -> str:
    """What the clients take when nothing has to be computed."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        sender = multiprocessing.get_context("fork").Process(target=send_forever, args=(listener, core, clients, lines), daemon=True)
        sender.start()
        readers = [Client(socket.create_connection(listener.getsockname())) for _ in range(clients)]
    selector = selectors.DefaultSelector()
    for reader in readers:
        selector.register(reader.connection, selectors.EVENT_READ, reader)
    start, own = time.monotonic(), time.process_time()
    while time.monotonic() - start < seconds:
        for key, _ in selector.select():
            key.data.read()
    took, own = time.monotonic() - start, time.process_time() - own
    for reader in readers:
        reader.connection.close()
    sender.join(10)
    frames = sum(sum(r.counts.values()) for r in readers)
    octets = sum(r.received for r in readers)
    return f"the wire alone: {frames / took:9,.0f} frames/s {octets / took / 1e6:6.2f} MB/s (clients {own / took:4.0%})"


def main() -> int:
    """Measure at one rate, or look for the highest one that is held."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--lines", type=int, default=100)
    parser.add_argument("--rate", type=float, default=10.0, help="updates a second and line")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--highest", action="store_true", help="go on from --rate to the highest rate that is held")
    options = parser.parse_args()
    print(f"{options.clients} clients, {options.lines} lines each, {options.seconds:g} s", flush=True)
    core = min(os.sched_getaffinity(0))
    rig = Rig(options.clients, options.lines)
    try:
        result = rig.measure(options.rate, options.seconds)
        print(result, flush=True)
        held = result.held
        while options.highest and result.held:
            result = rig.measure(result.rate * STEP, options.seconds)
            print(result, flush=True)
    finally:
        rig.close()
    print(measure_wire(core, options.clients, options.lines, min(options.seconds, 10)), flush=True)
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
