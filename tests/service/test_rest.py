"""The REST contract, through real HTTP."""

import json
from typing import Any

import pytest
import trio

from ibactors.model.quotes import MarketDataType
from ibactors.sim import SimulatorOptions
from tests.conftest import Service, running_service


async def test_root_and_health_have_the_documented_members(service: Service) -> None:
    root = await service.get("/")
    assert root["service"] == "IB Gateway REST API"
    assert root["status"] == "running"
    assert root["connected"] is True
    health = await service.get("/health")
    assert health["status"] == "healthy"
    assert health["ib_connected"] is True
    assert health["timestamp"].endswith("Z")
    assert (await service.get("/health/live"))["status"] == "live"
    assert (await service.get("/health/ready"))["status"] == "ready"
    assert (await service.get("/health/gateway"))["session"]["server_version"] == 178


async def test_health_shows_no_account_numbers(service: Service) -> None:
    for path in ("/", "/health", "/health/gateway"):
        assert "DU1234567" not in (await service.http.get(path)).text


async def test_summary_has_ibs_texts_by_tag(service: Service) -> None:
    summary = (await service.get("/account/summary"))["account_summary"]
    for tag in ("NetLiquidation", "TotalCashValue", "BuyingPower"):
        figure = summary[tag]
        assert figure["account"] == "DU1234567"
        assert figure["currency"] == "USD"
        assert isinstance(figure["value"], str)
        assert float(figure["value"]) > 0


async def test_positions_have_the_documented_members(service: Service) -> None:
    positions = (await service.get("/account/positions"))["positions"]
    assert positions
    for position in positions:
        assert position["account"] == "DU1234567"
        assert isinstance(position["position"], float)
        assert isinstance(position["avgCost"], float)
        assert {"symbol", "secType", "currency", "conId"} <= position.keys()


async def test_portfolio_figures_follow_the_positions(service: Service) -> None:
    def has_values(response: Any) -> bool:
        stocks = [position for position in response.json()["positions"] if position["secType"] == "STK"]
        return all(position["marketValue"] for position in stocks)

    response = await service.until("/account/positions", has_values)
    apple = next(position for position in response.json()["positions"] if position["symbol"] == "AAPL")
    assert apple["marketValue"] == pytest.approx(apple["marketPrice"] * apple["position"])


async def test_balance_has_numbers_by_currency(service: Service) -> None:
    balance = await service.get("/account/balance")
    assert balance["base_currency"] == "USD"
    assert {"USD", "BASE"} <= balance["balance"].keys()
    assert all(isinstance(amount, float | int) for figures in balance["balance"].values() for amount in figures.values())
    assert (await service.get("/accounts")) == {"accounts": ["DU1234567"]}


async def test_account_parameter_selects_one_of_several() -> None:
    async with running_service(options=SimulatorOptions(accounts=("DU1111111", "DU2222222"))) as service:
        assert (await service.get("/accounts"))["accounts"] == ["DU1111111", "DU2222222"]
        summary = (await service.get("/account/summary?account=DU2222222"))["account_summary"]
        assert {figure["account"] for figure in summary.values()} == {"DU2222222"}
        for path in ("/account/summary", "/account/positions", "/account/balance"):
            problem = await service.get(f"{path}?account=DU9999999", 404)
            assert problem["code"] == "account_not_found"
            assert problem["hint"]


async def test_quote_has_the_documented_members(service: Service) -> None:
    quote = await service.get("/market/quote/AAPL?exchange=SMART&currency=USD")
    assert (quote["symbol"], quote["exchange"], quote["currency"]) == ("AAPL", "SMART", "USD")
    assert 0 < quote["bid"] < quote["ask"]
    assert quote["last"] > 0
    assert quote["close"] > 0
    assert quote["volume"] > 0
    assert quote["market_data_type"] == "live"
    assert quote["con_id"] == 265598
    assert quote["timestamp"].endswith("Z")
    assert {"open", "high", "low", "bid_size", "ask_size", "last_size", "halted"} <= quote.keys()


@pytest.mark.parametrize(
    ("symbol", "status", "code"),
    [
        ("BADSYM", 404, "contract_not_found"),
        ("NOSUB", 403, "market_data_not_subscribed"),
        ("AMBIG", 409, "contract_ambiguous"),
        ("QUIET", 504, "no_market_data"),
    ],
)
async def test_symbols_that_fail_answer_their_problem(symbol: str, status: int, code: str) -> None:
    async with running_service(quote_timeout=1.0) as service:
        with trio.fail_after(8):
            response = await service.http.get(f"/market/quote/{symbol}")
        assert response.status_code == status
        assert response.headers["content-type"] == "application/problem+json"
        problem = response.json()
        assert problem["code"] == code
        assert problem["status"] == status
        assert problem["hint"]


