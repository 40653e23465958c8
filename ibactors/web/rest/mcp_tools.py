"""What an assistant may do, as a table: each tool is an operation of the REST API under a name, with fewer parameters.

The operation validates, answers and refuses as it does everywhere. There are ten at most, as an assistant reads all of them each time.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ibactors.keys import Scope
from ibactors.web.operation import Operation
from ibactors.web.rest import account, contracts, health, history, order_preview, order_reads, orders, portfolio, quotes

MODES = ("off", "read", "preview", "trade")
"""Of IBACTORS_MCP; each has the tools of those before it, and more."""
MOST = 10

_SYMBOL = {"type": "string", "description": "AAPL, EUR.USD, ESZ6, AAPL261218C00230000, or a contract id."}
_ACCOUNT = {"type": "string", "description": "Which of several accounts."}
_ORDER: dict[str, Any] = {
    "instrument": {
        "type": "object",
        "description": "What to trade: symbol, or con_id; sec_type, exchange, currency where it is no US stock.",
        "properties": {"symbol": {"type": "string"}, "con_id": {"type": "integer"}, "sec_type": {"type": "string"}},
    },
    "side": {"type": "string", "enum": ["buy", "sell"]},
    "quantity": {"type": "number"},
    "type": {"type": "string", "enum": ["limit", "market", "stop", "stop_limit"]},
    "limit_price": {"type": "number"},
    "stop_price": {"type": "number"},
    "time_in_force": {"type": "string", "enum": ["day", "gtc"]},
    "account": _ACCOUNT,
}
_ORDER_NEEDS = ("instrument", "side", "quantity", "type", "time_in_force")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """One tool."""

    name: str
    operation: Operation[Any, Any]
    description: str
    fresh: str
    """What says in the answer how fresh it is."""
    properties: Mapping[str, Any] = field(default_factory=dict)
    """Its arguments, as JSON Schema; each is a parameter of the operation, or a member of its body."""
    required: tuple[str, ...] = ()
    fixed: Mapping[str, str] = field(default_factory=dict)
    """Parameters that are not the assistant's to choose."""
    mode: str = "read"
    """The first of `MODES` that has it."""

    @property
    def reads(self) -> bool:
        """Whether it changes nothing."""
        return self.mode != "trade"

    @property
    def described(self) -> dict[str, Any]:
        """As `tools/list` tells it."""
        schema = {"type": "object", "properties": dict(self.properties), "required": list(self.required), "additionalProperties": False}
        hints = {"readOnlyHint": self.reads, "destructiveHint": not self.reads, "idempotentHint": True, "openWorldHint": True}
        return {"name": self.name, "description": f"{self.description} {self.fresh}", "inputSchema": schema, "annotations": hints}


def tools_for(mode: str, scopes: frozenset[Scope]) -> dict[str, Tool]:
    """Those of a mode that a key with these scopes may use, by name."""
    return {
        tool.name: tool for tool in TOOLS if MODES.index(tool.mode) <= MODES.index(mode) and tool.operation.scope in scopes | {Scope.OPEN}
    }


def _operation(table: tuple[Operation[Any, Any], ...], path: str, method: str = "GET") -> Operation[Any, Any]:
    return next(one for one in table if (one.method, one.path) == (method, path))


TOOLS = (
    Tool(
        name="service_status",
        operation=_operation(health.OPERATIONS, "/health"),
        description="Whether the session with Interactive Brokers is up, and what is wrong if not.",
        fresh="It is of this moment.",
    ),
    Tool(
        name="get_quotes",
        operation=_operation(quotes.OPERATIONS, "/market/quotes"),
        description="The newest quotes of up to 100 instruments; what cannot be had is a problem in its place.",
        fresh="Each is known to be current up to its `as_of` (null: unknown); `market_data_type` tells live from delayed and frozen.",
        properties={
            "symbols": {"type": "string", "description": "Symbols, with commas between: AAPL,EUR.USD,ESZ6."},
            "con_ids": {"type": "string", "description": "Contract ids, with commas between."},
        },
    ),
    Tool(
        name="get_bars",
        operation=_operation(history.OPERATIONS, "/history/bars/{symbol}"),
        description="Past bars of one instrument, the newest unless `start` says otherwise.",
        fresh="A bar whose `complete` is false still forms.",
        properties={
            "symbol": _SYMBOL,
            "bar": {"type": "string", "description": "How long a bar is: 1m, 5m, 1h, 1d, 1w, …"},
            "start": {"type": "string", "description": "Bars from then on: 2026-01-01, or RFC 3339."},
            "end": {"type": "string", "description": "Bars before it."},
            "limit": {"type": "integer", "minimum": 1, "maximum": 500},
            "what": {"type": "string", "enum": ["trades", "midpoint", "bid", "ask"]},
        },
        required=("symbol", "bar", "limit"),
        fixed={"wait": "30"},
    ),
    Tool(
        name="find_contracts",
        operation=_operation(contracts.OPERATIONS, "/contracts/search"),
        description="Instruments by the beginning of a symbol, or part of a name.",
        fresh="Reference data change seldom.",
        properties={"q": {"type": "string", "description": "What to look for."}},
        required=("q",),
    ),
    Tool(
        name="get_positions",
        operation=_operation(account.OPERATIONS, "/account/positions"),
        description="What is held in all accounts, or one.",
        fresh="IB prices positions every few minutes: `marketTimestamp` tells when; for a price take get_quotes.",
        properties={"account": _ACCOUNT},
    ),
    Tool(
        name="get_account",
        operation=_operation(account.OPERATIONS, "/account/summary"),
        description="What an account is worth, its cash, margins and buying power.",
        fresh="`timestamp` tells when IB told it; it does so every few minutes.",
        properties={"account": _ACCOUNT},
    ),
    Tool(
        name="get_profit",
        operation=_operation(portfolio.OPERATIONS, "/account/pnl"),
        description="Daily, unrealized and realized profit and loss of an account.",
        fresh="`timestamp` tells of when it is.",
        properties={"account": _ACCOUNT},
    ),
    Tool(
        name="list_orders",
        operation=_operation(order_reads.OPERATIONS, "/orders"),
        description="Orders of this service; the status `unknown` means that nobody knows yet, and is no failure.",
        fresh="`updated` tells when something last changed.",
        properties={"status": {"type": "string", "enum": ["open", "closed", "all"]}, "account": _ACCOUNT},
    ),
    Tool(
        name="preview_order",
        operation=_operation(order_preview.OPERATIONS, "/orders/preview", "POST"),
        description="What an order would do: margin, commission, whether it would be refused. Places nothing; gives the preview_token.",
        fresh="It is of this moment; the token is good for a minute.",
        properties=_ORDER,
        required=_ORDER_NEEDS,
        mode="preview",
    ),
    Tool(
        name="place_order",
        operation=_operation(orders.OPERATIONS, "/orders", "POST"),
        description=(
            "Places an order with real effect. Only after a person has seen its preview and agreed; with the same members, and the "
            "preview_token. Repeat it with the same client_order_id, and never with another, when the answer was lost or is `unknown`."
        ),
        fresh="The status is of this moment.",
        properties={
            **_ORDER,
            "preview_token": {"type": "string"},
            "client_order_id": {"type": "string", "description": "Made by you, once."},
        },
        required=(*_ORDER_NEEDS, "preview_token", "client_order_id"),
        mode="trade",
    ),
)
