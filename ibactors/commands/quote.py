"""`ibactors quote`: what is known of some instruments now, and how fresh it is."""

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from typing import Any

from ibactors import calling
from ibactors.calling import Remote
from ibactors.commands.shown import NOTHING, as_json, as_text, clock, instrument, number, table
from ibactors.config import Settings
from ibactors.errors import StartupError
from ibactors.terminal import complain

HEAD = ("", "kind", "bid", "size", "ask", "size", "last", "change", "volume", "last trade", "as of (UTC)")


def add_arguments(parser: ArgumentParser) -> None:
    """The options of the command."""
    add_symbols(parser)
    calling.add_arguments(parser)


def add_symbols(parser: ArgumentParser) -> None:
    """Which instruments."""
    parser.add_argument("symbols", nargs="+", metavar="SYMBOL", help="AAPL, EUR.USD, ESZ6, AAPL261218C00230000, a contract id, …")
    parser.add_argument("--with", action="append", default=[], metavar="NAME=VALUE", dest="more", help="more of the query: exchange=LSE")


def run(settings: Settings, arguments: Namespace) -> int:
    """Print the quotes; 1 when one cannot be had. Raises NotDone."""
    entries = Remote.of(settings, arguments).get("/market/quotes", **which(arguments.symbols), **pairs(arguments.more))["quotes"]
    if arguments.json:
        as_json({"asked": name, **entry} for name, entry in entries.items())
    else:
        found = [row(entry) for entry in entries.values() if entry["type"] == "quote"]
        as_text(table(HEAD, found, left=2) if found else [])
        for name, entry in entries.items():
            if entry["type"] != "quote":
                complain(f"{name}: {calling.reason(entry, entry.get('status', 0))}")
    return 0 if all(entry["type"] == "quote" for entry in entries.values()) else 1


def which(symbols: list[str]) -> dict[str, str | None]:
    """Symbols and contract ids, as the query takes them."""
    ids = [one for one in symbols if one.isascii() and one.isdigit()]
    others = [one for one in symbols if one not in ids]
    return {"symbols": ",".join(others) or None, "con_ids": ",".join(ids) or None}


def pairs(more: list[str]) -> dict[str, str]:
    """What `--with` adds to a query. Raises StartupError."""
    for pair in more:
        if "=" not in pair:
            raise StartupError(f"--with {pair!r} is not of the form NAME=VALUE.")
    return dict(pair.split("=", 1) for pair in more)


def row(quote: Mapping[str, Any]) -> tuple[str, ...]:
    """The cells of one, as `HEAD` names them."""
    kind = quote["market_data_type"]
    return (
        instrument(quote),
        f"{kind}, {quote['market']}" if quote.get("market") else kind,
        number(quote["bid"]),
        number(quote["bid_size"]),
        number(quote["ask"]),
        number(quote["ask_size"]),
        number(quote["last"]),
        _change(quote["last"], quote["close"]),
        number(quote["volume"]),
        clock(quote["last_timestamp"]),
        clock(quote["as_of"]) if quote["as_of"] else "unknown",
    )


def _change(last: float | None, close: float | None) -> str:
    return f"{(last - close) / close:+.2%}" if last is not None and close else NOTHING
