"""What the service offers, as calls: once for both clients.

Each takes the `Patience` of its client first; `methods.py` makes methods of them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from ibactors_client import core, placing
from ibactors_client.core import Call, History, Param, Progress, Request, get, path
from ibactors_client.models import (
    Article,
    Chain,
    Contract,
    Depth,
    Figure,
    FoundContract,
    Gateway,
    Headline,
    Health,
    Position,
    Profit,
    Quote,
    ScanRow,
)
from ibactors_client.orders import Execution, Executions, ExecutionsImported, MissingSpan, Order, Preview, Side, Trading
from ibactors_client.problems import Problem
from ibactors_client.streams import Follower
from ibactors_client.tables import Rows


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds for which something is tried again."""

    read: float = 30.0
    order: float = 60.0


class _Positions(msgspec.Struct):
    positions: list[Position]


class _Summary(msgspec.Struct):
    account_summary: dict[str, Figure]


class _Contracts(msgspec.Struct):
    contracts: list[Contract]


class _Quotes(msgspec.Struct):
    quotes: dict[str, msgspec.Raw]


class _Orders(msgspec.Struct):
    orders: list[Order]
    next_page_token: str | None


class _Found(msgspec.Struct):
    results: list[FoundContract]


class _Headlines(msgspec.Struct):
    headlines: list[Headline]


class _Scan(msgspec.Struct):
    rows: list[ScanRow]


class _Executions(msgspec.Struct):
    executions: list[Execution]
    gaps: list[MissingSpan]
    next_page_token: str | None


class _Gateways(msgspec.Struct):
    gateways: tuple[Gateway, ...]


class _Type(msgspec.Struct):
    type: str


def get_any(patience: Patience, path: str, /, **query: Param) -> Call[Any]:
    """The JSON of `GET path`, for what has no method of its own."""
    return get(Any, path, patience.read, query)


def health(patience: Patience, /) -> Call[Health]:
    """Whether the service has a session with the gateway, and what is wrong if not."""
    return get(Health, "/health", patience.read)


def gateways(patience: Patience, /) -> Call[tuple[Gateway, ...]]:
    """All gateways of the service, the default one first."""
    raw = yield from get(_Gateways, "/gateways", patience.read)
    return raw.gateways


def quote(patience: Patience, /, symbol: str, **contract: Param) -> Call[Quote]:
    """As in `GET /market/quote/{symbol}`; so are the members of `contract`."""
    return get(Quote, path("/market/quote/{}", symbol), patience.read, contract)


def quotes(patience: Patience, /, *symbols: str, **contract: Param) -> Call[dict[str, Quote | Problem]]:
    """What can be had, and for the rest the Problem in its place, not raised."""
    raw = yield from get(_Quotes, "/market/quotes", patience.read, {"symbols": ",".join(symbols), **contract})
    return {name: _quote_or_problem(value) for name, value in raw.quotes.items()}


def _quote_or_problem(raw: msgspec.Raw) -> Quote | Problem:
    if msgspec.json.decode(raw, type=_Type).type == "quote":
        return msgspec.json.decode(raw, type=Quote)
    members = msgspec.json.decode(raw, type=dict[str, Any])
    return Problem(members, int(members.get("status", 500)))


def depth(patience: Patience, /, symbol: str, *, rows: int = 5, **contract: Param) -> Call[Depth]:
    """The book of an instrument, the best rows first."""
    return get(Depth, path("/market/depth/{}", symbol), patience.read, {"rows": rows, **contract})


def positions(patience: Patience, /, account: str | None = None) -> Call[Rows[Position]]:
    """What is held, in all accounts or one."""
    return Rows((yield from get(_Positions, "/account/positions", patience.read, {"account": account})).positions)


def summary(patience: Patience, /, account: str | None = None) -> Call[dict[str, Figure]]:
    """The figures of an account, by IB's names."""
    return (yield from get(_Summary, "/account/summary", patience.read, {"account": account})).account_summary


def profit(patience: Patience, /, account: str | None = None) -> Call[Profit]:
    """Profit and loss of an account."""
    return get(Profit, "/account/pnl", patience.read, {"account": account})


