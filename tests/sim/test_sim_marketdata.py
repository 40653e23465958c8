import json

import pytest
import trio

from ibactors.sim import Simulator
from tests.sim.rawclient import Bench, contract, market_data, pack

AAPL = contract("AAPL")


def tick_types(frames: list[list[str]], request_id: int) -> set[tuple[str, str]]:
    """The (message, tick type) pairs that came for a request."""
    return {(f[0], f[3]) for f in frames if f[0] in ("1", "2", "45", "46") and f[2] == str(request_id)}


STOCK_TICKS = {
    *(("1", t) for t in ("1", "2", "4", "6", "7", "9", "14")),
    *(("2", t) for t in ("0", "3", "5", "8")),
    *(("46", t) for t in ("45", "84")),
    ("45", "49"),
}


async def test_subscription_gets_a_complete_set_at_once_and_in_order(bench: Bench) -> None:
    client = await bench.client()
    await client.stream.send_all(market_data(5, AAPL))
    frames = await client.synchronise()
    assert frames[0][:3] == ["81", "5", "0.01"]
    assert frames[1] == ["58", "1", "5", "1"]
    assert frames[2][:4] == ["1", "6", "5", "1"]
    assert frames[3] == ["2", "6", "5", "0", frames[2][5]]
    assert tick_types(frames, 5) == STOCK_TICKS


async def test_prices_make_sense_together(bench: Bench) -> None:
    client = await bench.client()
    await client.stream.send_all(market_data(5, AAPL))
    prices = {f[3]: float(f[4]) for f in await client.synchronise() if f[0] == "1"}
    assert prices["1"] < prices["2"]
    assert prices["7"] <= prices["4"] <= prices["6"]


async def test_updates_come_at_the_rate(bench: Bench) -> None:
    client = await bench.client()
    await client.stream.send_all(market_data(5, AAPL))
    await client.synchronise()
    start = trio.current_time()
    for _ in range(20):
        await client.find("1", "6", "5", "1")
    # Twenty bids at 20 a second; a step may leave the bid alone, so it is a second or somewhat more.
    assert 0.5 < trio.current_time() - start < 10


async def test_volume_only_grows(bench: Bench) -> None:
    client = await bench.client()
    await client.stream.send_all(market_data(5, AAPL))
    volumes = [int((await client.find("2", "6", "5", "8"))[4]) for _ in range(10)]
    assert volumes == sorted(volumes)
    assert volumes[0] < volumes[-1]


async def test_all_clients_see_the_same_prices(bench: Bench) -> None:
    await bench.control("rate 0.01")
    one, two = await bench.client(1), await bench.client(2)
    await one.stream.send_all(market_data(5, AAPL))
    await two.stream.send_all(market_data(5, AAPL))
    assert await one.synchronise() == await two.synchronise()


async def test_cancel_stops_the_ticks_whatever_its_version(bench: Bench) -> None:
    client = await bench.client()
    for version in (1, 2):
        await client.stream.send_all(market_data(5, AAPL))
        await client.send(2, version, 5)
        await client.synchronise()
        assert json.loads(await bench.control("stats"))["lines"] == {}
    await client.send(2, 2, 5)
    assert await client.error(5) == (300, "Can't find EId with tickerId:5")


async def test_sizes_are_lots_below_version_163_and_shares_above(bench: Bench) -> None:
    await bench.control("rate 0.01")
    old, new = await bench.client(1, "v100..157"), await bench.client(2)
    sizes = []
    for client in (old, new):
        await client.stream.send_all(market_data(5, AAPL))
        sizes.append(int((await client.find("2", "6", "5", "8"))[4]))
    assert sizes[0] * 100 == sizes[1]


async def test_forex_has_a_book_and_no_trades(bench: Bench) -> None:
    client = await bench.client()
    await client.stream.send_all(market_data(5, contract("EUR", "CASH", "IDEALPRO", "USD")))
    types = tick_types(await client.synchronise(), 5)
    assert types == {("1", "1"), ("1", "2"), ("1", "6"), ("1", "7"), ("1", "9"), ("2", "0"), ("2", "3")}


