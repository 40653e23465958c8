"""Frames of orders against those that real gateways sent: every field agrees in type, presence and default."""

import json
import pathlib
import re
from typing import Any

import pytest

from tests.sim.ordertools import answers, pinned, place
from tests.sim.rawclient import Bench, RawClient, contract
from tests.sim.test_orders_combos import spread

RECORDED: dict[str, Any] = json.loads((pathlib.Path(__file__).parent / "data/recorded_orders.json").read_text())

INT_MAX, LONG_MAX, DBL_MAX = "2147483647", "9223372036854775807", "1.7976931348623157E308"
# Texts and numbers by which a gateway says that something is not set, and words of the protocol.
FIXED = {INT_MAX, DBL_MAX, "?", "None", "IB", "-1", "BOT", "SLD", "BUY", "SELL", "Filled", "Cancelled", "PreSubmitted"}
FIXED |= {"SMART", "DAY", "GTC", "COMB", "Not an insider or substantial shareholder", "Cancelled by Trader"}
SHAPES = {
    "empty": r"",
    "integer": r"-?\d+",
    "decimal": r"-?\d+\.\d+",
    "time": r"\d{8} {1,2}\d\d:\d\d:\d\d( [A-Za-z_/]+)?",
    "execution id": r"[0-9a-f]{8}\.[0-9a-f]{8}\.\d\d\.\d\d",
    "allocation": r"\d+\.0/\w+/\d+",
    "filled": r"Filled Size: \d+",
}
# Orders of some accounts carry rule 80A, `0` for an individual, and others nothing.
RULE_80A = 34
# The recorded future has half a unit, the simulated one stands in for it with 50.
MULTIPLIER = 7


def shape(text: str) -> str:
    """What kind of field a text is; defaults and words are a kind of their own each."""
    if text in FIXED:
        return text
    return next((name for name, pattern in SHAPES.items() if re.fullmatch(pattern, text)), "text")


def differences(ours: list[str], recorded: list[str], *, ignored: tuple[int, ...] = ()) -> list[tuple[int, str, str]]:
    """Position, our field and the recorded one, wherever the two are not of one kind."""
    if len(ours) != len(recorded):
        return [(-1, str(len(ours)), str(len(recorded)))]
    pairs = enumerate(zip(ours, recorded, strict=True))
    return [(n, a, b) for n, (a, b) in pairs if shape(a) != shape(b) and n not in ignored]


async def at(bench: Bench, version: int) -> RawClient:
    return await bench.client(3, f"v100..{version}")


@pytest.mark.parametrize("case", RECORDED["fills"], ids=lambda case: case["name"])
async def test_fill_of_a_market_order_looks_as_recorded(bench: Bench, case: dict[str, Any]) -> None:
    client = await at(bench, case["version"])
    await pinned(bench, "196.50", "196.52", "196.50", case["symbol"])
    block = contract(case["symbol"])
    frames = await answers(client, place(1, **case["order"], block=block, version=case["version"]))
    assert [f[0] for f in frames] == ["5", "3", "11", "5", "3", "5", "3", "59"]
    # The second Filled orderStatus is in some recordings only.
    recorded = case["frames"]
    ours = frames[: len(recorded)] if len(recorded) < 6 else [*frames[:6], frames[7]]
    for mine, theirs in zip(ours, recorded, strict=True):
        assert differences(mine, theirs) == [], theirs[0]


async def test_cancel_looks_as_recorded(bench: Bench) -> None:
    case = RECORDED["cancel"]
    client = await at(bench, case["version"])
    await answers(client, place(1, kind="LMT", limit="1.00", version=case["version"]))
    frames = await answers(client, (4, 1, 1))
    for mine, theirs in zip(frames, case["frames"], strict=True):
        assert differences(mine, theirs) == []


