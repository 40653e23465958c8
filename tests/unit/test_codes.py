import pytest

from ibactors.bridge import codes
from ibactors.errors import (
    CompetingSession,
    ContractNotFound,
    GatewayRefused,
    IbactorsError,
    InvalidRequest,
    MarketDataNotSubscribed,
    NoFreeLine,
)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (101, NoFreeLine),
        (200, ContractNotFound),
        (321, InvalidRequest),
        (354, MarketDataNotSubscribed),
        (10089, MarketDataNotSubscribed),
        (10168, MarketDataNotSubscribed),
        (10186, MarketDataNotSubscribed),
        (10197, CompetingSession),
        (162, GatewayRefused),
        (999999, GatewayRefused),
    ],
)
def test_code_that_ends_a_request_becomes_its_error(code: int, kind: type[IbactorsError]) -> None:
    assert not codes.is_notice(code)
    error = codes.to_error(code, " No security definition \n")
    assert type(error) is kind
    assert error.ib_code == code
    assert str(error) == f"IB answered with error {code}: No security definition"


@pytest.mark.parametrize("code", [399, 10167, 2100, 2104, 2119, 2158, 2199, 300])
def test_notice_does_not_end_a_request(code: int) -> None:
    assert codes.is_notice(code)


@pytest.mark.parametrize("code", [100, 326, 502, 1100, 1101, 1102, 2099, 2200])
def test_news_of_the_session_is_not_a_notice_of_a_request(code: int) -> None:
    assert not codes.is_notice(code)


def test_advisory_codes_are_errors_with_a_class_of_their_own() -> None:
    for code in codes.ADVISORY:
        assert not codes.is_notice(code)
        assert type(codes.to_error(code, "x")) is not GatewayRefused
