import pytest
import trio

from tests.sim.rawclient import Bench, RawClient

ACCOUNT = "DU1234567"


async def test_positions_of_every_account_come_with_an_end(bench: Bench) -> None:
    client = await bench.client()
    await client.send(61, 1)
    frames = await client.until("62", "1")
    assert {f[2] for f in frames[:-1]} == {ACCOUNT, "DU7654321"}
    apple = next(f for f in frames if f[4] == "AAPL")
    assert apple[3:] == ["265598", "AAPL", "STK", "", "0.0", "", "", "NASDAQ", "USD", "AAPL", "NMS", "120", "201.8829709"]
    future = next(f for f in frames if f[5] == "FUT")
    assert future[9:12] == ["50", "", "USD"]


def values_of(frames: list[list[str]], message: str, start: int) -> dict[tuple[str, str], str]:
    return {(f[start], f[start + 2]): f[start + 1] for f in frames if f[0] == message}


async def test_account_updates_are_complete_and_consistent(bench: Bench) -> None:
    client = await bench.client()
    await client.send(6, 2, 1, ACCOUNT)
    frames = await client.until("54", "1", ACCOUNT)
    values = values_of(frames, "6", 2)
    rows = [f for f in frames if f[0] == "7"]
    stocks = sum(float(f[15]) for f in rows if f[4] == "STK")
    amount = {k: float(v) for k, v in values.items() if k[1] in ("USD", "BASE", "EUR") and _is_number(v)}
    assert frames[-2][0] == "8"
    assert all(len(f) == 20 for f in rows)
    assert amount["StockMarketValue", "USD"] == pytest.approx(stocks, abs=0.02)
    liquidation = amount["NetLiquidation", "USD"]
    parts = amount["TotalCashValue", "USD"] + stocks + amount["FuturesPNL", "USD"]
    assert liquidation == pytest.approx(parts, abs=0.05)
    assert amount["NetLiquidationByCurrency", "BASE"] == pytest.approx(liquidation, abs=0.02)
    assert amount["UnrealizedPnL", "USD"] == pytest.approx(sum(float(f[17]) for f in rows), abs=0.05)
    cash = amount["CashBalance", "USD"] + amount["CashBalance", "EUR"] * amount["ExchangeRate", "EUR"]
    assert amount["TotalCashValue", "USD"] == pytest.approx(cash, abs=0.05)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


async def test_net_liquidation_follows_the_market(bench: Bench) -> None:
    client = await bench.client()
    await client.send(6, 2, 1, ACCOUNT)
    frames = await client.until("54")
    before = float(values_of(frames, "6", 2)["NetLiquidation", "USD"])
    price = next(float(f[14]) for f in frames if f[0] == "7" and f[3] == "AAPL")
    await bench.control(f"set AAPL {price + 50:.2f} {price + 50.01:.2f} {price + 50:.2f}")
    after = float((await client.find("6", "2", "NetLiquidation"))[3])
    assert after - before == pytest.approx(120 * 50, rel=0.25)
    row = await client.until("8")
    assert [f[14] for f in row if f[0] == "7" and f[3] == "AAPL"] == [f"{price + 50:.2f}".rstrip("0").rstrip(".")]


async def test_unsubscribed_account_updates_stop(bench: Bench) -> None:
    client = await bench.client()
    await client.send(6, 2, 1, ACCOUNT)
    await client.until("54")
    await client.find("8", "1")
    await client.send(6, 2, 0, ACCOUNT)
    await client.synchronise()
    await client.send(62, 1, 9, "All", "NetLiquidation")
    await client.find("64", "1", "9")
    await client.find("63", "1", "9")
    frames = await client.until("63", "1", "9")
    assert not [f for f in frames if f[0] in ("6", "7", "8")]


async def test_second_account_takes_over_the_updates_with_2100(bench: Bench) -> None:
    client = await bench.client()
    await client.send(6, 2, 1, ACCOUNT)
    await client.until("54", "1", ACCOUNT)
    await client.send(6, 2, 1, "DU7654321")
    assert (await client.error(-1))[0] == 2100
    await client.until("54", "1", "DU7654321")


@pytest.mark.parametrize(
    ("fields", "request_id"),
    [((6, 2, 1, "DU0"), -1), ((76, 1, 4, "DU0", "", 0), 4), ((62, 1, 4, "Nobody", "NetLiquidation"), 4)],
)
async def test_unknown_account_is_invalid(bench: Bench, fields: tuple[str | int, ...], request_id: int) -> None:
    client = await bench.client()
    await client.send(*fields)
    assert (await client.error(request_id))[0] == 321


