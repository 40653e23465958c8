"""The service with two bugs put in at its outermost edge, where the simulator can set them off: prices that the code cannot take.

`python -m tests.incidents.faulty serve …` is `ibactors serve …` otherwise.
"""

import sys
import time
from functools import partial
from typing import Any, NoReturn, cast

import trio

from ibactors import cli, programs
from ibactors.bridge.quote_line import QuoteLine, QuoteListener
from ibactors.bridge.session import Session, run_session
from ibactors.bridge.subscriptions import Subscription
from ibactors.model.quotes import Quote

CRASHES, STALLS = 666.0, 777.0
"""Bid prices that set off the bugs."""
STALL = 3.0
"""Seconds."""


class NotAQuote:
    """What no code can handle."""


class FaultyListener:
    """Stands between a market-data line and its symbol actor."""

    def __init__(self, listener: QuoteListener) -> None:
        self._listener = listener
        self.failed = listener.failed
        self.interrupted = listener.interrupted
        self.resumed = listener.resumed
        self.last: float | None = None
        """The bid that came last."""

    def ticked(self, quote: Quote) -> None:
        new, self.last = quote.bid != self.last, quote.bid
        if new and quote.bid == CRASHES:
            self._listener.ticked(cast("Quote", NotAQuote()))
            return
        if new and quote.bid == STALLS:
            look_up_rating(quote.symbol)
        self._listener.ticked(quote)


def look_up_rating(_symbol: str) -> None:
    """A blocking call where none may be."""
    time.sleep(STALL)


async def run_faulty_session(*how: Any, task_status: trio.TaskStatus[Session]) -> NoReturn:
    """A session as ever, but for the listeners of its lines."""

    class Status:
        def started(self, session: Session) -> None:
            subscribe = session.subscribe
            listening: dict[str, FaultyListener] = {}

            def faulty(subscription: Subscription[Any]) -> int:
                if not isinstance(subscription, QuoteLine):
                    return subscribe(subscription)
                # The price that caused the crash is still there when the next incarnation opens its line.
                name = subscription.instrument.name
                last = listening[name].last if name in listening else None
                subscription.listener = listening[name] = FaultyListener(subscription.listener)
                listening[name].last = last
                return subscribe(subscription)

            session.subscribe = faulty  # type: ignore[method-assign]
            task_status.started(session)

    await run_session(*how, task_status=cast("Any", Status()))


if __name__ == "__main__":
    cli.main(sys.argv[1:], partial(programs.prepare, run=run_faulty_session))