async def test_candidate_of_an_ambiguous_symbol_can_be_quoted_by_con_id(service: Service) -> None:
    problem = await service.get("/market/quote/AMBIG", 409)
    con_ids = [candidate["con_id"] for candidate in problem["candidates"]]
    assert len(con_ids) == 2
    quote = await service.get(f"/market/quote/AMBIG?con_id={con_ids[1]}")
    assert quote["con_id"] == con_ids[1]


async def test_future_is_quoted_by_con_id_as_a_position_names_it(service: Service) -> None:
    position = next(held for held in (await service.get("/account/positions"))["positions"] if held["symbol"] == "ES")
    assert position["exchange"] == ""
    quote = await service.get(f"/market/quote/ES?sec_type=FUT&con_id={position['conId']}")
    assert (quote["con_id"], quote["exchange"], quote["bid"] > 0) == (position["conId"], "CME", True)


async def test_contract_for_difference_has_the_data_of_its_stock(service: Service) -> None:
    """IB sends nothing but where the data are (messages 91 and 92)."""
    quote = await service.get("/market/quote/AAPL?sec_type=CFD")
    stock = await service.get("/market/quote/AAPL")
    assert quote["sec_type"] == "CFD"
    assert quote["con_id"] != stock["con_id"]
    assert abs(quote["bid"] / stock["bid"] - 1) < 0.02
    book = await service.get("/market/depth/AAPL?sec_type=CFD")
    assert book["bids"]
    assert book["con_id"] == quote["con_id"]
    assert (await service.gateway.stats())["lines"] == {"AAPL": 2}


async def test_delayed_data_says_so(service: Service) -> None:
    assert (await service.get("/market/quote/DELAY"))["market_data_type"] == "delayed"


async def test_other_kinds_of_instrument_have_quotes(service: Service) -> None:
    euro = await service.get("/market/quote/EUR?sec_type=CASH")
    assert euro["exchange"] == "IDEALPRO"
    assert euro["last"] is None
    assert euro["bid"] < euro["ask"]
    index = await service.get("/market/quote/SPX?sec_type=IND&exchange=CBOE")
    assert index["last"] > 0
    assert index["bid"] is None or index["bid"] > 0
    futures = await service.get("/market/quote/ES?sec_type=FUT&exchange=CME", 409)
    assert {candidate["sec_type"] for candidate in futures["candidates"]} == {"FUT"}


async def test_several_quotes_come_with_a_problem_in_the_place_of_a_failure(service: Service) -> None:
    quotes = (await service.get("/market/quotes?symbols=AAPL,MSFT,BADSYM"))["quotes"]
    assert list(quotes) == ["AAPL", "MSFT", "BADSYM"]
    assert quotes["MSFT"]["bid"] > 0
    assert quotes["BADSYM"]["code"] == "contract_not_found"


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/market/quote/AAPL?strike=abc", "strike"),
        ("/market/quote/AAPL?strike=nan", "strike"),
        ("/market/quote/AAPL?con_id=-1", "con_id"),
        ("/market/quote/AAPL?con_id=99999999999", "con_id"),
        ("/market/quote/AAPL?sec_type=STOCK", "sec_type"),
        ("/market/quote/AAPL?currency=DOLLAR", "currency"),
        ("/market/quote/AAPL?curency=EUR", "curency"),
        ("/market/quote/AAPL?currency=EUR&currency=USD", "currency"),
        ("/market/quote/A%00B", "symbol"),
        ("/market/quote/%20", "symbol"),
        ("/market/quotes", "symbols"),
        ("/market/quotes?symbols=", "symbols"),
        ("/market/quotes?symbols=AAPL,,MSFT", "symbol"),
        ("/account/summary?account=a%0ab", "account"),
    ],
)
async def test_bad_parameter_is_named(service: Service, path: str, field: str) -> None:
    problem = await service.get(path, 422)
    assert problem["code"] == "invalid_request"
    assert problem["field"] == field
    assert (await service.gateway.stats())["requests"].get("reqMktData", 0) == 0


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nope", 404, "not_found"),
        ("DELETE", "/health", 405, "method_not_allowed"),
        ("GET", "/auth/login", 405, "method_not_allowed"),
        ("POST", "/market/quote/AAPL", 405, "method_not_allowed"),
        ("GET", "/ws/stream", 426, "upgrade_required"),
    ],
)
async def test_wrong_path_or_method_is_a_problem(service: Service, method: str, path: str, status: int, code: str) -> None:
    response = await service.http.request(method, path)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["code"] == code
    if status == 405:
        assert "allow" in response.headers


