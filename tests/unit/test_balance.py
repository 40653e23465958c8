"""What IB writes for a figure that is missing is not an amount."""

import json

import pytest

from ibactors.web.rest.account import amount_of


@pytest.mark.parametrize("text", ["nan", "inf", "1e400", "-1e400", "1.7976931348623157E308", "1e-999999999", "", "N/A"])
def test_what_is_no_amount_is_left_out(text: str) -> None:
    assert amount_of(text) is None


@pytest.mark.parametrize("text", ["100000.10", "-5", "0.00"])
def test_amount_is_the_number_that_ib_wrote(text: str) -> None:
    assert float(amount_of(text) or 0) == json.loads(text)
