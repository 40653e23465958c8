"""A request that was admitted before and comes again: what follows from its head is kept, what counts each request is done for each.

The gate itself has judged the head (`Gate.recall`), by the same functions as every other. Nothing of it is kept but what follows from it:
who asks, for whom it counts, and what the response's head says. The key's text is not.
"""

import trio

from ibactors.limits import RateLimit
from ibactors.web.contract.asgi import Handover, Recall
from ibactors.web.gate.access import Access
from ibactors.web.gate.audit import Audit
from ibactors.web.gate.rates import headers_of
from ibactors.web.gate.visit import Headers, RequestIds, Visit, own_id

_GIVEN = [(b"content-type", b"application/json")]


class Recalled:
    """Answers it; None whenever the long way is to be gone, which then finds nothing counted."""

    __slots__ = (
        "_access",
        "_address",
        "_after",
        "_again",
        "_audit",
        "_before",
        "_generation",
        "_ids",
        "_key",
        "_limit",
        "_own_id",
        "_payer",
    )

    def __init__(
        self, visit: Visit, found: Handover, limit: RateLimit | None, again: Recall, *, access: Access, audit: Audit, ids: RequestIds
    ) -> None:
        self._again = again
        self._access = access
        self._generation = access.generation
        self._audit = audit
        self._key = visit.caller_name if visit.used_key else ""
        self._address = visit.sender.address
        self._limit = limit
        self._payer = found.payer
        self._ids = ids
        self._own_id = own_id(visit.headers).encode()
        headers, at = visit.response_headers(_GIVEN), len(_GIVEN) + len(visit.extra)
        self._before = _lines(headers[len(_GIVEN) : at])
        """The lines between those that the application gives and the request's id, and those after it, as in every response."""
        self._after = b"\r\n" + _lines(headers[at + 1 :])

    def __call__(self) -> tuple[bytes, bytes] | None:
        # In the order of the long way: key, rate, answer. No step of it waits, so that what was asked first is still so at the end.
        if self._access.generation != self._generation:
            return None
        limit, present = self._limit, trio.current_time()
        if limit is not None and not limit.allows(self._payer, present):
            return None
        if self._key and self._audit.tells_use(self._key, self._address):
            return None  # the line in the log bears the request's id
        answer = self._again()
        if answer is None:
            return None
        lines, body = answer
        rates = b"" if limit is None else _lines(headers_of(limit.take(self._payer, present)))
        if self._key:
            self._audit.key_used(self._key, self._address)
        return b"%b%b%bx-request-id: %b%b" % (lines, self._before, rates, self._own_id or next(self._ids).encode(), self._after), body


def _lines(headers: Headers) -> bytes:
    return b"".join([b"%b: %b\r\n" % header for header in headers])
