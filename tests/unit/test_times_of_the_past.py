"""A time that cannot be one is an answer that cannot be read."""

import pytest

from ibactors.bridge.history import first_moment
from ibactors.model.bars import What
from tests.unit.test_connection import CONTRACT
from tests.unit.test_requests import asking, line


@pytest.mark.parametrize("text", ["99999999999999999999", "253402300799", "-99999999999", "20261301", "soon", ""])
async def test_first_moment_that_is_no_time_cannot_be_read(text: str) -> None:
    async with line() as there, asking(there, first_moment(CONTRACT, what=What.TRADES, rth=True)) as (call,):
        there.say(88, there.sent[0][1], text)
    assert call.rows is None
    assert "cannot be read" in str(call.error)


async def test_first_moment_is_read_in_seconds() -> None:
    async with line() as there, asking(there, first_moment(CONTRACT, what=What.TRADES, rth=True)) as (call,):
        there.say(88, there.sent[0][1], "345479400")
    assert call.rows == (345479400,)
