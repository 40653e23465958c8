"""The feed for charts, over HTTP."""

from datetime import UTC, datetime

from tests.conftest import Service, running_service
from tests.service.keyed import bearer, keyed_service


async def test_chart_learns_what_the_feed_can_do_and_the_time(service: Service) -> None:
    config = await service.get("/udf/config")
    assert config["supports_search"]
    assert {"1", "60", "1D"} <= set(config["supported_resolutions"])
    response = await service.http.get("/udf/time")
    assert response.headers["content-type"].startswith("text/plain")
    assert int(response.text) > 1_600_000_000


async def test_quotes_come_in_order_with_errors_in_their_place(service: Service) -> None:
    told = await service.get("/udf/quotes?symbols=AAPL,BADSYM,EUR.USD&unknown=yes")
    assert told["s"] == "ok"
    apple, bad, euro = told["d"]
    assert (apple["s"], apple["n"], bad["s"], bad["n"], euro["s"]) == ("ok", "AAPL", "error", "BADSYM", "ok")
    assert 0 < apple["v"]["bid"] < apple["v"]["ask"]
    assert bad["errmsg"].startswith("contract_not_found")


async def test_errors_have_the_form_of_the_feed_and_those_of_the_gate_their_own(service: Service) -> None:
    assert (await service.get("/udf/quotes"))["s"] == "error"
    assert "invalid_request" in (await service.get("/udf/quotes?symbols=%00"))["errmsg"]
    async with keyed_service() as keyed:
        assert (await keyed.get("/udf/config", 401))["code"] == "api_key_required"
        assert (await keyed.http.get("/udf/config", headers=bearer("read"))).status_code == 200
        assert (await keyed.http.get("/udf/config", headers=bearer("stream"))).status_code == 403


async def test_pages_of_allowed_sites_may_read_it() -> None:
    async with running_service(allowed_origins=("https://charts.example",)) as service:
        response = await service.http.get("/udf/config", headers={"Origin": "https://charts.example"})
        assert response.headers["access-control-allow-origin"] == "https://charts.example"
        assert (await service.http.get("/udf/config", headers={"Origin": "https://evil.example"})).status_code == 403


async def test_search_and_symbol_lead_to_one_contract(service: Service) -> None:
    rows = await service.get("/udf/search?query=AAPL&type=stock&exchange=&limit=30")
    apple = next(row for row in rows if row["symbol"] == "AAPL")
    assert apple["type"] == "stock"
    assert await service.get("/udf/search?query=") == []
    for symbol in ("AAPL", apple["ticker"]):
        info = await service.get(f"/udf/symbols?symbol={symbol}")
        assert (info["name"], info["ticker"]) == ("AAPL", apple["ticker"])
        assert (info["timezone"], info["pricescale"], info["minmov"]) == ("America/New_York", 100, 1)
        assert info["session"].startswith("0930-1600:")
    assert (await service.get("/udf/symbols?symbol=BADSYM"))["errmsg"].startswith("contract_not_found")
    assert (await service.get("/udf/symbols?symbol=AMBIG"))["errmsg"].startswith("contract_ambiguous")


async def test_names_with_their_exchange_lead_to_one_contract(service: Service) -> None:
    """`full_name` of a search, by which charts are saved."""
    assert (await service.get("/udf/symbols?symbol=NASDAQ:AAPL"))["ticker"] == "265598"
    assert (await service.get("/udf/symbols?symbol=nyse:ambig"))["ticker"] == "700000004"
    assert (await service.get("/udf/symbols?symbol=NYSE:AAPL"))["errmsg"] == "contract_not_found: No AAPL is listed at NYSE."
    [row, other] = (await service.get("/udf/quotes?symbols=NASDAQ:AAPL,NYSE:AAPL"))["d"]
    assert (row["n"], row["s"], row["v"]["short_name"]) == ("NASDAQ:AAPL", "ok", "AAPL")
    assert other["s"] == "error"


async def test_history_is_that_of_the_other_route(service: Service) -> None:
    page = await service.get("/history/bars/AAPL?bar=1d&limit=20&order=desc&end=2026-11-21T00:00:00Z")
    to = int(datetime(2026, 11, 21, tzinfo=UTC).timestamp())
    told = await service.get(f"/udf/history?symbol=AAPL&resolution=1D&from=0&to={to}&countback=20")
    assert told["s"] == "ok"
    assert told["c"] == [bar["c"] for bar in reversed(page["bars"])]
    assert told["v"] == [bar["v"] for bar in reversed(page["bars"])]
    assert told["t"] == sorted(set(told["t"]))
    since = told["t"][5]
    part = await service.get(f"/udf/history?symbol=AAPL&resolution=D&from={since}&to={to}")
    assert part["t"] == told["t"][5:]


async def test_range_without_bars_says_where_the_next_ones_are(service: Service) -> None:
    saturday = int(datetime(2026, 11, 21, tzinfo=UTC).timestamp())
    told = await service.get(f"/udf/history?symbol=AAPL&resolution=60&from={saturday}&to={saturday + 86400}")
    assert told["s"] == "no_data"
    assert saturday - 86400 < told["nextTime"] < saturday
    for end in (0, 86400):
        assert await service.get(f"/udf/history?symbol=AAPL&resolution=1D&from=0&to={end}") == {"s": "no_data"}
    assert (await service.get("/history/bars/AAPL?bar=1d&end=1970-01-01"))["bars"] == []


async def test_history_tells_what_is_wrong_in_its_own_form(service: Service) -> None:
    for query in ("symbol=AAPL&resolution=7&to=1", "symbol=AAPL&resolution=1D", "symbol=BADSYM&resolution=1D&to=1"):
        assert (await service.get(f"/udf/history?{query}"))["s"] == "error", query
