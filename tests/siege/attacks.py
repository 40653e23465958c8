"""What one client can send without end: messages, frames, requests. An attack is an opening, and what follows until the service closes."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import trio

from tests.service.keyed import KEYS
from tests.service.test_hostile_clients import UPGRADE, frame

_CHUNK = 64 * 1024
_OFTEN = 10_000
_LARGE = b"a" * 60_000
_REQUEST = b"GET %b HTTP/1.1\r\nHost: localhost\r\n\r\n"
_BODY = b"GET /health HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
_TIRING = _REQUEST[:-2] % (b"/?" + b"&".join([b"a=%41"] * 127)) + b"Accept: " + b"text/html;a=b," * 60 + b"\r\n\r\n"
_KEYED = UPGRADE.replace(b"\r\n\r\n", f"\r\nX-API-Key: {KEYS['stream']}\r\n\r\n".encode())


@dataclass(frozen=True, kw_only=True)
class Attack:
    """What an attacker sends."""

    name: str
    upgrade: bytes = b""
    """A handshake, whose answer is waited for."""
    opening: bytes
    rest: bytes


def attacks(*, keyed: bool) -> Iterator[Attack]:
    """All of them, against a service with keys or one without."""
    streams = {"no key": UPGRADE, "a key": _KEYED} if keyed else {"no keys needed": UPGRADE}
    for shown, upgrade in streams.items():
        for what, first, rest in (
            ("a message without end", frame(1, _LARGE, final=False), frame(0, _LARGE, final=False) * 10),
            ("a gigabyte announced", b"\x82\xff" + (2**30).to_bytes(8, "big") + b"\0\0\0\0", _LARGE * 10),
            ("pings", b"", frame(9, b"") * _OFTEN),
            ("pongs", b"", frame(10, b"") * _OFTEN),
            ("empty fragments", frame(1, b"", final=False), frame(0, b"", final=False) * _OFTEN),
            ("small messages", b"", frame(1, b"{}") * _OFTEN),
        ):
            yield Attack(name=f"{what}, {shown}", upgrade=upgrade, opening=first, rest=rest)
    shown = "keys" if keyed else "no keys"
    yield Attack(name=f"refused upgrades, {shown}", opening=UPGRADE.replace(b"Version: 13", b"Version: 8"), rest=b"")
    yield Attack(name=f"requests in a row, {shown}", opening=b"", rest=_REQUEST % b"/health" * 100)
    yield Attack(name=f"targets that cannot be read, {shown}", opening=b"", rest=_REQUEST % b"http://[" * 100)
    yield Attack(
        name=f"queries of many parts, {shown}", opening=b"", rest=_REQUEST % (b"/market/quote/AAPL?" + b"&".join([b"a=%41"] * 2600))
    )
    yield Attack(name=f"paths of many escapes, {shown}", opening=b"", rest=_REQUEST % (b"/" + b"%41" * 5000))
    yield Attack(name=f"lines of many parts, {shown}", opening=b"", rest=_REQUEST[:-2] % b"/" + b"Accept: " + b"a/b," * 3900 + b"\r\n\r\n")
    yield Attack(name=f"lines of as many parts as may be, {shown}", opening=b"", rest=_TIRING)
    yield Attack(name=f"names of files that are too long, {shown}", opening=b"", rest=_REQUEST % (b"/docs/assets/" + b"a/" * 4000))
    yield Attack(name=f"paths that do not exist, {shown}", opening=b"", rest=_REQUEST % b"/nope" * 100)
    yield Attack(name=f"bodies in parts of one octet, {shown}", opening=_BODY, rest=b"1\r\na\r\n" * _OFTEN)
    yield Attack(name=f"trailers of many lines, {shown}", opening=_BODY + b"0\r\n" + b"a:\r\n" * 1000 + b"\r\n", rest=b"")
    yield Attack(name=f"heads of many lines, {shown}", opening=b"GET /health HTTP/1.1\r\n" + b"a:\r\n" * 3900, rest=b"\r\n")


async def storm(port: int, attack: Attack) -> None:
    """One attacker, who comes again when he is turned out."""
    while True:
        with suppress(OSError, trio.BrokenResourceError, trio.ClosedResourceError):
            async with await trio.open_tcp_stream("127.0.0.1", port) as stream, trio.open_nursery() as nursery:
                if attack.upgrade:
                    await stream.send_all(attack.upgrade)
                    await stream.receive_some(_CHUNK)
                nursery.start_soon(_send, stream, attack)
                with suppress(trio.BrokenResourceError):
                    while await stream.receive_some(_CHUNK):
                        pass
                nursery.cancel_scope.cancel(reason="turned out")
        await trio.sleep(0.01)


async def _send(stream: trio.SocketStream, attack: Attack) -> None:
    with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
        await stream.send_all(attack.opening)
        while attack.rest:
            await stream.send_all(attack.rest)
