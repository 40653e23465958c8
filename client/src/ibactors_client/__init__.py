"""The client of ibactors, for scripts and notebooks (`Client`) and for asyncio and trio (`AsyncClient`)."""

from ibactors_client.async_client import AsyncClient
from ibactors_client.client import Client
from ibactors_client.core import History
from ibactors_client.models import (
    Article,
    Bar,
    Chain,
    Contract,
    Depth,
    DepthRow,
    Figure,
    FoundContract,
    Gap,
    Gateway,
    Headline,
    Health,
    LiveBar,
    Message,
    Position,
    Profit,
    Quote,
    ScanRow,
    Stale,
    Status,
    StreamError,
)
from ibactors_client.orders import Execution, Executions, ExecutionsImported, MissingSpan, OpenOrders, Order, OrderEvent, Preview, Trading
from ibactors_client.placing import new_order_id
from ibactors_client.problems import ClientError, NotTheService, OutcomeUnknown, Problem, Unreachable
from ibactors_client.streams import Event
from ibactors_client.tables import Rows, frame

__version__ = "0.2.0"

__all__ = [
    "Article",
    "AsyncClient",
    "Bar",
    "Chain",
    "Client",
    "ClientError",
    "Contract",
    "Depth",
    "DepthRow",
    "Event",
    "Execution",
    "Executions",
    "ExecutionsImported",
    "Figure",
    "FoundContract",
    "Gap",
    "Gateway",
    "Headline",
    "Health",
    "History",
    "LiveBar",
    "Message",
    "MissingSpan",
    "NotTheService",
    "OpenOrders",
    "Order",
    "OrderEvent",
    "OutcomeUnknown",
    "Position",
    "Preview",
    "Problem",
    "Profit",
    "Quote",
    "Rows",
    "ScanRow",
    "Stale",
    "Status",
    "StreamError",
    "Trading",
    "Unreachable",
    "frame",
    "new_order_id",
]
