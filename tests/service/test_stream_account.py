"""The account channel of the stream, through a real client."""

import trio

from tests.conftest import DEADLINE, Service
from tests.service.keyed import bearer, keyed_service


async def test_account_channel_sends_the_present_state_at_once(service: Service) -> None:
    summary = (await service.get("/account/summary"))["account_summary"]
    positions = (await service.get("/account/positions"))["positions"]
    async with service.stream() as stream:
        await stream.send(action="subscribe", channel="account", id="a")
        assert await stream.receive() == {"type": "subscribed", "symbols": [], "channels": ["account"], "id": "a"}
        state = await stream.receive(1)
        assert state["type"] == "account"
        assert state["account"] == "DU1234567"
        assert state["account_summary"].keys() == summary.keys()
        assert [held["symbol"] for held in state["positions"]] == [held["symbol"] for held in positions]


async def test_account_channel_is_stale_on_a_break_and_comes_back_whole(service: Service) -> None:
    await service.get("/account/summary")
    async with service.stream() as stream:
        await stream.send(action="subscribe", channel="account")
        await stream.expect("account")
        await service.gateway.do("refuse 1")
        await service.gateway.do("drop")
        stale = await stream.expect("stale")
        assert (stale["channel"], stale["account"], stale["code"]) == ("account", "DU1234567", "gateway_disconnected")
        async with service.stream() as late:
            await late.send(action="subscribe", channel="account")
            assert (await late.expect("subscribed"))["channels"] == ["account"]
            assert (await late.receive())["type"] in {"stale", "account"}
        state = await stream.expect("account")
        assert state["account_summary"]["NetLiquidation"]["value"]


async def test_account_channel_ends_with_unsubscribe_and_is_listed(service: Service) -> None:
    async with service.stream() as stream:
        await stream.send(action="subscribe", symbol="AAPL")
        await stream.expect("subscribed")
        await stream.send(action="subscribe", channel="account")
        await stream.expect("account")
        await stream.send(action="list", id=1)
        listed = await stream.expect("list", id=1)
        assert (listed["symbols"], listed["channels"]) == (["AAPL"], ["account"])
        await stream.send(action="unsubscribe", channel="account", id=2)
        ended = await stream.expect("unsubscribed", id=2)
        assert ended["symbols"] == ["AAPL"]
        assert "channels" not in ended
        await service.gateway.do("drop")
        with trio.move_on_after(1.5):
            while True:
                message = await stream.receive()
                assert message["type"] != "account"
                assert message.get("channel") is None


async def test_unknown_account_is_an_error(service: Service) -> None:
    async with service.stream() as stream:
        await stream.send(action="subscribe", channel="account", account="DU9", id="x")
        error = await stream.expect("error")
        assert (error["code"], error["id"]) == ("account_not_found", "x")
        await stream.send(action="subscribe", channel="accounts", id="y")
        assert (await stream.expect("error", id="y"))["field"] == "channel"


async def test_batches_carry_the_account_too(service: Service) -> None:
    async with service.stream("?batch=1") as stream:
        await stream.send(action="subscribe", channel="account")
        kinds: set[str] = set()
        with trio.fail_after(DEADLINE):
            while not {"subscribed", "account"} <= kinds:
                kinds |= {message["type"] for message in await stream.receive()}


async def test_key_that_may_only_stream_gets_no_account() -> None:
    async with keyed_service() as service, service.stream(headers=bearer("stream")) as stream:
        await stream.send(action="subscribe", channel="account", id="x")
        error = await stream.expect("error")
        assert (error["code"], error["id"]) == ("scope_missing", "x")
