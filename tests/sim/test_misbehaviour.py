import re
import struct

import pytest
import trio

from ibactors.sim import Simulator
from tests.sim.rawclient import Bench, RawClient, contract, hello, market_data, pack

AAPL = contract("AAPL")


async def silent(client: RawClient) -> bool:
    """Whether nothing comes, not even an end, for as long as it takes to serve many requests."""
    with trio.move_on_after(0.3):
        await client.stream.receive_some()
        return False
    return True


async def test_half_open_keeps_sockets_and_moves_nothing_until_off(bench: Bench, simulator: Simulator) -> None:
    simulator.gateway.handshake_s = 0.1
    client = await bench.watching()
    await client.synchronise()
    assert await bench.control("half-open on") == "ok"
    while not await silent(client):
        pass
    await client.send(49, 1)
    late = await bench.dial()
    await late.stream.send_all(hello())
    assert await silent(client)
    assert await silent(late)
    simulator.gateway.handshake_s = 5
    assert await bench.control("half-open off") == "ok"
    await client.find("49")
    assert (await late.frame())[0] == "178"


async def test_drip_and_split_and_glue_deliver_the_same_frames(bench: Bench) -> None:
    for fault in ("drip", "split", "glue"):
        assert await bench.control(f"{fault} on") == "ok"
        client = await bench.client(1)
        assert [f[3] for f in client.startup[2:]] == ["2104"] * 4 + ["2106", "2107", "2158"]
        await client.synchronise()
        assert await bench.control(f"{fault} off") == "ok"
        await client.stream.aclose()
        await bench.until(lambda stats: not stats["clients"])


async def first_pieces(client: RawClient) -> list[bytes]:
    """What single receives bring while the answer to a request for the time arrives."""
    await client.send(49, 1)
    pieces = [await client.stream.receive_some()]
    while len(b"".join(pieces)) < 10:
        pieces.append(await client.stream.receive_some())
    return pieces


async def test_drip_comes_one_byte_at_a_time(bench: Bench) -> None:
    client = await bench.client()
    await bench.control("drip on")
    pieces = await first_pieces(client)
    assert len(pieces[0]) < 5


async def test_glue_sends_together_what_was_asked_apart(bench: Bench) -> None:
    client = await bench.client()
    await bench.control("glue on")
    for _ in range(5):
        await client.send(49, 1)
        await trio.lowlevel.checkpoint()
    with trio.fail_after(5):
        assert (await client.stream.receive_some()).count(b"49\0") == 5


async def test_oversize_is_a_header_with_an_absurd_length(bench: Bench) -> None:
    client = await bench.client()
    await bench.control("oversize")
    with trio.fail_after(5):
        assert await client.stream.receive_some() == struct.pack(">i", 2**31 - 1)


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("", pack(1, 6, 1, 1, "12..5x")),
        ("number", pack(1, 6, 1, 1, "12..5x")),
        ("truncated", pack(1, 6, 1, 1, "12.50", 100, 1)[:-6]),
        ("utf8", b"\0\0\0\x0e46\x006\x001\x0045\0\xff\xfe\x80\0"),
        ("empty", b"\0\0\0\0"),
    ],
)
async def test_garbage_of_each_kind(bench: Bench, kind: str, data: bytes) -> None:
    client = await bench.client()
    assert await bench.control(f"garbage {kind}") == "ok"
    with trio.fail_after(5):
        assert await client.stream.receive_some() == data
    if kind in ("utf8", "empty"):
        assert struct.unpack(">I", data[:4])[0] == len(data) - 4


async def test_1300_names_the_port_and_closes_and_the_client_may_return(bench: Bench) -> None:
    client = await bench.client()
    await bench.control("1300")
    (notice,) = await client.ended()
    assert notice[3] == "1300"
    assert notice[4].endswith(f"new port - {bench.ports.port}")
    await client.stream.aclose()
    await bench.until(lambda stats: not stats["clients"])
    await bench.client()


async def test_2110_stops_the_data_until_1102(bench: Bench) -> None:
    client = await bench.watching()
    await bench.control("2110")
    await client.find("4", "2", "-1", "2110")
    await bench.control("rate 500")
    assert await client.synchronise() == []
    await bench.control("1102")
    await client.find("1", "6", "5", "1")


async def test_error_goes_to_every_client(bench: Bench) -> None:
    clients = [await bench.client(i) for i in range(2)]
    await bench.control("error 2157 Sec-def data farm connection is broken:secdefil")
    for client in clients:
        assert await client.error(-1) == (2157, "Sec-def data farm connection is broken:secdefil")


