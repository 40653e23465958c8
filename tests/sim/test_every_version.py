"""Every answer about markets at every server version from 157 to 178, through the decoders of two client libraries."""

import builtins
import datetime as dt
import logging
from collections import Counter
from collections.abc import Iterator
from typing import Any, cast

import ibapi.decoder
import pytest
from ib_async.decoder import Decoder

from ibactors.sim import Simulator
from tests.sim.noon import simulator_at_noon
from tests.sim.rawclient import Bench, contract, market_data, pack
from tests.sim.test_recorded import questions
from tests.sim.test_sim_messages import Recorder

STOCK, PAIR = contract("AAPL"), contract("EUR", "CASH", "IDEALPRO")
CALL = contract("AAPL", "OPT", expiry="202612", strike="230", right="C")
GENERIC = "100,101,104,105,106,165,221,225,232,233,236,258,293,294,295,318,375,411,456,595,292"
# What the questions bring at any version; the rest needs orders, or more time, or a newer version.
KINDS = {1, 2, 6, 7, 8, 10, 14, 17, 19, 20, 21, 45, 46, 49, 52, 54, 57, 58, 61, 62, 63, 64, 67, 71, 72, 73, 74, 75, 76, 77, 78, 79}
KINDS |= {80, 81, 82, 83, 84, 85, 86, 87, 88, 89, 90, 93, 94, 95, 96, 97, 98, 99, 12, 13, 107}


@pytest.fixture(autouse=True)
def clients_complain_of_nothing(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No error in a client's log, and no field that ibapi's decoder leaves unread."""
    iterators: list[Any] = []

    def watched(*args: Any) -> Any:
        iterators.append(builtins.iter(*args))
        return iterators[-1]

    monkeypatch.setattr(ibapi.decoder, "iter", watched, raising=False)
    yield
    assert not [r.getMessage() for r in caplog.get_records("call") if r.levelno >= logging.ERROR]
    assert not [left for iterator in iterators for left in iterator]


class Wrapper(Recorder):
    """What ib_async's decoder asks of its wrapper besides callbacks."""

    defaultTimezone = dt.UTC  # noqa: N815 - ib_async's name


def more(version: int) -> list[bytes]:
    """The questions that no recording has the answer to."""
    asks = [
        market_data(30, STOCK, generic=GENERIC),
        market_data(31, CALL),
        market_data(32, STOCK, snapshot=True),
        pack(97, 33, *STOCK, "Last", 5, 0),
        pack(97, 34, *PAIR, "BidAsk", 3, 0),
        pack(97, 35, *PAIR, "MidPoint", 3, 0),
        pack(10, 5, 36, *STOCK, 5, 1, ""),
        pack(10, 5, 37, *PAIR, 5, 0, ""),
        pack(20, 38, *STOCK, 0, "", "1 min", "3600 S", 0, "TRADES", 2, 1, ""),
        pack(87, 39, *STOCK, 0, 1, "TRADES", 1),
        pack(88, 40, *STOCK, 0, 1, "3 days"),
        pack(54, 3, 41, *CALL, 5, 228, ""),
        *(pack(*fields) for fields in ((24, 1), (12, 1, 1), (67, 1, 42), (79, 43), (80, 1), (82,), (83, 44, "9c0001"), (85,))),
        *(pack(*fields) for fields in ((78, 45, "AAPL", "", "STK", 265598), (81, 46, "A"), (91, 26), (104, 48))),
        pack(92, 49, "DU1234567", ""),
        pack(94, 50, "DU1234567", "", 265598),
    ]
    return asks if version >= 165 else [a for a in asks if b"SCHEDULE" not in a]


@pytest.fixture
def simulator() -> Simulator:
    return simulator_at_noon()


@pytest.mark.parametrize("version", range(157, 179))
async def test_every_answer_decodes(bench: Bench, version: int) -> None:
    client = await bench.client(1, f"v100..{version}")
    asks = [a for a in questions(version) if version >= 165 or b"SCHEDULE" not in a]
    for ask in asks:
        await client.stream.send_all(ask)
    frames: list[list[str]] = []
    # These answers come from tasks of their own and may overtake each other.
    awaited = Counter({"17": 3, "106": int(version >= 165), "20": 1})
    while awaited - Counter(f[0] for f in frames):
        frames.append(await client.frame())
    frames += await client.synchronise()
    other = await bench.client(2, f"v100..{version}")
    for ask in more(version):
        await other.stream.send_all(ask)
    frames += await other.until("90")
    article = next(f for f in frames if f[0] == "86")
    await other.send(84, 60, article[3], article[4], "")
    frames += await other.until("99", "35")
    frames += [*await other.synchronise(), ["49", "1", "1752606307"]]
    kinds = {int(f[0]) for f in frames}
    assert kinds >= KINDS | ({106} if version >= 165 else set()), KINDS - kinds
    wrapper, official = Wrapper(), Recorder()
    decoder, official_decoder = Decoder(cast("Any", wrapper), version), ibapi.decoder.Decoder(official, version)
    for fields in frames:
        before = len(wrapper.calls), len(official.calls)
        # ib_async takes some fields out of the list itself.
        decoder.interpret(list(fields))
        official_decoder.interpret([f.encode() for f in fields[1:]], int(fields[0]))
        assert len(wrapper.calls) > before[0], fields
        assert len(official.calls) > before[1], fields
