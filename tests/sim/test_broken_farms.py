"""Farms that break: what stays dead after their return, what is lost with the broker, and the farm of the past."""

import pytest

from ibactors.sim import Simulator
from tests.sim.noon import simulator_at_noon
from tests.sim.rawclient import Bench, contract, market_data, pack

AAPL = contract("AAPL")


@pytest.fixture
def simulator() -> Simulator:
    return simulator_at_noon()


async def test_lines_stay_dead_after_a_dead_farm_until_they_are_requested_again(bench: Bench) -> None:
    client = await bench.watching()
    await client.stream.send_all(market_data(6, contract("EUR", "CASH", "IDEALPRO")))
    await bench.control("dead-farm usfarm")
    assert [f[3] for f in await client.until("4", "2", "-1", "2104") if f[0] == "4"] == ["2103", "2104"]
    await bench.control("rate 200")
    for command in ("farm-up usfarm", "1102"):
        await bench.control(command)
        frames = await client.until("1", "6", "6", "1")
        assert not [f for f in frames if f[0] in ("1", "2") and f[2] == "5"]
    await client.stream.send_all(market_data(5, AAPL))
    assert (await client.error(5))[0] == 322
    await client.stream.send_all(pack(2, 2, 5) + market_data(5, AAPL))
    await client.find("1", "6", "5", "1")


PAST = (
    (20, *AAPL, 0, "", "1 hour", "2 D", 0, "BID", 1, 0, ""),
    (87, *AAPL, 0, 1, "TRADES", 1),
    (88, *AAPL, 0, 1, "1 day"),
    (96, *AAPL, 0, "", "20261124-15:00:00", 5, "TRADES", 1, 0, ""),
)
STREAMS = {
    "99": (97, 7, *AAPL, "BidAsk", 0, 0),
    "13": (10, 5, 8, *AAPL, 5, 1, ""),
    "90": (20, 9, *AAPL, 0, "", "1 hour", "2 D", 0, "BID", 1, 1, ""),
}


@pytest.mark.parametrize("kind", STREAMS)
async def test_streams_stay_dead_after_a_dead_farm_until_they_are_requested_again(bench: Bench, kind: str) -> None:
    client = await bench.client()
    await client.stream.send_all(market_data(6, contract("EUR", "CASH", "IDEALPRO")))
    await client.send(*STREAMS[kind])
    await client.find(kind)
    await bench.control("dead-farm usfarm")
    await client.find("4", "2", "-1", "2104")
    await bench.control("rate 200")
    for command in ("farm-up usfarm", "1102"):
        await bench.control(command)
        await client.find("4", "2", "-1", "2104" if command == "farm-up usfarm" else "1102")
        assert kind not in {f[0] for f in await client.until("1", "6", "6", "1")}


async def test_real_time_bars_stay_dead_after_a_dead_farm(bench: Bench, simulator: Simulator) -> None:
    client = await bench.client()
    await client.send(50, 3, 3, *AAPL, 5, "TRADES", 0, "")
    await client.synchronise()
    await bench.control("dead-farm usfarm")
    assert not simulator.gateway.market._watchers  # noqa: SLF001 - the next bar is five seconds away
    await client.send(51, 1, 3)
    assert not [f for f in await client.synchronise() if f[0] == "4" and f[2] == "3"]


@pytest.mark.parametrize("kind", STREAMS)
async def test_lost_data_ends_streams_too(bench: Bench, kind: str) -> None:
    client = await bench.client()
    await client.send(*STREAMS[kind])
    await client.find(kind)
    await bench.control("1100")
    await bench.control("1101")
    await client.find("4", "2", "-1", "1101")
    await bench.control("rate 200")
    assert kind not in {f[0] for f in await client.synchronise()}
    await client.send(*STREAMS[kind])
    await client.find(kind)


async def test_broken_history_farm_answers_questions_about_the_past_with_162(bench: Bench) -> None:
    client = await bench.client()
    await bench.control("farm-down ushmds")
    await client.find("4", "2", "-1", "2105", "HMDS data farm connection is broken:ushmds")
    for request_id, request in enumerate(PAST, start=1):
        await client.send(request[0], request_id, *request[1:])
        assert (await client.error(request_id))[0] == 162
    await bench.control("farm-up ushmds")
    await client.find("4", "2", "-1", "2106")
    await client.send(PAST[1][0], 9, *PAST[1][1:])
    await client.find("88", "9")
