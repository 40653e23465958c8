"""Account data as the gateway sends them: what the messages say, who hears of them, and which request for them IB refuses.

The gateway sends summary, positions and portfolio for the rest of the session once they are requested. Only the summary has a request id.
"""

from typing import Literal, Protocol, TypeAlias

import structlog
import trio
from ib_async.contract import Contract

from ibactors.bridge import codes
from ibactors.bridge.contracts import float_or_none, position_of
from ibactors.bridge.vigil import Vigil
from ibactors.errors import IbactorsError
from ibactors.model.accounts import Figure, PortfolioItem, Position
from ibactors.model.times import rfc3339

log = structlog.get_logger(__name__)

AccountHalf: TypeAlias = Literal["summary", "positions"]
"""What account data consist of."""
AccountPart: TypeAlias = AccountHalf | Literal["portfolio"]
"""The portfolio only adds to the positions."""
LONGEST_TURN = 60.0
"""Seconds after which a portfolio that was asked for and has not come makes way for that of the next account."""
_ROWS: dict[str, AccountHalf] = {"61": "positions", "7": "positions", "63": "summary"}
"""What a message is a row of."""
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


class AccountInbox:
    """The part of the inbox that account data go through; methods named after IB's EWrapper are called by ib_async's decoder.

    Only one actor wants account data, so that there is one listener at a time; what comes while there is none is dropped.
    """

    def __init__(self, vigil: Vigil) -> None:
        self._vigil = vigil
        self.listener: AccountListener | None = None
        self.requests = AccountRequests()

    def accountSummary(self, _request_id: int, account: str, tag: str, value: str, currency: str) -> None:  # noqa: N802  # EWrapper's name
        if self.listener:
            self.listener.figure_seen(tag, Figure(value=value, currency=currency, account=account), self._vigil.arrival)

    def accountSummaryEnd(self, _request_id: int) -> None:  # noqa: N802
        if self.listener:
            self.listener.complete("summary", self._vigil.arrival)

    def position(self, account: str, contract: Contract, position: float, average_cost: float) -> None:
        if self.listener:
            self.listener.position_seen(position_of(account, contract, position, average_cost), self._vigil.arrival)

    def positionEnd(self) -> None:  # noqa: N802
        self.requests.answered("positions")
        if self.listener:
            self.listener.complete("positions", self._vigil.arrival)

    def accountDownloadEnd(self, _account: str) -> None:  # noqa: N802
        self.requests.answered("portfolio")

    def updatePortfolio(  # noqa: N802
        self,
        contract: Contract,
        position: float,
        market_price: float,
        market_value: float,
        _average_cost: float,
        unrealized_pnl: float,
        realized_pnl: float,
        account: str,
    ) -> None:
        if self.listener:
            self.listener.portfolio_seen(
                PortfolioItem(
                    account=account,
                    con_id=contract.conId,
                    position=position,
                    timestamp=rfc3339(self._vigil.arrival),
                    market_price=float_or_none(market_price),
                    market_value=float_or_none(market_value),
                    unrealized_pnl=float_or_none(unrealized_pnl),
                    realized_pnl=float_or_none(realized_pnl),
                )
            )

    def unreadable(self, message_id: str) -> None:
        """A message could not be read; if it was a row of account data, what is known is not all of it."""
        what = _ROWS.get(message_id)
        if what is not None and self.listener:
            self.listener.unreadable(what)

    def refuses(self, request_id: int, code: int, text: str, trouble: str | None) -> bool:
        """Whether an error is an answer to a request for account data; then the listener is told. *trouble*: why it is not believed."""
        what = self.requests.refused_by(request_id, code)
        if what is None:
            return False
        log.warning("account_data_refused", what=what, ib_code=code, text=text.strip())
        if self.listener:
            error = codes.refusal(code, text)
            self.listener.refused(what, codes.doubted(error, trouble) if trouble else error)
        return True
