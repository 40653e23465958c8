"""What IB's notices add up to."""

import pytest

from ibactors.bridge.connectivity import Connectivity, Effect, serves
from ibactors.model.instruments import Instrument, SecType

APPLE = Instrument(symbol="AAPL", primary_exchange="NASDAQ")
EURO = Instrument(symbol="EUR", exchange="IDEALPRO", sec_type=SecType.CASH)
MINI = Instrument(symbol="ES", exchange="CME", sec_type=SecType.FUT)
SIEMENS = Instrument(symbol="SIE", exchange="IBIS", currency="EUR")
ALL = {"AAPL", "EUR", "ES", "SIE"}


@pytest.mark.parametrize(
    ("farm", "served"),
    [
        ("usfarm", {"AAPL", "ES"}),
        ("usfarm.nj", {"AAPL", "ES"}),
        ("usfuture", {"ES"}),
        ("cashfarm", {"EUR"}),
        ("eufarmnj", {"SIE"}),
        ("jfarm", set()),
        ("newfarm", ALL),
        (None, ALL),
    ],
)
def test_farm_does_not_serve_what_is_listed_elsewhere_and_an_unknown_one_may_serve_everything(farm: str | None, served: set[str]) -> None:
    assert {instrument.symbol for instrument in (APPLE, EURO, MINI, SIEMENS) if serves(farm, instrument)} == served


@pytest.mark.parametrize(
    "instrument",
    [
        Instrument(symbol="DLR", exchange="TSE", currency="USD"),
        Instrument(symbol="GDAXI", exchange="EUREX", currency="EUR", sec_type=SecType.IND),
        Instrument(symbol="AAPL", sec_type=SecType.CFD),
        Instrument(symbol="AAPL", sec_type=SecType.OPT, right="C", strike=230.0, expiry="20261218"),
        Instrument(symbol="ETH", exchange="PAXOS", sec_type=SecType.CRYPTO),
        Instrument(symbol="AAPL"),
    ],
    ids=lambda instrument: f"{instrument.symbol} {instrument.sec_type} {instrument.exchange}",
)
@pytest.mark.parametrize("farm", ["usfarm", "usopt", "usfuture", "cashfarm", "eufarm", "hfarm", "jfarm"])
def test_what_is_not_known_to_come_from_elsewhere_may_come_from_any_farm(farm: str, instrument: Instrument) -> None:
    assert serves(farm, instrument)


@pytest.mark.parametrize("code", [1101, 1102])
def test_farms_that_are_listed_as_not_connected_are_broken_until_each_is_back(code: int) -> None:
    state = Connectivity()
    state.notice(1100, "Connectivity has been lost.")
    listed = "The following farms are connected: usfarm; secdefnj. The following farms are not connected: cashfarm; euhmds. "
    state.notice(code, f"Connectivity has been restored. {listed}")
    assert state.lost is None
    assert "cashfarm" in (state.degraded or "")
    assert "euhmds" in (state.degraded or "")
    assert (state.interrupts(EURO), state.interrupts(APPLE)) == (True, False)
    state.notice(2104, "Market data farm connection is OK:cashfarm")
    state.notice(2106, "HMDS data farm connection is OK:euhmds")
    assert (state.degraded, state.interrupts(EURO)) == (None, False)


def test_all_farms_connected_is_no_farm_broken() -> None:
    state = Connectivity()
    state.notice(1102, "Connectivity has been restored - data maintained. All data farms are connected: usfarm; cashfarm; secdefnj.")
    assert state.degraded is None


def test_a_loss_that_is_said_again_in_other_words_is_the_same() -> None:
    state = Connectivity()
    state.notice(1100, "Connectivity has been lost.")
    before = state.lost
    state.notice(2110, "Connectivity between Trader Workstation and server is broken. It will be restored automatically.")
    assert state.lost == before


def test_lost_connectivity_lasts_until_ib_says_that_it_is_back() -> None:
    state = Connectivity()
    assert state.notice(1100, "Connectivity has been lost.") == (Effect.INTERRUPT, None)
    assert "1100" in (state.lost or "")
    assert state.notice(2104, "Market data farm connection is OK:usfarm") == (Effect.RESUME, "usfarm")
    assert state.lost
    assert state.notice(1102, "Connectivity restored - data maintained.") == (Effect.RESUME, None)
    assert state.lost is None


def test_lost_data_is_told_apart_from_kept_data() -> None:
    state = Connectivity()
    state.notice(2110, "Connectivity between Trader Workstation and server is broken.")
    assert state.lost
    assert state.notice(1101, "Connectivity restored - data lost.") == (Effect.DATA_LOST, None)
    assert state.lost is None


@pytest.mark.parametrize(
    ("broken", "back", "effect"), [(2103, 2104, Effect.INTERRUPT), (2105, 2106, Effect.NONE), (2157, 2158, Effect.NONE)]
)
def test_farm_is_degraded_until_it_is_back(broken: int, back: int, effect: Effect) -> None:
    state = Connectivity()
    assert state.notice(broken, "The farm connection is broken:somefarm")[0] is effect
    assert "somefarm" in (state.degraded or "")
    state.notice(back, "The farm connection is OK:otherfarm")
    assert state.degraded
    state.notice(back, "The farm connection is OK:somefarm")
    assert state.degraded is None


def test_inactive_farm_is_not_broken() -> None:
    state = Connectivity()
    state.notice(2105, "HMDS data farm connection is broken:ushmds")
    state.notice(2107, "HMDS data farm connection is inactive but should be available upon demand.ushmds")
    assert state.degraded is None


@pytest.mark.parametrize("code", [2100, 2109, 2119, 399, 0])
def test_other_notices_change_nothing(code: int) -> None:
    state = Connectivity()
    assert state.notice(code, "Something else:usfarm") == (Effect.NONE, None)
    assert (state.lost, state.degraded) == (None, None)
