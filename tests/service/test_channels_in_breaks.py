"""Every channel through every kind of break: told before anything new, refilled, no number missing, nothing left open at the gateway.

The table is `BREAKS`; all rows are played at the same time, some at once, each against a service and a gateway of its own.
"""

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest
import trio

from ibactors.sim import SimulatorOptions
from tests.conftest import DEADLINE, Service, Stream, eventually, running_service
from tests.service.test_stream_depth import is_a_book

AT_ONCE = 4
HOLD = 3.0
"""Seconds that a break lasts that has an end."""
CHANNELS: dict[str, dict[str, Any]] = {
    "quotes": {"symbol": "AAPL"},
    "account": {},
    "pnl": {},
    "portfolio": {},
    "ticks": {"symbol": "AAPL", "kind": "bid_ask"},
    "depth": {"symbol": "AAPL"},
    "bars": {"symbol": "AAPL", "bar": "5s"},
    "news": {"symbol": "AAPL"},
    "bulletins": {},
    "scanner": {"code": "MOST_ACTIVE"},
}
VALUES = frozenset({"quote", "account", "pnl", "portfolio", "tick", "depth", "bar", "headline", "bulletin", "scan"})
VOIDS = frozenset({"stale", "gap", "reset"})
MARKET = frozenset({"quotes", "pnl", "depth", "bars", "news", "scanner"})
"""What is told when data stop. Ticks are not: what was missed is filled in, or told as a gap. Bulletins of the day come again."""
SESSION = MARKET | {"account", "portfolio"}
"""What is told when the session stops, or IB behind it."""


@dataclass(frozen=True, kw_only=True)
class Break:
    """One row: what is done to the gateway, and of which channels that is told."""

    begin: tuple[str, ...]
    end: str | None = None
    told: frozenset[str] = SESSION
    frozen: bool = False
    """Whether what was shown before may be shown again, as IB had nothing else."""


BREAKS = {
    "socket reset": Break(begin=("drop",)),
    "1100, 1102 (data maintained)": Break(begin=("1100",), end="1102"),
    "1100, 1101 (data lost)": Break(begin=("1100",), end="1101"),
    "gateway restarted": Break(begin=("restart 1",)),
    "midnight": Break(begin=("nightly 3",)),
    "silence": Break(begin=("mute",), end="unmute", frozen=True),
    "farm": Break(begin=("farm-down usfarm",), end="farm-up usfarm", told=MARKET),
    "farm, lines dead": Break(begin=("dead-farm usfarm",), told=MARKET),
    "10197 (competing session)": Break(begin=("competing on",), end="competing off", told=frozenset({"quotes", "depth", "bars", "news"})),
    "317 (book thrown away)": Break(begin=("reset-depth AAPL",), told=frozenset({"depth"})),
    "354 after a break": Break(begin=("outage AAPL 354", "drop"), end="outage AAPL off"),
}


@dataclass
class Seen:
    """What one client has got, by channel."""

    messages: dict[str, list[Any]] = field(default_factory=lambda: {channel: [] for channel in CHANNELS})

    def take(self, message: Any) -> None:
        if message["type"] in VALUES | VOIDS:
            self.messages[message["id"]].append(message)
        assert message["type"] not in {"error", "unsubscribed"}, message

    def marks(self) -> dict[str, int]:
        return {channel: len(messages) for channel, messages in self.messages.items()}

    def since(self, marks: dict[str, int], channel: str) -> list[Any]:
        return self.messages[channel][marks[channel] :]

    def refilled(self, marks: dict[str, int], told: frozenset[str]) -> bool:
        """Whether each channel has told of the break, if it is to, and has had a value after that."""
        return all(self.fresh(marks, channel, told=channel in told) for channel in told | {"ticks", "bulletins"})

    def fresh(self, marks: dict[str, int], channel: str, *, told: bool) -> list[Any]:
        """What was told of the break, if it is, and the first value after that; empty until there is one."""
        void = None
        for message in self.since(marks, channel):
            if message["type"] in VOIDS:
                void = void or message
            elif void or not told:
                return [void, message]
        return []


@pytest.mark.slow
@pytest.mark.alone
async def test_every_channel_comes_through_every_break() -> None:
    wrong: dict[str, str] = {}
    limiter = trio.CapacityLimiter(AT_ONCE)

    async def run(name: str, row: Break) -> None:
        async with limiter:
            try:
                await play(row)
            except* (AssertionError, trio.TooSlowError) as group:
                wrong[name] = repr(innermost(group))

    async with trio.open_nursery() as nursery:
        for name, row in BREAKS.items():
            nursery.start_soon(run, name, row)
    assert not wrong


