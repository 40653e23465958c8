"""The policies of orders are tested at hours that the tests choose."""

import pytest


@pytest.fixture(autouse=True)
def daytime() -> None:
    """Nothing: here what IB's day proves is part of what is tested."""
