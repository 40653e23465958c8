"""How an execution comes about: its ids, sums and commission, and what it does to the account."""

import datetime as dt
import random
from dataclasses import dataclass

from ibactors.sim.gateway import Gateway
from ibactors.sim.ledger import Account
from ibactors.sim.market.instruments import Instrument
from ibactors.sim.orders.floor import net_price
from ibactors.sim.orders.life import Fill, Leg, Order
from ibactors.sim.orders.margin import commission

_FIRST_ID = 0xE0D5
_STOCK_VENUES = ("NASDAQ", "ARCA", "IEX", "BATS", "NYSE", "MEMX")


def execute(gateway: Gateway, order: Order, size: int, prices: list[float], *, number: int, choice: random.Random) -> list[Fill]:
    """Fill an order at a price for each leg; `number` counts the executions before, `choice` picks a venue."""
    exchange = order.ticket.spec.exchange or order.instrument.exchanges[0]
    maker = _Maker(
        order=order,
        account=gateway.ledger.accounts[order.account],
        now=gateway.now(),
        number=number,
        # The smart router finds another venue each time.
        venue=choice.choice(_STOCK_VENUES) if exchange == "SMART" else exchange,
    )
    return maker.execute(size, prices)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Maker:
    """Makes the fills of one moment of one order."""

    order: Order
    account: Account
    now: dt.datetime
    number: int
    venue: str

    def execute(self, size: int, prices: list[float]) -> list[Fill]:
        """Fill an order at a price for each leg: the whole first, then the legs of a combination."""
        order = self.order
        if not order.ticket.legs:
            return [self._make(order.fills, order.legs[0], size, prices[0])]
        fills = [self._summarize(size, net_price(order, prices))]
        for leg, price, earlier in zip(order.legs, prices, order.leg_fills, strict=True):
            fills.append(self._make(earlier, leg, size * leg.ratio, price))
        return fills

    def _make(self, earlier: list[Fill], leg: Leg, size: int, price: float) -> Fill:
        """Fill an order, or a leg of it, and book the trade; `earlier` are the fills before, and get the new one."""
        cumulated, average = _sums(earlier, size, price)
        paid = sum(f.commission for f in earlier)
        # The minimum commission is per order, however many parts it fills in.
        cost = round(commission(leg.instrument, cumulated, average) - paid, 6)
        buys = leg.buys == self.order.buys
        realized = self.account.trade(leg.instrument, size if buys else -size, price, cost)
        fill = self._fill(earlier, leg.instrument, size, price, buys=buys, cost=cost, realized=realized)
        earlier.append(fill)
        return fill

    def _summarize(self, size: int, price: float) -> Fill:
        """Fill a combination as a whole; what it does to the account is the business of its legs."""
        order = self.order
        fill = self._fill(order.fills, order.instrument, size, price, buys=order.buys, cost=0.0, realized=None)
        order.fills.append(fill)
        return fill

    def _fill(
        self,
        earlier: list[Fill],
        instrument: Instrument,
        size: int,
        price: float,
        *,
        buys: bool,
        cost: float,
        realized: float | None,
    ) -> Fill:
        cumulated, average = _sums(earlier, size, price)
        # A combination's own execution is the first part, its legs are the parts after it.
        parts = [self.order.instrument, *(leg.instrument for leg in self.order.legs)]
        part = 1 + parts.index(instrument)
        return Fill(
            order=self.order,
            instrument=instrument,
            buys=buys,
            exec_id=f"{_FIRST_ID + self.number:08x}.{int(self.now.timestamp()):08x}.{part:02}.01",
            time=self.now,
            venue=self.venue,
            size=size,
            price=price,
            cumulated=cumulated,
            average=average,
            liquidity=1 if self.order.rested else 2,
            commission=cost,
            currency=instrument.currency,
            realized=realized,
        )


def _sums(earlier: list[Fill], size: int, price: float) -> tuple[int, float]:
    """The size and the average price of all fills with a new one."""
    before, average = (earlier[-1].cumulated, earlier[-1].average) if earlier else (0, 0.0)
    return before + size, (average * before + price * size) / (before + size)
