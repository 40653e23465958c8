"""The protocol client without a gateway."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from ibactors.bridge.decoder import FrameDecoder
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


@pytest.mark.parametrize(
    "message", [["58", "1", "1", "x"], ["58", "1", "1", ""], ["58", "1", "1"], ["58", "1", "1", "5"], ["58", "1", "?", "2"], ["58"]]
)
async def test_kind_of_data_that_cannot_be_read_interrupts_its_line(message: list[str]) -> None:
    class Listener:
        def __init__(self) -> None:
            self.heard: list[str] = []

        def __getattr__(self, name: str) -> Any:
            return lambda *_: self.heard.append(name)

    listener: Any = Listener()
    inbox = Inbox(GatewayTally(), Unobserved())
    inbox.quotes.open[1] = QuoteLine(Instrument(symbol="AAPL"), CONTRACT, listener)
    decoder = FrameDecoder(inbox)
    decoder.interpret(["1", "6", "1", "4", "10.0", "1", "0"])
    inbox.packet_done()
    decoder.interpret(message)
    decoder.interpret(["1", "6", "1", "4", "11.0", "1", "0"])
    inbox.packet_done()
    assert listener.heard == ["ticked", "interrupted", "resumed"]


async def test_halt_that_cannot_be_read_is_not_known() -> None:
    quotes: list[Any] = []
    listener: Any = SimpleNamespace(ticked=quotes.append)
    inbox = Inbox(GatewayTally(), Unobserved())
    inbox.quotes.open[1] = QuoteLine(Instrument(symbol="AAPL"), CONTRACT, listener)
    decoder = FrameDecoder(inbox)
    for text in ("0", "?", "", "1"):
        decoder.interpret(["45", "6", "1", "49", text])
        inbox.packet_done()
    assert [quote.halted for quote in quotes] == [False, None, True]
