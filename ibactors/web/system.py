"""The running service as one object: what the web layer needs to reach the actors and to know the state of the process."""

import enum
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec
import trio

from ibactors.actors.site import Site
from ibactors.config import Settings
from ibactors.errors import GatewayDisconnected, UnknownAccount, UnknownGateway
from ibactors.inside.watch import Watch
from ibactors.kernel.supervisor import Supervisor
from ibactors.kernel.topic import Topic
from ibactors.limits import Attempts
from ibactors.model.sessions import GatewayState, SessionPhase
from ibactors.web.choosing import Choices
from ibactors.web.contract.bars import BarTexts
from ibactors.web.contract.changes import Status, StatusChange
from ibactors.web.contract.orders import OrderTexts
from ibactors.web.edge.tls import Certificate
from ibactors.web.fanout import Fanout
from ibactors.web.gate.access import Access
from ibactors.web.gate.audit import Audit
from ibactors.web.meters import Meters
from ibactors.web.moving import Moves
from ibactors.web.streams import Streams
from ibactors.web.timeline import Timeline


class Phase(enum.StrEnum):
    """Where the process is in its life."""

    STARTING = "starting"
    READY = "ready"
    STOPPING = "stopping"


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """Addresses of the actors, and the process's own state; what changes in it does so behind its members."""

    settings: Settings
    supervisor: Supervisor
    sites: tuple[Site, ...]
    """The gateways, the default one first."""
    choices: Choices
    """Which gateway is asked for what."""
    moves: Moves | None
    """Of streams between gateways; None where there is but one."""
    access: Access
    certificate: Certificate | None
    """None without TLS."""
    audit: Audit = field(default_factory=Audit)
    stop: trio.Event
    """Set to end the service."""
    phases: Topic[Phase] = field(default_factory=lambda: Topic(Phase.STARTING))
    """Where the process is in its life."""
    streams: Streams
    logins: Attempts
    """Logins that were begun, by who began them."""
    fanout: Fanout
    """From symbols to the clients of the stream."""
    status: Status
    """What clients of the stream are told of session and login."""
    timelines: Mapping[str, Timeline]
    """Of each gateway's session, by the gateway's name."""
    bar_texts: BarTexts = field(default_factory=BarTexts)
    order_texts: OrderTexts = field(default_factory=OrderTexts)
    meters: Meters
    watch: Watch | None
    """Watches the event loop; None when the settings turn it off."""
    simulated: bool = False
    """Whether the gateway is our own simulator, so that all data are made up."""
    started: float = field(default_factory=time.time)
    """Unix time."""

    @property
    def site(self) -> Site:
        """The gateway of requests that name none: the first that is up and answers, else the default one."""
        for site in self.sites:
            if site.connection.sessions.value.current:
                return site
        return self.sites[0]

    @property
    def accounts(self) -> tuple[str, ...]:
        """Of all gateways that are up; each once, whoever else has it."""
        return tuple(dict.fromkeys(account for site in self.sites if site.session.up for account in site.session.accounts))

    def holding(self, account: str | None) -> Site:
        """The gateway that has an account, or tells why it cannot be had: the first that answers, is up, or may have it when it is up."""
        if account is None or not self.several:
            return self.sites[0]
        having = [site for site in self.sites if account in site.session.accounts]
        current = [site for site in having if site.session.current]
        return [*current, *having, *(site for site in self.sites if not site.session.up), *self.sites][0]

    def speaks_for(self, site: Site, account: str) -> bool:
        """Whether streams tell of an account what this gateway says: no gateway before it has it and answers."""
        before = self.sites[: self.sites.index(site)] if self.several else ()
        return not any(other.session.current and account in other.session.accounts for other in before)

    def all_told(self) -> None:
        """Raises GatewayDisconnected while a gateway may have accounts that cannot be told of: what says "all" would be less."""
        for site in self.sites:
            session = site.session
            if self.several and not session.current and session.phase is not SessionPhase.LOGGED_OUT:
                raise GatewayDisconnected(f"The gateway {site.name!r} may have more accounts: {session.reason} Name an account of another.")

    def know(self, account: str | None) -> None:
        """Raises UnknownAccount for one that no gateway has."""
        if account is not None and all(site.session.up and account not in site.session.accounts for site in self.sites):
            raise UnknownAccount(f"There is no account {account!r} in this session.")

    @property
    def several(self) -> bool:
        """Whether there is more than one gateway."""
        return len(self.sites) > 1

    @property
    def states(self) -> tuple[GatewayState, ...] | msgspec.UnsetType:
        """Of the gateways, in their order; unset where there is but one, of which all is told already."""
        return tuple(site.state for site in self.sites) if self.several else msgspec.UNSET

    def change(self) -> StatusChange:
        """What streams are told of this moment."""
        site = self.site
        return StatusChange.of(site.session, site.gateway.logins.value, self.states)

    def named(self, gateway: str | None) -> Site:
        """The gateway of that name, or the default one. Raises UnknownGateway."""
        if gateway is None:
            return self.sites[0]
        names = {site.name: site for site in self.sites}
        if gateway not in names:
            raise UnknownGateway(f"There is no gateway {gateway!r}; there are: {', '.join(names)}.")
        return names[gateway]
