"""WebSockets from raw sockets: what is over a limit ends the connection at once, and costs no memory."""

import gc
import json
from contextlib import suppress

import pytest
import trio

from tests.conftest import DEADLINE, Service, running_service
from tests.service.keyed import KEYS, keyed_service
from tests.service.raw import connected, said, statuses, until_closed
from tests.service.test_hostile_clients import UPGRADE, frame
from tests.service.test_stream_fuzz import close_codes, masked, resident

PING = frame(1, b'{"action":"ping"}')
AUTH = frame(1, json.dumps({"action": "auth", "api_key": KEYS["stream"]}).encode())
LARGE = b"a" * 60_000
PART = frame(0, LARGE, final=False)


def announcing(opcode: int, length: int, *, final: bool = True) -> bytes:
    """The head of a frame of *length* octets, of which none comes."""
    return bytes([(0x80 if final else 0) | opcode, 0xFF]) + length.to_bytes(8, "big") + b"\0\0\0\0"


OVER = {
    "fragments without end": frame(1, LARGE, final=False) + PART,
    "binary fragments without end": frame(2, LARGE, final=False) + PART,
    "one octet too many": frame(1, b"a" * 65_536, final=False) + frame(0, b"a", final=False),
    "more octets than letters": frame(1, "\N{EURO SIGN}".encode() * 22_000),
    "2^62 announced": announcing(1, 2**62),
    "a gigabyte announced": announcing(2, 2**30, final=False),
    "a gigabyte announced for a fragment": frame(1, b"{", final=False) + announcing(0, 2**30),
}


@pytest.mark.parametrize("keyed", [False, True])
@pytest.mark.parametrize("name", OVER)
async def test_message_over_the_limit_is_closed_with_1009_at_once(name: str, keyed: bool) -> None:
    start = keyed_service if keyed else running_service
    async with start(wait=False) as service:
        received = await said(service, UPGRADE, OVER[name], PING, PART)
        assert close_codes(received.split(b"\r\n\r\n", 1)[1]) == [1009]
        assert b"pong" not in received


@pytest.mark.parametrize("keyed", [False, True])
async def test_memory_is_the_same_whatever_is_sent(keyed: bool) -> None:
    start = keyed_service if keyed else running_service
    async with start() as service:
        before = resident()
        for name, data in OVER.items():
            gift = PART * 16 if "announced" not in name else b"a" * 960_000
            async with trio.open_nursery() as nursery:
                for _ in range(4):
                    nursery.start_soon(pour, service, data, gift)
        gc.collect()
        assert resident() - before < 30 * 1024**2
        await service.until("/health", lambda response: response.json()["status"] == "healthy")  # at once, unless the machine stood still


async def pour(service: Service, first: bytes, rest: bytes) -> None:
    async with connected(service) as stream:
        with suppress(trio.BrokenResourceError):
            await stream.send_all(UPGRADE + first)
            for _ in range(30):
                await stream.send_all(rest)


@pytest.mark.parametrize("whole", [frame(1, b" " * 60_000), frame(1, b" " * 200), frame(1, b'{"action":"ping"}')])
async def test_head_of_a_frame_may_come_octet_by_octet(service: Service, whole: bytes) -> None:
    async with connected(service) as stream:
        await stream.send_all(UPGRADE)
        for octet in whole[:14]:
            await stream.send_all(bytes([octet]))
            await trio.sleep(0.005)
        await stream.send_all(whole[14:] + PING + frame(8, b"\x03\xe8"))
        received = await until_closed(stream)
        assert b'"pong"' in received
        assert close_codes(received.split(b"\r\n\r\n", 1)[1]) == [1000]


FLOODS = {
    "pings": frame(9, b""),
    "long pings": frame(9, b"x" * 125),
    "pongs": frame(10, b""),
    "empty fragments": frame(0, b"", final=False),
    "fragments of one octet": frame(0, b" ", final=False),
    "pings between fragments": frame(9, b"") + frame(0, b"", final=False),
}


@pytest.mark.parametrize("shows", ["nothing", "a key", "no key where none is needed"])
@pytest.mark.parametrize("name", FLOODS)
async def test_flood_of_frames_that_are_no_messages_is_closed_with_1008(name: str, shows: str) -> None:
    start = running_service if "needed" in shows else keyed_service
    async with start(wait=False) as service, connected(service) as stream:
        begin = (AUTH if shows == "a key" else b"") + (frame(1, b" ", final=False) if "fragment" in name else b"")
        await stream.send_all(UPGRADE + begin)
        async with trio.open_nursery() as nursery:

            async def flood() -> None:
                with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                    for _ in range(20):
                        await stream.send_all(FLOODS[name] * 500)

            nursery.start_soon(flood)
            received = await until_closed(stream)
            nursery.cancel_scope.cancel()
        assert close_codes(received.split(b"\r\n\r\n", 1)[1])[-1:] in ([1008], [])  # lost with the connection where it went on sending


