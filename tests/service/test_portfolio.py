"""Profit and loss, groups and models, over HTTP: what the simulator's ledger says, for every account of a login."""

from typing import Any

import pytest

from ibactors.sim import SimulatorOptions
from tests.conftest import Service, running_service

TWO = SimulatorOptions(accounts=("DU1111111", "DU2222222"))
ADVISER = SimulatorOptions(accounts=("DF1000000", "DU1000001", "DU1000002"))


async def test_profit_of_each_account_is_its_own() -> None:
    async with running_service(options=TWO) as service:
        assert (await service.get("/account/pnl", 409))["code"] == "account_ambiguous"
        first = await service.get("/account/pnl?account=DU1111111")
        second = await service.get("/account/pnl?account=DU2222222")
        assert (first["account"], second["account"]) == ("DU1111111", "DU2222222")
        assert first["currency"] == second["currency"] == "USD"
        assert first["timestamp"].endswith("Z")
        for profit in (first, second):
            positions = (await service.get(f"/account/portfolio?account={profit['account']}"))["positions"]
            assert profit["realized"] == 0.0
            # The market moves between the two answers.
            assert profit["unrealized"] == pytest.approx(sum(held["pnl"]["unrealized"] for held in positions), rel=0.1, abs=2000)
        assert abs(first["unrealized"] - second["unrealized"]) > 2000


async def test_portfolio_has_the_profit_of_each_position_of_every_account() -> None:
    async with running_service(options=TWO) as service:
        portfolio = await service.get("/account/portfolio")
        assert {held["account"] for held in portfolio["positions"]} == set(TWO.accounts)
        for held in portfolio["positions"]:
            profit = held["pnl"]
            assert held["problem"] is None
            assert profit["currency"] == held["currency"]
            assert profit["realized"] is None, "nothing was sold: IB sends DBL_MAX"
            assert profit["unrealized"] == pytest.approx(profit["value"] - held["position"] * held["avgCost"], abs=0.01)
        only = await service.get("/account/portfolio?account=DU2222222")
        assert {held["account"] for held in only["positions"]} == {"DU2222222"}
        stats = await service.gateway.stats()
        assert stats["requests"]["reqPnLSingle"] == len(portfolio["positions"]), "asked for once, however many want it"


async def test_portfolio_figures_come_for_every_account_in_turns() -> None:
    async with running_service(options=TWO) as service:

        def has_values(response: Any) -> bool:
            return all(held["marketValue"] for held in response.json()["positions"])

        positions = (await service.until("/account/positions", has_values)).json()["positions"]
        assert {held["account"] for held in positions} == set(TWO.accounts)
        assert all(held["marketTimestamp"].endswith("Z") for held in positions)
        assert (await service.get("/health"))["status"] == "healthy"


async def test_account_numbers_in_actors_names_are_masked(service: Service) -> None:
    await service.get("/account/portfolio")
    for path in ("/debug/actors", "/debug/tasks", "/metrics", "/health"):
        assert "DU1234567" not in (await service.http.get(path)).text
    assert "pnl:" in (await service.http.get("/debug/actors")).text


async def test_unknown_account_is_a_problem(service: Service) -> None:
    for path in ("/account/pnl", "/account/portfolio"):
        assert (await service.get(f"{path}?account=DU9999999", 404))["code"] == "account_not_found"


async def test_break_is_told_and_figures_after_it_are_new(service: Service) -> None:
    before = await service.get("/account/pnl")
    await service.gateway.do("1100")
    assert (await service.get("/account/pnl", 503))["code"] == "gateway_disconnected"
    assert (await service.get("/account/portfolio", 503))["code"] == "gateway_disconnected"
    await service.gateway.do("1101")
    after = (await service.until("/account/pnl", lambda response: response.status_code == 200)).json()
    assert after["timestamp"] > before["timestamp"]


async def test_adviser_has_groups_and_aliases() -> None:
    async with running_service(options=ADVISER) as service:
        told = await service.get("/account/groups")
        assert told["adviser"] is True
        assert told["groups"] == [
            {"name": "All_Accounts", "method": "NetLiq", "accounts": list(ADVISER.accounts)},
            {"name": "Clients", "method": "NetLiq", "accounts": list(ADVISER.accounts[1:])},
        ]
        assert {"account": "DF1000000", "alias": "Adviser"} in told["aliases"]


async def test_everybody_else_has_none_and_ib_is_not_asked(service: Service) -> None:
    told = await service.get("/account/groups")
    assert (told["adviser"], told["groups"], told["aliases"]) == (False, [], [])
    assert "requestFA" not in (await service.gateway.stats())["requests"]


async def test_model_has_positions_and_figures_and_is_not_left_open() -> None:
    async with running_service(options=ADVISER) as service:
        told = await service.get("/account/models/Growth?account=DU1000001")
        assert (told["account"], told["model"]) == ("DU1000001", "Growth")
        assert {held["account"] for held in told["positions"]} == {"DU1000001"}
        assert any(figure["tag"] == "NetLiquidation" for figure in told["figures"])
        requests = (await service.gateway.stats())["requests"]
        assert requests["cancelAccountUpdatesMulti"] == 1
        assert requests["cancelPositionsMulti"] == 1
        assert (await service.get("/account/models/Gr%0aowth", 422))["field"] == "model"
