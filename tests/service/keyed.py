"""A service with one API key for each scope, and clients that show one."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import trio

from ibactors.config import Settings
from ibactors.kernel.topic import Topic
from ibactors.keys import GRANTABLE, read_keys
from tests.conftest import DEADLINE, Service, running_service

KEYS = {scope.value: f"ibk_the-key-for-{scope.value}" for scope in GRANTABLE}
"""The text of the key that has only the scope of its name."""
LINES = {name: f"{name}:{name}:{hashlib.sha256(key.encode()).hexdigest()}" for name, key in KEYS.items()}
WRONG = "ibk_the-key-of-nobody"


def bearer(name: str) -> dict[str, str]:
    """The header for one of KEYS, or for a key itself."""
    return {"Authorization": f"Bearer {KEYS.get(name, name)}"}


@asynccontextmanager
async def keyed_service(**settings: Any) -> AsyncIterator[Service]:
    """A service that knows KEYS."""
    async with running_service(**{"api_keys": read_keys("\n".join(LINES.values())), **settings}) as service:
        yield service


def settings_with(updates: Topic[Settings], *names: str) -> Settings:
    """The settings as they are, but with the keys of these names alone."""
    return Settings(port=updates.value.port, api_keys=read_keys("\n".join(LINES[name] for name in names)))


async def upgrade(service: Service, target: str = "/ws/stream", **headers: str) -> int:
    """Ask for a WebSocket and leave; the status of the answer."""
    lines = {"Host": "localhost", "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
    lines |= {"Sec-WebSocket-Version": "13", **{name.replace("_", "-"): value for name, value in headers.items()}}
    head = f"GET {target} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items()) + "\r\n"
    return int((await exchange(service, head.encode())).split()[1])


async def exchange(service: Service, data: bytes, *, within: float = DEADLINE) -> bytes:
    """Send bytes, and read what comes first."""
    stream = await trio.open_tcp_stream("127.0.0.1", int(service.url.rsplit(":", 1)[1]))
    async with stream:
        with trio.fail_after(within):
            await stream.send_all(data)
            return bytes(await stream.receive_some())
