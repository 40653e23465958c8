"""Which handler serves which request id. A new topic is a new module with a `REQUESTS` table, joined here."""

from collections.abc import Mapping

from ibactors.sim.history.bars import REQUESTS as BARS
from ibactors.sim.history.requests import REQUESTS as HISTORY
from ibactors.sim.history.ticks import REQUESTS as HISTORY_TICKS
from ibactors.sim.live.depth import REQUESTS as DEPTH
from ibactors.sim.live.marketdata import REQUESTS as MARKETDATA
from ibactors.sim.live.optionticks import REQUESTS as OPTION_TICKS
from ibactors.sim.live.tickbytick import REQUESTS as TICK_BY_TICK
from ibactors.sim.request import Request
from ibactors.sim.requests.advisers import REQUESTS as ADVISERS
from ibactors.sim.requests.contracts import REQUESTS as CONTRACTS
from ibactors.sim.requests.details import REQUESTS as DETAILS
from ibactors.sim.requests.news import REQUESTS as NEWS
from ibactors.sim.requests.orders import REQUESTS as ORDERS
from ibactors.sim.requests.portfolio import REQUESTS as PORTFOLIO
from ibactors.sim.requests.positions import REQUESTS as POSITIONS
from ibactors.sim.requests.reference import REQUESTS as REFERENCE
from ibactors.sim.requests.scanner import REQUESTS as SCANNER
from ibactors.sim.requests.talk import REQUESTS as TALK
from ibactors.sim.requests.unsimulated import REQUESTS as UNSIMULATED

REQUESTS: Mapping[int, Request] = {
    **UNSIMULATED,
    **TALK,
    **ADVISERS,
    **CONTRACTS,
    **DETAILS,
    **SCANNER,
    **NEWS,
    **OPTION_TICKS,
    **REFERENCE,
    **DEPTH,
    **TICK_BY_TICK,
    **HISTORY_TICKS,
    **HISTORY,
    **BARS,
    **MARKETDATA,
    **PORTFOLIO,
    **POSITIONS,
    **ORDERS,
}
