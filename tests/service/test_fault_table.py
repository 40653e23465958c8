"""Every row of the table of faults, several at a time; prints what was measured (`./dev faults` shows it)."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import trio

from tests.conftest import POLL, ErrorLog, Service, Stream, running_service
from tests.service.faults import SCRIPTED, SIMULATED, Fault, Shows
from tests.service.scripted import Scripted, running_script

AT_ONCE = 6


@dataclass
class Measured:
    """What became of a row."""

    notice: float | None = None
    recovery: float | None = None
    wrong: str | None = None


@pytest.mark.slow
@pytest.mark.alone
async def test_every_fault_shows_what_the_table_says(error_log: ErrorLog) -> None:
    rows = SIMULATED + SCRIPTED
    assert len(rows) >= 30
    measured = {fault.name: Measured() for fault in rows}
    limiter = trio.CapacityLimiter(AT_ONCE)
    async with trio.open_nursery() as nursery:
        for fault in rows:
            nursery.start_soon(run_row, fault, measured[fault.name], limiter)
    print()  # noqa: T201  # the table is for people who run it with -s
    for name, result in measured.items():
        print(f"{name:52} {shown(result.notice):>8} {shown(result.recovery):>8}  {result.wrong or ''}")  # noqa: T201
    assert not {name: result.wrong for name, result in measured.items() if result.wrong}
    error_log.take()  # frames that cannot be decoded are logged by ib_async


async def run_row(fault: Fault, measured: Measured, limiter: trio.CapacityLimiter) -> None:
    async with limiter:
        try:
            async with behind(fault) as (service, act):
                await play(fault, service, act, measured)
        except* (TimeoutError, AssertionError, trio.TooSlowError) as group:
            measured.wrong = measured.wrong or repr(group.exceptions[0])


Act = Callable[[Any], Awaitable[None]]


@asynccontextmanager
async def behind(fault: Fault) -> AsyncIterator[tuple[Service, Act]]:
    """A service behind the gateway of the row, and how to do something to that gateway."""
    if fault.script is None:
        async with running_service(wait=fault.connects, **fault.settings) as service:
            yield service, service.gateway.do
    else:
        async with (
            running_script(dict(fault.script), version=fault.version, chunk=fault.chunk) as scripted,
            running_service(gateway_port=scripted.port, wait=fault.connects, **fault.settings) as service,
        ):

            async def act(action: Callable[[Scripted], Awaitable[None]]) -> None:
                await action(scripted)

            yield service, act


async def play(fault: Fault, service: Service, act: Act, measured: Measured) -> None:
    symbol = "AAPL" if fault.script is None else "TSLA"
    async with service.stream() as stream:
        if fault.do is not None:
            await until_it_shows(fault.after, service, stream, symbol, 10)
            await act(fault.do)
            if fault.during is not None:
                measured.notice = await timed(measured, "during", fault.during, service, stream, symbol, fault.notice)
            if fault.undo is not None:
                await act(fault.undo)
        measured.recovery = await timed(measured, "after", fault.after, service, stream, symbol, fault.recovery)


async def timed(measured: Measured, when: str, shows: Shows, service: Service, stream: Stream, symbol: str, within: float) -> float | None:
    began = trio.current_time()
    last = await until_it_shows(shows, service, stream, symbol, within + 4)
    took = trio.current_time() - began
    if last is not None:
        measured.wrong = f"{when}: {last}"
    elif took > within:
        measured.wrong = f"{when}: took {took:.2f} s, more than {within:g} s"
    return took


async def until_it_shows(shows: Shows, service: Service, stream: Stream, symbol: str, within: float) -> str | None:
    """Wait until everything is as the row says; what was different at the end, or None."""
    last: str | None = "nothing was looked at"
    await stream.send(action="subscribe", symbol=symbol)
    with trio.move_on_after(within):
        while last is not None:
            last = await difference(shows, service, symbol)
            await trio.sleep(POLL)
        if shows.stream is not None:
            last = f"no {shows.stream} message came"
            await stream.expect(shows.stream, symbol=symbol)
            last = None
    return last


async def difference(shows: Shows, service: Service, symbol: str) -> str | None:
    """What is not as it should be, if anything."""
    health = await service.http.get("/health")
    assert health.status_code == 200
    body = health.json()
    if (body["status"], body["ib_connected"]) != (shows.health, shows.connected) or shows.reason not in (body["reason"] or ""):
        return f"health is {body}"
    if body["session"]["epoch"] < shows.epoch:
        return f"there was no new session: {body}"
    quote = await service.http.get(f"/market/quote/{symbol}")
    if (quote.status_code, quote.json().get("code")) != (shows.quote, shows.code):
        return f"quote is {quote.status_code} {quote.text[:200]}"
    account = await service.http.get("/account/summary")
    return None if account.status_code == shows.account else f"account is {account.status_code} {account.text[:200]}"


def shown(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.2f} s"