async def test_line_error_goes_to_the_lines_of_the_symbol_only(bench: Bench) -> None:
    client = await bench.client()
    await client.stream.send_all(market_data(5, AAPL) + market_data(6, contract("MSFT")))
    await client.find("45", "6", "6", "49")
    assert await bench.control("line-error MSFT 354 Requested market data is not subscribed.") == "ok"
    frames = await client.synchronise()
    assert [f[2:5] for f in frames if f[0] == "4"] == [["6", "354", "Requested market data is not subscribed."]]


async def test_limit_of_lines_holds_and_can_be_raised(bench: Bench) -> None:
    client = await bench.client()
    await bench.control("limit lines 1")
    await client.stream.send_all(market_data(1, AAPL) + market_data(2, AAPL))
    assert (await client.error(2))[0] == 101
    await bench.control("limit lines 100")
    await client.stream.send_all(market_data(2, AAPL))
    await client.find("1", "6", "2")


async def test_limit_of_messages_holds_and_the_third_excess_ends_the_session(bench: Bench) -> None:
    await bench.control("limit rate 5")
    client = await bench.client()
    await client.stream.send_all(pack(49, 1) * 8)
    frames = await client.ended()
    assert [f[4] for f in frames if f[3:4] == ["100"]] == ["Max rate of messages per second has been exceeded. max=5 rec=6"] * 3
    await bench.control("limit rate 50")


async def test_occupied_client_id_is_refused_until_released(bench: Bench) -> None:
    await bench.control("occupy 7")
    refused = await bench.dial()
    await refused.shake_hands()
    await refused.send(71, 2, 7, "")
    assert [f[3] for f in await refused.ended()] == ["326"]
    await bench.control("release 7")
    await bench.client(7)


async def test_delayed_turns_running_lines_and_back(bench: Bench) -> None:
    client = await bench.watching()
    await bench.control("delayed on")
    await client.find("58", "1", "5", "3")
    await client.find("1", "6", "5", "66")
    await client.stream.send_all(market_data(6, AAPL))
    await client.find("58", "1", "6", "3")
    await bench.control("delayed off")
    await client.find("58", "1", "5", "1")
    await client.find("1", "6", "5", "1")


async def test_late_cancel_is_answered_with_300_and_ends_the_line(bench: Bench) -> None:
    client = await bench.watching()
    await bench.control("late-cancel on")
    await client.send(2, 2, 5)
    assert (await client.error(5))[0] == 300
    await client.send(97, 9, *AAPL, "Last", 0, 0)
    await client.send(98, 9)
    assert (await client.error(9))[0] == 300
    await bench.control("late-cancel off")
    await client.stream.send_all(market_data(5, AAPL) + pack(2, 2, 5))
    assert not [f for f in await client.synchronise() if f[0] == "4"]


@pytest.mark.parametrize(
    ("dialect", "form"), [("plain", r"\d{8}  [\d:]{8}"), ("zoned", r"\d{8} [\d:]{8} US/Eastern"), ("utc", r"\d{8}-[\d:]{8}")]
)
async def test_dialect_of_dates_changes(bench: Bench, dialect: str, form: str) -> None:
    assert await bench.control(f"dialect {dialect}") == "ok"
    client = await bench.client()
    await client.send(20, 4, *AAPL, 0, "", "1 hour", "2 D", 1, "TRADES", 1, 0, "")
    bars = await client.find("17", "4")
    assert any(re.fullmatch(form, field) for field in bars), bars


NIGHT = ["2103"] * 4 + ["2105"] + ["1100"] * 5 + ["1102"] + ["2104"] * 4 + ["2106"]


async def test_nightly_reset_breaks_and_restores_everything_on_an_open_socket(bench: Bench) -> None:
    client = await bench.watching()
    assert await bench.control("nightly 0.2") == "ok"
    assert (await bench.control("nightly 5")).startswith("error: a nightly reset is under way")
    frames = await client.until("4", "2", "-1", "2106")
    assert [f[3] for f in frames if f[0] == "4"] == NIGHT
    await client.find("2", "6", "5", "0")


async def test_nightly_reset_can_be_ended_early(bench: Bench) -> None:
    client = await bench.watching()
    await bench.control("nightly 3600")
    await bench.control("nightly 0")
    await client.find("4", "2", "-1", "1102")
    await client.find("4", "2", "-1", "2106")
    assert await bench.control("nightly 0") == "ok"


async def test_restart_resets_refuses_and_forgets_faults(bench: Bench) -> None:
    client = await bench.client()
    await bench.control("mute")
    assert await bench.control("restart 600") == "ok"
    assert await client.ended() == []
    with pytest.raises(OSError, match=r"refused|failed|all attempts"):
        await RawClient.dial(bench.ports.port)
    await bench.control("restart 0")
    await bench.returning()
