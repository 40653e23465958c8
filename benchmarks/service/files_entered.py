"""How many files of our own a reader must know for one thing: those that a request, a subscription, a login or a tick enters.

    [PYTHONPATH=CHECKOUT] python benchmarks/service/files_entered.py [--list]

The demo runs in this process under `sys.setprofile`; what counts are the files under `ibactors/` but those of the simulator. Each thing is
done several times, and the smallest set is shown, as ticks and timers of other things may fall into one of the windows.
"""

import argparse
import json
import logging
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from types import FrameType

import structlog
import trio

import ibactors
from ibactors.config import read_settings
from ibactors.service import run_demo
from ibactors.sim import SimulatorOptions

PACKAGE = f"{Path(ibactors.__file__).parent}/"
TIMES = 9
LOGIN = json.dumps({"username": "demo", "password": "demo", "account_type": "paper"})


async def entered(action: Callable[[], Awaitable[None]]) -> set[str]:
    """The files that are entered while *action* runs."""
    files: set[str] = set()

    def note(frame: FrameType, event: str, _argument: object) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(PACKAGE):
            files.add(frame.f_code.co_filename[len(PACKAGE) :])

    sys.setprofile(note)
    try:
        await action()
    finally:
        sys.setprofile(None)
    return {file for file in files if not file.startswith("sim/")}


class Client:
    """Speaks HTTP and WebSocket as far as is needed here, in no code of ours."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._text = b""

    async def request(self, method: str, target: str, body: str = "") -> None:
        """Ask, and read the answer; fails unless it is a 200."""
        head = f"{method} {target} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        length = f"Content-Length: {len(body)}\r\n" if body else ""
        await self._stream.send_all(f"{head}{length}\r\n{body}".encode())
        answer = await self._until(b"\r\n\r\n")
        if b" 200 " not in answer[:20]:
            raise RuntimeError(answer.decode())
        size = int(answer.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        while len(self._text) < size:
            self._text += await self._stream.receive_some()
        self._text = self._text[size:]

    async def upgrade(self) -> None:
        """Become a WebSocket."""
        key = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        await self._stream.send_all(f"GET /ws/stream HTTP/1.1\r\nHost: localhost\r\n{key}\r\n".encode())
        await self._until(b"\r\n\r\n")

    async def say(self, message: str, answer: bytes) -> None:
        """Send a message, and read until *answer*."""
        await self._stream.send_all(bytes((0x81, 0x80 | len(message))) + bytes(4) + message.encode())
        await self._until(answer)

    async def hear(self) -> None:
        """Read the next message."""
        await self._until(b'"type":"quote"')

    async def _until(self, end: bytes) -> bytes:
        while end not in self._text:
            data = await self._stream.receive_some()
            if not data:
                raise EOFError
            self._text += data
        found, _, self._text = self._text.partition(end)
        return found


async def measure(port: int) -> dict[str, set[str]]:
    """The files by what is done."""

    async def client() -> Client:
        return Client(await trio.open_tcp_stream("127.0.0.1", port))

    async def least(action: Callable[[int], Callable[[], Awaitable[None]]]) -> set[str]:
        found = []
        for time in range(TIMES):
            found.append(await entered(action(time)))
            await trio.sleep(0.05)
        return min(found, key=len)

    rest, stream = await client(), await client()
    symbols = ("AAPL", "MSFT", "NVDA", "TSLA", "AMZN", "META", "SPY", "QQQ", "IBM")
    subscribed = [Client(await trio.open_tcp_stream("127.0.0.1", port)) for _ in range(TIMES)]
    await rest.request("GET", "/account/summary")
    files = {"account summary": await least(lambda _: partial(rest.request, "GET", "/account/summary"))}
    files["quote, cold"] = await least(lambda time: partial(rest.request, "GET", f"/market/quote/{symbols[time]}"))
    files["quote, warm"] = await least(lambda _: partial(rest.request, "GET", "/market/quote/AAPL"))
    for one in subscribed:
        await one.upgrade()
    files["subscription"] = await least(
        lambda time: partial(subscribed[time].say, '{"action":"subscribe","symbol":"AAPL"}', b'"type":"subscribed"')
    )
    for one in subscribed:
        await one.say('{"action":"unsubscribe","symbol":"AAPL"}', b'"type":"unsubscribed"')
    await stream.upgrade()
    await stream.say('{"action":"subscribe","symbol":"AAPL"}', b'"type":"quote"')
    files["tick"] = await least(lambda _: stream.hear)
    await rest.request("POST", "/auth/logout?wait=30")
    files["login"] = await entered(partial(rest.request, "POST", "/auth/login", LOGIN))
    return files


async def main() -> None:
    """Run the demo, and print the table."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--list", action="store_true", help="name the files")
    shown = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    stop = trio.Event()
    async with trio.open_nursery() as nursery:
        settings = read_settings({"PORT": "0", "IBACTORS_HOST": "127.0.0.1", "IBACTORS_SLOW_STEP_SECONDS": "0"})
        url, _ = await nursery.start(partial(run_demo, settings, SimulatorOptions(port=0, control_port=0), stop=stop))
        files = await measure(int(url.rpartition(":")[2]))
        stop.set()
    print("own files entered")
    for thing, names in files.items():
        print(f"  {thing:<18} {len(names):>3}" + (f"  {' '.join(sorted(names))}" if shown.list else ""))


if __name__ == "__main__":
    trio.run(main)
