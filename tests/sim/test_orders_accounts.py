import pytest

from tests.sim.ordertools import ACCOUNT, OPEN, answers, kinds, pinned, place
from tests.sim.rawclient import Bench, RawClient, contract

DBL_MAX = "1.7976931348623157E308"


async def values(client: RawClient) -> dict[tuple[str, str], float]:
    """The account's amounts at this moment, from a fresh summary."""
    await client.send(62, 1, 900, ACCOUNT, "NetLiquidation,TotalCashValue,$LEDGER:ALL")
    frames = await client.until("64", "1", "900")
    await client.send(63, 1, 900)
    texts = ("Currency", "RealCurrency", "AccountOrGroup")
    return {(f[4], f[6]): float(f[5]) for f in frames if f[0] == "63" and f[4] not in texts}


async def executions(client: RawClient, *, client_id: int | str = 0, **wanted: str) -> list[list[str]]:
    names = ("account", "time", "symbol", "secType", "exchange", "side")
    return await answers(client, (7, 3, 77, client_id, *(wanted.get(n, "") for n in names)))


async def test_positions_follow_a_fill_at_once(bench: Bench) -> None:
    client = await bench.client()
    await pinned(bench)
    await bench.control("rate 0.01")
    await answers(client, (61, 1), (74, 1, 5, ACCOUNT, ""))
    frames = await answers(client, place(1))
    [row] = [f for f in frames if f[0] == "61"]
    assert (row[4], row[14]) == ("AAPL", "220")
    assert float(row[15]) == pytest.approx((120 * 201.8829709 + 100 * 100.02 + 1) / 220)
    [multi] = [f for f in frames if f[0] == "71"]
    assert multi[15:17] == row[14:16]
    await answers(client, (64, 1), (75, 1, 5))
    assert not {"61", "71"} & {f[0] for f in await answers(client, place(2))}


async def test_portfolio_values_and_profit_follow_a_fill_at_once(bench: Bench) -> None:
    client = await bench.client()
    await pinned(bench)
    await bench.control("rate 0.01")
    await answers(client, (6, 2, 1, ACCOUNT), (92, 8, ACCOUNT, ""), (94, 9, ACCOUNT, "", 265598))
    frames = await answers(client, place(1, "SELL", "50"))
    row = next(f for f in frames if f[0] == "7" and f[3] == "AAPL")
    assert row[13] == "70"
    assert row[12] == "NMS"
    single = next(f for f in frames if f[0] == "95")
    assert single[2] == "70"
    assert float(single[5]) == pytest.approx(50 * (100.00 - 201.8829709) - 1)
    assert [f for f in frames if f[0] == "94"]
    assert {"CashBalance", "NetLiquidation", "RealizedPnL"} <= {f[2] for f in frames if f[0] == "6"}


async def test_money_of_a_round_trip_adds_up(bench: Bench) -> None:
    client = await bench.client()
    for symbol in ("AAPL", "MSFT", "TSLA", "SPY", "KO", "ES", "EUR.USD"):
        await pinned(bench, "100.00", "100.25" if symbol == "ES" else "100.02", "100.00", symbol)
    before = await values(client)
    frames = await answers(client, place(1), place(2, "SELL"))
    after = await values(client)
    realized = [f[5] for f in frames if f[0] == "59"]
    cost = 100 * 0.02 + 2.0
    assert after["TotalCashValue", "USD"] - before["TotalCashValue", "USD"] == pytest.approx(-cost, abs=0.02)
    assert after["NetLiquidation", "USD"] - before["NetLiquidation", "USD"] == pytest.approx(-cost, abs=0.02)
    assert realized[0] == DBL_MAX
    assert after["RealizedPnL", "USD"] == pytest.approx(float(realized[1]), abs=0.01)


async def test_position_that_is_closed_and_turned_around_has_the_new_cost(bench: Bench) -> None:
    client = await bench.client()
    await pinned(bench)
    await answers(client, (61, 1))
    frames = await answers(client, place(1, "SELL", "100"), place(2, "SELL", "20"))
    assert [f[14:] for f in frames if f[0] == "61"] == [["20", "201.8829709"], ["0", "0"]]
    frames = await answers(client, place(3, "SELL", "10"))
    assert [f[14:] for f in frames if f[0] == "61"] == [["-10", "99.9"]]
    again = await answers(client, (61, 1))
    assert [f[14] for f in again if f[0] == "61" and f[2] == ACCOUNT and f[4] == "AAPL"] == ["-10"]