def contracts(patience: Patience, /, symbol: str, **contract: Param) -> Call[Rows[Contract]]:
    """All that fit, in full."""
    return Rows((yield from get(_Contracts, "/contracts", patience.read, {"symbol": symbol, **contract})).contracts)


def search(patience: Patience, /, text: str, *, sec_type: str | None = None) -> Call[Rows[FoundContract]]:
    """Contracts by the beginning of a symbol, or part of a name."""
    return Rows((yield from get(_Found, "/contracts/search", patience.read, {"q": text, "sec_type": sec_type})).results)


def chain(patience: Patience, /, symbol: str, **contract: Param) -> Call[Chain]:
    """The option classes on an instrument."""
    return get(Chain, path("/options/chain/{}", symbol), patience.read, contract)


def history(patience: Patience, /, symbol: str, *, bar: str = "1d", progress: Progress | None = None, **query: Param) -> Call[History]:
    """All bars from `start` on, page by page, or without it one page, the newest; `progress` is told how far it is."""
    return core.history(path("/history/bars/{}", symbol), {"bar": bar, **query}, patience.read, progress)


def headlines(patience: Patience, /, symbol: str, **query: Param) -> Call[Rows[Headline]]:
    """Of the past, the newest first; `providers`, `start`, `end`, `limit`."""
    return Rows((yield from get(_Headlines, path("/news/headlines/{}", symbol), patience.read, query)).headlines)


def article(patience: Patience, /, provider: str, article_id: str) -> Call[Article]:
    """One article, by what its headline says."""
    return get(Article, path("/news/articles/{}/{}", provider, article_id), patience.read)


def scan(patience: Patience, /, code: str, **terms: Any) -> Call[Rows[ScanRow]]:
    """What a market scan finds now, the best first; `terms` as in `POST /scanner/run`."""
    request = Request(method="POST", path="/scanner/run", body=msgspec.json.encode({"code": code, **terms}))
    return Rows(core.decoded((yield from core.read(request, patience.read)), _Scan).rows)


def executions(patience: Patience, /, **query: Param) -> Call[Executions]:
    """All pages, oldest first; `account`, `symbol`, `order_id`, `since`. `gaps` are where some may be missing."""
    found: Rows[Execution] = Rows()
    token = None
    while True:
        page = yield from get(_Executions, "/executions", patience.read, {**query, "page_token": token})
        found.extend(page.executions)
        if (token := page.next_page_token) is None:
            return Executions(executions=found, gaps=page.gaps)


def import_executions(
    patience: Patience, /, statement: str, *, time_zone: str = "America/New_York", whole: Mapping[str, str] | None = None
) -> Call[ExecutionsImported]:
    """Takes over the executions of a statement, by their ids: asked for again, it changes nothing. Needs an admin's key.

    `statement` is the text of a Flex query's trades or of an answer of `GET /executions`; `whole`, with `account`, `from` and `to`, your
    word that nothing of that span is missing.
    """
    body = msgspec.json.encode({"statement": statement, "time_zone": time_zone} | ({} if whole is None else {"whole": dict(whole)}))
    request = Request(method="POST", path="/executions/import", body=body)
    return core.decoded((yield from core.read(request, patience.read)), ExecutionsImported)


def trading(patience: Patience, /) -> Call[Trading]:
    """Whether orders are sent."""
    return get(Trading, "/trading", patience.read)


def halt(patience: Patience, /, *, cancel: str = "entries", reason: str = "by request") -> Call[Trading]:
    """Nothing but cancels is sent from now on. It is tried again: to halt twice is to halt."""
    request = Request(method="POST", path="/trading/halt", body=msgspec.json.encode({"cancel": cancel, "reason": reason}))
    return core.decoded((yield from core.read(request, patience.order)), Trading)


def resume(_patience: Patience, /) -> Call[Trading]:
    """Go on after a halt. It is sent once, as a halt may have come after it; raises OutcomeUnknown where the answer is lost."""
    return core.decoded((yield from core.once(Request(method="POST", path="/trading/resume"), "resume")), Trading)


