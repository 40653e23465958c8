"""Previews: what-if orders, which IB answers in parts and never executes, and the tokens by which placing may ask for one.

IB's answer is one openOrder or two: the first without margins, often with a commission of 0 that means nothing, then the margins. Some
have no commission, and some never come. Whatever else IB says under a preview's number is an emergency: there is an order.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable, Sequence
from decimal import Decimal

import trio
from msgspec.structs import replace

from ibactors.model.times import Value
from ibactors.orders.codes import Action, Meaning, meaning_of
from ibactors.orders.evidence import (
    ErrorSeen,
    Evidence,
    ExecutionSeen,
    Figures,
    FromIb,
    OpenOrderSeen,
    SessionLost,
    StatusSeen,
    WhatIfSeen,
    Withdrawn,
)
from ibactors.orders.order import LIVE_WORDS, PENDING_WORDS, Order

NAME = "pv_"
"""How the ids of previews begin; those of orders begin with `ord_`."""
ANSWER_WITHIN = 8.0
"""Seconds for the whole answer."""
QUIET = 0.4
"""Seconds after the last part in which another one may come."""
TOKEN_LASTS = 60.0
MOST_REMEMBERED = 10_000
_ALIVE = LIVE_WORDS | PENDING_WORDS | {"Filled"}


class WhatIf(Value, frozen=True, kw_only=True):
    """IB's answer, put together."""

    initial: Figures = Figures()
    maintenance: Figures = Figures()
    equity_with_loan: Figures = Figures()
    commission: Decimal | None = None
    commission_min: Decimal | None = None
    commission_max: Decimal | None = None
    commission_currency: str | None = None
    warnings: tuple[str, ...] = ()
    incomplete: str | None = None
    """Why figures are missing; None when the margins are there."""


class Inquiry:
    """One what-if order on its way."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self.parts: list[WhatIfSeen] = []
        self.remarks: list[ErrorSeen] = []
        self.ended: str | None = None
        """Why no answer comes: it was taken back, or the session ended."""
        self._changed = trio.Event()

    def tell(self) -> None:
        """Wake who waits."""
        event, self._changed = self._changed, trio.Event()
        event.set()

    @property
    def refusal(self) -> ErrorSeen | None:
        """IB's refusal."""
        return next((each for each in self.remarks if _refuses(each)), None)

    @property
    def is_whole(self) -> bool:
        """Whether nothing more is expected."""
        told = any(_has_margins(part) and _has_commission(part) for part in self.parts)
        return told or self.ended is not None or self.refusal is not None

    async def answered(self) -> None:
        """Return when the answer is whole, when no further part came for a while, or when the time is up."""
        with trio.move_on_after(ANSWER_WITHIN):
            while not self.is_whole:
                changed = self._changed
                with trio.move_on_after(QUIET if self.parts else ANSWER_WITHIN):
                    await changed.wait()
                if not changed.is_set():
                    return


def _refuses(seen: ErrorSeen) -> bool:
    return meaning_of(seen.code, Action.PLACE) in {Meaning.REFUSES, Meaning.NOT_FOUND, Meaning.CONFIRMS}


def _has_margins(part: WhatIfSeen) -> bool:
    return any(figure.after is not None for figure in (part.initial, part.maintenance, part.equity_with_loan))


def _has_commission(part: WhatIfSeen) -> bool:
    return part.commission is not None or part.commission_max is not None


def merged(parts: Sequence[WhatIfSeen], remarks: Sequence[ErrorSeen]) -> WhatIf:
    """The parts as one answer: of each figure the newest that is known. A commission without margins is a placeholder."""
    priced = [part for part in parts if _has_margins(part)]
    texts = [part.warning for part in parts if part.warning] + [f"{each.text} ({each.code})" for each in remarks]
    incomplete = None if priced else "IB told no margins." if parts else f"IB has not answered within {ANSWER_WITHIN:g} s."
    figures: dict[str, object] = {}
    for part in priced:
        known = {
            "commission": part.commission,
            "commission_min": part.commission_min,
            "commission_max": part.commission_max,
            "commission_currency": part.currency or None,
        }
        figures |= {"initial": part.initial, "maintenance": part.maintenance, "equity_with_loan": part.equity_with_loan}
        figures |= {name: value for name, value in known.items() if value is not None}
    return replace(WhatIf(warnings=tuple(dict.fromkeys(texts)), incomplete=incomplete), **figures)


class Previews:
    """The previews of one incarnation, by the numbers that they have used up."""

    def __init__(self, alarm: Callable[[Order, str], None]) -> None:
        self._alarm = alarm
        """Called, in the step of the evidence, when a preview turns out to be an order."""
        self._known: dict[tuple[int, int], Inquiry] = {}

    def begin(self, order: Order) -> Inquiry:
        """A what-if is about to be queued."""
        while len(self._known) >= MOST_REMEMBERED:
            del self._known[next(iter(self._known))]
        self._known[order.client_id, order.ib_order_id] = inquiry = Inquiry(order)
        return inquiry

    def hears(self, evidence: Evidence, order_id: str | None) -> bool:
        """Take what is about a preview; False for what is about orders, or about everything."""
        if isinstance(evidence, SessionLost):
            for inquiry in self._known.values():
                self._end(inquiry, evidence.reason)
        if order_id is not None:
            if not order_id.startswith(NAME):
                return False
            for inquiry in self._known.values():
                if inquiry.order.order_id == order_id and isinstance(evidence, Withdrawn):
                    self._end(inquiry, evidence.reason)
            return True
        if not isinstance(evidence, FromIb):
            return False
        known = self._known.get((evidence.client_id or 0, evidence.order_id or 0))
        if known is not None:
            self._take(known, evidence)
        return known is not None or isinstance(evidence, WhatIfSeen)

    def _end(self, inquiry: Inquiry, reason: str) -> None:
        inquiry.ended = inquiry.ended or reason
        inquiry.tell()

    def _take(self, inquiry: Inquiry, evidence: FromIb) -> None:
        match evidence:
            case WhatIfSeen():
                inquiry.parts.append(evidence)
            case ErrorSeen():
                inquiry.remarks.append(evidence)
            case ExecutionSeen():
                self._alarm(inquiry.order, "an execution")
            case OpenOrderSeen() | StatusSeen() if evidence.status in _ALIVE:
                self._alarm(inquiry.order, f"the status {evidence.status}")
            case _:
                return
        inquiry.tell()


class Tokens:
    """Proofs that an equal request was previewed a moment ago, by the same key. They need no memory, and are void after a restart."""

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)

    def token(self, key: str, account: str, fingerprint: str, until: float) -> str:
        """The token that is good until a moment, on the clock of whoever asks."""
        return f"{NAME}{int(until * 1000):x}_{self._proof(key, account, fingerprint, int(until * 1000))}"

    def why_not(self, token: str, key: str, account: str, fingerprint: str, at: float) -> str | None:
        """Why a token is no proof, or None."""
        try:
            until, proof = token.removeprefix(NAME).split("_")
            number = int(until, 16)
        except ValueError:
            return "preview_token is none that was given here"
        if not hmac.compare_digest(proof, self._proof(key, account, fingerprint, number)):
            return "preview_token belongs to another request, key or account, or is from before a restart"
        return "preview_token has expired" if at * 1000 >= number else None

    def _proof(self, key: str, account: str, fingerprint: str, until: int) -> str:
        text = f"{key}\0{account}\0{fingerprint}\0{until}".encode()
        return hmac.new(self._secret, text, hashlib.sha256).hexdigest()[:32]
