"""The encoders, seen through the decoders of two client libraries and beside frames of a real gateway."""

import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from ib_async.decoder import Decoder
from ibapi.decoder import Decoder as OfficialDecoder

from ibactors.sim.gateway import Gateway
from ibactors.sim.market.catalogue import build_catalogue
from ibactors.sim.messages import connection, contracts
from tests.sim.rawclient import Bench, contract, contract_details, market_data, pack

RECORDED: dict[str, list[str]] = json.loads(Path(__file__).with_name("recorded.json").read_text())
VERSIONS = (157, 162, 163, 164, 165, 166, 170, 176, 177, 178)


class Recorder:
    """Stands for a client's wrapper and notes every callback."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[Any, ...]]] = []

    def __getattr__(self, name: str) -> Any:
        if name == "ib":
            raise AttributeError(name)
        return lambda *args: self.calls.append((name, args))


def fields_of(data: bytes) -> list[str]:
    assert int.from_bytes(data[:4], "big") == len(data) - 4
    return data[4:-1].decode().split("\0")


def through_ib_async(version: int, data: bytes) -> list[tuple[str, tuple[Any, ...]]]:
    recorder = Recorder()
    decoder = Decoder(cast("Any", recorder), version)
    decoder.interpret(fields_of(data))
    return recorder.calls


def through_ibapi(version: int, data: bytes) -> list[tuple[str, tuple[Any, ...]]]:
    recorder = Recorder()
    decoder = OfficialDecoder(cast("Any", recorder), version)
    fields = [f.encode() for f in fields_of(data)]
    decoder.interpret(fields[1:], int(fields[0]))
    return recorder.calls


@pytest.fixture(autouse=True)
def client_logs_no_error(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    bad = [r.getMessage() for r in caplog.get_records("call") if r.levelno >= logging.ERROR]
    assert not bad


@pytest.mark.parametrize("version", VERSIONS)
def test_error_decodes_at_every_version(version: int) -> None:
    data = connection.error(version, 5, 200, "No security definition")
    ((name, args),) = through_ib_async(version, data)
    assert (name, args[:3]) == ("error", (5, 200, "No security definition"))
    ((name, args),) = through_ibapi(version, data)
    assert name == "error"
    assert 200 in args


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("symbol", ["AAPL", "ES", "EUR", "SPX", "QUIET"])
def test_contract_data_decodes_at_every_version(version: int, symbol: str) -> None:
    today = Gateway(accounts=("A",), rate=1, seed=1).now().date()
    everything = build_catalogue(today).by_con_id.values()
    for instrument in (i for i in everything if i.symbol == symbol and i.sec_type != "BOND"):
        exchange = instrument.exchanges[0]
        hours = ("20261123:0400-20261123:2000", "20261123:0930-20261123:1600")
        data = contracts.contract_data(version, 9, instrument, exchange=exchange, hours=hours)
        ((_, (request_id, details)),) = through_ib_async(version, data)
        ((_, (_, official)),) = through_ibapi(version, data)
        assert request_id == 9
        for found in (details, official):
            assert found.contract.conId == instrument.con_id
            assert found.contract.symbol == symbol
            assert found.contract.exchange == exchange
            assert found.contract.primaryExchange == instrument.primary_exchange
            assert found.contract.lastTradeDateOrContractMonth == instrument.last_trade_date
            assert found.minTick == float(instrument.min_tick)
            assert found.longName == instrument.long_name
            assert found.liquidHours == hours[1]
            assert found.stockType == instrument.stock_type
            if version >= 164:
                assert str(found.suggestedSizeIncrement) in (
                    instrument.suggested_size,
                    f"{instrument.suggested_size}.0",
                )


@pytest.mark.parametrize("version", VERSIONS)
def test_symbol_samples_decode_at_every_version(version: int) -> None:
    apple = build_catalogue(Gateway(accounts=("A",), rate=1, seed=1).now().date()).by_con_id[265598]
    data = contracts.symbol_samples(version, 9, [(apple, ["OPT"]), (apple, ["OPT"])])
    ((_, (_, samples)),) = through_ib_async(version, data)
    ((_, (_, official)),) = through_ibapi(version, data)
    for found in (samples, official):
        assert [s.contract.symbol for s in found] == ["AAPL", "AAPL"]
        assert [s.derivativeSecTypes for s in found] == [["OPT"], ["OPT"]]


@pytest.mark.parametrize("version", [157, 163, 178])
async def test_everything_a_session_sends_decodes(bench: Bench, version: int) -> None:
    """Every kind of frame, through both decoders, with as many callbacks as frames."""
    client = await bench.client(1, f"v157..{version}")
    stock, pair = contract("AAPL"), contract("EUR", "CASH", "IDEALPRO")
    await client.stream.send_all(market_data(5, stock) + market_data(6, pair) + market_data(7, stock, snapshot=True))
    await client.stream.send_all(contract_details(8, contract("ES", "FUT", "CME"), version=version))
    account = "DU1234567"
    for fields in (
        (61, 1),
        (6, 2, 1, account),
        (62, 1, 9, "All", "NetLiquidation,$LEDGER:ALL"),
        (74, 1, 10, account, ""),
        (76, 1, 11, account, "", 0),
        (92, 12, account, ""),
        (94, 13, account, "", 265598),
        (78, 14, "AAPL", "", "STK", 265598),
        (91, 67),
        (5, 1),
        (7, 3, 15, 0, "", "", "", "", "", ""),
        (99, 1),
        (79, 16),
        (80, 1),
        (82,),
        (83, 17, "9c0001"),
        (85,),
        (104, 18),
        (24, 1),
        (8, 1, 1),
    ):
        await client.stream.send_all(pack(*fields))
    frames = await client.synchronise()
    kinds = {int(f[0]) for f in frames}
    assert kinds >= {1, 2, 6, 7, 8, 9, 10, 19, 45, 46, 52, 53, 54, 55, 57, 58, 61, 62, 63, 64}
    assert kinds >= {71, 72, 73, 74, 75, 76, 77, 78, 80, 81, 82, 85, 93, 94, 95, 102, 107}
    for frame in frames:
        data = pack(*frame)
        assert len(through_ib_async(version, data)) == 1, frame
        # The official decoder makes a tickSize of its own from each price that has a size.
        assert len(through_ibapi(version, data)) in (1, 2), frame


def shape(fields: list[str]) -> list[str]:
    """What each field is: nothing, a number, or text."""
    number = re.compile(r"-?[0-9.]+\Z")
    return ["" if f == "" else "number" if number.match(f) else "text" for f in fields]


async def one_of_each(bench: Bench) -> list[list[str]]:
    """One frame and more of every kind that was recorded."""
    client = await bench.dial()
    handshake = await client.shake_hands("v100..173")
    await client.send(71, 2, 28, "")
    frames = [handshake, *await client.until("4", "2", "-1", "2158")]
    await client.send(61, 1)
    await client.send(62, 1, 9000, "All", "NetLiquidation")
    await client.send(76, 1, 9000, "DU1234567", "", 0)
    await client.stream.send_all(contract_details(9000, contract("ES", "FUT", "CME"), version=173))
    await client.stream.send_all(contract_details(9000, contract("TSLA"), version=173))
    await client.stream.send_all(market_data(163635, contract("SPX", "IND", "CBOE")))
    return [*frames, *await client.synchronise(), ["49", "1", "1752606307"]]


@pytest.mark.parametrize("name", [n for n in RECORDED if n != "about"])
async def test_recorded_frame_has_a_counterpart_of_the_same_shape(bench: Bench, name: str) -> None:
    recorded = RECORDED[name]
    keys = {"61": 5, "10": 3, "4": 3, "73": 5, "63": 4, "1": 3}
    key = keys.get(recorded[0], 0)
    alike = [f for f in await one_of_each(bench) if f[0] == recorded[0] and f[key] == recorded[key]]
    assert alike
    assert shape(recorded) in [shape(f) for f in alike]
