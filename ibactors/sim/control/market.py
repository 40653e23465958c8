"""What the market did, for a judge outside: each tick since somebody first followed an instrument, and bars that are over."""

import datetime as dt
import json
from itertools import islice

from ibactors.sim.control.commands import CommandRefused, instruments_named, number
from ibactors.sim.history.past import Past
from ibactors.sim.history.query import DAY_S
from ibactors.sim.history.tape import QUOTE, Tape
from ibactors.sim.market.hours import is_open
from ibactors.sim.market.instruments import Instrument
from ibactors.sim.server import Server

_PAGE = 1000
_MOST_TICKS = 1 << 31


def tape(server: Server, arguments: list[str]) -> str:
    """What `tape` answers: the bids of all changes of a quote, in ticks, and the argument for what comes after them."""
    found = server.gateway.tapes.get(_one(server, arguments[0]).con_id)
    after = int(number(arguments[1], 0, _MOST_TICKS)) if len(arguments) > 1 else 0
    if not isinstance(found, Tape):
        raise CommandRefused(f"nobody has followed {arguments[0]} tick by tick")
    bids = [moment.bid for moment in islice(found.moments, after, after + _PAGE) if not QUOTE.isdisjoint(moment.fields)]
    return json.dumps({"bids": bids, "next": min(after + _PAGE, len(found.moments))})


def bars(server: Server, arguments: list[str]) -> str:
    """What `bars` answers: the newest bars of trades that are over, by the second in which each begins: open, high, low, close."""
    instrument = _one(server, arguments[0])
    size, count = int(number(arguments[1], 1, DAY_S)), int(number(arguments[2], 1, _PAGE))
    past, last = Past(server.gateway.market, instrument), int(server.gateway.now().timestamp()) // size
    begins = [dt.datetime.fromtimestamp(n * size, dt.UTC) for n in range(last - count, last)]
    begins = [start for start in begins if is_open(instrument.trading_hours, instrument.time_zone, start)]
    found = [past.bar(start, size, "TRADES") for start in begins]
    prices = {int(bar.start.timestamp()): (bar.open, bar.high, bar.low, bar.close) for bar in found}
    return json.dumps({second: [float(past.text(price)) for price in each] for second, each in prices.items()})


def _one(server: Server, name: str) -> Instrument:
    return next(iter(instruments_named(server, name)))
