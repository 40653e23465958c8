"""Contracts of every kind and how they are found; option classes that are large, adjusted or several; rules and hours."""

import datetime as dt

import pytest
import trio

from ibactors.sim.market.catalogue import build_catalogue
from ibactors.sim.market.chains import OptionClass
from ibactors.sim.market.holidays import Calendar, early_close, is_trading_day
from ibactors.sim.market.hours import trading_and_liquid_hours
from ibactors.sim.market.instruments import ContractSpec, TradingHours
from ibactors.sim.market.rules import coarser, snapped
from tests.sim.rawclient import Bench, RawClient, contract, contract_details, market_data, pack

TODAY = dt.date(2026, 11, 24)


async def details(client: RawClient, block: tuple[str | int, ...], **number: str) -> list[list[str]]:
    kind, value = next(iter(number.items())) if number else ("", "")
    await client.stream.send_all(pack(9, 8, 1, *block, 0, kind, value, ""))
    return (await client.until("52", "1", "1"))[:-1]


@pytest.mark.parametrize(
    ("block", "con_id"),
    [
        (contract("VFIAX", "FUND", "FUNDSERV"), 41106138),
        (contract("XAUUSD", "CMDTY"), 69067924),
        (contract("BTC", "CRYPTO", "PAXOS"), 479624278),
        (contract("AAPL", "CFD"), 120549942),
        (contract("EUR", "CFD"), 143916318),
        (contract("AAPL", "WAR", "FWB"), 700000102),
        (contract("", "CASH", "IDEALPRO", local_symbol="EUR.USD"), 12087792),
        (contract("PENNY"), 700000006),
    ],
)
async def test_every_kind_is_found_and_has_details(bench: Bench, block: tuple[str | int, ...], con_id: int) -> None:
    [found] = await details(await bench.client(), block)
    assert (found[3], int(found[12])) == (block[2], con_id)


@pytest.mark.parametrize(("kind", "number"), [("ISIN", "US0378331005"), ("CUSIP", "037833100"), ("FIGI", "BBG000B9XRY4")])
async def test_stock_is_found_by_its_numbers(bench: Bench, kind: str, number: str) -> None:
    client = await bench.client()
    [found] = await details(client, contract("", "STK"), **{kind: number})
    assert found[2] == "AAPL"
    await client.stream.send_all(pack(9, 8, 2, *contract("", "STK"), 0, kind, "US0000000000", ""))
    assert (await client.error(2))[0] == 200
    await client.stream.send_all(pack(9, 8, 3, *contract("", "STK"), 0, "PHONE", number, ""))
    assert (await client.error(3))[0] == 321


async def test_bond_has_a_message_of_its_own_and_its_issuer_lists_them(bench: Bench) -> None:
    client = await bench.client()
    [bond] = await details(client, contract("", "BOND", con_id=127128131, currency=""))
    assert bond[:5] == ["18", "1", "", "BOND", "IBCID127128131"]
    # As recorded: neither coupon nor maturity for a user without the permission.
    assert bond[5:7] == ["0", ""]
    assert "AAPL 3.85 05/04/43" in bond
    assert bond[bond.index("ISIN") : bond.index("ISIN") + 4] == ["ISIN", "US037833AL42", "CUSIP", "037833AL4"]
    await client.stream.send_all(pack(9, 8, 1, *contract("", "BOND", "", ""), 0, "", "", "e1400715"))
    assert [f[0] for f in await client.until("52", "1", "1")] == ["18", "18", "52"]


async def test_continuous_future_is_the_front_month_and_has_a_past(bench: Bench) -> None:
    client = await bench.client()
    [front, *_] = await details(client, contract("ES", "FUT", "CME"))
    [continuous] = await details(client, contract("ES", "CONTFUT", "CME"))
    assert (continuous[3], continuous[12]) == ("CONTFUT", front[12])
    await client.send(20, 2, *contract("ES", "CONTFUT", "CME"), 0, "", "1 day", "5 D", 1, "TRADES", 1, 0, "")
    assert int((await client.find("17", "2"))[4]) == 5


