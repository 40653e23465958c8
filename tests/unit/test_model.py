import json
import math
import re
from datetime import datetime
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ibactors.model.encoded import Encoded, text_frame
from ibactors.model.instruments import Instrument, SecType
from ibactors.model.logins import Credentials, LoginRequest
from ibactors.model.quotes import MarketDataType, Quote
from ibactors.model.sessions import SessionPhase, SessionStatus
from ibactors.model.times import next_round, now, rfc3339

RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


@given(st.one_of(st.floats(0, 4e9), st.integers(0, 4_000_000_000)))
def test_times_always_have_microseconds_and_z(seconds: float) -> None:
    text = rfc3339(seconds)
    assert RFC3339.fullmatch(text)
    assert math.isclose(datetime.fromisoformat(text).timestamp(), seconds, abs_tol=1e-6)


def test_present_time_has_the_same_form() -> None:
    assert RFC3339.fullmatch(now())


@pytest.mark.parametrize("kind", [Credentials, LoginRequest])
@given(username=st.text(min_size=6), password=st.text(min_size=6))
def test_credentials_show_neither_user_name_nor_password(kind: type[Credentials], username: str, password: str) -> None:
    credentials = kind(username=f"<{username}", password=f"<{password}", account_type="paper")
    for shown in (repr(credentials), str(credentials), f"{credentials}", repr([credentials]), repr({"login": credentials})):
        assert credentials.username not in shown
        assert credentials.password not in shown
        assert "paper" in shown


NAMES = st.one_of(st.sampled_from(["", "A", "B", "SMART", "USD", "NASDAQ", "STK", "CASH", "C", "#1"]), st.text("AB/#1.", max_size=4))
INSTRUMENTS = st.builds(
    Instrument,
    symbol=st.one_of(st.sampled_from(["A", "B", "A/B"]), st.text("AB/#1 .", min_size=1, max_size=4)),
    exchange=NAMES.filter(bool),
    currency=NAMES.filter(bool),
    sec_type=st.sampled_from(SecType),
    primary_exchange=NAMES,
    expiry=st.sampled_from(["", "202612", "20261218"]),
    strike=st.one_of(st.sampled_from([0.0, 100.0, 100.5]), st.floats(0, 1e6)),
    right=st.sampled_from(["", "C", "P"]),
    con_id=st.sampled_from([0, 1, 265598]),
)


@pytest.mark.parametrize(
    ("instrument", "name"),
    [
        (Instrument(symbol="AAPL"), "AAPL"),
        (Instrument(symbol="EUR", exchange="IDEALPRO", sec_type=SecType.CASH), "EUR,exchange=IDEALPRO,sec_type=CASH"),
    ],
)
def test_name_is_short_for_usual_instruments(instrument: Instrument, name: str) -> None:
    assert instrument.name == name


@given(INSTRUMENTS, INSTRUMENTS)
@example(Instrument(symbol="A/B"), Instrument(symbol="A", exchange="B"))
def test_unequal_instruments_have_unequal_names(one: Instrument, other: Instrument) -> None:
    assert (one.name == other.name) == (one == other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"exchange": "NASDAQ"}, {"primary_exchange": "NASDAQ"}),
        ({"strike": 12345.25}, {"strike": 12345.2}),
        ({"exchange": "EUR"}, {"currency": "EUR"}),
    ],
)
def test_instruments_that_clients_may_well_ask_for_at_once_have_unequal_names(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert Instrument(symbol="A", **one).name != Instrument(symbol="A", **other).name


@given(INSTRUMENTS)
def test_equal_instruments_share_hash_and_name(instrument: Instrument) -> None:
    twin = msgspec.structs.replace(instrument)
    assert (twin, hash(twin), twin.name) == (instrument, hash(instrument), instrument.name)


def test_values_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Instrument(symbol="A").symbol = "B"  # type: ignore[misc]  # the subject


@pytest.mark.parametrize(
    ("kind", "number", "delayed"), [("live", 1, False), ("frozen", 2, False), ("delayed", 3, True), ("delayed_frozen", 4, True)]
)
def test_kinds_of_data_have_ibs_numbers(kind: str, number: int, delayed: object) -> None:
    assert (MarketDataType(kind).ib_number, MarketDataType(kind).is_delayed) == (number, delayed)


def make_quote(**values: Any) -> Quote:
    fixed: dict[str, Any] = {"symbol": "A", "exchange": "SMART", "currency": "USD", "timestamp": now(), "con_id": 1, "sec_type": "STK"}
    return Quote(**fixed, market_data_type=MarketDataType.LIVE, **values)


def test_quote_is_complete_with_five_values_even_if_they_are_zero() -> None:
    first_set = {"bid": 0.0, "ask": 0.0, "last": 0.0, "close": 0.0, "volume": 0}
    assert make_quote(**first_set).complete
    for missing in first_set:
        assert not make_quote(**{key: value for key, value in first_set.items() if key != missing}).complete


@pytest.mark.parametrize("length", [0, 1, 124, 125, 126, 127, 65_533, 65_535, 65_536, 70_000])
def test_text_is_that_of_the_frame(length: int) -> None:
    encoded = Encoded("x" * length)
    assert encoded.json == b'"%b"' % (b"x" * length)
    assert encoded.frame == text_frame(encoded.json)


def test_missing_values_are_null_in_json() -> None:
    encoded = Encoded(make_quote(bid=1.5))
    members = json.loads(encoded.json)
    assert (members["type"], members["bid"], members["ask"], members["market_data_type"]) == ("quote", 1.5, None, "live")


@pytest.mark.parametrize("phase", list(SessionPhase))
def test_session_is_up_in_the_phases_with_data(phase: SessionPhase) -> None:
    assert SessionStatus(phase=phase, epoch=1, since=now()).up is (
        phase in {SessionPhase.SYNCING, SessionPhase.UP, SessionPhase.SILENT, SessionPhase.FARM_DEGRADED}
    )


@pytest.mark.parametrize("interval", [0.05, 0.1, 1 / 3, 0.4, 1.0])
@given(rounds=st.integers(0, 10**7), beyond=st.sampled_from([0.0, 1e-6, 0.01]))
def test_next_round_time_is_a_multiple_that_lies_ahead(interval: float, rounds: int, beyond: float) -> None:
    present = rounds * interval + beyond
    due = next_round(present, interval)
    assert present < due <= present + interval * 1.011
    assert due / interval == pytest.approx(round(due / interval), abs=1e-6)
