"""A market data line of a combination: whenever one of its legs moves, what all of them cost together.

The bid is what its seller gets from the books of the legs, the ask what its buyer pays there; at these prices its orders are filled, too.
Both may be zero or negative. There are no trades of a combination, and no quotes while one of its legs has none.
"""

from decimal import Decimal

from ibactors.sim.live.lines import COMPETING_TEXT, DELAYED, LIVE
from ibactors.sim.market.instruments import Instrument
from ibactors.sim.market.ticks import Change
from ibactors.sim.messages import market as messages
from ibactors.sim.orders.life import Leg
from ibactors.sim.session import Session


class CombinationLine:
    """One request's line on the books of several legs. `begin` starts it, `end` is final."""

    # `stats` counts the lines of instruments, and this is one of none of them.
    is_line = False
    hears_all = False

    def __init__(self, session: Session, request_id: int, instrument: Instrument, legs: tuple[Leg, ...], *, delayed: bool) -> None:
        self.request_id = request_id
        self.instrument = instrument
        self.delayed = delayed
        self._legs = legs
        self._session = session
        self._introduced = False
        self._dead = False

    def begin(self) -> None:
        """Send both sides and every change from now on."""
        for leg in self._legs:
            self._session.gateway.market.watch(leg.instrument, self)
        if self._session.gateway.faults.competing:
            self.tell_competing()
        self.refresh()

    def end(self) -> None:
        """Stop for good and free the line; does nothing if it is over already."""
        self._unwatch()
        if self._session.lines.get(self.request_id) is self:
            del self._session.lines[self.request_id]

    def die(self) -> None:
        """Send nothing more, though the client believes it subscribed."""
        self._dead = True
        self._unwatch()

    def turn(self, *, delayed: bool) -> None:
        """Go over from live to delayed data or back, and say so."""
        if self.delayed != delayed:
            self.delayed = delayed
            self._introduced = False
            self.refresh()

    def end_snapshot(self) -> None:
        """Finish a snapshot with tickSnapshotEnd."""
        self.end()
        self._session.send(messages.snapshot_end(self.request_id))

    def moved(self, change: Change) -> None:  # noqa: ARG002  # both sides depend on every leg
        """Send what the combination costs now."""
        self.refresh()

    def refresh(self) -> None:
        """Send both sides, preceded the first time by the kind of data they are."""
        if self._dead or any(self._session.gateway.faults.silence(leg.instrument) for leg in self._legs):
            return
        if not self._introduced:
            self._introduced = True
            self._session.send(messages.tick_parameters(self.request_id, self.instrument.min_tick, ""))
            self._session.send(messages.market_data_type(self.request_id, DELAYED if self.delayed else LIVE))
        bid, ask = (66, 67) if self.delayed else (1, 2)
        self._session.send_ticks(self, self._side(bid, buyer=False) + self._side(ask, buyer=True), count=2)

    def tell_competing(self) -> None:
        """Report that another session of the user has the data."""
        self._session.error(self.request_id, 10197, COMPETING_TEXT)

    def _side(self, tick_type: int, *, buyer: bool) -> bytes:
        market = self._session.gateway.market
        net, size = Decimal(0), 0
        for number, leg in enumerate(self._legs):
            walk = market.walk(leg.instrument)
            ticks, held = (walk.ask, walk.ask_size) if leg.buys == buyer else (walk.bid, walk.bid_size)
            if not held or not market.is_open(leg.instrument):
                return messages.no_quote(self.request_id, tick_type)
            net += Decimal(walk.text(ticks)) * leg.signed
            size = held // leg.ratio if number == 0 else min(size, held // leg.ratio)
        return messages.price(self.request_id, tick_type, f"{net:.2f}", max(size, 1))

    def _unwatch(self) -> None:
        for leg in self._legs:
            self._session.gateway.market.unwatch(leg.instrument, self)
