"""Live bars, through a real client: forming and final ones, and what comes in place of those that a break has swallowed."""

import datetime as dt
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio

from ibactors.service import Terms
from ibactors.sim import SimulatorOptions
from tests.conftest import Service, Stream, eventually, running_service

OPENED = dt.datetime(2026, 11, 18, 15, 0, 20, tzinfo=dt.UTC)
"""A Wednesday morning in New York."""
SPEED = 60.0


@asynccontextmanager
async def fast_service() -> AsyncIterator[Service]:
    """Whose gateway and histories have a minute per second: bars of a minute are over soon."""
    begun = time.monotonic()

    def now() -> dt.datetime:
        return OPENED + dt.timedelta(seconds=(time.monotonic() - begun) * SPEED)

    terms = Terms(clock=lambda: now().timestamp())
    async with running_service(options=SimulatorOptions(now=now), terms=terms) as service:
        yield service


class Seen:
    """The final bars that a client has got, by time."""

    def __init__(self) -> None:
        self.final: dict[str, Any] = {}
        self.double: list[str] = []
        self.backfilled = 0
        self.messages: list[Any] = []

    async def listen(self, stream: Stream, *, bars: int, within: float = 20.0) -> None:
        """Until so many bars are final."""
        with trio.fail_after(within):
            while len(self.final) < bars:
                self.take(await stream.receive(within))

    def take(self, message: Any) -> None:
        self.messages.append(message)
        if message["type"] == "bar" and message["final"]:
            if message["t"] in self.final:
                self.double.append(message["t"])
            self.final[message["t"]] = {name: message[name] for name in ("o", "h", "l", "c", "v", "vwap", "n")}
            self.backfilled += message["backfill"]


async def historical(service: Service, first: str, last: str, bar: str) -> dict[str, Any]:
    """The same bars, from history."""
    page = await service.get(f"/history/bars/AAPL?bar={bar}&start={first}&limit=500&rth=false&end={last}")
    return {row["t"]: {name: row[name] for name in ("o", "h", "l", "c", "v", "vwap", "n")} for row in page["bars"]}


async def hold_up(service: Service, how: str) -> None:
    """One break, of some bars."""
    match how:
        case "drop":
            await service.gateway.do("refuse 2")
            await service.gateway.do("drop")
        case "1101" | "1102":
            await service.gateway.do("1100")
            await trio.sleep(1.5)
            await service.gateway.do(how)


async def bars_over_breaks(service: Service, *breaks: str) -> Seen:
    """Bars of a minute with breaks between them, compared with history."""
    seen = Seen()
    async with service.stream() as stream:
        await stream.send(action="subscribe", channel="bars", symbol="AAPL", bar="1m", rth=False, id=3)
        await stream.expect("subscribed", id=3)
        await seen.listen(stream, bars=2)
        for how in breaks:
            await hold_up(service, how)
            await seen.listen(stream, bars=len(seen.final) + 4)
        with trio.fail_after(20):
            while missing := expected(seen) - seen.final.keys():
                message = await stream.receive(20)
                assert message["type"] != "gap", (message, missing)
                seen.take(message)
    assert not seen.double
    times = sorted(seen.final)
    end = (dt.datetime.fromisoformat(times[-1]) + dt.timedelta(seconds=1)).isoformat().replace("+00:00", "Z")
    past = await historical(service, times[0], end, "1m")
    assert past.keys() == seen.final.keys(), "none missing"
    assert not [(at, past[at], seen.final[at]) for at in past if past[at] != seen.final[at]]
    sequences = [message["sequence"] for message in seen.messages if "sequence" in message]
    assert sequences == list(range(sequences[0], sequences[0] + len(sequences)))
    return seen


def expected(seen: Seen) -> set[str]:
    """Each minute between the first and the last."""
    first, last = (dt.datetime.fromisoformat(text) for text in (min(seen.final), max(seen.final)))
    minutes = range(int((last - first).total_seconds()) // 60 + 1)
    return {f"{first + dt.timedelta(minutes=n):%Y-%m-%dT%H:%M:%S}.000000Z" for n in minutes}


async def test_bars_of_a_break_come_from_history_and_equal_it() -> None:
    async with fast_service() as service:
        seen = await bars_over_breaks(service, "1102")
    assert seen.backfilled
    assert [message["code"] for message in seen.messages if message["type"] == "stale"]
    forming = [message for message in seen.messages if message["type"] == "bar" and not message["final"]]
    assert forming, "bars are told while they form"
    assert all(message["con_id"] == 265598 and message["id"] == 3 for message in forming)


@pytest.mark.slow
async def test_live_bars_equal_historical_ones_after_three_breaks() -> None:
    async with fast_service() as service:
        seen = await bars_over_breaks(service, "drop", "1101", "1102")
    assert seen.backfilled >= 3


async def test_bars_that_nobody_has_are_refused_by_name(service: Service) -> None:
    async with service.stream() as stream:
        for wrong, field in ({"bar": "1s"}, "bar"), ({"what": "adjusted_last"}, "what"), ({"interval_ms": 5}, "interval_ms"):
            await stream.send(action="subscribe", channel="bars", symbol="AAPL", id=field, **wrong)
            assert (await stream.expect("error", id=field))["field"] == field
        await stream.send(action="subscribe", channel="bars", symbol="NOSUCH", id=1)
        assert (await stream.expect("error", id=1))["code"] == "contract_not_found"
        await stream.expect("unsubscribed", id=1)


async def test_five_second_bars_are_final_and_end_with_the_subscription(service: Service) -> None:
    async with service.stream() as stream:
        await stream.send(action="subscribe", channel="bars", symbol="AAPL", bar="5s")
        bar = await stream.expect("bar")
        assert (bar["final"], bar["backfill"], bar["bar"]) == (True, False, "5s")
        await stream.send(action="unsubscribe", channel="bars", symbol="AAPL", bar="5s")
        await stream.expect("unsubscribed")


async def test_live_small_bars_are_paced_with_history_as_ib_counts_them() -> None:
    """Twenty series, thrice: sixty requests in ten minutes are IB's most; who comes after them is told when."""
    async with running_service(options=SimulatorOptions(extra_symbols=20)) as service:
        await service.gateway.do("pacing off")  # what is too much is counted, and would be served
        async with service.stream() as stream:
            for number in range(20):
                await stream.send(action="subscribe", channel="bars", symbol=f"S{number + 1:03}", bar="5s")
            await asked_for(service, 20)
            for asked in (40, 60):
                await service.gateway.do("1100")
                await service.gateway.do("1101")
                await asked_for(service, asked)
            await service.gateway.do("1100")
            await service.gateway.do("1101")
            told = await stream.expect("stale", code="history_pacing")
        assert "60 of the 60 requests" in told["reason"]
        assert not (await service.gateway.stats())["pacing"]["violations"]
        refused = await service.http.get("/history/bars/AAPL?bar=30s&limit=10&wait=1")
        assert refused.status_code == 429, "histories and live bars are one budget"
        assert 0 < int(refused.headers["retry-after"]) <= 606


async def asked_for(service: Service, times: int) -> None:
    """Until the gateway has been asked so often."""

    async def counted() -> bool:
        return bool((await service.gateway.stats())["pacing"]["requests"] >= times)

    await eventually(counted)
