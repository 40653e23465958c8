"""The book of an instrument: a subscription whose rows are inserted, changed and deleted by their place (messages 10 to 13).

A line is cancelled only once its first row has come: IB ignores a cancel before that, and the line would go on unheard until the session
ends, as one of the few that a login has.
"""

import math
from typing import ClassVar, Protocol

import trio

from ibactors.bridge import codes
from ibactors.bridge.codes import Verdict
from ibactors.bridge.contracts import to_ib
from ibactors.bridge.quote_line import described, number_or_none
from ibactors.bridge.subscriptions import FedSubscription, SubscriptionListener
from ibactors.bridge.texts import LONGEST_NAME, shown
from ibactors.bridge.wire import GatewayClient
from ibactors.errors import DepthLimit, DepthNotSupported, IbactorsError
from ibactors.model.depth import DepthRow
from ibactors.model.instruments import ContractInfo, Instrument

ROWS = 20
"""Of each side that are asked for, whatever the clients want: they share one line."""
MOST_ROWS = 200
"""Of a side; a gateway sends places beyond what was asked for, but never so many."""
FIRST_ROW_LIMIT = 30.0
"""Seconds after which a book without a row is none that is about to begin: one of all exchanges takes 6 to 13. A closed market has none."""
RESET = 317
_LIMIT, _NOT_SUPPORTED = 309, 10092
_INSERT, _UPDATE, _DELETE = 0, 1, 2

Side = list[DepthRow]


class DepthListener(SubscriptionListener, Protocol):
    """Who hears of a book; each method returns at once."""

    def changed(self, bids: tuple[DepthRow, ...], asks: tuple[DepthRow, ...], arrived: float, changes: int) -> None:
        """A packet that arrived at Unix time *arrived* has changed so many rows; this is the book now."""

    def reset(self) -> None:
        """IB has thrown the book away; it comes anew."""


class DepthLine(FedSubscription[DepthListener]):
    """One subscription to a book."""

    kind: ClassVar[str] = "depth"
    what: ClassVar[str] = "a row of the book"

    def __init__(
        self,
        instrument: Instrument,
        contract: ContractInfo,
        listener: DepthListener,
        *,
        smart: bool,
        proven: bool = False,
        caller: str = "",
    ) -> None:
        self._instrument = described(instrument, contract, instrument.exchange or contract.exchange)
        super().__init__(self._instrument, listener, proven=proven, caller=caller)
        self._smart = smart
        self._requested_at = math.inf
        self._sides: tuple[Side, Side] = ([], [])
        """Asks and bids, as IB numbers them."""
        self._changes = 0

    def request(self, client: GatewayClient, request_id: int) -> None:
        self._requested_at = trio.current_time()
        client.reqMktDepth(request_id, to_ib(self.elsewhere or self._instrument), ROWS, self._smart, [])

    def cancel(self, client: GatewayClient, request_id: int) -> None:
        client.cancelMktDepth(request_id, self._smart)

    @property
    def cancellable(self) -> bool:
        return self._served or trio.current_time() > self._requested_at + FIRST_ROW_LIMIT

    def judge(self, code: int, text: str) -> IbactorsError | Verdict:
        if code == RESET:
            self._served = True  # IB has the line
            self.forget()
            self.listener.reset()
            return Verdict.NOTICE
        return codes.judge(code, text, {_LIMIT: DepthLimit, _NOT_SUPPORTED: DepthNotSupported})

    def take(self, fields: list[str]) -> None:
        named = fields[0] == "13"
        place, maker = int(fields[3]), shown(fields[4], LONGEST_NAME) if named else None
        operation, side, price, size = fields[4 + named : 8 + named]
        self._change(self._sides[int(side)], int(operation), place, float(price), float(size), maker)

    def _change(self, side: Side, operation: int, place: int, price: float, size: float, maker: str | None) -> None:
        """Raises ValueError."""
        if not 0 <= place < MOST_ROWS or operation not in {_INSERT, _UPDATE, _DELETE}:
            raise ValueError(f"place {place}, operation {operation}")
        self._changes += 1
        if operation == _DELETE:
            del side[place : place + 1]
            return
        number = number_or_none(size)
        if number is None or not abs(price) < 1e300:  # noqa: PLR2004
            raise ValueError("no price or no size")
        row = DepthRow(price=price, size=number, maker=maker)
        if operation == _INSERT:
            side.insert(place, row)  # beyond the end: at the end
            del side[MOST_ROWS:]
        else:
            side[place : place + 1] = [row]

    def forget(self) -> None:
        self._sides = ([], [])
        self._changes = 0

    def packet_done(self, arrived: float) -> None:
        self._served = True
        if self._changes:
            changes, self._changes = self._changes, 0
            asks, bids = self._sides
            self.listener.changed(tuple(bids), tuple(asks), arrived, changes)
