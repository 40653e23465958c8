"""Errors as RFC 9457 problem documents: one table from code to status, title and Retry-After."""

from typing import Any

import msgspec

from ibactors.errors import ActorDown, IbactorsError, InvalidRequest
from ibactors.model.instruments import Named
from ibactors.orders.collar import Reference
from ibactors.web.contract.references import ReferenceShown, reference_shown

MEDIA_TYPE = "application/problem+json"


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What went wrong, for people (`title`, `detail`, `hint`) and for programs (`code`, `ib_code`, `field`).

    `request_id` is what the log calls the request.
    """

    type: str
    """A name of the kind of problem, urn:ibactors:problem: and its code (RFC 9457)."""
    title: str
    """The kind of problem, in words."""
    status: int
    """Of HTTP."""
    detail: str
    """What happened this time, in words."""
    code: str
    """The kind of problem, for programs."""
    hint: str | None = None
    ib_code: int | None = None
    field: str | None = None
    """The parameter or member that is wrong."""
    actor: str | None = None
    """Which part of the service has not answered."""
    candidates: list[dict[str, Any]] | None = None
    """What may have been meant, where that is ambiguous."""
    instrument: Named | None = None
    """Which one it is about, in a list of several."""
    limit: Any = None
    """Which limit an order would pass, and by what value; `setting` says where it is set."""
    value: Any = None
    """What was counted against `limit`."""
    setting: str | None = None
    """Where `limit` is set."""
    quote: ReferenceShown | None = None
    """What a price was measured against, where that is why it is refused."""
    fields: list[str] | None = None
    """Members in which a request differs from the one that has its client_order_id."""
    order: Any = None
    """The order that the answer is about."""
    orders: Any = None
    """All orders of the group that the answer is about."""
    member: int | None = None
    """Which order of a group it is about, counted from 0."""
    new_client_order_id_allowed: bool | None = None
    """True where it is certain that the order did and will do nothing: that alone permits another client_order_id."""
    cursor: str | None = None
    """The present end of the journal, in place of a cursor that is gone."""
    budget: dict[str, Any] | None = None
    """Which budget of the login is used up: its name, limit and use, the share of one caller, what is yours, how many others hold some."""
    head: str | None = None
    """Since when there are data."""
    request_id: str | None = None
    """What the log calls the request."""
    retry_after: int | None = None
    """Seconds, as in the header Retry-After."""


class Kind(msgspec.Struct, frozen=True):
    """How a code is shown over HTTP; `retry_after` in seconds."""

    status: int
    title: str
    retry_after: int | None = None


KINDS: dict[str, Kind] = {
    "account_ambiguous": Kind(409, "Several accounts"),
    "account_not_found": Kind(404, "Account not found"),
    "gateway_not_found": Kind(404, "Gateway not found"),
    "actor_down": Kind(503, "A part of the service is restarting", 1),
    "api_key_in_url": Kind(400, "API key in the URL"),
    "api_key_invalid": Kind(401, "API key not valid"),
    "api_key_required": Kind(401, "API key required"),
    "actor_not_found": Kind(404, "Actor not found"),
    "actor_timeout": Kind(504, "A part of the service did not answer"),
    "bad_credentials": Kind(401, "Wrong credentials"),
    "article_not_found": Kind(404, "Article not found"),
    "bars_limit": Kind(429, "Too many live bars", 10),
    "client_id_changed": Kind(503, "Orders are held by another client id"),
    "change_id_reused": Kind(409, "The change_id stands for another change"),
    "change_not_sent": Kind(409, "The change was not sent"),
    "change_rejected": Kind(422, "The change was not made"),
    "client_order_id_void": Kind(409, "This client_order_id was deleted"),
    "competing_session": Kind(409, "Another session has the market data"),
    "contract_ambiguous": Kind(409, "Several contracts fit"),
    "contract_not_found": Kind(404, "Contract not found"),
    "cursor_gone": Kind(410, "No place in this journal"),
    "depth_limit": Kind(429, "No free book", 5),
    "depth_not_supported": Kind(422, "No such book"),
    "ticks_limit": Kind(429, "No free tick-by-tick line", 5),
    "display_failed": Kind(503, "The gateway's display did not start"),
    "gateway_command_failed": Kind(502, "The gateway's command server refused"),
    "existing_session": Kind(409, "The user is logged in elsewhere"),
    "gateway_disconnected": Kind(503, "No data from the gateway", 1),
    "gateway_error": Kind(502, "The gateway refused"),
    "gateway_not_managed": Kind(409, "The gateway is not managed by this service"),
    "answer_lost": Kind(504, "The answer was lost"),
    "gateway_timeout": Kind(504, "The gateway did not answer"),
    "head_too_large": Kind(431, "Head of the request too large"),
    "history_pacing": Kind(429, "Too many history requests", 15),
    "host_not_allowed": Kind(403, "Host not allowed"),
    "internal_error": Kind(500, "Internal error"),
    "invalid_request": Kind(422, "Invalid request"),
    "already_logged_in": Kind(409, "The user is logged in"),
    "account_locked": Kind(403, "IB has locked the user"),
    "gateway_outdated": Kind(502, "The gateway is too old for IB"),
    "login_failed": Kind(502, "The login failed"),
    "no_connection": Kind(503, "IB's login server cannot be reached", 60),
    "passkey_required": Kind(403, "IB wants a passkey"),
    "two_factor_denied": Kind(401, "The second factor was refused"),
    "unknown_dialog": Kind(504, "The gateway waits in an unknown dialog"),
    "job_not_found": Kind(404, "No such download"),
    "journal_busy": Kind(503, "Too many writes wait", 1),
    "journal_closed": Kind(503, "The journal is closed"),
    "journal_failed": Kind(503, "The journal cannot be written"),
    "journal_full": Kind(503, "The disk is full"),
    "launcher_failed": Kind(502, "The gateway's program failed"),
    "launcher_missing": Kind(503, "A program is missing"),
    "login_cancelled": Kind(409, "The login was ended"),
    "login_in_progress": Kind(409, "Another login is running"),
    "market_data_not_subscribed": Kind(403, "Market data not subscribed"),
    "method_not_allowed": Kind(405, "Method not allowed"),
    "news_limit": Kind(429, "Too many news lines", 10),
    "news_not_subscribed": Kind(403, "News not subscribed"),
    "no_free_line": Kind(429, "No free market-data line", 5),
    "not_accepted": Kind(403, "Not accepted"),
    "no_history": Kind(404, "No history that old"),
    "no_market_data": Kind(504, "No market data"),
    "not_found": Kind(404, "Not found"),
    "not_implemented": Kind(501, "Not implemented"),
    "not_on_edge": Kind(409, "Not on an edge"),
    "not_ready": Kind(503, "Not ready", 1),
    "order_ids_exhausted": Kind(503, "No order ids are left"),
    "origin_not_allowed": Kind(403, "Origin not allowed"),
    "overloaded": Kind(503, "Overloaded", 1),
    "pnl_limit": Kind(429, "Too many profits and losses", 5),
    "program_not_found": Kind(503, "A program is not installed"),
    "password_expired": Kind(401, "The password has expired"),
    "rate_limited": Kind(429, "Too many requests", 1),
    "request_timeout": Kind(408, "Request timeout"),
    "request_too_large": Kind(413, "Request too large"),
    "scanner_limit": Kind(429, "Too many scans", 10),
    "scope_missing": Kind(403, "Not allowed with this key"),
    "ticket_invalid": Kind(401, "Ticket not valid"),
    "too_many_attempts": Kind(429, "IB refuses the user for a while", 60),
    "too_many_contracts": Kind(422, "Too many contracts fit"),
    "too_many_jobs": Kind(429, "Too many downloads", 60),
    "too_many_logins": Kind(429, "Too many logins", 60),
    "too_many_subscriptions": Kind(429, "Too many subscriptions", 1),
    "too_many_streams": Kind(503, "Too many streams", 5),
    "two_factor_expired": Kind(401, "The second factor was not approved"),
    "unsupported_media_type": Kind(415, "Unsupported media type"),
    "watchlist_not_kept": Kind(409, "Watchlist not kept"),
    "upgrade_required": Kind(426, "Upgrade required"),
    "client_order_id_reused": Kind(409, "client_order_id belongs to another request"),
    "client_order_id_taken": Kind(409, "client_order_id belongs to another key"),
    "deadman_expired": Kind(423, "The dead man's switch went off"),
    "gateway_read_only": Kind(409, "The gateway refuses orders"),
    "no_exchange_rate": Kind(409, "No exchange rate"),
    "no_reference_price": Kind(409, "No price to measure against"),
    "order_limit": Kind(422, "A limit would be passed"),
    "order_not_allowed": Kind(403, "Order not allowed"),
    "order_not_changeable": Kind(409, "The order cannot be changed now"),
    "order_not_found": Kind(404, "Order not found"),
    "order_not_ours": Kind(409, "Not an order of this service"),
    "order_not_received": Kind(409, "IB never had the order"),
    "order_not_sent": Kind(409, "The order was not sent"),
    "order_not_resolvable": Kind(409, "Evidence says otherwise"),
    "order_rate": Kind(429, "Too many orders", 5),
    "order_rejected": Kind(422, "IB rejected the order"),
    "preview_rejected": Kind(422, "IB refused the preview"),
    "preview_required": Kind(409, "A preview is needed first"),
    "price_collar": Kind(422, "Price too far from the market"),
    "reconciling": Kind(503, "Orders are being compared with IB", 1),
    "revision_changed": Kind(412, "The order has another revision"),
    "trading_halted": Kind(423, "Trading is halted"),
    "trading_off": Kind(403, "Trading is off"),
    "bad_text": Kind(422, "Text not allowed in an order"),
    "bad_request": Kind(400, "Bad request"),
}


_MEMBERS = (
    "field",
    "actor",
    "candidates",
    "retry_after",
    "limit",
    "value",
    "setting",
    "fields",
    "order",
    "orders",
    "member",
    "new_client_order_id_allowed",
    "cursor",
    "budget",
    "head",
)


def problem_of(error: IbactorsError) -> Problem:
    """The document for one of our exceptions."""
    known = {key: error.extra[key] for key in _MEMBERS if key in error.extra}
    if isinstance(quote := error.extra.get("quote"), Reference):
        known["quote"] = reference_shown(quote)
    status = 502 if isinstance(error, ActorDown) and error.started else None
    return make_problem(error.code, str(error), hint=hint_of(error), ib_code=error.ib_code, status=status, **known)


def hint_of(error: IbactorsError) -> str | None:
    """What the user can do, if anything."""
    if isinstance(error, ActorDown) and error.started:
        return None
    if isinstance(error, InvalidRequest):
        return error.remedy or None
    told = error.extra.get("hint")
    return (told if isinstance(told, str) else error.hint) or None


def make_problem(code: str, detail: str, *, status: int | None = None, **members: Any) -> Problem:
    """A document for a code of the table."""
    kind = KINDS[code]
    return Problem(type=f"urn:ibactors:problem:{code}", title=kind.title, status=status or kind.status, detail=detail, code=code, **members)


def headers_of(problem: Problem) -> dict[str, str]:
    """Content type and, where trying again makes sense, when."""
    retry_after = problem.retry_after or KINDS[problem.code].retry_after
    headers = {"Content-Type": MEDIA_TYPE}
    if retry_after is not None and problem.status in {429, 503}:
        headers["Retry-After"] = str(retry_after)
    return headers