async def test_index_has_trades_with_an_empty_size_and_no_book(bench: Bench) -> None:
    client = await bench.client()
    await client.stream.send_all(market_data(5, contract("SPX", "IND", "CBOE")))
    frames = await client.synchronise()
    last = next(f for f in frames if f[:4] == ["1", "6", "5", "4"])
    assert last[5:] == ["", "0"]
    assert not tick_types(frames, 5) & {("1", "1"), ("1", "2"), ("2", "8")}


async def test_future_by_local_symbol_and_option_by_description_tick(bench: Bench, simulator: Simulator) -> None:
    client = await bench.client()
    everything = simulator.gateway.catalogue.by_con_id.values()
    future = next(i for i in everything if i.symbol == "NQ")
    option = next(i for i in everything if i.sec_type == "OPT")
    await client.stream.send_all(market_data(5, contract("", "FUT", "CME", local_symbol=future.local_symbol)))
    block = contract("AAPL", "OPT", expiry=option.last_trade_date, strike=option.strike, right="CALL")
    await client.stream.send_all(market_data(6, block))
    frames = await client.synchronise()
    assert ("1", "1") in tick_types(frames, 5)
    assert ("1", "1") in tick_types(frames, 6)


async def test_con_id_with_an_exchange_is_enough(bench: Bench) -> None:
    client = await bench.client()
    await client.stream.send_all(market_data(5, contract("", "", "SMART", "", con_id=265598)))
    assert tick_types(await client.synchronise(), 5) == STOCK_TICKS


async def test_snapshot_gives_each_value_once_and_ends(bench: Bench) -> None:
    client = await bench.client()
    await client.stream.send_all(market_data(5, AAPL, snapshot=True))
    frames = await client.until("57", "1", "5")
    assert tick_types(frames, 5) == STOCK_TICKS
    assert all(f[0] != "1" for f in await client.synchronise())
    assert json.loads(await bench.control("stats"))["clients"][0]["lines"] == 0


@pytest.mark.parametrize(
    ("request_", "code", "text"),
    [
        (market_data(5, contract("BADSYM")), 200, "No security definition"),
        (market_data(5, contract("AAPL", currency="CHF")), 200, "No security definition"),
        (market_data(5, contract("AAPL", exchange="LSE")), 200, "No security definition"),
        (market_data(5, contract("MSFT", "CFD")), 200, "No security definition"),
        (market_data(5, contract("")), 200, "No security definition"),
        (market_data(5, contract("AMBIG")), 200, "ambiguous"),
        (market_data(5, contract("ES", "FUT", "CME")), 200, "ambiguous"),
        (market_data(5, contract("AAPL", "XYZ")), 321, "security type"),
        (market_data(5, contract("AAPL", exchange="")), 321, "enter exchange"),
        (market_data(5, AAPL, generic="9999"), 321, "Incorrect generic tick list of 9999"),
        (market_data(5, AAPL, generic="233", snapshot=True), 321, "not applicable to generic ticks"),
        (market_data(5, contract("NOSUB")), 354, "not subscribed"),
        (market_data(5, contract("DELAY")), 354, "not subscribed"),
    ],
)
async def test_request_that_cannot_be_served_is_refused(bench: Bench, request_: bytes, code: int, text: str) -> None:
    client = await bench.client()
    await client.stream.send_all(request_)
    got, message = await client.error(5)
    assert got == code
    assert text in message
    assert json.loads(await bench.control("stats"))["clients"][0]["lines"] == 0


async def test_ambiguous_stock_is_found_by_its_primary_exchange(bench: Bench) -> None:
    client = await bench.client()
    await client.stream.send_all(market_data(5, contract("AMBIG", primary="NYSE")))
    assert tick_types(await client.synchronise(), 5) == STOCK_TICKS


