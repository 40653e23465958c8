"""News and scanner: lists that fit each other, limits, and errors instead of silence."""

import xml.etree.ElementTree as ET

import pytest

from tests.sim.rawclient import Bench, contract, market_data


async def headlines(bench: Bench, *, count: int = 5, providers: str = "BRFG+DJ-N") -> tuple[list[list[str]], list[str]]:
    client = await bench.client()
    await client.send(86, 1, 265598, providers, "", "", count, "")
    *found, end = await client.until("87", "1")
    return found, end


async def test_headlines_are_of_the_wanted_providers_newest_first(bench: Bench) -> None:
    found, end = await headlines(bench)
    assert len(found) == 5
    assert end == ["87", "1", "1"]
    times = [f[2] for f in found]
    assert times == sorted(times, reverse=True)
    assert {f[3] for f in found} <= {"BRFG", "DJ-N"}


async def test_headlines_end_when_there_are_no_more(bench: Bench) -> None:
    found, end = await headlines(bench, count=10_000)
    assert len(found) > 50
    assert end[2] == "0"


async def test_article_of_a_headline_can_be_read(bench: Bench) -> None:
    found, _ = await headlines(bench)
    client = bench.clients[0]
    await client.send(84, 2, found[0][3], found[0][4], "")
    article = await client.find("83", "2")
    assert article[2] == "0"
    assert article[3].startswith(found[0][5])


async def test_line_with_news_begins_with_the_newest_headline(bench: Bench) -> None:
    client = await bench.client()
    await client.stream.send_all(market_data(5, contract("AAPL"), generic="mdoff,292:BRFG"))
    frames = await client.synchronise()
    assert [f[0] for f in frames] == ["81", "58", "84"]
    assert len(frames[-1]) == 7


async def test_bulletins_reach_those_who_subscribed(bench: Bench) -> None:
    client, other = await bench.client(1), await bench.client(2)
    await client.send(12, 1, 1)
    assert (await client.find("14"))[2:4] == ["1", "1"]
    await bench.control("bulletin The exchange opens late today")
    assert await client.find("14") == ["14", "1", "2", "1", "The exchange opens late today", "SMART"]
    await client.send(13, 1)
    await client.synchronise()
    await bench.control("bulletin The exchange is open")
    assert not [f for f in await client.synchronise() + await other.synchronise() if f[0] == "14"]


def scan(request_id: int, *, rows: int = 5, location: str = "STK.US.MAJOR", code: str = "TOP_PERC_GAIN") -> tuple[str | int, ...]:
    return (22, request_id, rows, "STK", location, code, *[""] * 18)


async def test_scanner_ranks_and_offers_what_its_parameters_say(bench: Bench) -> None:
    client = await bench.client()
    await client.send(24, 1)
    tree = ET.fromstring((await client.find("19"))[2])  # noqa: S314 - our own answer
    codes = [e.text or "" for e in tree.iter("scanCode")]
    places = [e.text or "" for e in tree.iter("locationCode")]
    assert len(codes) == 5
    for number, (code, place) in enumerate(zip(codes, places * 2, strict=False)):
        await client.send(*scan(number, code=code, location=place))
        found = await client.find("20", "3", str(number))
        assert found[3] == "5"
        assert len(found) == 4 + 16 * 5
        assert [found[4 + 16 * n] for n in range(5)] == list("01234")
        await client.send(23, 1, number)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        (scan(1, code="TOP_SECRET"), 165),
        (scan(1, location="STK.MOON"), 165),
        (scan(1, rows=0), 321),
        ((23, 1, 1), 300),
        ((84, 1, "NOBODY", "x"), 10276),
        ((84, 1, "BRFG", "BRFG$1-1"), 10172),
        ((84, 1, "BRFG", "nonsense"), 10172),
        ((86, 1, 265598, "NOBODY", "", "", 5, ""), 10276),
        ((86, 1, 42, "BRFG", "", "", 5, ""), 321),
        ((86, 1, 265598, "BRFG", "soon", "", 5, ""), 321),
        ((100, 1), 10276),
    ],
)
async def test_what_cannot_be_had_is_an_error(bench: Bench, fields: tuple[str | int, ...], code: int) -> None:
    client = await bench.client()
    await client.send(*fields)
    assert (await client.error(1))[0] == code


async def test_eleventh_scanner_is_too_many(bench: Bench) -> None:
    client = await bench.client()
    for number in range(11):
        await client.send(*scan(number))
    assert (await client.error(10))[0] == 322
