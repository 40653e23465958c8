"""The protocol client without a gateway."""

from contextlib import nullcontext

import pytest

from ibactors.bridge.incoming import Inbox
from ibactors.bridge.tally import GatewayTally
from ibactors.bridge.wire import GatewayClient
from ibactors.errors import GatewayDisconnected


async def test_a_message_after_the_loss_of_the_socket_tells_the_loss() -> None:
    """The probe may come between the loss and the end of the session: it is no bug, and the reason is that of the loss."""
    tally = GatewayTally()
    inbox = Inbox(tally, nullcontext())
    client = GatewayClient(inbox, 45, tally)
    inbox.connection_lost("The gateway closed the connection in this moment.")
    with pytest.raises(GatewayDisconnected, match="in this moment"):
        client.reqCurrentTime()
    assert not len(client.outbox)
