"""Any message, any bytes, any frames: each connection ends as it should, and nothing is left of it."""

import gc
import json
import random
import struct

import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import DEADLINE, Service, eventually, running_service
from tests.service.keyed import KEYS, keyed_service
from tests.service.test_hostile_clients import UPGRADE, frame

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30)
ANY_JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=8), inner, max_size=5), max_leaves=20
)
SYMBOLS = st.sampled_from(["AAPL", "MSFT", "BADSYM", "NOSUB", "AMBIG", "aapl", "", "A" * 41, "\x00", "\u20ac"])
FIELDS = {
    "action": st.sampled_from(["subscribe", "unsubscribe", "list", "ping", "auth", "dance", ""]),
    "symbol": SYMBOLS,
    "symbols": st.lists(SYMBOLS, max_size=4),
    "exchange": st.sampled_from(["SMART", "NYSE", "\n"]),
    "currency": st.sampled_from(["USD", "EUR", "usd", "x"]),
    "id": st.text(max_size=300) | st.integers(),
    "interval_ms": st.integers(-1, 3_600_001),
    "api_key": st.text(max_size=50),
    "batch": st.booleans(),
}
NEARLY = st.fixed_dictionaries({}, optional={name: value | SCALARS for name, value in FIELDS.items()})
TEXTS = st.one_of(
    NEARLY.map(json.dumps),
    ANY_JSON.map(json.dumps),
    st.text(max_size=200),
    st.integers(0, 60_000).map(lambda depth: "[" * depth),
    st.integers(0, 10_000).map(lambda depth: '{"id":' * depth),
    st.integers(1, 4_000).map(lambda digits: f'{{"action":"ping","id":{"9" * digits}}}'),
)
FUZZ = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


def masked(opcode: int, payload: bytes, *, final: bool, rsv: int = 0) -> bytes:
    """One frame as a client sends it, with any opcode and any reserved bits."""
    plain = frame(opcode, payload, final=final)
    return bytes([plain[0] | rsv << 4]) + plain[1:]


def octet_by_octet(payload: bytes) -> bytes:
    """A text in fragments of one octet each."""
    return b"".join(frame(int(not at), bytes([octet]), final=at == len(payload) - 1) for at, octet in enumerate(payload))


FRAMES = st.lists(
    st.one_of(
        st.builds(masked, st.integers(0, 15), st.binary(max_size=150), final=st.booleans(), rsv=st.sampled_from([0, 0, 0, 0, 4, 7])),
        st.builds(lambda code, reason: frame(8, struct.pack("!H", code) + reason), st.integers(0, 5100), st.binary(max_size=20)),
        st.binary(max_size=60).map(octet_by_octet),
        st.binary(max_size=80),
        st.just(b"\x81\xff" + b"\x7f" + b"\xff" * 7 + b"\x00" * 4),
    ),
    max_size=12,
).map(b"".join)


async def calm(service: Service, tasks: int) -> None:
    """Wait until there are no more tasks than there were."""

    async def gone() -> bool:
        return trio.lowlevel.current_statistics().tasks_living <= tasks

    await eventually(gone, within=15)
    assert (await service.get("/health"))["status"] == "healthy"


async def say_all(service: Service, texts: list[str]) -> None:
    """Each text message is answered, or passes; none closes the socket."""
    async with service.stream() as stream:
        for text in texts:
            await stream.connection.send_message(text)
        await stream.send(action="ping", id="the last one")
        await stream.expect("pong", id="the last one")


def test_no_message_closes_the_socket_or_disturbs_another() -> None:
    drawn: list[list[str]] = []

    @FUZZ
    @given(st.lists(TEXTS, min_size=1, max_size=15))
    def draw(texts: list[str]) -> None:
        drawn.append(texts)

    draw()

    async def main() -> None:
        async with running_service() as service:
            await service.get("/market/quote/AAPL")
            tasks = trio.lowlevel.current_statistics().tasks_living
            async with service.stream() as witness:
                await witness.send(action="subscribe", symbol="AAPL")
                for texts in drawn:
                    await say_all(service, texts)
                    await witness.expect("quote", within=10)
            # Symbols that were asked for stay for a while.
            await calm(service, tasks + 20)

    trio.run(main)


async def converse(service: Service, data: bytes, patience: float = 0.3) -> bytes:
    """Send bytes after an upgrade; what came back, until the server closes or nothing more comes."""
    stream = await trio.open_tcp_stream("127.0.0.1", int(service.url.rsplit(":", 1)[1]))
    received = b""
    async with stream:
        try:
            await stream.send_all(UPGRADE)
            with trio.fail_after(DEADLINE):
                while b"\r\n\r\n" not in received:
                    received += await stream.receive_some()
            await stream.send_all(data)
            with trio.move_on_after(patience):
                async for chunk in stream:
                    received += chunk
        except trio.BrokenResourceError:
            pass
    return received.split(b"\r\n\r\n", 1)[1]


