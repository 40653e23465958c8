"""All that belongs to one gateway: its program, its session, its accounts and its market, as one bundle with a name.

The service has a list of sites. One function builds a bundle; another gateway is another call of it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Never

from ibactors.actors.account import AccountRef, AccountTerms, account_builder
from ibactors.actors.bars import BarsRefs
from ibactors.actors.bars_actor import BarsDirectory
from ibactors.actors.bulletins import BulletinsActor, BulletinsRef
from ibactors.actors.chains import ChainsRef, chains_builder
from ibactors.actors.connection import ConnectionRef
from ibactors.actors.connection_actor import RunSession, connection_builder
from ibactors.actors.contracts import ContractsRef
from ibactors.actors.contracts_actor import contracts_builder
from ibactors.actors.directory import DirectoryRef
from ibactors.actors.gateway import GatewayMessage, GatewayRef
from ibactors.actors.gateway_external import ExternalGatewayActor
from ibactors.actors.gateway_managed import gateway_builder
from ibactors.actors.history import HistoryRef
from ibactors.actors.history_actor import history_builder
from ibactors.actors.holdings import HoldingsRefs
from ibactors.actors.holdings_actor import HoldingsDirectory
from ibactors.actors.market import MarketActor, MarketRef, MarketSettings
from ibactors.actors.market_feeds import BooksActor, BooksRef, TickersActor, TickersRef
from ibactors.actors.news import NewsDirectory, NewsRefs
from ibactors.actors.order_settings import key_rules_of, open_journal, state_folder
from ibactors.actors.orders import OrdersRef
from ibactors.actors.orders_actor import OrdersActor
from ibactors.actors.profits import ProfitsActor, ProfitsRef
from ibactors.actors.scans import ScansActor, ScansRef
from ibactors.bridge.incoming import PacketObserver
from ibactors.config import Settings
from ibactors.errors import StartupError
from ibactors.gateway.classify import load_rules
from ibactors.kernel.actor import Build
from ibactors.kernel.pool import Usage
from ibactors.kernel.supervisor import Supervisor
from ibactors.model.quotes import MarketDataType
from ibactors.model.sessions import GatewayState, SessionStatus
from ibactors.orders.errors import JournalFailed
from ibactors.orders.safety import Mode

_DELAYED = frozenset({MarketDataType.DELAYED, MarketDataType.DELAYED_FROZEN})
_SUBSCRIBE_OR_DELAY = "Subscribe to the data in IB's Client Portal, or set IBACTORS_MARKET_DATA_TYPE=delayed."


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The addresses of one gateway's actors."""

    name: str
    settings: Settings
    gateway: GatewayRef
    """Its program and its login."""
    connection: ConnectionRef
    """The API session."""
    account: AccountRef
    profits: ProfitsRef
    holdings: HoldingsRefs
    """Streams of profit and loss, and of portfolios."""
    market: MarketRef
    orders: OrdersRef
    contracts: ContractsRef
    """Reference data."""
    chains: ChainsRef
    """Quotes and greeks of many options at once."""
    history: HistoryRef
    books: BooksRef
    """Books in depth."""
    tickers: TickersRef
    """Ticks one by one."""
    bars: BarsRefs
    """Live bars."""
    news: NewsRefs
    """Live headlines."""
    bulletins: BulletinsRef
    """What IB tells everybody."""
    scans: ScansRef
    """Running market scans."""

    @property
    def session(self) -> SessionStatus:
        """Of this moment."""
        return self.connection.sessions.value

    @property
    def default(self) -> bool:
        """Whether it is the gateway that is named first."""
        return self.name == self.settings.gateways[0]

    @property
    def state(self) -> GatewayState:
        """Of this moment, in short."""
        session = self.session
        return GatewayState(
            name=self.name,
            default=self.default,
            managed=self.settings.gateway == "managed",
            connected=session.up,
            phase=session.phase,
            since=session.since,
            reason=session.reason,
        )

    @property
    def budgets(self) -> tuple[Usage, ...]:
        """What of the login's budgets is used, and by whom."""
        refs = [getattr(self, name) for name in self.__dataclass_fields__]
        return (self.market.usage(), *(ref.usage() for ref in refs if isinstance(ref, DirectoryRef)))


