"""What runs on an edge: the connection with the session's holder and the market. What else clients read, the holder answers."""

from functools import partial

from ibactors.actors.connection import ConnectionRef
from ibactors.actors.edge import EdgeRef, edge_builder
from ibactors.actors.edge_symbol import EdgeSymbol
from ibactors.actors.gateway import GatewayRef
from ibactors.actors.gateway_external import ExternalGatewayActor
from ibactors.actors.market import MarketActor, MarketRef, MarketSettings
from ibactors.bridge.incoming import PacketObserver
from ibactors.config import Settings
from ibactors.errors import StartupError
from ibactors.kernel.supervisor import Supervisor


def edge_connection(name: str) -> ConnectionRef:
    """The address of an edge's connection."""
    return EdgeRef(name)


async def start_edge(
    gateway: GatewayRef,
    connection: ConnectionRef,
    market: MarketRef,
    settings: Settings,
    supervisor: Supervisor,
    observer: PacketObserver,
    limits: MarketSettings,
) -> None:
    """Start the actors of an edge, whether or not a holder is there. Raises StartupError for settings that need a gateway."""
    for variable, is_set in {
        "IBACTORS_GATEWAY=managed": settings.gateway == "managed",
        "IBACTORS_IB_USERNAME": bool(settings.ib_username),
        "IBACTORS_TRADING": settings.trading != "off",
    }.items():
        if is_set:
            raise StartupError(f"IBACTORS_ROLE is edge, which has no gateway, but {variable} is set. Set it where the session is held.")
    if not isinstance(connection, EdgeRef):
        raise TypeError("an edge has an edge's connection")
    symbol = partial(EdgeSymbol, edge=connection, market=market, idle_seconds=limits.idle_seconds)
    await supervisor.start(gateway, lambda: ExternalGatewayActor(gateway, connection, settings))
    await supervisor.start(connection, edge_builder(connection, settings, observer))
    await supervisor.start(market, lambda: MarketActor(market, connection, supervisor, limits, symbol))
