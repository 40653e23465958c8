"""The client and the service over real sockets: from a thread, under asyncio and under trio."""

import asyncio
import runpy
import ssl
from pathlib import Path
from typing import Any

import pytest
import trio
from ibactors_client import AsyncClient, Client, OrderEvent, Problem, Quote, Stale, new_order_id
from ibactors_client.tables import columns

from tests.conftest import DEADLINE, Service
from tests.service.trading import ACCOUNT, received, trading_service

# httpx2 leaves generators of its own to the collector when a stream is left before its end; the connection is closed all the same.
pytestmark = pytest.mark.filterwarnings("ignore:Async generator 'http:ResourceWarning")

EXAMPLES = Path(__file__).parents[2] / "client" / "examples"
NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def looked_at(url: str) -> None:
    with Client(url, verify=NOBODY) as ib:
        assert ib.health().status == "healthy"
        assert (ib.gateways()[0].name, ib.gateways()[0].connected) == ("main", True)
        assert ib.quote("AAPL").symbol == "AAPL"
        quotes = ib.quotes("AAPL", "NOSUCH")
        assert isinstance(quotes["AAPL"], Quote)
        assert isinstance(quotes["NOSUCH"], Problem)
        assert quotes["NOSUCH"].code == "contract_not_found"
        with pytest.raises(Problem, match="contract_not_found"):
            ib.quote("NOSUCH")
        assert {type(value) for value in columns(ib.positions())["symbol"]} == {str}
        assert all(figure.value for figure in ib.summary().values())
        assert ib.contracts("AAPL")[0].con_id == ib.quote("AAPL").con_id
        assert ib.chain("AAPL").chains[0].strikes
        assert len(ib.history("AAPL", bar="1d", limit=3).bars) == 3


async def streamed(url: str) -> None:
    async with AsyncClient(url, verify=NOBODY) as ib:
        assert (await ib.quote("AAPL")).symbol == "AAPL"
        async with ib.stream("AAPL", "MSFT") as events:
            missing = {"AAPL", "MSFT"}
            async for event in events:
                if isinstance(event, Quote):
                    missing.discard(event.symbol)
                if not missing:
                    return


async def test_a_thread_asyncio_and_trio_see_the_service(service: Service) -> None:
    with trio.fail_after(4 * DEADLINE):
        await trio.to_thread.run_sync(looked_at, service.url)
        await trio.to_thread.run_sync(asyncio.run, streamed(service.url))
        await streamed(service.url)


async def test_break_of_the_gateway_is_told_and_a_new_value_comes_after_it(service: Service) -> None:
    with trio.fail_after(3 * DEADLINE):
        async with AsyncClient(service.url, verify=NOBODY) as ib, ib.stream("AAPL") as events:
            told: list[type[Any]] = []
            async for event in events:
                if isinstance(event, Quote) and not told:
                    await service.gateway.do("drop")
                if isinstance(event, Quote | Stale):
                    told.append(type(event))
                if Stale in told and told[-1] is Quote:
                    return


async def test_order_is_placed_once_however_often_it_is_asked_for(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service, AsyncClient(service.url, verify=NOBODY) as ib:
        with trio.fail_after(3 * DEADLINE):
            name = new_order_id()
            order = await ib.place_order("AAPL", "buy", 10, type="limit", limit_price=99.5, client_order_id=name)
            again = await ib.place_order("AAPL", "buy", 10, type="limit", limit_price=99.5, client_order_id=name)
            assert (again.order_id, await received(service)) == (order.order_id, 1)
            assert [one.client_order_id for one in await ib.orders()] == [name]
            assert (await ib.order(order.order_id)).status == "working"
            asked = await ib.preview_change(order.order_id, limit_price=99.4)
            assert (asked.allowed, asked.notional, await received(service)) == (True, 994, 1)
            with pytest.raises(Problem, match="client_order_id_reused"):
                await ib.place_order("AAPL", "buy", 11, type="limit", limit_price=99.5, client_order_id=name)
            given_up = await ib.give_up_order(name)
            assert given_up is not None
            async with ib.order_events(after=None) as events:
                async for event in events:
                    if not isinstance(event, OrderEvent) or event.status == "cancelled":
                        break
            assert await ib.give_up_order("never-used") is None
            exits = [
                {"instrument": "AAPL", "side": "sell", "quantity": 10, "type": "limit", "limit_price": 110, "time_in_force": "gtc"},
                {"instrument": "AAPL", "side": "sell", "quantity": 10, "type": "stop", "stop_price": 90, "time_in_force": "gtc"},
            ]
            group = await ib.place_group(exits, client_order_id="exit-1")
            assert [one.client_order_id for one in group] == ["exit-1", "exit-1/2"]
            assert [one.order_id for one in await ib.place_group(exits, client_order_id="exit-1")] == [one.order_id for one in group]


async def test_everything_else_that_is_offered_is_typed(tmp_path: Path) -> None:
    async with trading_service(tmp_path) as service, AsyncClient(service.url, verify=NOBODY) as ib:
        with trio.fail_after(3 * DEADLINE):
            found = (await ib.search("AAPL"))[0]
            assert (found.symbol, (await ib.depth("AAPL", rows=2)).symbol) == ("AAPL", "AAPL")
            assert (await ib.profit()).currency == "USD"
            (newest, *_) = await ib.headlines("AAPL", limit=3)
            assert (await ib.article(newest.provider, newest.article_id)).text
            assert [row.rank for row in await ib.scan("TOP_PERC_GAIN")][:2] == [0, 1]
            assert (await ib.get("/accounts")) == {"accounts": [ACCOUNT]}
            bought = await ib.place_order("AAPL", "buy", 10, type="limit", limit_price=101)
            await service.until("/executions", lambda response: bool(response.json()["executions"]))
            filled = await ib.executions(symbol="AAPL")
            assert [(one.order_id, one.quantity) for one in filled.executions] == [(bought.order_id, 10)]
            assert columns(filled.executions)["time"][0].tzinfo is not None
            exported = (await service.http.get("/executions?format=csv")).text
            imported = await ib.import_executions(exported)
            assert (imported.new, imported.known, imported.order_ids) == (0, 1, [bought.order_id])
            assert (await ib.halt(reason="lunch")).halted == "lunch"
            with pytest.raises(Problem, match="trading_halted"):
                await ib.place_order("AAPL", "buy", 10, type="limit", limit_price=99)
            assert (await ib.resume()).halted is None
            assert (await ib.trading()).mode == "paper"


async def in_a_notebook() -> None:
    """Jupyter runs cells where an event loop runs already."""
    runpy.run_path(str(EXAMPLES / "first_steps.py"))


async def test_example_runs_as_in_a_notebook(service: Service, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("IBACTORS_URL", service.url)
    with trio.fail_after(3 * DEADLINE):
        await trio.to_thread.run_sync(asyncio.run, in_a_notebook())
    printed = capsys.readouterr().out
    assert "healthy" in printed
    assert "contract_not_found" in printed