# What ib_async asks for by default, $LEDGER:ALL apart.
DEFAULT_TAGS = (
    "AccountType,NetLiquidation,TotalCashValue,SettledCash,AccruedCash,BuyingPower,EquityWithLoanValue,"
    "PreviousDayEquityWithLoanValue,GrossPositionValue,RegTEquity,RegTMargin,SMA,InitMarginReq,MaintMarginReq,"
    "AvailableFunds,ExcessLiquidity,Cushion,FullInitMarginReq,FullMaintMarginReq,FullAvailableFunds,"
    "FullExcessLiquidity,LookAheadNextChange,LookAheadInitMarginReq,LookAheadMaintMarginReq,"
    "LookAheadAvailableFunds,LookAheadExcessLiquidity,HighestSeverity,DayTradesRemaining,Leverage"
)


async def test_every_summary_tag_has_a_value(bench: Bench) -> None:
    client = await bench.client()
    rows = await summary(client, DEFAULT_TAGS, ACCOUNT)
    assert sorted(f[4] for f in rows) == sorted(DEFAULT_TAGS.split(","))
    assert all(f[5] for f in rows)


async def summary(client: RawClient, tags: str, group: str = "All") -> list[list[str]]:
    await client.send(62, 1, 9, group, tags)
    return (await client.until("64", "1", "9"))[:-1]


async def test_summary_gives_the_tags_asked_for_of_each_account(bench: Bench) -> None:
    client = await bench.client()
    rows = await summary(client, "NetLiquidation,TotalCashValue,AccountType")
    assert {(f[3], f[4]) for f in rows} == {
        (a, t) for a in (ACCOUNT, "DU7654321") for t in ("NetLiquidation", "TotalCashValue", "AccountType")
    }
    assert {f[6] for f in rows if f[4] == "NetLiquidation"} == {"USD"}


@pytest.mark.parametrize(
    ("tag", "currencies"),
    [("$LEDGER", {"BASE"}), ("$LEDGER:EUR", {"EUR"}), ("$LEDGER:ALL", {"BASE", "EUR", "USD"})],
)
async def test_ledger_tags_give_the_cash_of_their_currencies(bench: Bench, tag: str, currencies: set[str]) -> None:
    client = await bench.client()
    rows = await summary(client, tag, ACCOUNT)
    assert {f[6] for f in rows} == currencies
    assert {"CashBalance", "ExchangeRate", "UnrealizedPnL"} <= {f[4] for f in rows}


async def test_summary_repeats_what_changed_until_cancelled(bench: Bench) -> None:
    client = await bench.client()
    await summary(client, "NetLiquidation,AccountType", ACCOUNT)
    assert (await client.find("63", "1", "9"))[4] == "NetLiquidation"
    await client.send(63, 1, 9)
    await client.synchronise()
    await client.send(63, 1, 9)
    assert (await client.error(9))[0] == 300


async def test_third_summary_is_refused(bench: Bench) -> None:
    client = await bench.client()
    for request_id in (1, 2, 3):
        await client.send(62, 1, request_id, "All", "NetLiquidation")
    assert (await client.error(3))[0] == 322


async def test_multi_updates_have_values_an_end_and_changes(bench: Bench) -> None:
    client = await bench.client()
    await client.send(76, 1, 4, ACCOUNT, "", 0)
    frames = await client.until("74", "1", "4")
    assert values_of(frames, "73", 5)["AccountCode", ""] == ACCOUNT
    await client.find("73", "1", "4", ACCOUNT, "", "NetLiquidation")
    await client.send(77, 1, 4)
    await client.synchronise()


async def test_multi_updates_of_ledger_and_net_liquidation_only_are_brief(bench: Bench) -> None:
    client = await bench.client()
    await client.send(76, 2, 4, ACCOUNT, "", 1)
    frames = await client.until("74", "1", "4")
    keys = {f[5] for f in frames[:-1]}
    assert "NetLiquidation" in keys
    assert "BuyingPower" not in keys


async def test_positions_multi_have_the_model_at_the_end(bench: Bench) -> None:
    client = await bench.client()
    await client.send(74, 1, 4, ACCOUNT, "")
    frames = await client.until("72", "1", "4")
    assert len(frames) == 7
    assert all(len(f) == 18 for f in frames[:-1])


async def test_profit_comes_at_once_and_again_when_it_changes(bench: Bench) -> None:
    client = await bench.client()
    await client.send(92, 4, ACCOUNT, "")
    await client.send(94, 5, ACCOUNT, "", 265598)
    total, single = await client.find("94", "4"), await client.find("95", "5")
    assert len(total) == 5
    assert len(single) == 7
    assert single[2] == "120"
    assert single[5] == "1.7976931348623157E308", "there is no realized profit before the first trade of the day"
    await client.find("94", "4")
    await client.find("95", "5")


async def test_account_data_keeps_pace_with_the_rate(bench: Bench) -> None:
    client = await bench.client()
    await client.send(6, 2, 1, ACCOUNT)
    await client.until("54")
    with trio.fail_after(8):
        await client.find("8", "1")
        await client.find("8", "1")
