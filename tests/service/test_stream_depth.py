"""Books: whole ones, the newest only; breaks and resets told; none left open at the gateway."""

import pytest
import trio

from ibactors.sim import SimulatorOptions
from tests.conftest import DEADLINE, Service, running_service
from tests.following import Follower
from tests.service.test_events import events_at


def is_a_book(message: dict[str, list[dict[str, float]]], rows: int) -> None:
    bids, asks = ([row["price"] for row in message[side]] for side in ("bids", "asks"))
    assert bids == sorted(bids, reverse=True)
    assert asks == sorted(asks)
    assert 0 < len(bids) <= rows
    assert 0 < len(asks) <= rows
    assert bids[0] < asks[0]


async def test_whole_books_come_with_rising_numbers() -> None:
    async with running_service(options=SimulatorOptions(rate=50)) as service, service.stream() as stream, service.stream() as other:
        await stream.send(action="subscribe", channel="depth", symbol="AAPL", rows=3, id=7)
        await other.send(action="subscribe", channel="depth", symbol="AAPL", rows=10)
        numbers = []
        for _ in range(10):
            book = await stream.expect("depth", symbol="AAPL", id=7)
            is_a_book(book, 3)
            numbers.append(book["sequence"])
        assert numbers == sorted(set(numbers))
        assert {row["maker"] for row in book["bids"]} != {None}
        while len((book := await other.expect("depth"))["bids"]) < 10:
            pass
        is_a_book(book, 10)
        assert (await service.gateway.stats())["streams"] == {"depth": 1}


async def test_who_wants_changes_has_the_same_book_over_websocket_and_events() -> None:
    async with (
        running_service(options=SimulatorOptions(rate=50)) as service,
        service.stream() as stream,
        service.stream() as whole,
        events_at(service, "/stream?channels=depth&symbols=AAPL&rows=10&delta=true") as source,
    ):
        await stream.send(action="subscribe", channel="depth", symbol="AAPL", rows=10, delta=True)
        await whole.send(action="subscribe", channel="depth", symbol="AAPL", rows=10)
        books = {book["sequence"]: book for book in [await whole.expect("depth") for _ in range(40)]}
        for client in (stream, source):
            follower = Follower()
            compared = 0
            with trio.fail_after(2 * DEADLINE):
                while compared < 5 or follower.deltas < 5:
                    follower.take(await client.receive())
                    if follower.book is not None and (same := books.get(follower.book["sequence"])) is not None:
                        assert (follower.book["bids"], follower.book["asks"]) == (same["bids"], same["asks"])
                        compared += 1
        assert (await service.gateway.stats())["streams"] == {"depth": 1}


async def test_one_look_takes_the_shared_book_and_a_break_voids_it(service: Service) -> None:
    book = await service.get("/market/depth/AAPL?rows=5")
    is_a_book(book, 5)
    assert (book["symbol"], book["smart"], book["con_id"]) == ("AAPL", True, 265598)
    again = await service.get("/market/depth/AAPL?rows=2")
    assert again["sequence"] >= book["sequence"]
    async with service.stream() as stream:
        await stream.send(action="subscribe", channel="depth", symbol="AAPL")
        await stream.expect("depth")
        await service.gateway.do("refuse 1")
        stale = await stream.expect("stale", channel="depth")
        assert (stale["symbol"], stale["code"]) == ("AAPL", "gateway_disconnected")
        assert (await service.get("/market/depth/AAPL", status=503))["code"] == "gateway_disconnected"
        await stream.expect("status", connected=True)
        is_a_book(await stream.expect("depth"), 5)


async def test_a_book_that_ib_throws_away_is_told_and_comes_anew(service: Service) -> None:
    async with service.stream() as stream:
        await stream.send(action="subscribe", channel="depth", symbol="AAPL", rows=20)
        before = await stream.expect("depth")
        await service.gateway.do("halt AAPL")
        await service.gateway.do("reset-depth AAPL")
        # The reset itself may be replaced by the book that comes at once after it: then that has a number far above.
        while (after := await stream.receive())["type"] != "reset" and after["sequence"] < before["sequence"] + 30:
            pass
        await service.gateway.do("resume AAPL")
        is_a_book(await stream.expect("depth"), 20)


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("SPX?sec_type=IND", "depth_not_supported"),
        ("NOSUB", "market_data_not_subscribed"),
        ("BADSYM", "contract_not_found"),
        ("AAPL?rows=21", "invalid_request"),
    ],
)
async def test_what_has_no_book_is_refused(service: Service, path: str, code: str) -> None:
    response = await service.http.get(f"/market/depth/{path}")
    assert response.json()["code"] == code


async def test_an_exchange_and_forex_have_a_book_of_their_own(service: Service) -> None:
    assert (await service.get("/market/depth/EUR.USD"))["bids"][0]["maker"] is None
    assert (await service.get("/market/depth/AAPL?smart=false"))["exchange"] == "NASDAQ"


async def test_the_login_has_three_books_and_a_refusal_says_who_holds_them(service: Service) -> None:
    async with service.stream() as stream:
        await stream.send(action="subscribe", channel="depth", symbols=["AAPL", "MSFT", "IBM"])
        for symbol in ("AAPL", "MSFT", "IBM"):
            await stream.expect("depth", symbol=symbol)
        problem = await service.get("/market/depth/TSLA", status=429)
        assert problem["code"] == "depth_limit"
        assert {"name": "books", "limit": 3, "used": 3, "yours": 3}.items() <= problem["budget"].items()
        report = await service.get("/debug/actors")
        assert {"name": "books", "limit": 3, "used": 3}.items() <= next(b for b in report["budgets"] if b["name"] == "books").items()
        assert 'ibactors_budget_used{budget="books"} 3.0' in (await service.http.get("/metrics")).text