async def start_site(
    name: str,
    settings: Settings,
    supervisor: Supervisor,
    observer: PacketObserver,
    run: RunSession,
    terms: AccountTerms,
    clock: Callable[[], float],
) -> Site:
    """Start the actors of one gateway; they work from here on, whether or not it is there. Raises StartupError for wrong settings."""
    connection = _connection(name, settings)
    site = Site(
        name=name,
        settings=settings,
        gateway=GatewayRef(settings.account_type),
        connection=connection,
        account=AccountRef(name, terms),
        profits=ProfitsRef(),
        holdings=HoldingsRefs(),
        market=MarketRef(),
        orders=OrdersRef(Mode(settings.trading), state_folder(settings)),
        contracts=ContractsRef(),
        chains=ChainsRef(),
        books=BooksRef(connection),
        tickers=TickersRef(connection),
        history=HistoryRef(clock),
        bars=BarsRefs(),
        news=NewsRefs(),
        bulletins=BulletinsRef(),
        scans=ScansRef(),
    )
    check_trading(settings)
    if not site.default:
        supervisor = supervisor.crew(name)
    limits = MarketSettings(
        max_lines=settings.max_lines,
        caller_lines=settings.caller_lines,
        stream_lines=min(settings.stream_lines, settings.max_lines // 10),
        idle_seconds=settings.line_idle_seconds,
        quote_timeout=settings.quote_timeout,
        unsubscribed_hint=None if settings.market_data_type in _DELAYED else _SUBSCRIBE_OR_DELAY,
    )
    if settings.role == "edge":
        from ibactors.actors.edge_site import start_edge  # noqa: PLC0415  # nothing of the bus is imported without one

        await start_edge(site.gateway, connection, site.market, settings, supervisor, observer, limits)
        return site
    # The gateway comes first, as it says where there is something to connect to.
    await supervisor.start(site.gateway, _gateway_builder(site.gateway, site.connection, settings))
    await supervisor.start(site.connection, connection_builder(site.connection, settings, observer, run))
    await supervisor.start(site.account, account_builder(site.account, site.connection))
    await supervisor.start(site.profits, lambda: ProfitsActor(site.profits, site.connection, supervisor))
    await supervisor.start(site.holdings, lambda: HoldingsDirectory(site.holdings, site.connection, site.account, site.profits, supervisor))
    await supervisor.start(site.market, lambda: MarketActor(site.market, site.connection, supervisor, limits))
    await supervisor.start(site.orders, lambda: OrdersActor(site.orders, site.connection, site.account, site.market, settings))
    await supervisor.start(site.contracts, contracts_builder(site.contracts, site.connection))
    await supervisor.start(site.chains, chains_builder(site.chains, site.connection, site.market))
    kept = settings.history_cache_mib * 1024 * 1024
    await supervisor.start(site.history, history_builder(site.history, site.connection, cache_octets=kept))
    books = {"most": settings.max_books, "share": min(settings.max_books, settings.books_per_caller)}
    await supervisor.start(site.books, lambda: BooksActor(site.books, connection, supervisor, **books))
    ticks = {"most": settings.max_tick_streams, "share": min(settings.max_tick_streams, settings.tick_streams_per_caller)}
    await supervisor.start(site.tickers, lambda: TickersActor(site.tickers, connection, site.history, supervisor, **ticks))
    await supervisor.start(site.news, lambda: NewsDirectory(site.news, connection, supervisor))
    await supervisor.start(site.bulletins, lambda: BulletinsActor(site.bulletins, connection))
    await supervisor.start(site.scans, lambda: ScansActor(site.scans, connection, supervisor))
    await supervisor.start(site.bars, lambda: BarsDirectory(site.bars, site.connection, site.history, supervisor))
    return site


def _connection(name: str, settings: Settings) -> ConnectionRef:
    if settings.role == "edge":
        from ibactors.actors.edge_site import edge_connection  # noqa: PLC0415  # nothing of the bus is imported without one

        return edge_connection(name)
    return ConnectionRef(name)


def check_trading(settings: Settings) -> None:
    """Raises StartupError for settings under which orders could go astray, and for a journal that cannot be kept."""
    if settings.trading == "off":
        return
    wrong = {
        "IBACTORS_CLIENT_ID is 0, which TWS gives the orders of others to; set another one.": settings.client_id == 0,
        "IBACTORS_CLIENT_IDS is not 1: orders belong to one client id.": settings.client_ids != 1,
        "IBACTORS_READ_ONLY_API is yes; leave it out.": settings.gateway == "managed" and settings.gateway_is_read_only,
        "it is live, and IBACTORS_LIVE_ACCOUNTS names no account.": settings.trading == "live" and not settings.live_accounts,
    }
    for why, holds in wrong.items():
        if holds:
            raise StartupError(f"IBACTORS_TRADING is {settings.trading}, but {why}")
    key_rules_of(settings)
    try:
        open_journal(settings).close()
    except JournalFailed as error:
        raise StartupError(str(error)) from error


def _gateway_builder(gateway: GatewayRef, connection: ConnectionRef, settings: Settings) -> Build[GatewayMessage, Never]:
    if bool(settings.ib_username) != bool(settings.ib_password):
        raise StartupError("IBACTORS_IB_USERNAME and IBACTORS_IB_PASSWORD belong together; set both or neither.")
    if settings.gateway == "external":
        if settings.ib_username:
            raise StartupError(
                "IBACTORS_IB_USERNAME needs IBACTORS_GATEWAY=managed; somebody else's gateway cannot be logged in from here."
            )
        return lambda: ExternalGatewayActor(gateway, connection, settings)
    rules = load_rules(Path(settings.login_rules) if settings.login_rules else None)
    return gateway_builder(gateway, connection, settings, rules)
