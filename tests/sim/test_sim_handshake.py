from typing import Any

import pytest
import trio

from ibactors.sim import Simulator, SimulatorOptions, serve_simulator
from tests.sim.rawclient import Bench, RawClient, hello, pack


@pytest.mark.parametrize(
    ("offered", "agreed"),
    [("v100..226", 178), ("v157..178", 178), ("v157..176", 176), ("v100..157", 157), ("v100..200 +PACEAPI", 178)],
)
async def test_version_is_the_highest_both_sides_speak(bench: Bench, offered: str, agreed: int) -> None:
    client = await bench.dial()
    answer = await client.shake_hands(offered)
    assert len(answer) == 2
    assert int(answer[0]) == agreed


@pytest.mark.parametrize("offered", ["v100..156", "v213..225", "nonsense"])
async def test_client_without_a_common_version_is_closed_without_a_word(bench: Bench, offered: str) -> None:
    client = await bench.dial()
    await client.stream.send_all(hello(offered))
    assert await client.ended() == []


async def test_client_that_speaks_another_protocol_is_closed(bench: Bench) -> None:
    client = await bench.dial()
    await client.stream.send_all(b"GET / HTTP/1.1\r\n\r\n")
    assert await client.ended() == []


@pytest.mark.parametrize("spoken", [b"", b"AP", hello()])
async def test_client_that_stays_silent_is_closed_at_the_deadline(bench: Bench, simulator: Simulator, spoken: bytes) -> None:
    simulator.gateway.handshake_s = 0.2
    client = await bench.dial()
    if spoken:
        await client.stream.send_all(spoken)
    assert len(await client.ended()) == (spoken == hello())


async def test_nothing_is_said_before_start_api_and_then_accounts_ids_and_farms(bench: Bench) -> None:
    client = await bench.dial()
    await client.shake_hands()
    await client.send(49, 1)
    await client.send(71, 2, 5, "")
    frames = await client.until("4", "2", "-1", "2158")
    assert frames[0] == ["15", "1", "DU1234567,DU7654321"]
    assert frames[1] == ["9", "1", "1"]
    codes = [f[3] for f in frames[2:]]
    assert codes == ["2104", "2104", "2104", "2104", "2106", "2107", "2158"]


async def test_input_byte_by_byte_is_understood(bench: Bench) -> None:
    client = await bench.dial()
    for byte in hello() + pack(71, 2, 3, "") + pack(49, 1):
        await client.stream.send_all(bytes([byte]))
    await client.find("49", "1")


async def test_glued_input_is_understood(bench: Bench) -> None:
    client = await bench.dial()
    await client.stream.send_all(hello() + pack(71, 2, 3, "") + pack(49, 1) + pack(17, 1))
    await client.find("49", "1")
    assert await client.find("15") == ["15", "1", "DU1234567,DU7654321"]


async def test_second_client_with_the_same_id_gets_326_and_is_closed(bench: Bench) -> None:
    first = await bench.client(7)
    second = await bench.dial()
    await second.shake_hands()
    await second.send(71, 2, 7, "")
    frames = await second.ended()
    assert [f[:4] for f in frames] == [["4", "2", "-1", "326"]]
    await first.synchronise()


async def test_client_id_is_free_again_after_its_client_left(bench: Bench) -> None:
    first = await bench.client(7)
    await first.stream.aclose()
    await bench.until(lambda stats: not stats["clients"])
    await bench.client(7)


async def test_thirty_third_client_is_closed(bench: Bench) -> None:
    for client_id in range(32):
        await bench.client(client_id)
    extra = await bench.dial()
    await extra.shake_hands()
    await extra.send(71, 2, 32, "")
    assert await extra.ended() == []


async def test_fifty_first_message_in_a_second_is_dropped_and_the_third_such_closes(bench: Bench) -> None:
    client = await bench.client()
    await client.stream.send_all(pack(49, 1) * 52)
    frames = await client.until("4", "2", "-1", "100")
    assert sum(f[0] == "49" for f in frames) == 50
    await client.find("4", "2", "-1", "100")
    await client.stream.send_all(pack(49, 1))
    assert [f[3] for f in await client.ended()] == ["100"]


@pytest.mark.parametrize(
    ("request_", "request_id"),
    [(pack("x"), -1), (pack(9999), -1), (pack(1, 11, 5, "notanumber"), 5), (pack(62, 1, 9), 9), (pack(9, 8, "x"), -1)],
)
async def test_unreadable_request_is_answered_with_320(bench: Bench, request_: bytes, request_id: int) -> None:
    client = await bench.client()
    await client.stream.send_all(request_)
    code, text = await client.error(request_id)
    assert code == 320
    assert text.startswith("Error reading request")
    await client.synchronise()


async def test_frame_of_absurd_length_closes_that_client_only(bench: Bench) -> None:
    bad, good = await bench.client(1), await bench.client(2)
    await bad.stream.send_all(b"\x7f\xff\xff\xff")
    assert await bad.ended() == []
    await good.synchronise()


async def test_taken_port_raises_os_error_before_start(bench: Bench, nursery: trio.Nursery) -> None:
    options = SimulatorOptions(port=bench.ports.port)
    with pytest.RaisesGroup(OSError, allow_unwrapped=True, flatten_subgroups=True):
        await nursery.start(serve_simulator, options)


async def test_taken_control_port_raises_and_frees_the_api_port(bench: Bench) -> None:
    options = SimulatorOptions(port=0, control_port=bench.ports.port)
    with pytest.RaisesGroup(OSError, allow_unwrapped=True, flatten_subgroups=True):
        await serve_simulator(options)


async def test_cancelling_closes_clients_and_port() -> None:
    async with trio.open_nursery() as nursery:
        ports = await nursery.start(serve_simulator, SimulatorOptions(port=0))
        assert ports.control_port is None
        client = await (await RawClient.dial(ports.port)).start()
        nursery.cancel_scope.cancel()
    assert await client.ended() == []
    await client.stream.aclose()
    with pytest.raises(OSError, match=r"refused|failed"):
        await RawClient.dial(ports.port)


@pytest.mark.parametrize("wrong", [{"rate": 0.0}, {"rate": float("nan")}, {"accounts": ()}, {"accounts": ("A", "A")}])
def test_options_that_cannot_work_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"rate|account"):
        SimulatorOptions(**wrong)
