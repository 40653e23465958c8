"""`ibactors positions`: what is held, what it is worth, and how old IB's price of it is."""

from argparse import ArgumentParser, Namespace
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from ibactors import calling
from ibactors.calling import Remote
from ibactors.commands.shown import NOTHING, as_json, as_text, clock, instrument, number, table
from ibactors.config import Settings

HEAD = ("account", "instrument", "position", "cost", "price", "value", "unrealized", "", "priced (UTC)")


def add_arguments(parser: ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("--account", help="which of several (default: all)")
    calling.add_arguments(parser)


def run(settings: Settings, arguments: Namespace) -> int:
    """Print them. Raises NotDone."""
    rows = Remote.of(settings, arguments).get("/account/positions", account=arguments.account)["positions"]
    if arguments.json:
        as_json(rows)
    elif rows:
        as_text(table(HEAD, [_row(position) for position in rows] + totals(rows), left=2))
    else:
        as_text(["No positions."])
    return 0


def _row(position: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        position["account"],
        instrument(position),
        number(position["position"]),
        number(position["avgCost"], 2),
        number(position["marketPrice"]),
        number(position["marketValue"], 2),
        number(position["unrealizedPNL"], 2),
        position["currency"],
        clock(position["marketTimestamp"]),
    )


def totals(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """The profit in each currency; a sum of which a part is missing is none. Values are not summed: a future's is no money."""
    by_currency: dict[str, list[float | None]] = defaultdict(list)
    for position in rows:
        by_currency[position["currency"]].append(position["unrealizedPNL"])
    return [
        ("total", "", "", "", "", "", NOTHING if None in profits else number(sum(filter(None, profits)), 2), currency, "")
        for currency, profits in by_currency.items()
    ]
