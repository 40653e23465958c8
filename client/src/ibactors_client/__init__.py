"""The client of ibactors, for scripts and notebooks (`Client`) and for asyncio and trio (`AsyncClient`)."""

from ibactors_client.async_client import AsyncClient
from ibactors_client.calls import new_order_id
from ibactors_client.client import Client
from ibactors_client.core import History
from ibactors_client.models import (
    Bar,
    Chain,
    Contract,
    Figure,
    Gap,
    Health,
    LiveBar,
    Message,
    Position,
    Quote,
    Stale,
    Status,
    StreamError,
)
from ibactors_client.orders import OpenOrders, Order, OrderEvent, Preview
from ibactors_client.problems import ClientError, NotTheService, OutcomeUnknown, Problem, Unreachable
from ibactors_client.streams import Event
from ibactors_client.tables import Rows, frame

__version__ = "0.1.0"

__all__ = [
    "AsyncClient",
    "Bar",
    "Chain",
    "Client",
    "ClientError",
    "Contract",
    "Event",
    "Figure",
    "Gap",
    "Health",
    "History",
    "LiveBar",
    "Message",
    "NotTheService",
    "OpenOrders",
    "Order",
    "OrderEvent",
    "OutcomeUnknown",
    "Position",
    "Preview",
    "Problem",
    "Quote",
    "Rows",
    "Stale",
    "Status",
    "StreamError",
    "Unreachable",
    "frame",
    "new_order_id",
]
