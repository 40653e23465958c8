"""What the service answers about orders."""

from datetime import datetime
from typing import Any, Literal

from msgspec import Struct, field

from ibactors_client.tables import Rows, Tabular

Side = Literal["buy", "sell"]


class Order(Tabular, frozen=True, kw_only=True):
    """An order as the service knows it; `unknown` is a `status`, not an error."""

    order_id: str
    client_order_id: str
    account: str
    status: str
    status_reason: str | None
    source: str
    instrument: dict[str, Any]
    side: str
    type: str
    time_in_force: str
    quantity: float | None
    filled_quantity: float
    remaining_quantity: float | None
    average_price: float | None
    limit_price: float | None
    stop_price: float | None
    commission: float | None
    commission_currency: str | None
    sent: bool | None
    revision: int
    new_client_order_id_allowed: bool
    updated: datetime
    sequence: int
    cursor: str | None


class OrderEvent(Struct, frozen=True, kw_only=True, tag="order"):
    """Something happened to an order; keep the last `cursor` to go on from there."""

    sequence: int
    previous: int
    cursor: str
    event: str
    timestamp: datetime
    account: str | None
    order_id: str | None
    client_order_id: str | None
    status: str | None
    reason: str | None
    ib_code: int | None
    execution: dict[str, Any] | None
    change_id: str | None
    order: Order | None


class OpenOrders(Struct, frozen=True, kw_only=True, tag="orders"):
    """The open orders, where a stream begins without a place, or with one that is gone (`reset`)."""

    orders: list[Order]
    cursor: str
    more: bool
    reset: bool


class Preview(Struct, frozen=True, kw_only=True):
    """What an order would do; `refusal` says why placing it now would be refused."""

    allowed: bool
    complete: bool
    incomplete_reason: str | None
    notional: float | None
    margin: dict[str, Any]
    commission: dict[str, Any]
    refusal: dict[str, Any] | None
    warnings: list[str]
    preview_token: str | None
    valid_until: datetime | None


class Execution(Tabular, frozen=True, kw_only=True):
    """A fill, in its newest revision."""

    execution_id: str
    account: str
    order_id: str | None
    client_order_id: str | None
    symbol: str | None
    con_id: int
    sec_type: str | None
    exchange: str | None
    currency: str | None
    side: str | None
    quantity: float
    price: float
    time: str
    commission: float | None
    commission_currency: str | None
    realized_pnl: float | None
    liquidity: str | None
    leg: bool
    source: str


class MissingSpan(Struct, frozen=True, kw_only=True):
    """A span within which executions may be missing."""

    account: str
    start: datetime = field(name="from")
    end: datetime = field(name="to")


class Executions(Struct, frozen=True, kw_only=True):
    """They are all only where there are no `gaps`."""

    executions: Rows[Execution]
    gaps: list[MissingSpan]

    def frame(self) -> Any:
        """A pandas DataFrame, the times in UTC."""
        return self.executions.frame()


class ExecutionsImported(Struct, frozen=True, kw_only=True):
    """What came of a statement; `skipped` are rows that are no executions."""

    new: int
    known: int
    skipped: int
    order_ids: list[str]


class Trading(Struct, frozen=True, kw_only=True):
    """Whether orders are sent."""

    mode: str
    halted: str | None
    gateway_read_only: bool
    open_orders: int
    unknown_orders: int
    sequence: int
