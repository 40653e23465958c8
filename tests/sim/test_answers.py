"""A gateway that answers late or not at all for a while, and what is known of a market that is closed."""

import datetime as dt

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from ibactors.sim.late import Backlog
from tests.sim.rawclient import Bench, Clock, contract, contract_details, market_data

STOCK = contract("AAPL")


async def test_every_reply_is_late_in_its_order_while_ticks_go_on(bench: Bench) -> None:
    client = await bench.watching()
    assert await bench.control("slow 0.5") == "ok"
    began = trio.current_time()
    for _ in range(3):
        await client.send(49, 1)
    await client.stream.send_all(contract_details(1, STOCK))
    assert "1" in [f[0] for f in await client.until("49")]
    assert trio.current_time() - began > 0.4
    await client.find("52", "1", "1")
    # All four waited together, not one after the other.
    assert trio.current_time() - began < 1.9


async def test_end_of_lateness_does_not_let_requests_overtake(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    delays = [5.0, 0.0]
    handled: list[bytes] = []
    backlog = Backlog(lambda: delays.pop(0) if delays else 0, handled.append)
    nursery.start_soon(backlog.run)
    await backlog.take(b"late")
    await backlog.take(b"in time")
    assert handled == []
    await trio.sleep(5)
    await trio.testing.wait_all_tasks_blocked()
    assert handled == [b"late", b"in time"]
    await backlog.take(b"at once")
    assert handled[2:] == [b"at once"]


@pytest.mark.parametrize("code", [200, 354])
async def test_known_contract_is_refused_during_an_outage(bench: Bench, code: int) -> None:
    client = await bench.client()
    assert await bench.control(f"outage AAPL {code}") == "ok"
    await client.stream.send_all(market_data(5, STOCK))
    assert (await client.error(5))[0] == code
    await client.stream.send_all(market_data(6, contract("MSFT")))
    await client.find("1", "6", "6")
    await bench.control("outage AAPL off")
    await client.stream.send_all(market_data(7, STOCK))
    await client.find("1", "6", "7")


async def test_details_are_unknown_during_an_outage(bench: Bench) -> None:
    client = await bench.client()
    await bench.control("outage AAPL 200")
    await client.stream.send_all(contract_details(1, STOCK))
    assert (await client.error(1))[0] == 200


@pytest.mark.parametrize("code", [321, 322])
async def test_account_data_are_refused_during_an_outage(bench: Bench, code: int) -> None:
    client = await bench.client()
    assert await bench.control(f"account-outage {code}") == "ok"
    await client.send(62, 1, 9, "All", "NetLiquidation")
    assert (await client.error(9))[0] == code
    await client.send(6, 2, 1, "DU1234567")
    assert (await client.error(-1))[0] == code
    await bench.control("account-outage off")
    await client.send(62, 1, 9, "All", "NetLiquidation")
    await client.find("63", "1", "9")


@pytest.mark.parametrize("delayed", [False, True])
async def test_last_trade_of_a_weekend_is_of_friday(strict: Bench, clock: Clock, delayed: bool) -> None:
    # On Sunday; Friday was a half day, with late trading until five in New York.
    clock.now = dt.datetime(2026, 11, 29, 15, tzinfo=dt.UTC)
    client = await strict.client()
    if delayed:
        await strict.control("delayed on")
    await client.send(59, 1, 3 if delayed else 1)
    await client.stream.send_all(market_data(5, STOCK))
    [told] = [f[4] for f in await client.synchronise() if f[:4] == ["46", "6", "5", "88" if delayed else "45"]]
    assert int(told) == dt.datetime(2026, 11, 27, 22, tzinfo=dt.UTC).timestamp()


async def test_halt_is_told(bench: Bench) -> None:
    client = await bench.watching()
    await bench.control("halt AAPL")
    assert await client.find("45", "6", "5", "49", "1")
    await bench.control("resume AAPL")
    assert await client.find("45", "6", "5", "49", "0")


async def test_contract_for_difference_is_rerouted_to_its_stock(bench: Bench) -> None:
    client = await bench.client()
    await client.stream.send_all(market_data(5, contract("AAPL", "CFD")))
    assert await client.find("91") == ["91", "5", "265598", "NASDAQ"]
