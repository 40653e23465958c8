"""Options of the tests with the real IBC: how often a wrong password is tried."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--wrong", type=int, default=3, help="runs with a wrong password (default 3)")


@pytest.fixture
def wrong_runs(request: pytest.FixtureRequest) -> int:
    runs = request.config.getoption("--wrong")
    assert isinstance(runs, int)
    return runs