def orders(patience: Patience, /, status: str = "open", account: str | None = None) -> Call[Rows[Order]]:
    """All pages, oldest first; `open`, `closed` or `all`."""
    found: Rows[Order] = Rows()
    token = None
    while True:
        page = yield from get(_Orders, "/orders", patience.read, {"status": status, "account": account, "page_token": token})
        found.extend(page.orders)
        if (token := page.next_page_token) is None:
            return found


def order(patience: Patience, /, order_id: str) -> Call[Order]:
    """One order, by our id."""
    return get(Order, path("/orders/{}", order_id), patience.read)


def place_order(
    patience: Patience,
    /,
    instrument: str | Mapping[str, Any],
    side: Side,
    quantity: float | None,
    *,
    type: str,  # noqa: A002 (the service's word)
    time_in_force: str = "day",
    client_order_id: str | None = None,
    **terms: Any,
) -> Call[Order]:
    """Places it at most once, and asks until the answer is definite. Raises OutcomeUnknown where it is not, which is no failure.

    Without a `client_order_id` one is made before the first attempt; a program that must be able to ask again after its own end
    makes it with `new_order_id` and writes it down first. `terms` are those of `POST /orders`, such as `limit_price`.
    """
    return placing.place(
        placing.order_terms(instrument, side, quantity, type, time_in_force, terms),
        client_order_id or placing.new_order_id(),
        patience.order,
    )


def place_group(
    patience: Patience, /, orders: Sequence[Mapping[str, Any]], *, client_order_id: str | None = None, **terms: Any
) -> Call[Rows[Order]]:
    """Places orders of which one cancels the others, all or none and at most once. Raises OutcomeUnknown as `place_order` does.

    Each is as in `POST /orders/groups`; its `instrument` may be a symbol. `terms` are those of the request, such as `account` and `oca`.
    """
    return placing.place_group(orders, terms, client_order_id or placing.new_order_id(), patience.order)


def preview_order(
    patience: Patience,
    /,
    instrument: str | Mapping[str, Any],
    side: Side,
    quantity: float | None,
    *,
    type: str,  # noqa: A002 (the service's word)
    time_in_force: str = "day",
    **terms: Any,
) -> Call[Preview]:
    """What it would do; places nothing."""
    return placing.preview(placing.order_terms(instrument, side, quantity, type, time_in_force, terms), patience.read)


def preview_change(patience: Patience, /, order_id: str, **changes: Any) -> Call[Preview]:
    """What the order would do after a change; changes nothing. Its `preview_token` goes with `change_order`."""
    return placing.preview(changes, patience.read, path("/orders/{}/preview", order_id))


def change_order(patience: Patience, /, order_id: str, *, change_id: str | None = None, **changes: Any) -> Call[Order]:
    """Makes the change at most once. Raises OutcomeUnknown as `place_order` does."""
    return placing.change(order_id, changes, change_id or placing.new_order_id(), patience.order)


def cancel_order(patience: Patience, /, order_id: str) -> Call[Order]:
    """Has the service cancel it, which it repeats while the order lives; see the `status` of the answer."""
    return placing.cancel(order_id, patience.order)


def give_up_order(patience: Patience, /, client_order_id: str) -> Call[Order | None]:
    """Cancels the order with this id; None where there is none and never will be."""
    return placing.give_up(client_order_id, patience.order)


def stream(*symbols: str, **contract: Param) -> Follower:
    """Live quotes, with `Stale` as soon as they are not current, over broken connections until the block ends."""
    return Follower("/stream", {"channels": "quotes", "symbols": ",".join(symbols), **contract})


def order_events(*, account: str | None = None, after: str | None = None) -> Follower:
    """What happens to orders, each event once; `after` is the `cursor` of the last one that is known."""
    return Follower("/orders/stream", {"account": account}, last_event_id=after)


def channels(*channels: str, **query: Param) -> Follower:
    """Any channels of `GET /stream`."""
    return Follower("/stream", {"channels": ",".join(channels), **query})
