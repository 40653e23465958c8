import json
import socket
import time

import pytest
import trio

from tests.sim.rawclient import Bench, RawClient, contract, market_data

AAPL = contract("AAPL")


async def nothing_but(client: RawClient, *allowed: str) -> None:
    """See that only frames of the given kinds come between two looks at the time."""
    for _ in range(2):
        frames = await client.synchronise()
        assert {f[0] for f in frames} <= set(allowed), frames


async def test_drop_resets_every_client_and_they_can_return(bench: Bench) -> None:
    clients = [await bench.client(i) for i in range(3)]
    assert await bench.control("drop") == "ok"
    for client in clients:
        with pytest.raises(trio.BrokenResourceError), trio.fail_after(5):
            await client.stream.receive_some()
    await bench.client(0)


async def test_refuse_closes_the_port_and_opens_the_same_port_again(bench: Bench) -> None:
    client = await bench.client()
    assert await bench.control("refuse 0.4") == "ok"
    assert await client.ended() == []
    with pytest.raises(OSError, match=r"refused|failed|all attempts"):
        await RawClient.dial(bench.ports.port)
    again = await bench.returning()
    await again.synchronise()


async def test_refuse_can_be_ended_early(bench: Bench) -> None:
    await bench.control("refuse 600")
    await bench.control("refuse 0")
    await bench.returning()


async def test_mute_silences_ticks_and_answers_until_unmute(bench: Bench) -> None:
    client = await bench.watching()
    assert await bench.control("mute") == "ok"
    await client.send(49, 1)
    late = await bench.dial()
    await late.stream.send_all(b"API\0\0\0\0\x09v157..178")
    await bench.until(lambda stats: "reqCurrentTime" in stats["requests"])
    assert await bench.control("unmute") == "ok"
    frames = await client.synchronise()
    assert [f for f in frames if f[0] == "49"] == []
    await client.find("1", "6", "5")


async def test_rate_changes_the_pace_at_once(bench: Bench) -> None:
    client = await bench.watching()
    await bench.control("rate 0.01")
    await client.synchronise()
    await bench.control("rate 200")
    start = trio.current_time()
    for _ in range(100):
        await client.find("2", "6", "5", "0")
    assert trio.current_time() - start < 20


async def test_set_sends_exact_prices_at_once_and_freezes_them(bench: Bench) -> None:
    client = await bench.watching()
    assert await bench.control("set AAPL 100.01 100.03 100.02") == "ok"
    frames = await client.until("1", "6", "5", "4", "100.02")
    assert ["1", "6", "5", "1", "100.01"] in [f[:5] for f in frames]
    assert ["1", "6", "5", "2", "100.03"] in [f[:5] for f in frames]
    await bench.control("rate 500")
    frames = await client.synchronise() + await client.synchronise()
    assert not [f for f in frames if f[0] == "1" and f[3] in ("1", "2", "4") and not f[4].startswith("100.0")]
    assert await bench.control("free AAPL") == "ok"
    await client.find("2", "6", "5", "0")
    assert "100.01" not in [f[4] for f in await client.until("1", "6", "5", "1")][-1]


async def test_set_without_a_quote_sends_minus_one(bench: Bench) -> None:
    client = await bench.watching()
    await bench.control("set AAPL -1 -1 228.5")
    assert (await client.find("1", "6", "5", "1", "-1.00"))[5:] == ["0", "0"]
    assert (await client.find("2", "6", "5", "0"))[4] == "0"


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("", "there is no command ''"),
        ("explode", "there is no command 'explode'"),
        ("set AAPL 1", "usage: set SYMBOL BID ASK LAST"),
        ("set AAPL 1 x 2", "'x' is not a number"),
        ("set AAPL 1.001 2 2", "is not a price of AAPL"),
        ("set NOPE 1 2 2", "there is no instrument 'NOPE'"),
        ("rate 0", "is not between"),
        ("rate nan", "is not between"),
        ("refuse -1", "is not between"),
        ("farm-down nofarm", "there is no farm"),
        ("competing perhaps", "usage: competing on|off"),
        ("drop now", "usage: drop"),
        ("half-open", "usage: half-open on|off"),
        ("drip maybe", "usage: drip on|off"),
        ("garbage soup", "usage: garbage [number|truncated|utf8|empty]"),
        ("limit depth 5", "usage: limit lines|rate|books|ticks N"),
        ("limit lines many", "'many' is not a number"),
        ("error 2104", "usage: error CODE TEXT..."),
        ("line-error NOPE 354 x", "there is no instrument"),
        ("dead-farm nofarm", "there is no farm"),
        ("dialect d", "usage: dialect plain|zoned|utc"),
        ("occupy -1", "is not between"),
    ],
)
async def test_wrong_command_is_an_error_that_says_what_is_right(bench: Bench, line: str, part: str) -> None:
    answer = await bench.control(line)
    assert answer.startswith("error: ")
    assert part in answer


async def test_help_lists_the_commands_on_one_line(bench: Bench) -> None:
    answer = await bench.control("help")
    for name in ("drop", "refuse SECONDS", "mute", "unmute", "set SYMBOL BID ASK LAST", "stats"):
        assert name in answer


