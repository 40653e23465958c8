"""News and market scans over HTTP and the stream."""

import pytest

from ibactors.bridge.scans import parameters_of
from ibactors.errors import GatewayRefused
from ibactors.sim import SimulatorOptions
from tests.conftest import Service, running_service
from tests.service.test_events import events_at


async def test_providers_headlines_and_articles(service: Service) -> None:
    providers = (await service.get("/news/providers"))["providers"]
    assert {"code": "BRFG", "name": "Briefing.com General Market Columns"} in providers
    page = await service.get("/news/headlines/AAPL?limit=3")
    assert (page["con_id"], page["more"], len(page["headlines"])) == (265598, True, 3)
    newest, *_, oldest = page["headlines"]
    assert newest["time"] > oldest["time"]
    older = await service.get(f"/news/headlines/AAPL?limit=2&end={oldest['time']}&providers={oldest['provider']}")
    assert {row["provider"] for row in older["headlines"]} == {oldest["provider"]}
    article = await service.get(f"/news/articles/{newest['provider']}/{newest['article_id']}")
    assert article["kind"] == "text"
    assert newest["headline"] in article["text"]
    csv = await service.http.get("/news/headlines/AAPL?limit=2&format=csv")
    assert csv.text.splitlines()[0] == "time,provider,article_id,headline"


async def test_what_news_there_is_not_is_a_problem(service: Service) -> None:
    assert (await service.get("/news/articles/BRFG/BRFG$zz-1", 404))["code"] == "article_not_found"
    assert (await service.get("/news/articles/NOBODY/1", 403))["code"] == "news_not_subscribed"
    assert (await service.get("/news/headlines/AAPL?providers=NOBODY", 403))["code"] == "news_not_subscribed"
    assert (await service.get("/news/headlines/NOSUCH", 404))["code"] == "contract_not_found"
    assert (await service.get("/news/headlines/AAPL?limit=301", 422))["field"] == "limit"
    assert (await service.get("/news/headlines/AAPL?end=2026-11-31T00:00:00Z", 422))["field"] == "end"
    assert (await service.get("/news/headlines/AAPL?start=0001-01-01T00:00:00Z", 422))["code"] == "invalid_request"


async def test_headlines_come_in_and_a_break_is_told_as_a_gap(service: Service) -> None:
    async with service.stream() as stream:
        await stream.send(action="subscribe", channel="news", symbol="AAPL", id="n")
        headline = await stream.expect("headline", id="n")
        assert (headline["con_id"], headline["symbol"]) == (265598, "AAPL")
        assert headline["time"] < headline["timestamp"]
        await service.gateway.do("drop")
        gap = await stream.expect("gap")
        assert (gap["channel"], gap["lost"], gap["sequence"]) == ("news", None, headline["sequence"] + 1)
        assert (await stream.expect("headline"))["sequence"] == headline["sequence"] + 2
        await stream.send(action="unsubscribe", channel="news", symbol="AAPL")
        await stream.expect("unsubscribed")


async def test_who_comes_again_gets_the_news_and_bars_that_it_missed(service: Service) -> None:
    target = "/stream?channels=news,bars,bulletins&symbols=AAPL&bar=5s"
    async with service.stream() as stream:
        await stream.send(action="subscribe", channel="bars", symbol="AAPL", bar="5s")
        await stream.send(action="subscribe", channel="news", symbol="AAPL")
        async with events_at(service, target) as source:
            known = await source.expect("bulletin")
            first = await source.expect("bar")
            last_id = source.last_id
        await service.gateway.do("bulletin an exchange is late")
        while (bar := await stream.expect("bar"))["sequence"] == first["sequence"]:
            pass
        async with events_at(service, target, **{"Last-Event-ID": last_id}) as source:
            missed = await source.expect("bar")
            assert (missed["t"], missed["sequence"]) == (bar["t"], first["sequence"] + 1)
            bulletin = await source.expect("bulletin")
            assert (bulletin["text"], bulletin["sequence"]) == ("an exchange is late", known["sequence"] + 1)
        await stream.send(action="subscribe", channel="news", symbol="AAPL", after_sequence=5, id="again")
        assert (await stream.expect("gap", id="again"))["code"] == "forgotten"


async def test_bulletins_come_once_each_and_are_there_for_who_asks(service: Service) -> None:
    async with service.stream() as stream:
        await stream.send(action="subscribe", channel="bulletins", id="b")
        first = await stream.expect("bulletin", id="b")
        assert (first["bulletin_id"], first["kind"], first["exchange"]) == (1, "regular", "SMART")
        await service.gateway.do("drop")
        await stream.expect("status", connected=True)
        await service.gateway.do("bulletin an exchange is late")
        second = await stream.expect("bulletin")
        assert (second["text"], second["sequence"]) == ("an exchange is late", first["sequence"] + 1), "the first is not told again"
        found = (await service.get("/news/bulletins"))["bulletins"]
        assert [each["bulletin_id"] for each in found] == [2, 1]
        await service.gateway.do("refuse 1")
        await stream.expect("status", connected=False)
        assert (await service.get("/news/bulletins", 503))["code"] == "gateway_disconnected"


async def test_scanner_tells_its_parameters_and_looks_once(service: Service) -> None:
    parameters = await service.get("/scanner/parameters")
    assert {"code": "STK", "name": "US Stocks"} in parameters["instruments"]
    assert "STK.US.MAJOR" in {location["code"] for location in parameters["locations"]}
    assert {"code": "MOST_ACTIVE", "name": "Most Active", "instruments": ["STK"]} in parameters["scans"]
    response = await service.http.post("/scanner/run", json={"code": "TOP_PERC_GAIN", "limit": 5, "above_price": 10})
    assert response.status_code == 200, response.text
    rows = response.json()["rows"]
    assert [row["rank"] for row in rows] == [0, 1, 2, 3, 4]
    assert all(row["con_id"] and row["symbol"] for row in rows)
    nothing = await service.http.post("/scanner/run", json={"code": "NO_SUCH_CODE"})
    assert (nothing.status_code, nothing.json()["rows"]) == (200, [])
    wrong = await service.http.post("/scanner/run", json={"limit": 5})
    assert (wrong.status_code, wrong.json()["field"]) == (422, "code")


async def test_scan_goes_on_and_is_stale_on_a_break() -> None:
    async with running_service(options=SimulatorOptions()) as service, service.stream() as stream:
        await stream.send(action="subscribe", channel="scanner", code="MOST_ACTIVE", limit=3, id="s")
        scan = await stream.expect("scan", id="s")
        assert len(scan["rows"]) == 3
        await service.gateway.do("1100")
        stale = await stream.expect("stale")
        assert (stale["channel"], stale["scan"]) == ("scanner", "MOST_ACTIVE")
        await service.gateway.do("1101")
        assert len((await stream.expect("scan"))["rows"]) == 3
        await stream.send(action="subscribe", channel="scanner", id="x")
        assert (await stream.expect("error", id="x"))["field"] == "code"


def test_document_that_could_grow_without_bound_is_refused() -> None:
    for text in ('<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>', "<x", ""):
        with pytest.raises(GatewayRefused):
            parameters_of(text)
