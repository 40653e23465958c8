"""What IB's notices add up to."""

import pytest

from ibactors.bridge.connectivity import Connectivity, Effect, serves
from ibactors.model.instruments import Instrument, SecType

APPLE = Instrument(symbol="AAPL")
EURO = Instrument(symbol="EUR", exchange="IDEALPRO", sec_type=SecType.CASH)
MINI = Instrument(symbol="ES", exchange="CME", sec_type=SecType.FUT)
SIEMENS = Instrument(symbol="SIE", exchange="IBIS", currency="EUR")


@pytest.mark.parametrize(
    ("farm", "served"),
    [
        ("usfarm", {"AAPL"}),
        ("usfarm.nj", {"AAPL"}),
        ("usfuture", {"ES"}),
        ("cashfarm", {"EUR"}),
        ("eufarmnj", {"SIE"}),
        ("jfarm", set()),
        ("newfarm", {"AAPL", "EUR", "ES", "SIE"}),
        (None, {"AAPL", "EUR", "ES", "SIE"}),
    ],
)
def test_farm_serves_what_its_name_says_and_an_unknown_one_everything(farm: str | None, served: set[str]) -> None:
    assert {instrument.symbol for instrument in (APPLE, EURO, MINI, SIEMENS) if serves(farm, instrument)} == served


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
