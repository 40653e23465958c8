"""How often a caller may ask: each request counts for its key, or for its network address where there is no valid one."""

import trio

from ibactors.config.access import AccessSettings
from ibactors.keys import Scope
from ibactors.limits import Rate, RateLimit, Verdict
from ibactors.web.contract.addresses import is_loopback, network_of
from ibactors.web.contract.asgi import Handover
from ibactors.web.gate.refusals import RateLimited
from ibactors.web.gate.visit import Headers, Visit


class Rates:
    """The limits by key, by address, and on this machine."""

    def __init__(self, settings: AccessSettings) -> None:
        self._by_key = _limit(settings.rate_per_key)
        self._by_address = _limit(settings.rate_per_address)
        self._symbols = _limit(settings.rate_of_symbols)
        self._on_loopback = _limit(settings.rate_on_loopback)

    def bill(self, visit: Visit, found: Handover) -> RateLimit | None:
        """Say for whom a request counts, so that what stands behind can count its symbols; returns where it counts itself."""
        if visit.caller is not None and visit.caller.key is not None:
            limit, found.payer = self._by_key, (visit.caller.name,)
        else:
            limit = self._on_loopback if is_loopback(visit.sender.address) else self._by_address
            is_open = found.route is not None and found.route.scope is Scope.OPEN
            # Apart, or what is refused to an address would cost it its health checks.
            found.payer = network_of(visit.sender.address), is_open
        found.symbols = self._symbols if limit is not None else None
        return limit

    def count(self, visit: Visit, found: Handover) -> None:
        """Count one request. Raises RateLimited."""
        limit = self.bill(visit, found)
        if limit is None:
            return
        verdict = limit.take(found.payer, trio.current_time())
        visit.extra += headers_of(verdict)
        if not verdict.allowed:
            raise RateLimited("Too many requests.", retry_after=verdict.retry_after)


def headers_of(verdict: Verdict) -> Headers:
    """What a response tells of the rate."""
    shown = (b"ratelimit-limit", verdict.limit), (b"ratelimit-remaining", verdict.remaining), (b"ratelimit-reset", verdict.reset)
    return [(name, b"%d" % value) for name, value in shown]


def _limit(rate: Rate | None) -> RateLimit | None:
    return None if rate is None else RateLimit(rate)
