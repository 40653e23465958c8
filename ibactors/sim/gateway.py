"""The state all sessions share: market, accounts, who is connected, which faults are on, what was counted.

One `Gateway` belongs to one server. Sessions and handlers read it, the control port changes it.
"""

from __future__ import annotations

import collections
import datetime as dt
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import trio

from ibactors.sim.ledger import Ledger
from ibactors.sim.market.catalogue import build_catalogue
from ibactors.sim.market.clockprices import PriceClock
from ibactors.sim.market.market import Market
from ibactors.sim.messages import connection as messages
from ibactors.sim.orders.book import OrderBook
from ibactors.sim.wire.datetimes import Dialect
from ibactors.sim.wire.delivery import Delivery

if TYPE_CHECKING:
    from collections.abc import Callable

    from ibactors.sim.market.instruments import Instrument
    from ibactors.sim.session import Session

MIN_VERSION = 157
MAX_VERSION = 178
MAX_CLIENTS = 32

MARKET_FARMS = ("usfarm", "usfuture", "cashfarm", "usopt")
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

    def silence(self, instrument: Instrument) -> bool:
        """Whether ticks of an instrument do not reach the clients."""
        return self.connectivity_lost or self.competing or instrument.farm in self.farms_down


@dataclass(slots=True, kw_only=True)
class Limits:
    """What one client may have; more is answered with an error."""

    lines: int = 100
    messages_per_s: int = 50


@dataclass(slots=True, kw_only=True)
class Counters:
    """Message counts for `stats`, since the server's start."""

    received: int = 0
    sent: int = 0
    requests: collections.Counter[str] = field(default_factory=collections.Counter)


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
        self.faults = Faults()
        self.limits = Limits()
        self.delivery = Delivery(seed)
        self.nightly: trio.CancelScope | None = None
        self.counters = Counters()
        self.catalogue = build_catalogue(self.now().date(), extra_symbols=extra_symbols)
        self.clock = PriceClock(self.catalogue) if clock_prices else None
        self.market = Market(
            self.catalogue, seed=seed, rate=rate, now=self.now, silent=self.faults.silence, clock=self.clock, keeps_hours=keeps_hours
        )
        self.ledger = Ledger(accounts, self.market)
        self.sessions: set[Session] = set()
        # A real gateway closes a silent connection after some seconds and ends a snapshot after eleven.
        self.dialect = Dialect.ZONED
        # A new day has an old bulletin, for clients that want those of the day too.
        self.bulletins = ["Simulated bulletin: this gateway is not connected to Interactive Brokers."]
        self.handshake_s = 5.0
        self.snapshot_wait_s = 11.0
        self.orders = OrderBook(self, seed=seed)
        self.orders.keeps_hours = keeps_hours

    def now(self) -> dt.datetime:
        """The gateway's clock; everything that is dated on the wire comes from here."""
        return self._now()

    @property
    def refresh_s(self) -> float:
        """How often account data repeats. A gateway takes three minutes; here it keeps pace with the rate."""
        wanted = _UPDATES_PER_REFRESH / self.market.rate
        return min(max(wanted, _FASTEST_REFRESH_S), _SLOWEST_REFRESH_S)

    def ready_sessions(self) -> list[Session]:
        """The sessions that have started the API, a copy that stays valid while sessions come and go."""
        return [s for s in self.sessions if s.client_id is not None]

    def has_client(self, client_id: int) -> bool:
        """Whether a client id is in use, by a session or by one that never ended."""
        return client_id in self.faults.occupied or any(s.client_id == client_id for s in self.sessions)

    def next_order_id(self, client_id: int) -> int:
        """The lowest order id that the client may use."""
        return self.orders.register.next_id(client_id)

    def publish_bulletin(self, text: str) -> None:
        """Send a news bulletin to every client that subscribed to them."""
        self.bulletins.append(text)
        for session in self.ready_sessions():
            if session.wants_bulletins:
                session.send(messages.news_bulletin(len(self.bulletins), text))

    def announce(self, code: int, text: str) -> None:
        """Send a notice without request id to every client."""
        for session in self.ready_sessions():
            session.error(-1, code, text)


def _utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
