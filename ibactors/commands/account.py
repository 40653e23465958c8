"""`ibactors account`: what an account is worth, what it may buy, and the profit of the day."""

from argparse import ArgumentParser, Namespace

from ibactors import calling
from ibactors.calling import Refused, Remote
from ibactors.commands.shown import as_json, as_text, clock, number, table
from ibactors.config import Settings

FIGURES = {
    "NetLiquidation": "net liquidation",
    "TotalCashValue": "cash",
    "GrossPositionValue": "positions",
    "BuyingPower": "buying power",
    "AvailableFunds": "available funds",
    "ExcessLiquidity": "excess liquidity",
    "InitMarginReq": "initial margin",
    "MaintMarginReq": "maintenance margin",
}
"""What is shown without `--all`, in this order."""


def add_arguments(parser: ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("--account", help="which of several")
    parser.add_argument("--all", action="store_true", help="every figure that IB tells")
    calling.add_arguments(parser)


def run(settings: Settings, arguments: Namespace) -> int:
    """Print it. Raises NotDone."""
    remote = Remote.of(settings, arguments)
    answer = remote.get("/account/summary", account=arguments.account)
    try:
        profit = remote.get("/account/pnl", account=arguments.account)
        why = ""
    except Refused as exc:
        profit, why = None, str(exc)  # the figures are worth showing without it
    if arguments.json:
        as_json([{**answer, "pnl": profit}])
        return 0
    summary = answer["account_summary"]
    names = {name: name for name in summary} if arguments.all else FIGURES
    rows = [(word, _figure(summary[name]["value"]), summary[name]["currency"]) for name, word in names.items() if name in summary]
    if profit is not None:
        rows += [(f"{name} profit", number(profit[name], 2), profit["currency"] or "") for name in ("daily", "unrealized", "realized")]
    account = next((figure["account"] for figure in summary.values()), "")
    as_text([f"{account}, as of {clock(answer['timestamp'])} UTC", "", *table(("", "", ""), rows)[1:]])
    if why:
        as_text([f"Profit and loss: {why}"])
    return 0


def _figure(text: str) -> str:
    try:
        return number(float(text), 2)
    except ValueError:
        return text