async def test_good_client_may_ping_and_send_in_fragments(service: Service) -> None:
    async with connected(service) as stream:
        text = b'{"action":"ping"}'
        fragments = b"".join(frame(int(not at), text[at : at + 1], final=at == len(text) - 1) for at in range(len(text)))
        await stream.send_all(UPGRADE + frame(9, b"are you there") * 50 + fragments * 5 + frame(8, b"\x03\xe8"))
        received = await until_closed(stream)
        assert received.count(b"\x8a\x0dare you there") == 50
        assert received.count(b'"type":"pong"') == 5


@pytest.mark.parametrize("split", [0, 1, 7, 1000])
async def test_frames_that_come_with_the_upgrade_are_not_lost(split: int) -> None:
    """Whole ones, and a part of one."""
    async with keyed_service(wait=False) as service:
        data = UPGRADE + AUTH + PING
        at = len(UPGRADE) + split
        received = await said(service, data[:at], data[at:] + frame(8, b"\x03\xe8"))
        assert received.index(b'"authenticated"') < received.index(b'"type":"pong"')
        header = UPGRADE.replace(b"\r\n\r\n", f"\r\nX-API-Key: {KEYS['stream']}\r\n\r\n".encode())
        received = await said(service, header + PING[:split], PING[split:] + frame(8, b"\x03\xe8"))
        assert b'"type":"pong"' in received


def changed(old: bytes, new: bytes) -> bytes:
    assert old in UPGRADE
    return UPGRADE.replace(old, new)


KEY = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
REFUSED = {
    "no key": (changed(KEY, b""), 400),
    "a short key": (changed(KEY, b"Sec-WebSocket-Key: c2hvcnQ=\r\n"), 400),
    "a key that is no Base64": (changed(KEY, b"Sec-WebSocket-Key: ((((((((((((((((((((((\r\n"), 400),
    "no version": (changed(b"Sec-WebSocket-Version: 13\r\n", b""), 426),
    "another version": (changed(b"Version: 13", b"Version: 8"), 426),
    "HTTP/1.0": (changed(b"HTTP/1.1", b"HTTP/1.0"), 400),
    "a body": (changed(KEY, KEY + b"Content-Length: 5\r\n"), 400),
    "a chunked body": (changed(KEY, KEY + b"Transfer-Encoding: chunked\r\n"), 400),
    "another path": (changed(b"/ws/stream", b"/nowhere"), 404),
    "a path of HTTP": (changed(b"/ws/stream", b"/health"), 405),
    "another host": (changed(b"localhost", b"evil.example"), 403),
    "a wrong key": (changed(KEY, KEY + b"X-API-Key: wrong\r\n"), 401),
    "a key without the scope": (changed(KEY, KEY + f"X-API-Key: {KEYS['read']}\r\n".encode()), 403),
    "a path that cannot be read": (changed(b"/ws/stream", b"http://["), 400),
}


@pytest.mark.parametrize("follows", [b"", PING * 20])
@pytest.mark.parametrize("name", REFUSED)
async def test_refused_upgrade_is_answered_and_closed(name: str, follows: bytes) -> None:
    data, status = REFUSED[name]
    async with keyed_service(wait=False) as service:
        received = await said(service, data + follows, follows)
        assert statuses(received) == [status]
        head, _, body = received.partition(b"\r\n\r\n")
        assert b"\r\nconnection: close" in head.lower()
        assert json.loads(body)["status"] == status


async def test_slash_at_the_end_leads_to_the_stream(service: Service) -> None:
    assert b'"type":"pong"' in await said(service, changed(b"/ws/stream", b"/ws/stream/") + PING + frame(8, b"\x03\xe8"))


async def test_reserved_bits_of_a_compressed_message_are_refused(service: Service) -> None:
    """No compression was agreed on, whatever the client has offered."""
    offer = changed(KEY, KEY + b"Sec-WebSocket-Extensions: permessage-deflate\r\n")
    received = await said(service, offer + masked(1, b"\0" * 1000, final=True, rsv=4))
    assert close_codes(received.split(b"\r\n\r\n", 1)[1]) == [1002]


async def test_client_that_goes_on_after_the_end_is_left(service: Service) -> None:
    async with connected(service) as stream:
        await stream.send_all(UPGRADE + OVER["2^62 announced"])
        with trio.fail_after(DEADLINE), pytest.raises(trio.BrokenResourceError):
            while True:
                await stream.send_all(LARGE)