async def test_option_is_found_by_its_local_symbol_and_later_by_its_id(bench: Bench) -> None:
    client = await bench.client()
    [row] = [r for r in await parameters(client, "SPX", 416904) if r[2] == "SMART" and r[4] == "SPXW"]
    local = f"SPXW  {row[7][2:]}C06000000"
    [found] = await details(client, contract("", "OPT", local_symbol=local))
    assert (found[2], found[10], found[5]) == ("SPX", "SPXW", "6000")
    await client.stream.send_all(market_data(5, contract("", "OPT", con_id=int(found[12]))))
    frames = await client.synchronise()
    assert {f[2] for f in frames if f[0] == "21"} == {"10", "11", "12", "13"}
    bids = [float(f[4]) for f in frames if f[0] == "1" and f[3] in ("1", "2", "4")]
    assert all(b < 3 or round(b * 20) % 2 == 0 for b in bids), "above three dollars the increment is ten cents"


async def parameters(client: RawClient, symbol: str, con_id: int, exchange: str = "", kind: str = "IND") -> list[list[str]]:
    await client.send(78, 3, symbol, exchange, kind, con_id)
    return (await client.until("76", "3"))[:-1]


async def test_parameters_have_a_row_for_each_exchange_and_class_in_no_order(bench: Bench) -> None:
    client = await bench.client()
    rows = await parameters(client, "SPX", 416904)
    assert {(r[2], r[4]) for r in rows} == {(e, c) for e in ("SMART", "CBOE") for c in ("SPX", "SPXW")}
    weekly = next(r for r in rows if r[4] == "SPXW")
    assert (weekly[6], weekly[37]) == ("30", "200")
    apple = await parameters(client, "AAPL", 265598, kind="STK")
    assert ["75", "3", "MEMX", "265598", "2AAPL", "100", "1", apple[0][7], "1", "291.0"] in apple
    assert [(r[2], r[4]) for r in apple] != sorted((r[2], r[4]) for r in apple)
    [future, *_] = await details(client, contract("ES", "FUT", "CME"))
    [on_future] = await parameters(client, "ES", int(future[12]), "CME", "FUT")
    assert on_future[4:6] == ["ES", "50"]
    assert {future[9] in f for f in await details(client, contract("ES", "FOP", "CME", strike="6000"))} == {True}


@pytest.mark.slow
async def test_ten_thousand_details_trickle_and_do_not_hold_up_others(bench: Bench) -> None:
    client, other = await bench.client(1), await bench.client(2)
    assert await bench.control("details-rate 100000") == "ok"
    await client.stream.send_all(contract_details(1, contract("SPX", "OPT", exchange="CBOE")))
    await other.synchronise()
    with trio.fail_after(60):
        rows = await client.until("52", "1", "1")
    assert len(rows) - 1 == 200 * 2 * (10 + 30)
    assert len({r[12] for r in rows[:-1]}) == len(rows) - 1


async def test_details_come_at_the_rate_of_the_gateway(bench: Bench) -> None:
    client = await bench.client()
    await bench.control("details-rate 100")
    began = trio.current_time()
    assert len(await details(client, contract("ES", "FOP", "CME"))) == 48
    assert trio.current_time() - began < 0.45, "an ordinary answer is not slow"
    began = trio.current_time()
    assert len(await details(client, contract("SPX", "OPT", "CBOE", strike="6000"))) > 70
    await client.stream.send_all(contract_details(2, contract("SPX", "OPT", "CBOE", right="C")))
    for _ in range(110):
        await client.find("10", "2")
    assert trio.current_time() - began > 0.1


async def test_search_tells_derivatives_and_the_issuer_of_bonds_once_a_second(bench: Bench) -> None:
    client = await bench.client()
    began = trio.current_time()
    await client.send(81, 4, "aapl")
    await client.send(81, 5, "ES")
    found = await client.find("79", "4")
    assert found[2:8] == ["2", "265598", "AAPL", "STK", "NASDAQ", "USD"]
    assert found[8:12] == ["3", "CFD", "OPT", "WAR"]
    assert found[14:] == ["-1", "", "BOND", "", "", "0", "AAPL", "e1400715"]
    assert (await client.find("79", "5"))[2:12] == ["1", "11004968", "ES", "IND", "", "USD", "2", "FUT", "FOP", "E-mini S&P 500"]
    assert trio.current_time() - began > 0.9


