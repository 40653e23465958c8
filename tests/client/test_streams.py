"""Streams over broken connections: what is said then, and what is not shown again."""

import json
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx2
import pytest
import trio
from ibactors_client import AsyncClient, Client, Message, NotTheService, Problem, Quote, Stale
from ibactors_client.streams import Follower

QUOTE: dict[str, Any] = {
    **dict.fromkeys("primary_exchange expiry strike right multiplier trading_class local_symbol market as_of".split()),
    **dict.fromkeys("bid bid_size ask ask_size last last_size last_timestamp open high low close volume halted".split()),
    "type": "quote",
    "symbol": "AAPL",
    "con_id": 265598,
    "sec_type": "STK",
    "exchange": "SMART",
    "currency": "USD",
    "market_data_type": "realtime",
    "timestamp": "2026-11-27T15:00:00Z",
}


def data(message: dict[str, Any], place: str = "") -> bytes:
    return (f"id: {place}\n" if place else "").encode() + b"data: " + json.dumps(message, ensure_ascii=False).encode() + b"\n\n"


def follower() -> Follower:
    return Follower("/stream", {"symbols": "AAPL"})


def test_events_are_read_whatever_the_pieces() -> None:
    whole = b": hello\n\n" + data({"type": "headline", "headline": "a\u2028b\x85c"}, "h=1") + data({**QUOTE, "bid": 1.5})
    stream = follower()
    events = [event for byte in whole for event in stream.feed(bytes([byte]))]
    assert events[0] == Message(type="headline", data={"type": "headline", "headline": "a\u2028b\x85c"})
    assert isinstance(events[1], Quote)
    assert (events[1].bid, stream.last_event_id) == (1.5, "h=1")


def test_break_makes_what_was_shown_stale_once() -> None:
    stream = follower()
    list(stream.feed(data({**QUOTE, "bid": 1.5})))
    assert [(event.symbol, event.code) for event in stream.broke("cut") if isinstance(event, Stale)] == [
        ("AAPL", "client_disconnected"),
        (None, "client_disconnected"),
    ]
    assert len(list(stream.broke("cut"))) == 1


def test_half_an_event_is_dropped_and_the_place_kept() -> None:
    stream = follower()
    list(stream.feed(data({"type": "tick"}, "t=7") + b'id: t=8\ndata: {"type": "ti'))
    request, headers = stream.request()
    assert (request.params["symbols"], headers["Last-Event-ID"]) == ("AAPL", "t=7")
    assert [event.type for event in stream.feed(data({"type": "tick"}, "t=8")) if isinstance(event, Message)] == ["tick"]


def test_what_cannot_be_read_ends_the_stream() -> None:
    with pytest.raises(NotTheService):
        list(follower().feed(data({"type": "quote", "bid": "much"})))


class Broken(httpx2.SyncByteStream, httpx2.AsyncByteStream):
    """A body that breaks off."""

    def __init__(self, *chunks: bytes) -> None:
        self.chunks = chunks

    def __iter__(self) -> Iterator[bytes]:
        yield from self.chunks
        raise httpx2.ReadError("reset")

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self.chunks:
            yield chunk
        raise httpx2.ReadError("reset")


def breaking(seen: list[httpx2.Request]) -> Callable[[httpx2.Request], httpx2.Response]:
    """A service that breaks off, is not there for a moment, then says another price."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        if len(seen) == 2:
            return httpx2.Response(503, json={"code": "x", "detail": "x"}, headers={"Content-Type": "application/problem+json"})
        if len(seen) == 4:
            return httpx2.Response(404, json={"code": "gone", "detail": "x"}, headers={"Content-Type": "application/problem+json"})
        body = Broken(data({**QUOTE, "bid": 1.0 + len(seen)}, "q=1"))
        return httpx2.Response(200, headers={"Content-Type": "text/event-stream"}, stream=body)

    return answer


def bids(events: list[Any]) -> list[float | str | None]:
    return [event.bid if isinstance(event, Quote) else event.symbol or "all" for event in events]


EXPECTED = [2.0, "AAPL", "all", "all", 4.0, "AAPL", "all"]


async def test_async_stream_says_stale_comes_again_and_ends_at_a_refusal(autojump_clock: trio.abc.Clock) -> None:
    seen: list[httpx2.Request] = []
    events: list[Any] = []
    async with AsyncClient("http://x", transport=httpx2.MockTransport(breaking(seen))) as ib, ib.stream("AAPL") as stream:
        with pytest.raises(Problem, match="gone"):
            async for event in stream:
                events.append(event)  # noqa: PERF401 (what came before the error counts)
    assert bids(events) == EXPECTED
    assert [request.headers.get("last-event-id") for request in seen] == [None, "q=1", "q=1", "q=1"]


def test_sync_stream_does_the_same() -> None:
    events: list[Any] = []
    with Client("http://x", transport=httpx2.MockTransport(breaking([]))) as ib, ib.stream("AAPL") as stream, pytest.raises(Problem):
        for event in stream:
            events.append(event)  # noqa: PERF402 (what came before the error counts)
    assert bids(events) == EXPECTED
