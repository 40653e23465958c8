"""Account data as the gateway sends them: who hears of them, and which request for them IB refuses.

The gateway sends summary, positions and portfolio for the rest of the session once they are requested. Only the summary has a request id.
"""

from typing import Literal, Protocol, TypeAlias

import trio

from ibactors.bridge import codes
from ibactors.errors import IbactorsError
from ibactors.model.accounts import Figure, PortfolioItem, Position

AccountHalf: TypeAlias = Literal["summary", "positions"]
"""What account data consist of."""
AccountPart: TypeAlias = AccountHalf | Literal["portfolio"]
"""The portfolio only adds to the positions."""
LONGEST_TURN = 60.0
"""Seconds after which a portfolio that was asked for and has not come makes way for that of the next account."""
_NOBODY = -1
"""The request id of what belongs to no request."""


class AccountListener(Protocol):
    """Who hears of the accounts; each method returns at once. *arrived* is Unix time."""

    def figure_seen(self, tag: str, figure: Figure, arrived: float) -> None:
        """One figure of an account summary, new or changed (message 63)."""

    def position_seen(self, position: Position, arrived: float) -> None:
        """One position, new or changed; 0 when it was closed (message 61)."""

    def portfolio_seen(self, item: PortfolioItem) -> None:
        """Market figures of one position (message 7)."""

    def complete(self, what: AccountHalf, arrived: float) -> None:
        """All of it has been sent for the first time in this session."""

    def unreadable(self, what: AccountHalf) -> None:
        """A row of it could not be read, so that what is known is not all of it."""

    def refused(self, what: AccountPart, error: IbactorsError) -> None:
        """IB does not send it; of the portfolio, it does not go on sending it."""


class AccountRequests:
    """The requests for account data of one session, as far as it takes to know which one an error is about."""

    def __init__(self) -> None:
        self.summary_id: int | None = None
        self._unanswered: list[AccountPart] = []
        """Those without an id, in the order in which the gateway answers them."""
        self._turned_at = 0.0
        self._lost = False
        """Whether the portfolio is not sent any more."""

    @property
    def may_turn(self) -> bool:
        """Whether the portfolio of another account may be asked for: that of the present one is in, and nobody else has taken it over."""
        answered = "portfolio" not in self._unanswered or trio.current_time() > self._turned_at + LONGEST_TURN
        return self.summary_id is not None and not self._lost and answered

    def turned(self) -> None:
        """The portfolio of another account has been asked for."""
        self._turned_at = trio.current_time()
        self._unanswered = [*(what for what in self._unanswered if what != "portfolio"), "portfolio"]

    def sent(self, summary_id: int) -> None:
        """All of them have been sent, positions before the portfolio."""
        self.summary_id = summary_id
        self._turned_at = trio.current_time()
        self._lost = False
        self._unanswered = ["positions", "portfolio"]

    def answered(self, what: AccountPart) -> None:
        """The end of the first full set came."""
        if what in self._unanswered:
            self._unanswered.remove(what)

    def refused_by(self, request_id: int, code: int) -> AccountPart | None:
        """Which of them IB refuses with an error, if it does."""
        if code in codes.ACCOUNT_UPDATES_LOST and "portfolio" in self._unanswered:
            return None  # that was us, turning to another account
        if code in codes.ACCOUNT_UPDATES_LOST:
            self._lost = True
            return "portfolio"
        if request_id == self.summary_id and not codes.is_notice(code):
            return "summary"
        if request_id == _NOBODY and code in codes.REFUSED and self._unanswered:
            what = self._unanswered.pop(0)
            self._lost |= what == "portfolio"
            return what
        return None
