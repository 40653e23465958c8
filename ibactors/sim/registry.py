"""Which handler serves which request id. A new topic is a new module with a `REQUESTS` table, joined here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ibactors.sim import contracts, marketdata, orders, portfolio, talk, unsimulated

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ibactors.sim.requests import Request

REQUESTS: Mapping[int, Request] = {
    **unsimulated.REQUESTS,
    **talk.REQUESTS,
    **contracts.REQUESTS,
    **marketdata.REQUESTS,
    **portfolio.REQUESTS,
    **orders.REQUESTS,
}
