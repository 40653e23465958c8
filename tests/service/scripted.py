"""A gateway that only replays: frames as real gateways sent them, over a real socket. It shares no code with the simulator."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import trio

Frame = list[str]
Script = dict[str, Callable[[Frame], list[Frame]]]
"""From the id of a request to the frames that answer it; request ids are copied by the functions."""

STARTUP = [
    ["15", "1", "DU1234567,"],
    ["9", "1", "43"],
    ["4", "2", "-1", "2104", "Market data farm connection is OK:usfarm", ""],
    ["4", "2", "-1", "2107", "HMDS data farm connection is inactive but should be available upon demand.ushmds", ""],
    ["4", "2", "-1", "2158", "Sec-def data farm connection is OK:secdefil", ""],
]

POSITIONS = [
    "61|3|DU1234567|265598|AAPL|STK||0.0|||NASDAQ|USD|AAPL|NMS|-110|201.8829709".split("|"),
    "61|3|DU1234567|637533641|ES|FUT|20250919|0.0||50||USD|ESU5|ES|1|315114.75".split("|"),
    ["62", "1"],
]

CONTRACT = (
    "TSLA|STK||0||SMART|USD|TSLA|NMS|NMS|76792991|0.01||ACTIVETIM,AD,ADJUST,ALERT,ALGO,LMT,MKT,STP,TRAIL,WHATIF|"
    "SMART,AMEX,NYSE,CBOE,PHLX,ISE,CHX,ARCA,ISLAND|1|0|TESLA INC|NASDAQ||Consumer, Cyclical|Auto Manufacturers|Auto-Cars/Light Trucks|"
    "US/Eastern|20221229:0400-20221229:2000;20221231:CLOSED|20221229:0930-20221229:1600;20221231:CLOSED|||1|ISIN|US88160R1014|1|||26,26|"
    "|COMMON|1|1|100"
).split("|")


def account_summary(request: Frame) -> list[Frame]:
    rows = [("GrossPositionValue", "23172.60"), ("NetLiquidation", "246447.83"), ("TotalCashValue", "269339.33")]
    return [*(["63", "1", request[2], "DU1234567", tag, value, "USD"] for tag, value in rows), ["64", "1", request[2]]]


def contract_details(request: Frame) -> list[Frame]:
    return [["10", request[2], *CONTRACT], ["52", "1", request[2]]]


def ticks(request: Frame) -> list[Frame]:
    """A closed market: no bid and ask now, and an empty size on the last price; then news nobody asked for, and an unknown message."""
    line = request[2]
    return [
        ["81", line, "0.01", "9c0001", "3"],
        ["1", "6", line, "4", "121.82", "", "0"],
        ["1", "6", line, "1", "-1.00", "0", "0"],
        ["1", "6", line, "2", "-1.00", "0", "0"],
        ["2", "6", line, "8", "2217937"],
        ["1", "6", line, "9", "112.71", "0", "0"],
        ["46", "6", line, "84", "abcdef"],
        ["84", line, "1672340400000", "DJ-N", "DJ-N$1", "A headline", "K:0.9"],
        ["3", "5", "Filled", "100", "0", "201.94", "600745656", "0", "201.94", "100", "", "0"],
        ["199", "something", "new"],
        ["49", "1", "1752606307"],
    ]


REAL: Script = {
    "71": lambda _request: STARTUP,
    "61": lambda _request: POSITIONS,
    "62": account_summary,
    "9": contract_details,
    "1": ticks,
    "49": lambda _request: [["49", "1", "1752606307"]],
}


def _no_answers(_request: Frame) -> list[Frame]:
    return []


def encode(fields: Frame) -> bytes:
    payload = "".join(f"{field}\0" for field in fields).encode()
    return len(payload).to_bytes(4, "big") + payload


class Scripted:
    """A running scripted gateway."""

    def __init__(self, script: Script, version: int, chunk: int) -> None:
        self.script = script
        self.port = 0
        self._version = version
        self._chunk = chunk
        self._streams: set[trio.SocketStream] = set()
        self._turn = trio.Lock()

    async def push(self, *frames: Frame) -> None:
        """Send frames that nobody asked for."""
        await self.push_bytes(b"".join(map(encode, frames)))

    async def push_bytes(self, data: bytes) -> None:
        for stream in tuple(self._streams):
            await self._send(stream, data)

    async def close(self) -> None:
        """Close all sockets."""
        for stream in tuple(self._streams):
            await stream.aclose()

    async def serve(self, stream: trio.SocketStream) -> None:
        self._streams.add(stream)
        try:
            await self._converse(stream)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return
        finally:
            self._streams.discard(stream)

    async def _converse(self, stream: trio.SocketStream) -> None:
        buffer, greeted = b"", False
        async for data in stream:
            buffer += data
            if not greeted:
                length = int.from_bytes(buffer[4:8], "big")
                if len(buffer) < 8 + length:
                    continue
                greeted, buffer = True, buffer[8 + length :]
                await self._send(stream, encode([str(self._version), "20250715 19:05:13 Greenwich Mean Time"]))
            while len(buffer) >= 4 and len(buffer) >= 4 + (length := int.from_bytes(buffer[:4], "big")):
                request = buffer[4 : 4 + length].decode().split("\0")
                buffer = buffer[4 + length :]
                answers = self.script.get(request[0], _no_answers)(request)
                await self._send(stream, b"".join(map(encode, answers)))

    async def _send(self, stream: trio.SocketStream, data: bytes) -> None:
        async with self._turn:
            for start in range(0, len(data), self._chunk):
                await stream.send_all(data[start : start + self._chunk])


@asynccontextmanager
async def running_script(script: Script, *, version: int = 178, chunk: int = 65536) -> AsyncIterator[Scripted]:
    """Serve *script* at a server version, in pieces of *chunk* bytes."""
    scripted = Scripted(script, version, chunk)
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(trio.serve_tcp, scripted.serve, 0)
        scripted.port = listeners[0].socket.getsockname()[1]
        yield scripted
        nursery.cancel_scope.cancel(reason="the test is over")


@asynccontextmanager
async def scripted_gateway(script: Script, *, version: int, chunk: int = 65536) -> AsyncIterator[int]:
    """The same, for tests that need no more than the port."""
    async with running_script(script, version=version, chunk=chunk) as scripted:
        yield scripted.port
