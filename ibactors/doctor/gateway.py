"""What the gateway says to a session of the doctor's own: port, handshake, client id, accounts, permission for orders, kind of data."""

from collections.abc import Iterator
from dataclasses import replace
from typing import NoReturn

import trio

from ibactors.bridge.codes import CLIENT_ID_IN_USE
from ibactors.bridge.contracts import find_contracts
from ibactors.bridge.order_lists import open_orders
from ibactors.bridge.quote_line import QuoteLine
from ibactors.bridge.session import Session, run_session
from ibactors.bridge.tally import GatewayTally
from ibactors.bridge.terms import Endpoint
from ibactors.config import Settings
from ibactors.doctor.finding import Finding, ok, warning, wrong
from ibactors.doctor.service import READ_ONLY, SYMBOL, kind_of_data
from ibactors.errors import GatewayDisconnected, IbactorsError
from ibactors.model.instruments import Instrument
from ibactors.model.quotes import Quote

PATIENCE = 10.0
"""Seconds for the handshake, and for a first tick; the settings may allow less."""
LISTING = 10.0
"""Seconds for the list of open orders."""
LOOK = 0.05
"""Seconds between two looks at whether the gateway has said that it takes no orders."""
_START = (
    "Start IB Gateway or TWS, log in, and enable its API (Configure, API, Settings). IBACTORS_GATEWAY_PORT is the port that stands there."
)


def look(settings: Settings) -> list[Finding]:
    """What a session finds."""
    return trio.run(examine, settings)


async def examine(settings: Settings) -> list[Finding]:
    found: list[Finding] = []
    settings = replace(settings, connect_timeout=min(settings.connect_timeout, PATIENCE))
    endpoint = Endpoint(host=settings.gateway_host, port=settings.api_port, client_id=settings.client_id)
    try:
        async with trio.open_nursery() as nursery:
            session: Session = await nursery.start(run_session, endpoint, settings, GatewayTally(), _NobodyListens())
            found.append(ok("gateway", f"answers at {endpoint}, server version {session.server_version}, client id {endpoint.client_id}"))
            found += _accounts(session, settings)
            found.append(await _orders(session, settings))
            found.append(await _data(session, settings))
            nursery.cancel_scope.cancel(reason="all is looked at")
    except* GatewayDisconnected as group:
        found.append(_lost(next(_leaves(group)), settings))
    return found


def _leaves(group: BaseExceptionGroup[GatewayDisconnected]) -> Iterator[GatewayDisconnected]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error


def _lost(error: GatewayDisconnected, settings: Settings) -> Finding:
    if error.ib_code == CLIENT_ID_IN_USE:
        return wrong("client id", f"{settings.client_id}: {error}")
    if settings.gateway == "managed":
        return ok("gateway", "not started yet: the service starts it")
    return wrong("gateway", f"{error} {_START}" if "Nothing listens" in str(error) else error)


def _accounts(session: Session, settings: Settings) -> Iterator[Finding]:
    paper = [account.startswith("D") for account in session.accounts]
    kind = "paper" if all(paper) else "live"
    says = f"{len(paper)}, {kind}"
    if kind != settings.account_type:
        yield warning(
            "accounts", f"{says}, but IBACTORS_ACCOUNT_TYPE is {settings.account_type}. Set it, or log the gateway in to the other kind."
        )
    else:
        yield ok("accounts", says)


async def _orders(session: Session, settings: Settings) -> Finding:
    error = await _listing(session)
    if isinstance(error, GatewayDisconnected):
        raise error
    if session.orders.log.read_only is not None:
        return ok("orders", "refused by the gateway, and off here") if settings.trading == "off" else wrong("orders", READ_ONLY)
    if error is not None:
        return wrong("orders", error)
    return ok("orders", "the gateway takes them" + (", but IBACTORS_TRADING is off" if settings.trading == "off" else ""))


async def _listing(session: Session) -> IbactorsError | None:
    """What comes of asking for the open orders. A gateway that refuses orders does not answer, but says so beside."""
    error: IbactorsError | None = None
    with trio.move_on_after(LISTING) as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_end_when_refused, session, scope)
            try:
                await session.request(open_orders(everybody=False))
            except IbactorsError as exc:
                error = exc
            nursery.cancel_scope.cancel(reason="the list is there")
    return error


async def _end_when_refused(session: Session, scope: trio.CancelScope) -> NoReturn:
    """Until the listing ends."""
    while True:
        if session.orders.log.read_only is not None:
            scope.cancel(reason="orders are refused")
        await trio.sleep(LOOK)


async def _data(session: Session, settings: Settings) -> Finding:
    try:
        (contract, *_) = await session.request(find_contracts(Instrument(symbol=SYMBOL)))
        first = _First()
        session.subscribe(QuoteLine(Instrument(symbol=SYMBOL), contract, first))
        with trio.fail_after(PATIENCE):
            kind = await first.answer()
    except GatewayDisconnected:
        raise
    except IbactorsError as exc:
        return wrong("market data", f"{SYMBOL}: {exc} {exc.hint}".rstrip())
    except trio.TooSlowError:
        return warning("market data", f"no tick of {SYMBOL} came in {PATIENCE:g} s; its market may be closed, or a data farm broken.")
    return kind_of_data(kind, settings)


class _First:
    """The first that a line has to say."""

    def __init__(self) -> None:
        self._came = trio.Event()
        self._kind = ""
        self._error: IbactorsError | None = None

    async def answer(self) -> str:
        await self._came.wait()
        if self._error is not None:
            raise self._error
        return self._kind

    def ticked(self, quote: Quote) -> None:
        self._kind = self._kind or quote.market_data_type.value
        self._came.set()

    def failed(self, error: IbactorsError) -> None:
        self._error = error
        self._came.set()

    def interrupted(self, error: IbactorsError) -> None:
        self.failed(error)

    def resumed(self) -> None:
        """The next tick tells."""


class _NobodyListens:
    def packet_begins(self) -> None:
        """Nothing is told to anybody."""

    def packet_ended(self) -> None:
        """Nothing is told to anybody."""
