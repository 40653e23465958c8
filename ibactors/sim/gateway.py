"""The state all clients share: market, accounts, who is connected, which faults are on, what was counted.

One `Gateway` belongs to one server. Sessions, orders and handlers read it, the control port changes it.
"""

import collections
import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import trio

from ibactors.sim.ledger import Ledger
from ibactors.sim.market.catalogue import build_catalogue
from ibactors.sim.market.clockprices import PriceClock
from ibactors.sim.market.instruments import Instrument
from ibactors.sim.market.market import Market
from ibactors.sim.messages import connection as messages
from ibactors.sim.pacing import Pacing
from ibactors.sim.quirks import Quirks
from ibactors.sim.wire.datetimes import Dialect
from ibactors.sim.wire.delivery import Delivery
from ibactors.sim.wire.script import Script

MARKET_FARMS = ("usfarm", "usfuture", "cashfarm", "usopt")
HISTORY_FARM = "ushmds"
_FASTEST_REFRESH_S = 0.5
_SLOWEST_REFRESH_S = 180.0
_UPDATES_PER_REFRESH = 12


@dataclass(slots=True, kw_only=True)
class Faults:
    """What is broken at the moment."""

    muted: bool = False
    connectivity_lost: bool = False
    competing: bool = False
    farms_down: set[str] = field(default_factory=set)
    delayed: bool = False
    cancels_too_late: bool = False
    occupied: set[int] = field(default_factory=set)
    outages: dict[int, int] = field(default_factory=dict)
    account_refusal: int = 0
    late_s: float = 0.0
    depth_s: float = 0.0
    """How long a book of all exchanges takes to begin; a cancel before that is ignored."""
    tick_gap_s: float = 0.0
    """Seconds in which one instrument may be asked for tick by tick once; 15 at IB."""

    def silence(self, instrument: Instrument) -> bool:
        """Whether a fault keeps the ticks of an instrument from the clients."""
        return self.connectivity_lost or self.competing or instrument.farm in self.farms_down


@dataclass(slots=True, kw_only=True)
class Limits:
    """What one client may have; more is answered with an error."""

    lines: int = 100
    books: int = 3
    tick_streams: int = 5
    messages_per_s: int = 50
    details_per_s: int = 1000


@dataclass(slots=True, kw_only=True)
class Counters:
    """Message counts for `stats`, since the server's start."""

    received: int = 0
    sent: int = 0
    requests: collections.Counter[str] = field(default_factory=collections.Counter)


class Client(Protocol):
    """A client that has started the API, as the gateway and its orders see it."""

    client_id: int
    version: int
    wants_bulletins: bool

    def send(self, data: bytes) -> None:
        """Post one answer frame."""

    def error(self, request_id: int, code: int, text: str) -> None:
        """Post an errMsg; request id -1 is a notice about the connection."""

    def repeat(self) -> None:
        """Let every account subscription send what has changed."""


class Gateway:
    """One simulated IB Gateway."""

    def __init__(
        self,
        *,
        accounts: tuple[str, ...],
        rate: float,
        seed: int,
        clock_prices: bool = False,
        extra_symbols: int = 0,
        keeps_hours: bool = False,
        now: Callable[[], dt.datetime] | None = None,
    ) -> None:
        self._now = now or _utc_now
        self.account_names = accounts
        # Of an adviser, to begin with: everybody, and the clients without the adviser's own account.
        self.groups: dict[str, tuple[str, ...]] = {"All_Accounts": accounts, "Clients": accounts[1:]} if self.is_adviser else {}
        self.faults = Faults()
        self.quirks = Quirks()
        self.script = Script(trio.current_time)
        self.limits = Limits()
        self.pacing = Pacing()
        self.known_rules: set[int] = set()
        self.ticks_asked: dict[int, float] = {}
        """When each instrument was asked for tick by tick last, by contract id."""
        self.tapes: dict[int, object] = {}
        """Of ticks, by contract id; see `history/tape.py`."""
        self.delivery = Delivery(seed)
        self.nightly: trio.CancelScope | None = None
        self.counters = Counters()
        self.catalogue = build_catalogue(self.now().date(), extra_symbols=extra_symbols)
        self.clock = PriceClock(self.catalogue) if clock_prices else None
        self.market = Market(
            self.catalogue, seed=seed, rate=rate, now=self.now, silent=self.faults.silence, clock=self.clock, keeps_hours=keeps_hours
        )
        self.ledger = Ledger(accounts, self.market)
        self.clients: dict[int, Client] = {}
        self.dialect = Dialect.ZONED
        # One bulletin is there from the start, for clients that also ask for the earlier ones of the day.
        self.bulletins = ["Simulated bulletin: this gateway is not connected to Interactive Brokers."]
        # A real gateway closes a silent connection after some seconds and ends a snapshot after eleven.
        self.handshake_s = 5.0
        self.snapshot_wait_s = 11.0

    def now(self) -> dt.datetime:
        """The gateway's clock; everything that is dated on the wire comes from here."""
        return self._now()

    @property
    def is_adviser(self) -> bool:
        """Whether the login is a financial adviser's, whose own account comes first."""
        return self.account_names[0].startswith(("DF", "F"))

    @property
    def refresh_s(self) -> float:
        """Seconds between repeats of account data. A gateway takes three minutes; here they follow the rate."""
        wanted = _UPDATES_PER_REFRESH / self.market.rate
        return min(max(wanted, _FASTEST_REFRESH_S), _SLOWEST_REFRESH_S)

    def everybody(self) -> tuple[Client, ...]:
        """The clients of this moment, for work during which some may come or go."""
        return tuple(self.clients.values())

    def has_client(self, client_id: int) -> bool:
        """Whether a client id is in use, by a client or by one that never ended."""
        return client_id in self.faults.occupied or client_id in self.clients

    def farm_notice(self, farm: str) -> tuple[int, str]:
        """The code and the text that tell how a data farm is at the moment."""
        broken, of_history = farm in self.faults.farms_down, farm == HISTORY_FARM
        code = (2105 if broken else 2106) if of_history else (2103 if broken else 2104)
        kind = "HMDS" if of_history else "Market"
        return code, f"{kind} data farm connection is {'broken' if broken else 'OK'}:{farm}"

    def publish_bulletin(self, text: str) -> None:
        """Send a news bulletin to every client that subscribed to them."""
        self.bulletins.append(text)
        for client in self.everybody():
            if client.wants_bulletins:
                client.send(messages.news_bulletin(len(self.bulletins), text))

    def announce(self, code: int, text: str) -> None:
        """Send a notice without request id to every client."""
        for client in self.everybody():
            client.error(-1, code, text)


def _utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