@pytest.mark.parametrize(
    ("content", "status", "field"),
    [
        (b"{", 422, None),
        (b"", 422, None),
        (b"[]", 422, None),
        (b"\xff\xfe", 422, None),
        (b"[" * 30_000, 422, None),
        (b'{"username":"a","password":"b"}', 422, "account_type"),
        (b'{"username":"a","password":"b","account_type":"both"}', 422, "account_type"),
        (b'{"username":1,"password":"b","account_type":"paper"}', 422, "username"),
        (b'{"username":"a\\nb","password":"b","account_type":"paper"}', 422, "username"),
        (b'{"username":"a","password":"","account_type":"paper"}', 422, "password"),
        (b'{"username":"a","password":"b","account_type":"paper","x":1}', 422, "x"),
        (b'{"username":"a","password":"' + b"b" * 70_000 + b'","account_type":"paper"}', 413, None),
    ],
)
async def test_malformed_login_is_refused(service: Service, content: bytes, status: int, field: str | None) -> None:
    response = await service.http.post("/auth/login", content=content, headers={"Content-Type": "application/json"})
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json().get("field") == field


async def test_body_must_be_declared_as_json(service: Service) -> None:
    response = await service.http.post("/auth/login", content=b"{}")
    assert response.status_code == 415
    assert "Content-Type" in response.json()["hint"]


async def test_login_at_somebody_elses_gateway_says_what_to_do(service: Service) -> None:
    body = {"username": "me", "password": "s3cret!", "account_type": "paper"}
    response = await service.http.post("/auth/login", json=body)
    assert response.status_code == 409
    assert response.json()["code"] == "gateway_not_managed"
    assert "s3cret" not in response.text
    status = await service.get("/auth/status")
    assert status["phase"] == "api_ready"
    assert status["account_type"] == "paper"


async def test_json_never_has_nan(service: Service) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    paths = ("/market/quote/AAPL", "/market/quote/EUR?sec_type=CASH", "/account/summary", "/account/positions", "/account/balance")
    for path in paths:
        response = await service.http.get(path)
        assert (response.status_code, path) == (200, path)
        assert json.loads(response.text, parse_constant=refuse)


async def test_actors_and_tasks_are_shown_by_name(service: Service) -> None:
    await service.get("/market/quote/AAPL")
    actors = {actor["name"]: actor for actor in (await service.get("/debug/actors"))["actors"]}
    assert {"connection", "account", "market", "symbol:AAPL"} <= actors.keys()
    assert {actor["state"] for actor in actors.values()} == {"running"}
    text = (await service.http.get("/debug/tasks")).text
    for name in ("actor:connection", "actor:account", "actor:market", "actor:symbol:AAPL"):
        assert f"{name}  at Mailbox.next" in text
    tree = (await service.http.get("/debug/tasks", headers={"Accept": "application/json"})).json()
    assert tree["children"]


async def test_one_of_several_accounts_must_be_named_where_figures_are_of_one() -> None:
    async with running_service(
        options=SimulatorOptions(port=0, control_port=0, accounts=("DU1000001", "DUM2000002", "U3000003"))
    ) as service:
        accounts = (await service.get("/accounts"))["accounts"]
        for path in ("/account/summary", "/account/balance"):
            problem = await service.get(path, 409)
            assert (problem["code"], [one["account"] for one in problem["candidates"]]) == ("account_ambiguous", accounts)
            for account in accounts:
                assert await service.get(f"{path}?account={account}")
            assert (await service.get(f"{path}?account=DU9", 404))["code"] == "account_not_found"
        positions = (await service.get("/account/positions"))["positions"]
        assert {position["account"] for position in positions} <= set(accounts)


async def test_no_status_has_a_list_of_accounts_that_is_always_empty(service: Service) -> None:
    for path in ("/health", "/health/gateway", "/debug/actors?format=json"):
        assert "accounts" not in (await service.get(path))["session"]


@pytest.mark.parametrize(("kind", "advised"), [("delayed", False), ("delayed_frozen", False), ("live", True), ("frozen", True)])
async def test_advice_is_not_what_the_settings_say_already(kind: str, *, advised: bool) -> None:
    async with running_service(market_data_type=MarketDataType(kind)) as service:
        problem = await service.get("/market/quote/NOSUB", 403)
        assert ("IBACTORS_MARKET_DATA_TYPE" in problem["hint"]) is advised
        assert problem["detail"].startswith(f"IB answered with error {problem['ib_code']}: ")