async def test_stats_tell_clients_lines_and_requests(bench: Bench) -> None:
    await bench.watching(1)
    two = await bench.watching(2)
    await two.stream.send_all(market_data(6, contract("EUR", "CASH", "IDEALPRO")))
    await two.synchronise()
    stats = json.loads(await bench.control("stats"))
    assert sorted(stats["clients"], key=lambda c: c["id"]) == [
        {"id": 1, "version": 178, "lines": 1},
        {"id": 2, "version": 178, "lines": 2},
    ]
    assert stats["lines"] == {"AAPL": 2, "EUR.USD": 1}
    assert stats["requests"] == {"startApi": 2, "reqMktData": 3, "reqCurrentTime": 1}
    assert stats["messages_in"] == 6
    assert stats["messages_out"] > 30


async def test_halt_sends_the_tick_and_stops_the_market_until_resume(bench: Bench) -> None:
    client = await bench.watching()
    await bench.control("halt AAPL")
    assert (await client.find("45", "6", "5", "49"))[4] == "1"
    await bench.control("rate 500")
    await nothing_but(client)
    await bench.control("resume AAPL")
    assert (await client.find("45", "6", "5", "49"))[4] == "0"
    await client.find("2", "6", "5")


async def test_garbage_is_one_malformed_frame_for_each_client(bench: Bench) -> None:
    client = await bench.client()
    await bench.control("garbage")
    assert await client.synchronise() == [["1", "6", "1", "1", "12..5x"]]


async def test_connectivity_lost_and_restored_with_data_resumes_the_lines(bench: Bench) -> None:
    client = await bench.watching()
    await bench.control("1100")
    await client.find("4", "2", "-1", "1100")
    await bench.control("rate 500")
    await nothing_but(client)
    await bench.control("1102")
    await client.find("4", "2", "-1", "1102")
    await client.find("1", "6", "5", "1")


async def test_connectivity_restored_without_data_kills_the_lines(bench: Bench) -> None:
    client = await bench.watching()
    await bench.control("1100")
    await bench.control("1101")
    await client.find("4", "2", "-1", "1101")
    await bench.control("rate 500")
    await nothing_but(client)
    assert json.loads(await bench.control("stats"))["lines"] == {}
    await client.stream.send_all(market_data(5, AAPL))
    await client.find("1", "6", "5", "1")


async def test_farm_break_silences_its_instruments_only(bench: Bench) -> None:
    client = await bench.watching()
    await client.stream.send_all(market_data(6, contract("EUR", "CASH", "IDEALPRO")))
    await bench.control("farm-down usfarm")
    await client.find("4", "2", "-1", "2103")
    await bench.control("rate 200")
    for _ in range(5):
        frames = await client.until("1", "6", "6")
        assert not [f for f in frames if f[0] in ("1", "2") and f[2] == "5"]
    late = await bench.dial()
    await late.shake_hands()
    await late.send(71, 2, 9, "")
    assert ["2103", "Market data farm connection is broken:usfarm"] in [f[3:5] for f in await late.until("4", "2", "-1", "2158")]
    await bench.control("farm-up usfarm")
    await client.find("4", "2", "-1", "2104")
    await client.find("1", "6", "5", "1")


async def test_competing_session_stops_every_line_with_10197_until_it_ends(bench: Bench) -> None:
    client = await bench.watching()
    await bench.control("competing on")
    assert (await client.error(5))[0] == 10197
    await bench.control("rate 500")
    await nothing_but(client)
    await client.stream.send_all(market_data(6, AAPL))
    assert (await client.error(6))[0] == 10197
    await bench.control("competing off")
    frames = await client.until("1", "6", "6", "1")
    assert ["1", "6", "5", "1"] in [f[:4] for f in frames]


async def test_overlong_control_line_is_refused(bench: Bench) -> None:
    assert bench.ports.control_port is not None
    stream = await trio.open_tcp_stream("127.0.0.1", bench.ports.control_port)
    async with stream:
        await stream.send_all(b"x" * 5000)
        with trio.fail_after(5):
            assert (await stream.receive_some()).startswith(b"error: the line is too long")


async def test_sixteen_clients_share_one_market_and_drop_together(bench: Bench) -> None:
    clients = [await bench.watching(i) for i in range(16)]
    stats = json.loads(await bench.control("stats"))
    assert stats["lines"] == {"AAPL": 16}
    await bench.control("set AAPL 200.00 200.01 200.00")
    started = time.monotonic()
    for client in clients:
        await client.find("1", "6", "5", "1", "200.00")
    assert time.monotonic() - started < 10
    await bench.control("drop")
    for client in clients:
        await client.ended()


@pytest.mark.parametrize(
    "request_line",
    ["POST / HTTP/1.1", "GET /refuse?x=1 HTTP/1.0", "PRI * HTTP/2.0", "OPTIONS * HTTP/1.1", "GET /", "refuse 5 http/1.1"],
)
async def test_control_port_hangs_up_on_http_and_carries_nothing_out(bench: Bench, request_line: str) -> None:
    client = await bench.client()
    async with await trio.open_tcp_stream("127.0.0.1", bench.ports.control_port or 0) as stream:
        await stream.send_all(f"{request_line}\r\nHost: localhost\r\n\r\ndrop\r\nrefuse 20\r\n".encode())
        answer = b""
        with trio.fail_after(5):
            while data := await stream.receive_some():
                answer += data
    assert answer.startswith(b"error: this port takes commands")
    assert answer.count(b"\n") == 1
    await client.synchronise()


async def test_nobody_else_gets_the_port_while_it_refuses(bench: Bench) -> None:
    await bench.control("refuse 600")
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", bench.ports.port))
    await bench.control("refuse 0")
    await bench.returning()