async def test_future_costs_a_commission_and_no_cash(bench: Bench) -> None:
    client = await bench.client()
    await pinned(bench, "6000.00", "6000.25", "6000.00", "ES")
    for symbol in ("AAPL", "MSFT", "TSLA", "SPY", "KO", "EUR.USD"):
        await pinned(bench, symbol=symbol)
    details = await answers(client, (9, 8, 3, *contract("ES", "FUT", "CME"), 0, "", "", ""))
    front = next(f for f in details if f[0] == "10")
    block = contract("ES", "FUT", "CME", expiry=front[4].split()[0])
    before = await values(client)
    frames = await answers(client, place(1, "BUY", "1", block=block))
    after = await values(client)
    assert next(f for f in frames if f[0] == "59")[3] == "2.25"
    assert after["CashBalance", "USD"] == before["CashBalance", "USD"]
    change = after["NetLiquidation", "USD"] - before["NetLiquidation", "USD"]
    assert change == pytest.approx(-0.25 * 50 - 2.25, abs=0.02)


async def test_currency_trade_moves_cash_between_currencies(bench: Bench) -> None:
    client = await bench.client()
    await pinned(bench, "1.05000", "1.05010", "1.05000", "EUR.USD")
    before = await values(client)
    frames = await answers(client, place(1, size="20000", block=contract("EUR", "CASH", "IDEALPRO")))
    after = await values(client)
    assert ("3", "Filled") in kinds(frames)
    assert after["CashBalance", "EUR"] - before["CashBalance", "EUR"] == pytest.approx(20_000)
    assert after["CashBalance", "USD"] - before["CashBalance", "USD"] == pytest.approx(-20_000 * 1.0501 - 2, abs=0.01)


async def test_executions_come_again_with_their_commission_and_an_end(bench: Bench) -> None:
    client = await bench.client()
    await pinned(bench)
    live = [f for f in await answers(client, place(1)) if f[0] in ("11", "59")]
    asked = await executions(client)
    assert asked[0] == ["11", "77", *live[0][2:]]
    assert asked[1:] == [live[1], ["55", "1", "77"]]


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        ({}, 2),
        ({"client_id": ""}, 2),
        ({"client_id": 1}, 1),
        ({"client_id": 2}, 1),
        ({"client_id": 3}, 0),
        ({"account": ACCOUNT}, 2),
        ({"account": "DU7654321"}, 0),
        ({"symbol": "AAPL"}, 1),
        ({"secType": "STK"}, 2),
        ({"secType": "FUT"}, 0),
        ({"exchange": "SMART"}, 2),
        ({"side": "BUY"}, 1),
        ({"side": "SLD"}, 1),
        ({"time": "20200101-00:00:00"}, 2),
        ({"time": "20990101 00:00:00 US/Eastern"}, 0),
    ],
)
async def test_executions_are_filtered(bench: Bench, wanted: dict[str, str], count: int) -> None:
    one, two = await bench.client(1), await bench.client(2)
    await pinned(bench)
    await pinned(bench, symbol="MSFT")
    await answers(one, place(1))
    await answers(two, place(1, "SELL", block=contract("MSFT")))
    assert len([f for f in await executions(one, **wanted) if f[0] == "11"]) == count


async def test_executions_with_a_bad_filter_are_an_error(bench: Bench) -> None:
    client = await bench.client()
    await client.send(7, 3, 77, 0, "", "yesterday", "", "", "", "")
    assert (await client.error(77))[0] == 321
    await client.send(7, 3, 78, 0, "", "", "", "", "", "HOLD")
    assert (await client.error(78))[0] == 321


async def test_what_if_shows_margins_and_leaves_no_order(bench: Bench) -> None:
    client = await bench.client()
    await pinned(bench)
    frames = await answers(client, place(1, size="1000", kind="LMT", limit="100.02", whatIf=1))
    assert kinds(frames) == [("5", "PreSubmitted")] * 2
    first, second = (f[OPEN["status"] + 1 : OPEN["commission"]] for f in frames)
    assert set(first) == {DBL_MAX}
    before, change, after = (float(second[n]) for n in (0, 3, 6))
    assert change == pytest.approx(1000 * 100.02 * 0.30)
    assert after == pytest.approx(before + change, abs=0.01)
    assert frames[1][OPEN["commission"] : OPEN["warning"]] == ["5.0", "", "", "USD"]
    assert frames[1][OPEN["what_if"]] == "1"
    assert await answers(client, (5, 1)) == [["53", "1"]]