async def test_first_answer_to_a_what_if_looks_as_recorded(bench: Bench) -> None:
    case = RECORDED["what_if"]
    client = await at(bench, case["version"])
    block = contract("EUR", "CASH", "IDEALPRO")
    frames = await answers(client, place(186, block=block, version=case["version"], whatIf=1))
    assert [f[0] for f in frames] == ["5", "5"]
    assert differences(frames[0], case["frame"]) == []
    assert frames[0][108].startswith(case["frame"][108])


async def completed(bench: Bench, version: int, name: str) -> list[str]:
    """Live through what the name of a recording says, and list the order that it is about."""
    client = await at(bench, version)
    await pinned(bench)
    await pinned(bench, symbol="MSFT")
    await pinned(bench, "6000.00", "6000.25", "6000.00", "ES")
    details = await answers(client, (9, 8, 3, *contract("ES", "FUT", "CME"), 0, "", "", *([""] if version >= 176 else [])))
    expiry = next(f for f in details if f[0] == "10")[4].split()[0]
    future = contract("ES", "FUT", "CME", expiry=expiry)
    spy = contract("SPY")
    await pinned(bench, "551.00", "551.02", "551.00", "SPY")
    stop = {"limit": "549.97", "aux": "550.00", "ocaGroup": "close_135", "ocaType": 1}
    stories = {
        "AAPL": [place(1, size="1", kind="LMT", limit="50.00", version=version), (4, 1, 1, "")],
        "SPY stop": [place(1, "SELL", "100", "STP", block=spy, version=version, **stop), (4, 1, 1, "")],  # type: ignore[arg-type]
        "SPY spread": [combination(version)],
        "MYM": [
            place(1, size="1", block=future, version=version, transmit=0),
            place(2, "SELL", "1", "STP", aux="6010.00", block=future, version=version, parentId=1, outsideRth=1),
        ],
        "ES limit": [place(1, size="1", kind="LMT", limit="5800.00", block=future, version=version), (4, 1, 1, "")],
        "ES GTC": [place(1, size="1", kind="LMT", limit="10.00", tif="GTC", block=future, version=version), (4, 1, 1, "")],
    }
    await answers(client, *next(story for key, story in stories.items() if name.startswith(key)))
    frames = await answers(client, (99, 0))
    assert frames.pop() == ["102"]
    return frames[-1]


def combination(version: int) -> tuple[str | int, ...]:
    fields = spread(1)
    modern = place(1, "BUY", "1", "MKT", block=contract("AAPL", "BAG"))
    plain = place(1, "BUY", "1", "LMT", "-0.57", block=contract("AAPL", "BAG"), version=version, orderRef="bpcs")
    legs = fields[35 : 35 + len(fields) - len(modern)]
    return (*plain[:35], *legs, *plain[35:])


@pytest.mark.parametrize("case", RECORDED["completed"], ids=lambda case: case["name"])
async def test_completed_order_looks_as_recorded(bench: Bench, case: dict[str, Any]) -> None:
    ours = await completed(bench, case["version"], case["name"])
    found = differences(ours, case["frame"], ignored=(MULTIPLIER, RULE_80A))
    assert found == []


async def test_positions_look_as_recorded(bench: Bench) -> None:
    client = await bench.client()
    frames = await answers(client, (61, 1))
    for recorded in RECORDED["positions"]:
        ours = next(f for f in frames if f[0] == "61" and f[5] == recorded[5])
        assert differences(ours, recorded) == []


@pytest.mark.parametrize("version", range(157, 179))
async def test_lengths_change_where_the_versions_do(bench: Bench, version: int) -> None:
    client = await at(bench, version)
    await pinned(bench)
    frames = await answers(client, place(1, version=version), (99, 0))
    by_kind = {f[0]: len(f) for f in frames}
    opened = 128 + (version >= 158) + (version >= 160) + (version >= 162) + 5 * (version >= 170) - (version >= 177)
    assert by_kind["5"] == opened
    assert by_kind["101"] == 96 + 5 * (version >= 170) - (version >= 177)
    assert by_kind["11"] == 31 + (version >= 178)
    assert (by_kind["3"], by_kind["59"]) == (12, 8)
