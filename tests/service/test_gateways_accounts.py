"""Accounts of several gateways: in one list, each from the gateway that has it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ibactors.sim import SimulatorOptions
from tests.conftest import Service, Stream, running_service

FIRST, SECOND = "DU1111111", "DU2222222"


@asynccontextmanager
async def serving(*second: str) -> AsyncIterator[Service]:
    """The first account is behind the default gateway, and *second* are behind the other one."""
    further = {"second": SimulatorOptions(accounts=second)}
    async with running_service(options=SimulatorOptions(accounts=(FIRST,)), further=further) as service:
        await service.until("/health", lambda response: response.json()["status"] == "healthy")
        yield service


async def broken(service: Service, number: int) -> None:
    """Break the gateway of that number, and wait until that is known."""
    gateway = [service.gateway, *service.further.values()][number]
    await gateway.do("refuse 600")
    await service.until("/health", lambda response: not response.json()["gateways"][number]["connected"])


async def test_accounts_of_all_are_in_one_list_and_answered_by_their_gateway() -> None:
    async with serving(SECOND) as service:
        assert (await service.get("/accounts"))["accounts"] == [FIRST, SECOND]
        for account in FIRST, SECOND:
            held = (await service.get(f"/account/positions?account={account}"))["positions"]
            assert {position["account"] for position in held} == {account}
            assert (await service.get(f"/account/balance?account={account}"))["account"] == account
            assert (await service.get(f"/account/pnl?account={account}"))["account"] == account
        assert (await service.get("/account/summary", status=409))["code"] == "account_ambiguous"
        assert (await service.get("/account/pnl", status=409))["code"] == "account_ambiguous"
        assert (await service.get("/account/summary?account=DU3333333", status=404))["code"] == "account_not_found"
        for path in "positions", "portfolio":
            held = (await service.get(f"/account/{path}"))["positions"]
            assert {position["account"] for position in held} == {FIRST, SECOND}


async def test_what_says_all_is_never_less_while_a_gateway_is_broken() -> None:
    async with serving(SECOND) as service:
        await broken(service, 0)
        assert (await service.get(f"/account/summary?account={SECOND}"))["account_summary"]
        for path in "positions", "portfolio", "summary", "pnl":
            problem = await service.get(f"/account/{path}", status=503)
            assert problem["code"] == "gateway_disconnected"
            assert "'main'" in problem["detail"]
        assert (await service.get(f"/account/summary?account={FIRST}", status=503))["code"] == "gateway_disconnected"


async def test_account_behind_two_logins_is_shown_once_and_had_of_the_one_that_is_up() -> None:
    async with serving(FIRST) as service:
        assert (await service.get("/accounts"))["accounts"] == [FIRST]
        assert [gateway["accounts"] for gateway in (await service.get("/gateways"))["gateways"]] == [[FIRST], [FIRST]]
        alone = (await service.get(f"/account/positions?account={FIRST}"))["positions"]
        assert [position["symbol"] for position in (await service.get("/account/positions"))["positions"]] == [
            position["symbol"] for position in alone
        ]
        await broken(service, 0)
        assert (await service.get(f"/account/summary?account={FIRST}"))["account_summary"]
        assert (await service.get(f"/account/pnl?account={FIRST}"))["account"] == FIRST


async def states(stream: Stream, kind: str, accounts: set[str]) -> None:
    """Until a message of each has come."""
    while accounts:
        accounts = accounts - {(await stream.expect(kind))["account"]}


async def test_streams_tell_of_all_and_a_break_is_told_of_its_own_accounts_alone() -> None:
    async with serving(SECOND) as service, service.stream() as stream:
        for channel in "account", "pnl", "portfolio":
            await stream.send(action="subscribe", channel=channel)
            await states(stream, channel, {FIRST, SECOND})
        await broken(service, 0)
        channels = {"account", "pnl", "portfolio"}
        while channels:
            message = await stream.expect("stale")
            assert message["account"] == FIRST
            channels -= {message["channel"]}


async def test_stream_of_an_account_behind_two_logins_tells_of_it_once_and_goes_on_with_the_other() -> None:
    async with serving(FIRST) as service, service.stream() as stream:
        await stream.send(action="subscribe", channel="pnl", account=FIRST)
        await stream.expect("pnl", account=FIRST)
        await service.further["second"].do("refuse 0.5")
        await service.until("/health", lambda response: not response.json()["gateways"][1]["connected"])
        await service.until("/health", lambda response: response.json()["status"] == "healthy")
        await stream.send(action="ping")
        kind = ""
        while kind != "pong":
            kind = (await stream.receive())["type"]
            assert kind in {"pong", "pnl", "status"}  # the first, which is told, has not broken
        await broken(service, 0)
        await stream.expect("stale", channel="pnl", account=FIRST)
        await stream.expect("pnl", account=FIRST)
