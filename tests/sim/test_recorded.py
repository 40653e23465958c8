"""Frames of real gateways, read from data: for each the simulator has one like it, field by field.

Alike means: of the same kind, of the same length, and in every field the same sort of thing, nothing, a number or
a text. In lists the head is compared so, and every recorded row has a simulated row like it.
"""

import datetime as dt
import json
import re
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trio

from ibactors.sim import Simulator, SimulatorOptions
from tests.sim.rawclient import Bench, contract, contract_details, market_data, pack

RECORDED = json.loads((Path(__file__).parent / "data" / "recorded_market.json").read_text())["frames"]
STOCK, TESLA, INDEX, PAIR = contract("AAPL"), contract("TSLA"), contract("SPX", "IND", "CBOE"), contract("EUR", "CASH", "IDEALPRO")
FUTURE = contract("ES", "FUT", "CME", expiry="202612")
# Shortly before five seconds are full, so that the real-time bar is not long in coming.
NOON = dt.datetime(2026, 11, 24, 17, 0, 4, 900_000, tzinfo=dt.UTC)
# Message: fields before the rows, fields of a row, fields after the rows.
ROWS = {"17": (5, 8, 0), "96": (3, 4, 1), "97": (3, 6, 1), "98": (3, 6, 1), "20": (4, 16, 0), "106": (6, 3, 0)}
# Which field says what a frame is about, where a kind has several sorts: it must be the same.
SUBJECT = {"4": (3,), "10": (3,), "1": (3,), "61": (5,), "71": (6,)}


@dataclass(frozen=True)
class Shape:
    """What each field is, and the sorts of rows."""

    head: tuple[str, ...]
    rows: frozenset[tuple[str, ...]]

    @classmethod
    def of(cls, fields: list[str]) -> "Shape":
        if fields[0] not in ROWS:
            return cls(sorts(fields), frozenset())
        before, width, after = ROWS[fields[0]]
        body = fields[before : len(fields) - after]
        assert len(body) % width == 0, fields
        rows = {sorts(body[n : n + width]) for n in range(0, len(body), width)}
        return cls(sorts(fields[:before] + fields[len(fields) - after :]), frozenset(rows))

    def covers(self, other: "Shape") -> bool:
        return self.head == other.head and self.rows >= other.rows


def sorts(fields: list[str]) -> tuple[str, ...]:
    return tuple("" if f == "" else "number" if re.fullmatch(r"-?\d+(\.\d+)?", f) else "text" for f in fields)


@pytest.fixture
async def recording(nursery: trio.Nursery) -> AsyncIterator[Bench]:
    """A simulator at noon on a trading day."""
    simulator = Simulator(SimulatorOptions(port=0, control_port=0, rate=20, now=lambda: NOON))
    bench = Bench(await nursery.start(simulator.run))
    yield bench
    bench.close()
    nursery.cancel_scope.cancel()


def questions(version: int) -> list[bytes]:
    """What has to be asked for one frame and more of every recorded kind."""

    def history(request_id: int, block: tuple[str | int, ...], size: str, what: str) -> bytes:
        return pack(20, request_id, *block, 0, "", size, "3 D", 1, what, 1, 0, "")

    def ticks(request_id: int, what: str) -> bytes:
        return pack(96, request_id, *STOCK, 0, "", "20261123 20:00:00 UTC", 200, what, 1, 0, "")

    option = contract("AAPL", "OPT", expiry="202612", strike="230", right="P")
    return [
        pack(49, 1),
        pack(61, 1),
        pack(6, 2, 1, "DU1234567"),
        pack(62, 1, 1, "All", "AccountType,NetLiquidation,TotalCashValue,GrossPositionValue"),
        pack(74, 1, 2, "DU1234567", ""),
        pack(76, 1, 3, "DU1234567", "", 0),
        contract_details(4, TESLA, version=version),
        contract_details(5, contract("TSLA", exchange="AMEX"), version=version),
        contract_details(6, FUTURE, version=version),
        contract_details(7, option, version=version),
        history(8, STOCK, "1 day", "TRADES"),
        history(9, PAIR, "1 day", "MIDPOINT"),
        history(10, STOCK, "30 mins", "TRADES"),
        history(11, STOCK, "1 day", "SCHEDULE"),
        ticks(12, "TRADES"),
        ticks(13, "BID_ASK"),
        ticks(14, "MIDPOINT"),
        pack(86, 15, 265598, "DJ-N+BRFG", "", "", 3, ""),
        pack(22, 16, 10, "STK", "STK.US.MAJOR", "TOP_PERC_GAIN", *[""] * 18),
        market_data(17, INDEX),
    ]


async def simulated(bench: Bench, version: int) -> list[list[str]]:
    client = await bench.dial()
    frames = [await client.shake_hands(f"v100..{version}")]
    await client.send(71, 2, 28, "")
    frames += await client.until("4", "2", "-1", "2158")
    for question in questions(version):
        await client.stream.send_all(question)
    await client.send(50, 3, 18, *FUTURE, 5, "TRADES", 0, "")
    # These answers come from tasks of their own and may overtake each other.
    awaited = Counter({"17": 3, "106": 1, "20": 1, "50": 1})
    while awaited - Counter(f[0] for f in frames):
        frames.append(await client.frame())
    return [*frames, *await client.synchronise()]


@pytest.mark.parametrize("version", sorted({r["version"] for r in RECORDED}))
async def test_every_recorded_frame_has_one_like_it(recording: Bench, version: int) -> None:
    frames = await simulated(recording, version)
    lonely = [r for r in RECORDED if r["version"] == version and not any(alike(r, f) for f in frames)]
    assert not lonely, [(r["name"], r["fields"]) for r in lonely]


def alike(recorded: dict[str, object], frame: list[str]) -> bool:
    fields = recorded["fields"]
    assert isinstance(fields, list)
    if recorded["name"] == "handshake":
        return frame[0] == fields[0] and sorts(frame) == sorts(fields)
    if frame[0] != fields[0] or any(frame[n] != fields[n] for n in SUBJECT.get(fields[0], ()) if n < len(frame)):
        return False
    if not recorded["whole"]:
        return len(frame) > len(fields) and sorts(frame[: len(fields)]) == sorts(fields)
    return Shape.of(frame).covers(Shape.of(fields))


def test_recorded_frames_are_many_and_of_many_kinds() -> None:
    assert len(RECORDED) >= 45
    assert len({r["fields"][0] for r in RECORDED}) >= 20


@pytest.mark.parametrize("recorded", [r for r in RECORDED if r["whole"] and r["name"] != "handshake"], ids=lambda r: r["name"])
def test_frame_with_a_field_more_or_of_another_sort_is_not_alike(recorded: dict[str, object]) -> None:
    fields = recorded["fields"]
    assert isinstance(fields, list)
    assert alike(recorded, fields)
    if fields[0] not in ROWS:
        assert not alike(recorded, [*fields, ""])
    other = [*fields[:1], "" if fields[1] else "1", *fields[2:]]
    assert not alike(recorded, other)