def innermost(error: BaseException) -> BaseException:
    return innermost(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error


async def play(row: Break) -> None:
    seen = Seen()
    async with (
        running_service(options=SimulatorOptions(rate=10), probe_idle=0.5, probe_timeout=10.0) as service,
        service.stream() as stream,
    ):
        await subscribe(stream)
        await listen(stream, seen, until=lambda: all(seen.messages.values()))
        before = await held(service)
        marks = seen.marks()
        for command in row.begin:
            await service.gateway.do(command)
        if row.end:
            with trio.move_on_after(HOLD):
                await listen(stream, seen, until=lambda: False)
            await service.gateway.do(row.end)
        await service.until("/health", lambda response: response.json()["session"]["phase"] == "up", within=2 * DEADLINE)
        await service.gateway.do("bulletin the break is over")
        try:
            await listen(stream, seen, until=lambda: seen.refilled(marks, row.told))
        except trio.TooSlowError:
            late = {channel: [each["type"] for each in seen.since(marks, channel)][-3:] for channel in CHANNELS}
            raise AssertionError(late) from None
        judge(seen, marks, row)
        await compare(service, seen.messages["ticks"])
        await holds(service, before, within=DEADLINE)


async def subscribe(stream: Stream) -> None:
    for channel, terms in CHANNELS.items():
        await stream.send(action="subscribe", id=channel, **terms, **({} if channel == "quotes" else {"channel": channel}))


async def listen(stream: Stream, seen: Seen, until: Any) -> None:
    with trio.fail_after(3 * DEADLINE):
        while not until():
            seen.take(await stream.receive(2 * DEADLINE))


async def held(service: Service) -> Any:
    """What is open at the gateway, by its own count."""
    stats = await service.gateway.stats()
    return {name: dict(sorted(stats[name].items())) for name in ("lines", "streams", "repeating")}


async def holds(service: Service, wanted: Any, *, within: float) -> None:
    """Wait until just that is open at the gateway."""
    found: list[Any] = []

    async def is_so() -> bool:
        found.append(await held(service))
        return bool(found[-1] == wanted)

    try:
        await eventually(is_so, within)
    except trio.TooSlowError:
        raise AssertionError(f"open: {found[-1]}, expected: {wanted}") from None


def judge(seen: Seen, marks: dict[str, int], row: Break) -> None:
    for channel in ("ticks", "bars", "news", "bulletins"):
        for earlier, later in pairwise(seen.messages[channel]):
            assert later["sequence"] == earlier["sequence"] + (later.get("lost") or 1), (channel, earlier, later)
    books = [message for message in seen.messages["depth"] if message["type"] == "depth"]
    for book in books:
        is_a_book(book, 5)
    assert [book["sequence"] for book in books] == sorted({book["sequence"] for book in books})
    for channel in row.told - {"news"}:
        void, fresh = seen.fresh(marks, channel, told=True)
        since = void.get("since", "")  # a book that IB has thrown away may come anew in the same packet
        assert row.frozen or fresh.get("timestamp", since) >= since, (channel, void, fresh)


async def compare(service: Service, messages: list[Any]) -> None:
    """Between the first and the last second all ticks that IB knows of have come, once, or a gap says that they may not have."""
    if any(message["type"] == "gap" for message in messages):
        return
    first, last = messages[0]["t"], messages[-1]["t"]
    inner = [message for message in messages if first < message["t"] < last]
    if not inner:
        return  # the break was over before a whole second was
    query = f"start={inner[0]['t']}&end={last}&rth=false&limit=1000&what=bid_ask"
    past = (await service.get(f"/history/ticks/AAPL?{query}"))["ticks"]
    told, known = ([(tick["t"], tick["bid"], tick["ask"]) for tick in ticks] for ticks in (inner, past))
    assert told[: len(known)] == known, f"{len(told)} told, {len(known)} known"


@pytest.mark.slow
@pytest.mark.alone
async def test_nothing_is_left_at_the_gateway_after_the_clients_have_gone() -> None:
    async with running_service(options=SimulatorOptions(rate=10), line_idle_seconds=5.0) as service:
        nobody = await held(service)
        async with service.stream() as stream:
            await subscribe(stream)
            seen = Seen()
            await listen(stream, seen, until=lambda: all(seen.messages.values()))
            for command in ("drop", "1101"):
                marks = seen.marks()
                await service.gateway.do(command)
                await service.gateway.do("bulletin still here")
                await listen(stream, seen, until=lambda marks=marks: seen.refilled(marks, SESSION))
        await holds(service, nobody, within=150)
