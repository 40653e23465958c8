"""Which handler serves which request id. A new topic is a new module with a `REQUESTS` table, joined here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ibactors.sim.bars import REQUESTS as BARS
from ibactors.sim.contracts import REQUESTS as CONTRACTS
from ibactors.sim.depth import REQUESTS as DEPTH
from ibactors.sim.history import REQUESTS as HISTORY
from ibactors.sim.history_ticks import REQUESTS as HISTORY_TICKS
from ibactors.sim.marketdata import REQUESTS as MARKETDATA
from ibactors.sim.news import REQUESTS as NEWS
from ibactors.sim.optionticks import REQUESTS as OPTION_TICKS
from ibactors.sim.orders import REQUESTS as ORDERS
from ibactors.sim.portfolio import REQUESTS as PORTFOLIO
from ibactors.sim.positions import REQUESTS as POSITIONS
from ibactors.sim.reference import REQUESTS as REFERENCE
from ibactors.sim.scanner import REQUESTS as SCANNER
from ibactors.sim.talk import REQUESTS as TALK
from ibactors.sim.tickbytick import REQUESTS as TICK_BY_TICK
from ibactors.sim.unsimulated import REQUESTS as UNSIMULATED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ibactors.sim.requests import Request

REQUESTS: Mapping[int, Request] = {
    **UNSIMULATED,
    **TALK,
    **CONTRACTS,
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
