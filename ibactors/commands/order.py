"""`ibactors order`: place, look at, change and cancel orders, through a service that trades.

An order has its id before it is sent, and the same bytes are sent until the answer is definite. Exit status 3: nobody knows yet.
"""

import argparse
import sys
import uuid
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from ibactors import calling
from ibactors.calling import Answer, Remote, place
from ibactors.commands.quote import pairs
from ibactors.commands.shown import as_json, as_text, clock, number, table
from ibactors.commands.surely import sent, surely
from ibactors.config import Settings
from ibactors.errors import StartupError
from ibactors.terminal import complain, say

PATIENCE = 60.0
"""Seconds for which an order is sent again until the answer is definite."""
HEAD = ("order", "instrument", "side", "quantity", "filled", "type", "price", "status", "updated (UTC)")
_CANCELLED = frozenset({200, 202, 204})
"""A cancel that is written down is repeated by the service itself."""
_encoder = msgspec.json.Encoder(decimal_format="number")


def add_arguments(parser: ArgumentParser) -> None:
    """The options of the command."""
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    for side in ("buy", "sell"):
        placing = _action(actions, side, _place, f"{side}, after a preview and a question")
        placing.set_defaults(side=side)
        _add_terms(placing)
    listing = _action(actions, "list", _list, "orders of the service")
    listing.add_argument("--status", choices=("open", "closed", "all"), default="open", help="open, closed or all (default: %(default)s)")
    listing.add_argument("--account", help="which of several (default: all)")
    _action(actions, "show", _show, "one order, with all that is known of it").add_argument("order", help="its order_id or client_order_id")
    _action(actions, "cancel", _cancel, "cancel one order").add_argument("order", help="its order_id or client_order_id")
    changing = _action(actions, "change", _change, "change quantity or prices")
    changing.add_argument("order", help="its order_id")
    for name, word in (("--quantity", "quantity"), ("--limit", "limit_price"), ("--stop", "stop_price")):
        changing.add_argument(name, dest=word, type=_amount, help="the new one")
    changing.add_argument("--id", help="of the change, for a repetition (default: a new one)")


def _action(actions: Any, name: str, act: Callable[[Remote, Namespace], int], help_text: str) -> ArgumentParser:
    action: ArgumentParser = actions.add_parser(name, help=help_text, description=f"{help_text[0].upper()}{help_text[1:]}.")
    action.set_defaults(act=act)
    calling.add_arguments(action)
    return action


def _add_terms(placing: ArgumentParser) -> None:
    placing.add_argument("symbol", help="AAPL, EUR.USD, ESZ6, …")
    placing.add_argument("quantity", type=_amount)
    placing.add_argument("--limit", type=_amount, metavar="PRICE", help="not worse than that")
    placing.add_argument("--stop", type=_amount, metavar="PRICE", help="from that price on")
    placing.add_argument("--market", action="store_true", help="at whatever the market gives")
    placing.add_argument("--tif", default="day", help="time in force: day, gtc, ioc, … (default: %(default)s)")
    placing.add_argument("--account", help="which of several")
    placing.add_argument(
        "--with", action="append", default=[], metavar="NAME=VALUE", dest="more", help="more of the instrument: exchange=LSE"
    )
    placing.add_argument("--terms", metavar="JSON", default="{}", help="more of the order, as POST /orders takes it")
    placing.add_argument("--preview", action="store_true", help="say what it would do, and place nothing")
    placing.add_argument("--yes", action="store_true", help="ask nothing, and place it without a preview")
    placing.add_argument("--id", help="client_order_id, for a repetition (default: a new one, which is told before it is sent)")
    placing.add_argument("--patience", type=float, default=PATIENCE, metavar="SECONDS", help="until nobody knows (default: %(default)g)")


def run(settings: Settings, arguments: Namespace) -> int:
    """Do it. Raises NotDone, and StartupError where it makes no sense."""
    act: Callable[[Remote, Namespace], int] = arguments.act
    return act(Remote.of(settings, arguments), arguments)


