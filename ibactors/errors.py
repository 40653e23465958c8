"""Everything that can go wrong for a caller, as a tree of exceptions.

Each class has a stable `code`: it is what HTTP problems, WebSocket errors and logs show, and what clients may branch on. `hint` says what
the user can do. The web layer alone knows which status a code has (`web/contract/problems.py`).
"""

from typing import ClassVar


class IbactorsError(Exception):
    """Base class: an error with a stable code and, where one helps, a hint."""

    code: ClassVar[str] = "internal_error"
    hint: ClassVar[str] = ""

    def __init__(self, message: str, *, ib_code: int | None = None, extra: dict[str, object] | None = None) -> None:
        super().__init__(message)
        self.ib_code = ib_code
        """IB's own number where the gateway's error is the cause (TWS errMsg, message 4)."""
        self.extra = extra or {}
        """Further members of the problem document, for example the candidates of an ambiguous contract."""


class StartupError(IbactorsError):
    """The service cannot start: a bad setting or a port in use. Shown as one line; exit status 2."""

    code = "startup_error"


class ActorError(IbactorsError):
    """Base class of what the kernel itself tells a caller."""


class ActorDown(ActorError):
    """The actor is not running, or stopped before it answered.

    `started` is False when the request was never begun, so that it is safe to send again, and True when it may have been carried out:
    then nothing that changes the world may be repeated.
    """

    code = "actor_down"
    hint = "Try again in a moment; the supervisor restarts the actor."

    def __init__(self, actor: str, *, started: bool) -> None:
        fate = "may have been carried out" if started else "was not started"
        super().__init__(f"Actor {actor!r} is down; the request {fate}.", extra={"actor": actor})
        self.actor = actor
        self.started = started


class MailboxFull(ActorError):
    """The actor has more waiting messages than its mailbox holds."""

    code = "overloaded"
    hint = "Try again in a moment, with fewer requests at once."

    def __init__(self, actor: str, waiting: int) -> None:
        super().__init__(f"Actor {actor!r} is overloaded: {waiting} messages wait.", extra={"actor": actor})


class AskTimeout(ActorError):
    """The actor did not answer within the limit that the kernel sets on every ask."""

    code = "actor_timeout"

    def __init__(self, actor: str, seconds: float, *, started: bool) -> None:
        super().__init__(f"Actor {actor!r} gave no answer within {seconds:g} s.", extra={"actor": actor})
        self.started = started


class RestartLimit(IbactorsError):
    """An actor failed more often than its policy allows; the process ends and its runtime restarts it."""

    code = "restart_limit"


class GatewayDisconnected(IbactorsError):
    """There is no API session with the gateway, or there was a break since the data arrived."""

    code = "gateway_disconnected"
    hint = "GET /health tells the state, since when, and what it waits for; once there is a session the request works again."


class Doubtful(GatewayDisconnected):
    """The gateway answered, but while something was broken that makes it answer so; it is asked again when that is over."""

    hint = "Try again; GET /health tells what is broken."


class GatewayTimeout(IbactorsError):
    """The gateway did not answer a request within its deadline."""

    code = "gateway_timeout"
    hint = "The gateway may be busy or hung; GET /health tells whether it still answers."


class AnswerLost(IbactorsError):
    """An edge asked the session's holder to change something, and nobody knows whether it was done."""

    code = "answer_lost"
    hint = "Repeat the same request with the same client_order_id or change_id until it is answered: it is done once."


class GatewayRefused(IbactorsError):
    """The gateway answered a request with an error that has no more precise class here."""

    code = "gateway_error"


class InvalidRequest(IbactorsError):
    """A parameter, a body or a message is not acceptable; `field` names the culprit where there is one."""

    code = "invalid_request"

    def __init__(self, message: str, *, field: str | None = None, remedy: str = "", ib_code: int | None = None) -> None:
        super().__init__(message, ib_code=ib_code, extra={"field": field} if field else None)
        self.field = field
        self.remedy = remedy
        """What would be accepted in its place; shown as the hint."""


class TooManyStreams(IbactorsError):
    """As many streams are open as the service allows."""

    code = "too_many_streams"
    hint = "Close one, or try again when another client has left; IBACTORS_MAX_STREAMS is the limit."


class TooManyLogins(IbactorsError):
    """One caller has begun as many logins as it may within a time; `retry_after` in seconds."""

    code = "too_many_logins"
    hint = "Wait; repeated logins with wrong credentials lock the account at IB."

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message, extra={"retry_after": retry_after})


class TooManySubscriptions(IbactorsError):
    """The streams of one key have all the subscriptions that they may have."""

    code = "too_many_subscriptions"
    hint = "Unsubscribe from symbols that are not needed."


class WatchlistNotKept(IbactorsError):
    """The service does not keep this caller's watchlist."""

    code = "watchlist_not_kept"
    hint = (
        "Keep it on your side, as the live page does in the browser; or show an API key, and let the service write to IBACTORS_STATE_PATH."
    )


class UnknownAccount(IbactorsError):
    """The account is not one of those that the gateway manages."""

    code = "account_not_found"
    hint = "GET /accounts lists the accounts of this session."


