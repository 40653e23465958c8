"""The audit log tells what repeats once, by the network that it comes from."""

from structlog.testing import capture_logs

from ibactors.web.gate.audit import Audit
from ibactors.web.gate.refusals import no_key


async def test_refusals_of_one_network_are_told_once_whatever_address_they_come_from() -> None:
    audit = Audit()
    with capture_logs() as lines:
        for number in range(1000):
            audit.refused(no_key(), "-", f"2001:db8::{number:x}", "GET", "/accounts")
        audit.refused(no_key(), "-", "2001:db8:0:1::1", "GET", "/accounts")
        audit.refused(no_key(), "-", "203.0.113.9", "GET", "/accounts")
        audit.refused(no_key(), "-", "203.0.113.10", "GET", "/accounts")
    assert [line["address"] for line in lines] == ["2001:db8::0", "2001:db8:0:1::1", "203.0.113.9", "203.0.113.10"]


async def test_use_of_a_key_is_told_once_for_a_network() -> None:
    audit = Audit()
    with capture_logs() as lines:
        for number in range(10):
            assert audit.tells_use("desk", f"2001:db8::{number}") is (number == 0)
            audit.key_used("desk", f"2001:db8::{number}")
    assert len(lines) == 1
