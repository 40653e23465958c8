"""`ibactors journal cancel-all`: cancel every order of ours at the gateway, without the service and without its journal.

For the day on which the service does not start, whatever the journal looks like: a session of its own, under the client id of the
settings, which alone may cancel what was sent under it. What carries no token of ours is left alone.
"""

import trio

from ibactors.bridge.order_frames import send_cancel
from ibactors.bridge.order_lists import open_orders
from ibactors.bridge.session import Session, run_session
from ibactors.bridge.tally import GatewayTally
from ibactors.bridge.terms import Endpoint
from ibactors.config import Settings
from ibactors.errors import IbactorsError
from ibactors.orders.evidence import OpenOrderSeen
from ibactors.terminal import complain, say

WITHIN = 20.0
"""Seconds within which IB must have ended them."""
AGAIN = 1.0
"""Seconds between two looks at what is left."""


class _NobodyListens:
    def packet_begins(self) -> None:
        """Nothing is told to anybody."""

    def packet_ended(self) -> None:
        """Nothing is told to anybody."""


def run(settings: Settings) -> int:
    """Cancel, and say what became of each; 1 when something is left, or when there is no gateway to ask."""
    try:
        return trio.run(_cancel_all, settings)
    except* IbactorsError as group:
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        complain(f"{error} Is the service running? It has the client id; POST /trading/halt with cancel: ours does the same there.")
    return 1


async def _cancel_all(settings: Settings) -> int:
    endpoint = Endpoint(host=settings.gateway_host, port=settings.api_port, client_id=settings.client_id)
    async with trio.open_nursery() as nursery:
        session: Session = await nursery.start(run_session, endpoint, settings, GatewayTally(), _NobodyListens())
        left = await _cancel(session)
        nursery.cancel_scope.cancel(reason="done")
    return 1 if left else 0


async def _cancel(session: Session) -> bool:
    """Whether something is left."""
    asked: set[int] = set()
    with trio.move_on_after(WITHIN):
        while True:
            ours = await _ours(session)
            for number in asked - ours.keys():
                say(f"{number}: gone from the list of open orders")
            asked &= ours.keys()
            if not ours:
                say("No order of ours is open.")
                return False
            for number, row in ours.items():
                if number not in asked:
                    say(f"{number}: {row.echo.side} {row.echo.quantity} {row.echo.symbol}, {row.status}: cancel sent")
                    send_cancel(session.orders.client, number)
            asked |= ours.keys()
            await trio.sleep(AGAIN)
    complain(f"Still open: {', '.join(map(str, sorted(asked)))}. Look in TWS.")
    return True


async def _ours(session: Session) -> dict[int, OpenOrderSeen]:
    rows = await session.request(open_orders(everybody=False))
    return {row.order_id: row for row in rows if isinstance(row, OpenOrderSeen) and row.token is not None and row.order_id}