class UnknownGateway(IbactorsError):
    """The service has no gateway of that name."""

    code = "gateway_not_found"
    hint = "GET /gateways lists them."


class AccountAmbiguous(IbactorsError):
    """The session has several accounts, and none is named; `candidates` lists them."""

    code = "account_ambiguous"
    hint = "Name one of them by ?account=."

    def __init__(self, accounts: tuple[str, ...]) -> None:
        names = [{"account": account} for account in accounts]
        super().__init__(f"This session has several accounts: {', '.join(accounts)}.", extra={"candidates": names})


class ContractNotFound(IbactorsError):
    """IB knows no such contract (error 200)."""

    code = "contract_not_found"
    hint = "Check symbol, exchange, currency and sec_type; GET /contracts/search?q= finds contracts by symbol or name."


class ContractAmbiguous(IbactorsError):
    """Several contracts fit; `candidates` lists them."""

    code = "contract_ambiguous"
    hint = "Repeat the request with the con_id of one of the candidates."


class TooManyContracts(IbactorsError):
    """More contracts fit than one answer may bring."""

    code = "too_many_contracts"
    hint = "Narrow the question: name expiry and strike; GET /options/chain/{symbol} lists what there is, and a chain is read by expiry."


class MarketDataNotSubscribed(IbactorsError):
    """The account has no permission for this data, live or delayed (errors 354, 10089, 10168, 10186)."""

    code = "market_data_not_subscribed"
    hint = "Subscribe to the data in IB's Client Portal."


class CompetingSession(IbactorsError):
    """Another live session of the same user has the market data (error 10197)."""

    code = "competing_session"
    hint = "Log out of TWS, the mobile app or the other gateway that uses the same user name."


class NoMarketData(IbactorsError):
    """The line is open but no tick came within the deadline."""

    code = "no_market_data"
    hint = "The market may be closed, or the instrument does not trade."


class NewsNotSubscribed(IbactorsError):
    """The login may not read this news (error 10276)."""

    code = "news_not_subscribed"
    hint = "GET /news/providers tells whose news may be read; others are subscribed to in IB's Client Portal."


class ArticleNotFound(IbactorsError):
    """IB has no such article, or the login may not read it (error 10172)."""

    code = "article_not_found"


class TooManyScans(IbactorsError):
    """As many scans run as IB allows."""

    code = "scanner_limit"
    hint = "Unsubscribe from one; IB has ten at once."


class TooManyNews(IbactorsError):
    """Headlines of as many instruments are wanted as there may be."""

    code = "news_limit"
    hint = "Unsubscribe from one; each takes a market-data line."


class TooManyBars(IbactorsError):
    """As many series of live bars are wanted as there may be."""

    code = "bars_limit"
    hint = "Unsubscribe from one; a series that nobody wants gives way after some seconds."


class TooManyProfits(IbactorsError):
    """As many profits and losses are kept current as the service allows, and none of them is idle."""

    code = "pnl_limit"
    hint = "Ask for one account at a time; figures that nobody asks for are given up after a minute."


class NoFreeLine(IbactorsError):
    """All market-data lines are in use and none is idle (or IB's error 101)."""

    code = "no_free_line"
    hint = "Unsubscribe from symbols that are not needed, or raise IBACTORS_MAX_LINES if the account has more lines."


class DepthLimit(IbactorsError):
    """As many books are open as the login may have, and none of them is idle (or IB's error 309)."""

    code = "depth_limit"
    hint = "Unsubscribe from books that are not needed, or raise IBACTORS_MAX_BOOKS if the account has more."


class DepthNotSupported(IbactorsError):
    """There is no such book (IB's error 10092)."""

    code = "depth_not_supported"
    hint = (
        "Only stocks have a book of all exchanges (smart=true); name an exchange, such as exchange=ISLAND, or subscribe to its depth at IB."
    )


class TicksLimit(IbactorsError):
    """As many instruments are followed tick by tick as the login may, and none of them is idle (or IB's error 10190)."""

    code = "ticks_limit"
    hint = "Unsubscribe from ticks that are not needed, or raise IBACTORS_MAX_TICK_STREAMS if the account has more."


class HistoryPacing(IbactorsError):
    """IB, or we on its behalf, take no more requests for the past at the moment; `retry_after` in seconds."""

    code = "history_pacing"
    hint = "Ask for larger bars, or wait; a background download (Prefer: respond-async) waits by itself."

    def __init__(self, message: str, *, retry_after: int, ib_code: int | None = None) -> None:
        super().__init__(message, ib_code=ib_code, extra={"retry_after": retry_after})
        self.retry_after = retry_after


class NoHistory(IbactorsError):
    """IB has nothing so old; `head` is its first moment, where IB tells one."""

    code = "no_history"
    hint = "GET /history/head tells since when there are data."


class JobNotFound(IbactorsError):
    """There is no such download, or no more."""

    code = "job_not_found"
    hint = "GET /history/jobs lists those that are kept; a finished one is for some minutes."


class TooManyJobs(IbactorsError):
    """As many downloads are kept as may be."""

    code = "too_many_jobs"
    hint = "Fetch and delete one of yours (DELETE /history/jobs/{id}), or wait until the oldest is forgotten."
