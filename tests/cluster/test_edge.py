"""What a client of an edge gets: quotes from the feed, everything else from the session's holder, and refusals where there is neither."""

import subprocess
import sys
from typing import Any

import pytest
import trio

from ibactors.config import Settings
from ibactors.errors import StartupError
from ibactors.keys import Scope, new_key, read_keys
from tests.cluster.busses import connected, needs_server, running_bus, running_cluster, running_edge
from tests.conftest import running_gateway, serving

pytestmark = [needs_server, pytest.mark.cluster]


async def test_a_quote_of_an_edge_is_the_holders() -> None:
    async with running_cluster() as cluster:
        there = await cluster.session.get("/market/quote/AAPL")
        here = await cluster.edge.get("/market/quote/AAPL")
        assert (here["con_id"], here["symbol"], here["exchange"]) == (there["con_id"], "AAPL", there["exchange"])
        assert here["timestamp"] >= there["timestamp"]


async def test_a_stream_of_an_edge_follows_the_market() -> None:
    async with running_cluster() as cluster, cluster.edge.stream() as stream:
        await stream.send(action="subscribe", symbols=["AAPL", "MSFT"])
        first = await stream.expect("quote", symbol="AAPL")
        await stream.expect("quote", symbol="MSFT")
        second = await stream.expect("quote", symbol="AAPL")
        assert second["timestamp"] > first["timestamp"]


async def test_errors_of_the_holder_are_the_edges() -> None:
    async with running_cluster() as cluster:
        for path in ("/market/quote/NOSUCH", "/account/summary?account=DU9", "/history/bars/NOSUCH?bar=1h"):
            there, here = await cluster.session.http.get(path), await cluster.edge.http.get(path)
            told = {**there.json(), "request_id": None}
            assert (here.status_code, {**here.json(), "request_id": None}) == (there.status_code, told)


async def test_reads_are_answered_by_the_holder() -> None:
    async with running_cluster() as cluster:
        for path in ("/account/summary", "/account/positions", "/contracts/search?q=AAPL", "/auth/status"):
            there, here = await cluster.session.http.get(path), await cluster.edge.http.get(path)
            assert here.status_code == there.status_code == 200, here.text
            assert here.json().keys() == there.json().keys()
        table = await cluster.edge.http.get("/account/positions?format=csv")
        assert table.headers["content-type"].startswith("text/csv")


async def test_what_changes_anything_is_refused_with_a_hint() -> None:
    async with running_cluster() as cluster:
        login = await cluster.edge.http.post("/auth/login", json={"account_type": "paper"})
        assert (login.status_code, login.json()["code"]) == (409, "not_on_edge")
        assert "IBACTORS_ROLE" in login.json()["hint"]
        order = await cluster.edge.http.post("/orders", json={})
        assert order.json()["code"] in {"not_on_edge", "scope_missing"}


async def test_keys_are_asked_for_at_the_edge() -> None:
    key, line = new_key("phone", [Scope.READ])
    async with running_cluster(edge={"api_keys": read_keys(line)}) as cluster:
        assert (await cluster.edge.http.get("/account/summary")).status_code == 401
        with_key = {"Authorization": f"Bearer {key}"}
        assert (await cluster.edge.http.get("/account/summary", headers=with_key)).status_code == 200
        assert (await cluster.edge.http.get("/debug/actors", headers=with_key)).status_code == 403


async def test_without_a_holder_everything_is_refused_and_says_so() -> None:
    async with running_bus() as bus, running_gateway() as gateway, running_edge(bus.url, gateway) as edge:
        await edge.until("/health", lambda response: "No holder" in str(response.json()["reason"]))
        for path in ("/market/quote/AAPL", "/account/summary"):
            refused = await edge.get(path, 503)
            assert refused["code"] == "gateway_disconnected"
            assert "No holder" in refused["detail"]


async def test_a_bus_that_is_killed_makes_all_stale_and_comes_back() -> None:
    async with running_cluster() as cluster, cluster.edge.stream() as stream:
        await stream.send(action="subscribe", symbols=["AAPL"])
        await stream.expect("quote", symbol="AAPL")
        await cluster.bus.kill()
        await stream.expect("stale", symbol="AAPL")
        refused = await cluster.edge.get("/market/quote/AAPL", 503)
        assert "bus" in refused["detail"]
        await cluster.bus.start()
        await stream.expect("quote", symbol="AAPL")
        await cluster.edge.until("/account/summary", lambda response: response.status_code == 200)


async def test_the_holders_own_break_is_told_with_its_own_words() -> None:
    async with running_cluster() as cluster, cluster.edge.stream() as stream:
        await stream.send(action="subscribe", symbols=["AAPL"])
        await stream.expect("quote", symbol="AAPL")
        await cluster.gateway.do("1100")
        await stream.expect("stale", symbol="AAPL")
        await cluster.gateway.do("1102")
        await stream.expect("quote", symbol="AAPL")
        await connected(cluster.edge)


def test_without_a_bus_nothing_of_it_is_imported() -> None:
    program = "import ibactors.cli, ibactors.service, ibactors.web.app, sys; print('nats' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)  # noqa: S603  # our own interpreter
    assert done.stdout.strip() == "False"


async def test_two_edges_share_a_line_and_give_it_back() -> None:
    async with running_cluster() as cluster, running_edge(cluster.bus.url, cluster.gateway) as second:
        await connected(second)
        async with trio.open_nursery() as nursery:
            for edge in (cluster.edge, second):
                nursery.start_soon(edge.get, "/market/quote/AAPL")
        assert (await cluster.session.get("/market/quote/AAPL"))["symbol"] == "AAPL"
        await cluster.session.until("/metrics", lambda response: "\nibactors_bus_edges 2.0" in response.text)
        assert "\nibactors_bus_proof_age_seconds " in (await second.http.get("/metrics")).text


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"role": "edge"}, "IBACTORS_BUS"),
        ({"role": "edge", "bus": "nats://bus.example:4222"}, "TLS"),
        ({"role": "edge", "bus": "nats://127.0.0.1:4222", "trading": "paper"}, "IBACTORS_TRADING"),
        ({"role": "session", "bus": "nats://127.0.0.1:4222", "gateways": ("main", "second")}, "IBACTORS_GATEWAYS"),
    ],
)
async def test_roles_that_cannot_work_are_refused_at_the_start(settings: dict[str, Any], why: str) -> None:
    async with running_gateway() as gateway:
        with pytest.RaisesGroup(pytest.RaisesExc(StartupError, match=why), allow_unwrapped=True, flatten_subgroups=True):
            async with serving(Settings(port=0, **settings), gateway):
                pass
