"""The same answers as CSV and as single values, over HTTP."""

import csv
import io
from typing import Any

import pytest

from ibactors.sim import SimulatorOptions
from tests.conftest import Service, running_service

CSV = {"Accept": "text/csv"}


async def rows(service: Service, path: str, headers: dict[str, str] | None = None) -> list[dict[str, Any]]:
    response = await service.http.get(path, headers=headers or {})
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    return list(csv.DictReader(io.StringIO(response.text, newline=""), strict=True))


async def test_positions_and_portfolio_are_tables_with_the_members_of_their_json() -> None:
    async with running_service(options=SimulatorOptions(accounts=("DU1111111", "DU2222222"))) as service:
        positions = (await service.get("/account/positions"))["positions"]
        table = await rows(service, "/account/positions?format=csv")
        assert [(row["account"], int(row["conId"]), float(row["position"])) for row in table] == [
            (held["account"], held["conId"], held["position"]) for held in positions
        ]
        assert list(table[0]) == list(positions[0])
        holdings = await rows(service, "/account/portfolio?account=DU2222222", CSV)
        assert {row["account"] for row in holdings} == {"DU2222222"}
        for row in holdings:
            assert float(row["pnl_value"])
            assert row["pnl_realized"] == row["problem_code"] == ""
            assert row["pnl_timestamp"].endswith("Z")


async def test_summary_and_profit_are_tables(service: Service) -> None:
    figures = {row["tag"]: row for row in await rows(service, "/account/summary?format=csv")}
    assert float(figures["NetLiquidation"]["value"]) > 0
    (profit,) = await rows(service, "/account/pnl?format=csv")
    assert profit["account"] == "DU1234567"
    assert float(profit["daily"]) == pytest.approx(float(profit["daily"]))


async def test_quotes_are_tables_from_memory_or_not_and_problems_are_rows(service: Service) -> None:
    for _ in range(2):
        (quote,) = await rows(service, "/market/quote/AAPL?format=csv")
        assert 0 < float(quote["bid"]) < float(quote["ask"])
        assert quote["market_data_type"] == "live"
    json = await service.get("/market/quote/AAPL?format=json")
    assert list(quote) == [name for name in json if name != "type"]
    apple, bad = await rows(service, "/market/quotes?symbols=AAPL,BADSYM", CSV)
    assert (apple["symbol"], apple["code"]) == ("AAPL", "")
    assert (bad["symbol"], bad["code"], bad["last"]) == ("BADSYM", "contract_not_found", "")


async def test_contracts_and_chains_are_tables(service: Service) -> None:
    (apple,) = await rows(service, "/contracts?symbol=AAPL&format=csv")
    assert (apple["con_id"], apple["sec_type"]) == ("265598", "STK")
    assert any(row["symbol"] == "AAPL" for row in await rows(service, "/contracts/search?q=AAPL", CSV))
    chain = (await service.get("/options/chain/AAPL"))["chains"][0]
    path = f"/options/chain/AAPL/{chain['expirations'][0].replace('-', '')}?strikes_around=2&right=C&exchange={chain['exchange']}"
    strikes = await rows(service, f"{path}&trading_class={chain['trading_class']}", CSV)
    assert [float(row["strike"]) for row in strikes] == sorted(float(row["strike"]) for row in strikes)
    assert all(int(row["call_con_id"]) and not row["put_con_id"] for row in strikes)
    assert {"call_delta", "call_market_data_type", "put_bid"} <= set(strikes[0])


async def test_one_field_is_plain_text_for_the_cell_of_a_spreadsheet(service: Service) -> None:
    response = await service.http.get("/market/quote/AAPL?field=last")
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert float(response.text) > 0
    assert response.text == response.text.strip()
    several = await service.http.get("/market/quotes?symbols=AAPL,MSFT&field=symbol")
    assert several.text == "AAPL\nMSFT"


async def test_what_is_wrong_stays_a_problem_document(service: Service) -> None:
    for query, field in (("field=lust", "field"), ("format=xlsx", "format"), ("format=csv&format=csv", "format"), ("formt=csv", "formt")):
        problem = await service.get(f"/market/quote/AAPL?{query}", 422)
        assert problem["field"] == field
    assert "last" in (await service.get("/market/quote/AAPL?field=lust", 422))["hint"]
    missing = await service.http.get("/market/quote/BADSYM?format=csv")
    assert (missing.status_code, missing.headers["content-type"]) == (404, "application/problem+json")
    assert (await service.get("/account/balance?format=csv", 422))["field"] == "format", "it has no rows"