async def test_hours_of_an_option_end_with_it(bench: Bench) -> None:
    client = await bench.client()
    [row] = [r for r in await parameters(client, "SPX", 416904) if r[2] == "SMART" and r[4] == "SPXW"]
    [found] = await details(client, contract("SPX", "OPT", expiry=row[7], strike="6000", right="C"))
    hours = next(f for f in found if ";" in f or f.startswith(row[7]) or f.endswith("CLOSED"))
    assert hours.split(";")[-1].startswith(row[7])


def test_week_of_thanksgiving_has_a_holiday_and_a_half_day() -> None:
    trading, liquid = trading_and_liquid_hours(TradingHours.US_STOCK, dt.date(2026, 11, 25))
    assert liquid.split(";")[:3] == ["20261125:0930-20261125:1600", "20261126:CLOSED", "20261127:0930-20261127:1300"]
    assert trading.split(";")[2] == "20261127:0400-20261127:1700"
    futures, _ = trading_and_liquid_hours(TradingHours.CME_INDEX, dt.date(2026, 11, 25))
    assert futures.split(";")[1:3] == ["20261125:1700-20261126:1200", "20261126:1700-20261127:1215"]


def test_holidays_of_known_years() -> None:
    closed = [
        d for n in range(366) if (d := dt.date(2027, 1, 1) + dt.timedelta(days=n)).weekday() < 5 and not is_trading_day(Calendar.NYSE, d)
    ]
    assert [f"{d:%m%d}" for d in closed if d.year == 2027] == "0101 0118 0215 0326 0531 0618 0705 0906 1125 1224".split()
    assert early_close(Calendar.NYSE, dt.date(2025, 7, 3)) == "1300"
    assert is_trading_day(Calendar.NYSE, dt.date(2021, 12, 31)), "a New Year's Day on a Saturday is not made up for"
    assert is_trading_day(Calendar.ALWAYS, dt.date(2026, 12, 25))


def classes() -> dict[str, OptionClass]:
    return {c.pattern.trading_class: c for c in build_catalogue(TODAY).classes}


@pytest.mark.slow
def test_ids_of_options_are_unique_and_lead_back() -> None:
    everything = [i for c in classes().values() for d in {c.expiries[0], c.expiries[-1]} for i in c.contracts(spec_of(f"{d:%Y%m%d}"))]
    assert len({i.con_id for i in everything}) == len(everything)
    for i in everything:
        assert classes()[i.trading_class].of_id(i.con_id) == i


def spec_of(expiry: str) -> ContractSpec:
    return ContractSpec(
        con_id=0,
        symbol="",
        sec_type="",
        expiry=expiry,
        strike=0.0,
        right="",
        multiplier="",
        exchange="",
        primary_exchange="",
        currency="",
        local_symbol="",
        trading_class="",
    )


def test_prices_keep_to_a_rule_of_several_increments() -> None:
    grid = coarser(110, "0.05")
    assert [snapped(n, grid) for n in (1, 59, 60, 61, 63)] == [1, 59, 60, 60, 64]
    assert coarser(26, "0.01") == ()


async def test_root_of_a_future_has_details_and_no_market(bench: Bench) -> None:
    client = await bench.client()
    [found] = await details(client, contract("", "IND", "CME", con_id=11004968))
    assert (found[2], found[3]) == ("ES", "IND")
    await client.stream.send_all(market_data(5, contract("ES", "IND", "CME")))
    assert (await client.error(5))[0] == 354
    assert await bench.control("set ES 6000.25 6000.50 6000.25") == "ok"
    await client.stream.send_all(market_data(6, contract("ES", "FUT", "CME", expiry="20")))
    assert (await client.error(6))[0] == 200, "four quarters are ambiguous"


async def test_description_of_thousands_is_ambiguous_for_a_line(bench: Bench) -> None:
    client = await bench.client()
    await client.stream.send_all(market_data(5, contract("SPX", "OPT")))
    code, text = await client.error(5)
    assert code == 200
    assert "ambiguous" in text
