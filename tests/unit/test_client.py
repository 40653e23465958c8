"""The protocol client without a gateway."""

from typing import Any, cast

import pytest

from ibactors.bridge.incoming import Inbox
from ibactors.bridge.quote_line import QuoteLine
from ibactors.bridge.tally import GatewayTally
from ibactors.bridge.wire import GatewayClient
from ibactors.errors import GatewayDisconnected
from ibactors.model.instruments import Instrument
from tests.unit.test_connection import CONTRACT
from tests.unit.unobserved import Unobserved


async def test_a_message_after_the_loss_of_the_socket_tells_the_loss() -> None:
    """The probe may come between the loss and the end of the session: it is no bug, and the reason is that of the loss."""
    tally = GatewayTally()
    inbox = Inbox(tally, Unobserved())
    client = GatewayClient(inbox, tally)
    inbox.connection_lost("The gateway closed the connection in this moment.")
    with pytest.raises(GatewayDisconnected, match="in this moment"):
        client.reqCurrentTime()
    assert not len(client.outbox)


@pytest.mark.parametrize(
    "first", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-2.0-OpenSSH_9.2\r\n", b"\x15\x03\x01\x00\x02\x02\x46", b"\0\0\0\4x\0y\0"]
)
async def test_another_program_at_the_address_is_told_with_the_settings(first: bytes) -> None:
    tally = GatewayTally()
    inbox = Inbox(tally, Unobserved())
    GatewayClient(inbox, tally)._onSocketHasData(first)  # noqa: SLF001  # what asyncio calls
    assert inbox.lost.is_set()
    assert "IBACTORS_GATEWAY_PORT" in inbox.reason


async def test_packet_ends_for_its_observer_though_a_listener_fails() -> None:
    class Broken:
        def ticked(self, _: object) -> None:
            assert observer.begun == observer.ended + 1
            raise RuntimeError("a listener's bug")

    observer, listener = Unobserved(), cast("Any", Broken())
    inbox = Inbox(GatewayTally(), observer)
    inbox.quotes.open[1] = QuoteLine(Instrument(symbol="AAPL"), CONTRACT, listener)
    inbox.price_tick(1, 1, 10.0, 100.0)
    with pytest.raises(RuntimeError):
        inbox.packet_done()
    assert (observer.begun, observer.ended) == (1, 1)
