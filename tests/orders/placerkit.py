"""Placing at a gateway that is a script: it knows one contract, and what is sent to it waits in the outbox, where the test looks at it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import msgspec
import trio

from ibactors.actors.account import AccountRef, GetBook
from ibactors.actors.connection import Request
from ibactors.actors.market import MarketRef
from ibactors.actors.order_asks import Reconciled
from ibactors.actors.order_judging import Judge
from ibactors.actors.order_placing import Placer
from ibactors.actors.order_terms import Surveyor
from ibactors.bridge.incoming import Inbox
from ibactors.bridge.order_desk import OrderDesk, OrderFrame
from ibactors.bridge.order_lists import Listed
from ibactors.bridge.tally import GatewayTally
from ibactors.bridge.wire import GatewayClient
from ibactors.kernel.ref import Ref
from ibactors.model.accounts import AccountBook, Figure
from ibactors.model.sessions import SessionPhase, SessionStatus
from ibactors.orders.request import PlaceBody
from ibactors.orders.safety import Limits, Rules
from tests.orders.keeperkit import Desk, reachable
from tests.orders.orderkit import ACCOUNT
from tests.unit.unobserved import Unobserved

AAPL = Listed(
    con_id=265598,
    symbol="AAPL",
    sec_type="STK",
    exchange="SMART",
    currency="USD",
    local_symbol="AAPL",
    expiry="",
    multiplier=Decimal(1),
    price_magnifier=1,
    order_types=frozenset({"LMT", "MKT", "STP"}),
    rule_id=None,
    min_tick=Decimal("0.01"),
    min_size=Decimal(1),
    size_increment=Decimal(1),
    zone="US/Eastern",
    trading_hours="",
    liquid_hours="",
)
_FREE = Limits(order_notional=None, day_notional=None, open_orders=None, per_minute=None, may_skip_collar=True)


def body(**changes: Any) -> PlaceBody:
    """A limit order."""
    base = {"instrument": {"symbol": "AAPL"}, "side": "buy", "quantity": 10, "type": "limit", "limit_price": "100.00"}
    return msgspec.convert(base | {"time_in_force": "day", "collar": "skip"} | changes, PlaceBody, strict=False)


@dataclass(kw_only=True)
class Place:
    """Where orders are placed."""

    placer: Placer
    judge: Judge
    at_the_gateway: OrderDesk

    @property
    def waiting(self) -> list[OrderFrame]:
        """What waits to be sent."""
        return [frame for frame in self.at_the_gateway.client.outbox.orders if isinstance(frame, OrderFrame)]


class _Transport:
    """A socket that takes everything."""

    def is_closing(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return 0


def placing(d: Desk, limits: Limits = _FREE) -> Place:
    """A placer whose session is up and reconciled."""
    tally = GatewayTally()
    inbox = Inbox(tally, Unobserved())
    client = GatewayClient(inbox, tally)
    scripted: Any = client
    scripted.connState, scripted._apiReady, scripted.next_order_id = client.CONNECTED, True, 1  # noqa: SLF001  # ib_async's own
    scripted._serverVersion, scripted.conn.transport = 178, _Transport()  # noqa: SLF001
    at_the_gateway = OrderDesk(client, inbox, 1)
    at_the_gateway.log.begin(1)
    session: Any = SimpleNamespace(orders=at_the_gateway)
    d.connection.session = session
    d.connection.sessions.publish(
        SessionStatus(phase=SessionPhase.UP, epoch=1, since="2026-11-27T16:00:00Z", reason=None, accounts=(ACCOUNT,))
    )
    d.ref.reconciled = Reconciled(epoch=1)
    d.keeper.desks.attend()
    account = AccountRef()
    d.nursery.start_soon(_answering, d.connection, _describe)
    d.nursery.start_soon(_answering, account, _book)
    surveyor = Surveyor(d.connection, account, MarketRef())
    judge = Judge(d.keeper, d.connection, surveyor, Rules(limits=limits), {}, frozenset(), lambda _key: False)
    return Place(placer=Placer(d.keeper, d.connection, judge, frozenset()), judge=judge, at_the_gateway=at_the_gateway)


async def _answering(ref: Ref[Any, Any], answer: Callable[[Any], Awaitable[None]]) -> None:
    with reachable(ref) as mailbox:
        while True:
            msg = await mailbox.next(lambda _: None)
            if msg is not None:
                await answer(msg)


async def _describe(msg: Request) -> None:
    msg.reply.send((AAPL,))


async def _book(msg: GetBook) -> None:
    figure = Figure(account=ACCOUNT, currency="USD", value="1000")
    await trio.lowlevel.checkpoint()
    msg.reply.send(
        AccountBook(
            account=ACCOUNT, figures={("NetLiquidation", "USD"): figure}, positions=(), summary_timestamp="", positions_timestamp=""
        )
    )