async def test_duplicate_request_id_is_refused_and_the_line_lives_on(bench: Bench) -> None:
    client = await bench.client()
    await client.stream.send_all(market_data(5, AAPL) + market_data(5, AAPL))
    assert (await client.error(5))[0] == 322
    await client.find("1", "6", "5")


async def test_unsubscribed_stock_stays_dead_with_delayed_data(bench: Bench) -> None:
    client = await bench.client()
    await client.send(59, 1, 3)
    await client.stream.send_all(market_data(5, contract("NOSUB")))
    assert (await client.error(5))[0] == 354


@pytest.mark.parametrize("kind", [3, 4])
async def test_delayed_stock_announces_itself_and_ticks_with_delayed_ids(bench: Bench, kind: int) -> None:
    client = await bench.client()
    await client.send(59, 1, kind)
    await client.stream.send_all(market_data(5, contract("DELAY")))
    assert (await client.error(5))[0] == 10167
    frames = await client.until("58", "1", "5", "3")
    assert [f[0] for f in frames] == ["81", "58"]
    types = {t for _, t in tick_types(await client.synchronise(), 5)}
    assert types == {"66", "67", "68", "69", "70", "71", "72", "73", "74", "75", "76", "88", "90"}


async def test_delayed_snapshot_ends(bench: Bench) -> None:
    client = await bench.client()
    await client.send(59, 1, 3)
    await client.stream.send_all(market_data(5, contract("DELAY"), snapshot=True))
    frames = await client.until("57", "1", "5")
    assert ("1", "66") in tick_types(frames, 5)


async def test_delayed_line_cancelled_before_its_first_tick_stays_silent(bench: Bench) -> None:
    client = await bench.client()
    await client.send(59, 1, 3)
    await client.stream.send_all(market_data(5, contract("DELAY")) + pack(2, 2, 5) + market_data(6, contract("DELAY")))
    frames = await client.until("1", "6", "6")
    assert tick_types(frames, 5) == set()


async def test_live_stock_is_live_although_delayed_data_would_do(bench: Bench) -> None:
    client = await bench.client()
    await client.send(59, 1, 3)
    await client.stream.send_all(market_data(5, AAPL))
    await client.find("58", "1", "5", "1")


async def test_quiet_stock_never_ticks_and_its_snapshot_ends_late(bench: Bench, simulator: Simulator) -> None:
    simulator.gateway.snapshot_wait_s = 0.3
    client = await bench.client()
    await client.stream.send_all(market_data(5, contract("QUIET")) + market_data(6, contract("QUIET"), snapshot=True))
    frames = await client.until("57", "1", "6")
    assert {f[0] for f in frames} == {"81", "58", "57"}


async def test_line_101_is_refused_until_one_is_cancelled(bench: Bench, simulator: Simulator) -> None:
    simulator.gateway.limits.messages_per_s = 1000
    await bench.control("rate 0.1")
    client = await bench.client()
    await client.stream.send_all(b"".join(market_data(i, AAPL) for i in range(101)))
    assert await client.error(100) == (101, "Max number of tickers has been reached")
    await client.stream.send_all(pack(2, 2, 0) + market_data(100, AAPL))
    await client.find("1", "6", "100")


@pytest.mark.parametrize("kind", [0, 5, -1])
async def test_unknown_market_data_type_is_refused(bench: Bench, kind: int) -> None:
    client = await bench.client()
    await client.send(59, 1, kind)
    assert (await client.error(-1))[0] == 321


async def test_combination_legs_and_delta_neutral_part_are_passed_over(bench: Bench) -> None:
    client = await bench.client()
    legs = (2, 1, 1, "BUY", "SMART", 2, 1, "SELL", "SMART")
    await client.send(1, 11, 5, *contract("AAPL", "BAG"), *legs, 1, 77, "0.5", "10", "", 0, 0, "")
    assert (await client.error(5))[0] == 200
    await client.send(1, 11, 6, *AAPL, 1, 77, "0.5", "10", "", 0, 0, "")
    await client.find("1", "6", "6")
