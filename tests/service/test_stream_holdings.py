"""The channels of profit and loss and of portfolios, through a real client."""

from typing import Any

import trio

from ibactors.sim import SimulatorOptions
from tests.conftest import DEADLINE, Service, running_service
from tests.service.keyed import bearer, keyed_service

TWO = SimulatorOptions(accounts=("DU1111111", "DU2222222"))


async def test_profit_of_every_account_of_a_login_comes_under_one_subscription() -> None:
    async with running_service(options=TWO) as service, service.stream() as stream:
        await stream.send(action="subscribe", channel="pnl", id=7)
        first, second = [await stream.expect("pnl", account=account) for account in TWO.accounts]
        assert (first["id"], second["id"]) == (7, 7)
        assert (await stream.expect("pnl", currency="USD"))["con_id"] is None
        assert first["unrealized"] != second["unrealized"]
        assert isinstance(first["daily"], float)


async def test_one_position_and_one_account_are_subscribed_to_by_name() -> None:
    async with running_service(options=TWO) as service, service.stream() as stream:
        held = (await service.get("/account/positions?account=DU2222222"))["positions"][0]
        await stream.send(action="subscribe", channel="pnl", account="DU2222222", con_id=held["conId"])
        profit = await stream.expect("pnl")
        assert (profit["account"], profit["con_id"], profit["position"]) == ("DU2222222", held["conId"], held["position"])
        assert profit["realized"] is None, "nothing was sold: IB sends DBL_MAX"
        await stream.send(action="subscribe", channel="portfolio", account="DU2222222", id="p")
        assert (await stream.expect("subscribed", id="p"))["channels"] == ["pnl", "portfolio"]
        portfolio = await stream.expect("portfolio")
        assert {position["account"] for position in portfolio["positions"]} == {"DU2222222"}
        await stream.send(action="unsubscribe", channel="pnl", account="DU2222222", con_id=held["conId"], id="u")
        assert (await stream.expect("unsubscribed", id="u"))["channels"] == ["portfolio"]
        await stream.send(action="subscribe", channel="portfolio", account="DU9", id="x")
        assert (await stream.expect("error", id="x"))["code"] == "account_not_found"


async def test_portfolio_has_the_profit_of_each_position_and_is_stale_on_a_break(service: Service) -> None:
    async with service.stream() as stream:
        await stream.send(action="subscribe", channel="portfolio")

        async def whole() -> Any:
            with trio.fail_after(DEADLINE):
                while True:
                    message = await stream.expect("portfolio")
                    if all(position["pnl"] for position in message["positions"]):
                        return message

        before = await whole()
        assert {position["symbol"] for position in before["positions"]} >= {"AAPL", "MSFT"}
        await service.gateway.do("1100")
        stale = await stream.expect("stale")
        assert (stale["channel"], stale["account"]) == ("portfolio", before["account"])
        await service.gateway.do("1101")
        after = await whole()
        stamps = [position["pnl"]["timestamp"] for position in after["positions"]]
        assert min(stamps) > stale["since"], "no figure is from before the break"


async def test_key_that_may_only_stream_gets_no_profit() -> None:
    async with keyed_service() as service, service.stream(headers=bearer("stream")) as stream:
        for channel in ("pnl", "portfolio"):
            await stream.send(action="subscribe", channel=channel, id=channel)
            assert (await stream.expect("error", id=channel))["code"] == "scope_missing"