def close_codes(data: bytes) -> list[int]:
    """The codes of the close frames in what a server sent."""
    codes, at = [], 0
    while at + 2 <= len(data):
        opcode, size = data[at] & 15, data[at + 1] & 127
        start = at + 2 + {126: 2, 127: 8}.get(size, 0)
        size = int.from_bytes(data[at + 2 : start], "big") if size > 125 else size
        if opcode == 8 and size >= 2:
            codes.append(int.from_bytes(data[start : start + 2], "big"))
        at = start + size
    return codes


def test_no_frames_do_harm() -> None:
    drawn: list[bytes] = []

    @FUZZ
    @given(FRAMES)
    def draw(data: bytes) -> None:
        drawn.append(data)

    draw()

    async def main() -> None:
        async with running_service() as service:
            await service.get("/market/quote/AAPL")
            tasks = trio.lowlevel.current_statistics().tasks_living
            async with service.stream() as witness:
                await witness.send(action="subscribe", symbol="AAPL")
                for data in drawn:
                    codes = close_codes(await converse(service, data))
                    assert len(codes) <= 1, data
                    assert set(codes) <= {1000, 1002, 1003, 1007, 1009} | set(range(1000, 1015)) | set(range(3000, 5000)), (codes, data)
                    await witness.expect("quote", within=10)
            await calm(service, tasks + 20)

    trio.run(main)


BROKEN = [
    (frame(1, b"\xff\xfe"), 1007),
    (frame(2, b"ab"), 1003),
    (frame(2, b""), 1003),
    (frame(5, b"x"), 1002),
    (frame(1, b"{}", masked=False), 1002),
    (masked(1, b"{}", final=True, rsv=4), 1002),
    (frame(0, b"x"), 1002),
    (frame(9, b"x" * 200), 1002),
    (frame(9, b"x", final=False), 1002),
    (frame(1, b"{", final=False) + frame(1, b"}"), 1002),
    (frame(1, b"x" * 70_000), 1009),
    (frame(1, b"x" * 40_000, final=False) + frame(0, b"x" * 40_000), 1009),
    (frame(8, b"\x03\xe8"), 1000),
]


async def test_broken_rule_has_its_code(service: Service) -> None:
    async def check(data: bytes, code: int) -> None:
        assert close_codes(await converse(service, data, patience=3)) == [code], data[:20]

    async with trio.open_nursery() as nursery:
        for data, code in BROKEN:
            nursery.start_soon(check, data, code)


async def test_offer_of_compression_is_not_taken(service: Service) -> None:
    stream = await trio.open_tcp_stream("127.0.0.1", int(service.url.rsplit(":", 1)[1]))
    async with stream:
        await stream.send_all(UPGRADE.replace(b"Upgrade: websocket", b"Sec-WebSocket-Extensions: permessage-deflate\r\nUpgrade: websocket"))
        head = await stream.receive_some()
        assert head.startswith(b"HTTP/1.1 101 ")
        assert b"permessage-deflate" not in head


async def test_floods_of_every_kind_leave_memory_and_others_alone() -> None:
    async with keyed_service() as service, service.stream() as witness:
        await witness.send(action="auth", api_key=KEYS["stream"])
        await witness.send(action="subscribe", symbol="AAPL")
        await witness.expect("quote")
        before = resident()
        pings = frame(9, b"x" * 100) * 500
        fragments = frame(1, b"{", final=False) + frame(0, b" ", final=False) * 500
        floods = (pings, frame(1, b'{"action":"ping"}') * 500, frame(1, b"[" * 30_000) * 5, fragments)
        for _ in range(4):
            async with trio.open_nursery() as nursery:
                for flood in floods * 5:
                    nursery.start_soon(converse, service, flood)
            await witness.expect("quote", within=10)
        gc.collect()
        assert resident() - before < 30 * 1024**2


def resident() -> int:
    """Octets of memory that this process uses."""
    with open("/proc/self/statm", encoding="ascii") as statm:  # noqa: PTH123  # no path operations, one number
        return int(statm.read().split()[1]) * 4096


async def test_clients_that_leave_at_any_moment_leave_nothing(service: Service) -> None:
    await service.get("/market/quote/AAPL")
    tasks = trio.lowlevel.current_statistics().tasks_living
    random.seed(5)
    whole = UPGRADE + frame(1, b'{"action":"subscribe","symbol":"AAPL"}') + frame(8, b"\x03\xe8")

    async def leave_early() -> None:
        stream = await trio.open_tcp_stream("127.0.0.1", int(service.url.rsplit(":", 1)[1]))
        async with stream:
            await stream.send_all(whole[: random.randrange(len(whole))])

    async with trio.open_nursery() as nursery:
        for _ in range(100):
            nursery.start_soon(leave_early)
    await calm(service, tasks + 10)
