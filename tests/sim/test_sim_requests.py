import datetime as dt
import time

import pytest

from ibactors.sim.market.catalogue import build_catalogue
from ibactors.sim.registry import REQUESTS
from tests.sim.rawclient import Bench, contract, contract_details, pack


async def test_current_time_is_now(bench: Bench) -> None:
    client = await bench.client()
    await client.send(49, 1)
    assert abs(int((await client.find("49", "1"))[2]) - time.time()) < 5


async def test_ids_and_accounts_are_answered(bench: Bench) -> None:
    client = await bench.client()
    await client.send(8, 1, 1)
    assert await client.find("9") == ["9", "1", "1"]
    await client.send(17, 1)
    assert await client.find("15") == ["15", "1", "DU1234567,DU7654321"]


@pytest.mark.parametrize(
    ("fields", "end"),
    [
        ((5, 1), ["53", "1"]),
        ((16, 1), ["53", "1"]),
        ((99, 1), ["102"]),
        ((7, 3, 8, 0, "", "", "", "", "", ""), ["55", "1", "8"]),
        ((7, 3, 8, "", "", "", "", "", "", ""), ["55", "1", "8"]),
    ],
)
async def test_order_lists_are_empty_and_end(bench: Bench, fields: tuple[str | int, ...], end: list[str]) -> None:
    client = await bench.client()
    await client.send(*fields)
    assert await client.frame() == end


async def test_details_by_con_id_carry_the_contract(bench: Bench) -> None:
    client = await bench.client()
    await client.stream.send_all(contract_details(3, contract("", "", "", "", con_id=265598)))
    details, end = await client.until("52", "1", "3")
    assert end == ["52", "1", "3"]
    assert details[:13] == ["10", "3", "AAPL", "STK", "", "0", "", "SMART", "USD", "AAPL", "NMS", "NMS", "265598"]
    assert len(details) == 42
    assert details[30:33] == ["1", "ISIN", "US0378331005"]


@pytest.mark.parametrize(
    ("block", "count"),
    [
        (contract("AAPL"), 1),
        (contract("AAPL", exchange="NASDAQ"), 1),
        (contract("AAPL", exchange="ISLAND", primary="ISLAND"), 1),
        (contract("AAPL", exchange="", currency=""), 1),
        (contract("AMBIG"), 2),
        (contract("AMBIG", primary="NYSE"), 1),
        (contract("NOSUB"), 1),
        (contract("QUIET"), 1),
        (contract("ES", "FUT", "CME"), 4),
        (contract("NQ", "FUT", "CME"), 4),
        (contract("AAPL", "OPT"), 44),
        (contract("AAPL", "OPT", strike="230.0"), 6),
        (contract("AAPL", "OPT", strike="230.0", right="P"), 3),
        (contract("SPX", "IND", "CBOE"), 1),
        (contract("EUR", "CASH", "IDEALPRO"), 1),
        (contract("USD", "CASH", "IDEALPRO", "JPY"), 1),
        (contract("", "CASH", "IDEALPRO", local_symbol="GBP.USD"), 1),
    ],
)
async def test_details_of_a_description_are_all_that_fit(bench: Bench, block: tuple[str | int, ...], count: int) -> None:
    client = await bench.client()
    await client.stream.send_all(contract_details(3, block))
    assert len(await client.until("52", "1", "3")) == count + 1


@pytest.mark.parametrize(
    ("block", "code"),
    [
        (contract("BADSYM"), 200),
        (contract("AAPL", currency="EUR"), 200),
        (contract("AAPL", exchange="CME"), 200),
        (contract("AAPL", primary="NYSE"), 200),
        (contract("", "STK", con_id=1), 200),
        (contract("MSFT", con_id=265598), 200),
        (contract("ES", "FUT", "CME", expiry="209912"), 200),
        (contract("AAPL", "STOCK"), 321),
        (contract("AAPL", ""), 321),
    ],
)
async def test_details_of_what_does_not_exist_are_an_error(bench: Bench, block: tuple[str | int, ...], code: int) -> None:
    client = await bench.client()
    await client.stream.send_all(contract_details(3, block))
    assert (await client.error(3))[0] == code


@pytest.mark.parametrize(
    ("today", "front"),
    [("2026-11-22", "20261218"), ("2026-12-15", "20270319"), ("2027-01-01", "20270319"), ("2028-02-29", "20280317")],
)
def test_futures_never_expire_and_con_ids_are_unique_and_stable(today: str, front: str) -> None:
    date = dt.date.fromisoformat(today)
    catalogue = build_catalogue(date)
    futures = [i for i in catalogue.by_con_id.values() if i.sec_type == "FUT" and i.symbol == "ES"]
    assert futures[0].last_trade_date == front
    assert len(catalogue.by_con_id) == 22 + 5 + 6 + 2 + 4 + 8 + 42 + 9
    assert list(build_catalogue(date).by_con_id) == list(catalogue.by_con_id)


async def test_search_rule_and_option_parameters_are_answered(bench: Bench) -> None:
    client = await bench.client()
    await client.send(81, 4, "aap")
    assert (await client.find("79", "4"))[2:6] == ["2", "265598", "AAPL", "STK"]
    await client.send(91, 26)
    # Unknown until the details of an instrument have named it.
    assert await client.error(-1) == (321, "Error validating request.-'bQ' : cause - Unknown market rule id 26")
    await client.stream.send_all(contract_details(3, contract("AAPL")))
    await client.find("52", "1", "3")
    await client.send(91, 26)
    assert await client.find("93") == ["93", "26", "1", "0.0", "0.01"]
    await client.send(78, 5, "AAPL", "", "STK", 265598)
    assert (await client.find("75", "5"))[2:6] == ["SMART", "265598", "AAPL", "100"]
    await client.find("76", "5")


# A plausible body for each request id that has no simulation: what comes back must name the request.
REFUSED = {
    11: (1, 7, 0),
    21: (2, 7),
    23: (1, 7),
    25: (1, 7),
    51: (1, 7),
    52: (2, 7),
    53: (1, 7),
    68: (1, 7),
    69: (1, 7, "x"),
    70: (1, 7),
    89: (7,),
    90: (7,),
    98: (7,),
    100: (7,),
    101: (7,),
    102: (7,),
    103: (7,),
}


@pytest.mark.parametrize("message", REFUSED)
async def test_request_without_simulation_is_refused_with_its_id(bench: Bench, message: int) -> None:
    client = await bench.client()
    await client.send(message, *REFUSED[message])
    code, text = await client.error(7)
    assert code > 100
    assert "{" not in text


@pytest.mark.parametrize(
    "fields", [(18, 1, 1), (19, 1, 1, "<x/>"), (65, 1, "a", "b"), (66, 1, "x"), (72, 1, "a", "b", "c"), (73, 1, "x", "y")]
)
async def test_request_without_id_is_refused_too(bench: Bench, fields: tuple[str | int, ...]) -> None:
    client = await bench.client()
    await client.send(*fields)
    assert (await client.error(-1))[0] == 321


async def test_every_known_request_survives_empty_fields(bench: Bench) -> None:
    for n, message in enumerate(sorted(REQUESTS)):
        client = await bench.client(n)
        await client.stream.send_all(pack(message) + pack(message, *[""] * 40) + pack(message, *["x"] * 40))
        await client.synchronise()
        await client.stream.aclose()
        await bench.until(lambda stats: not stats["clients"])