def _amount(text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite():
        raise argparse.ArgumentTypeError(f"{text!r} is no number")
    return value


def terms_of(arguments: Namespace) -> dict[str, Any]:
    """The order, without its id. Raises StartupError."""
    kind = {(True, False): "limit", (False, True): "stop", (True, True): "stop_limit"}.get(
        (arguments.limit is not None, arguments.stop is not None), "market"
    )
    try:
        more = msgspec.json.decode(arguments.terms, type=dict[str, Any])
    except msgspec.DecodeError as exc:
        raise StartupError(f"--terms is not a JSON object: {exc}.") from None
    if kind == "market" and not (arguments.market or "type" in more):
        raise StartupError("Say how: --limit PRICE, --stop PRICE, both, or --market.")
    if kind != "market" and arguments.market:
        raise StartupError("--market takes no price; leave --limit and --stop away.")
    body = {
        "instrument": {"symbol": arguments.symbol, **pairs(arguments.more)},
        "side": arguments.side,
        "quantity": arguments.quantity,
        "type": kind,
        "limit_price": arguments.limit,
        "stop_price": arguments.stop,
        "time_in_force": arguments.tif,
        "account": arguments.account,
        **more,
    }
    return {name: value for name, value in body.items() if value is not None}


def _place(remote: Remote, arguments: Namespace) -> int:
    terms = terms_of(arguments)
    if arguments.preview:
        return _previewed(_preview(remote, terms), arguments)
    if not arguments.yes:
        if not sys.stdin.isatty():
            raise StartupError("Nobody can be asked whether to place it: give --yes, or --preview to place nothing.")
        preview = _preview(remote, terms)
        if _previewed(preview, arguments):
            return 1
        if input(f"{_sentence(preview['order'])} Place it? [y/N] ").strip().lower() not in {"y", "yes"}:
            complain("Nothing was placed.")
            return 1
        terms |= {"preview_token": preview["preview_token"]} if preview.get("preview_token") else {}
    client_order_id = arguments.id or f"cli-{uuid.uuid4().hex}"
    complain(f"client_order_id {client_order_id}")
    body = _encoder.encode({**terms, "client_order_id": client_order_id})
    return _told(
        surely(sent(remote, "POST", "/orders", body), f"Repeat the same command with --id {client_order_id}", arguments.patience), arguments
    )


def _preview(remote: Remote, terms: Mapping[str, Any]) -> dict[str, Any]:
    return dict(remote.ask("POST", "/orders/preview", body=_encoder.encode(terms)).members)


def _previewed(preview: Mapping[str, Any], arguments: Namespace) -> int:
    """Show it; 1 where placing it now would be refused."""
    if arguments.json:
        as_json([preview])
        return 1 if preview["refusal"] else 0
    margin, commission = (preview["margin"] or {}).get("initial") or {}, preview["commission"] or {}
    rows = [
        ("order", _sentence(preview["order"])),
        ("notional", number(preview["notional"], 2)),
        ("initial margin", f"{number(margin.get('before'), 2)} → {number(margin.get('after'), 2)}"),
        ("commission", f"{number(commission.get('amount'), 2)} {commission.get('currency') or ''}".strip()),
        *(("warning", str(warning.get("text", warning) if isinstance(warning, dict) else warning)) for warning in preview["warnings"]),
    ]
    as_text(table(("", ""), rows, left=2)[1:])
    if not preview["complete"]:
        complain(f"The preview is not complete: {preview['incomplete_reason']}")
    if preview["refusal"]:
        complain(f"It would be refused: {calling.reason(preview['refusal'], 0)}")
    return 1 if preview["refusal"] else 0


def _sentence(order: Mapping[str, Any]) -> str:
    prices = " ".join(number(order[name]) for name in ("stop_price", "limit_price") if order.get(name) is not None)
    traded = order["instrument"]
    what = f"{order['side']} {number(order['quantity'])} {traded['symbol']} ({traded['sec_type']}, {traded['currency']})"
    return " ".join(f"{what} {order['type']} {prices} {order['time_in_force']} on {order['account']}.".split())


def _list(remote: Remote, arguments: Namespace) -> int:
    rows: list[dict[str, Any]] = []
    token = None
    while True:
        page = remote.get("/orders", status=arguments.status, account=arguments.account, page_token=token)
        rows += page["orders"]
        token = page["next_page_token"]
        if token is None:
            break
    if arguments.json:
        as_json(rows)
    else:
        as_text(table(HEAD, map(_row, rows), left=3) if rows else [f"No orders ({arguments.status})."])
    return 0


def _show(remote: Remote, arguments: Namespace) -> int:
    return _told(remote.ask("GET", _where(arguments.order)), arguments)


def _cancel(remote: Remote, arguments: Namespace) -> int:
    answer = surely(sent(remote, "DELETE", _where(arguments.order)), "Repeat the same command", PATIENCE, over=_CANCELLED)
    if answer.text:
        return _told(answer, arguments)
    say("No order has the id, and none ever will: it is void now.")
    return 0


def _change(remote: Remote, arguments: Namespace) -> int:
    changes = {name: value for name in ("quantity", "limit_price", "stop_price") if (value := getattr(arguments, name)) is not None}
    if not changes:
        raise StartupError("Say what to change: --quantity, --limit or --stop.")
    change_id = arguments.id or f"cli-{uuid.uuid4().hex}"
    complain(f"change_id {change_id}")
    body = _encoder.encode({**changes, "change_id": change_id})
    return _told(
        surely(
            sent(remote, "PATCH", place("/orders/{}", arguments.order), body), f"Repeat the same command with --id {change_id}", PATIENCE
        ),
        arguments,
    )


def _where(order: str) -> str:
    return place("/orders/{}" if order.startswith("ord_") else "/orders/by-client-id/{}", order)


def _told(answer: Answer, arguments: Namespace) -> int:
    order = answer.members
    if arguments.json:
        as_json([order])
    else:
        as_text(table(HEAD, [_row(order)], left=3))
        as_text([order["status_reason"]] if order["status_reason"] else [])
    return 0


def _row(order: Mapping[str, Any]) -> tuple[str, ...]:
    price = order["limit_price"] if order["limit_price"] is not None else order["stop_price"]
    status = "UNKNOWN" if order["status"] == "unknown" else order["status"]
    return (
        order["order_id"],
        order["instrument"]["symbol"],
        order["side"],
        number(order["quantity"]),
        number(order["filled_quantity"]),
        order["type"],
        number(price),
        status,
        clock(order["updated"]),
    )
