"""The running service as one object: what the web layer needs to reach the actors and to know the state of the process."""

import enum
import time
from dataclasses import dataclass, field

import msgspec
import trio

from ibactors.actors.site import Site
from ibactors.config import Settings
from ibactors.errors import InvalidRequest
from ibactors.inside.watch import Watch
from ibactors.kernel.supervisor import Supervisor
from ibactors.kernel.topic import Topic
from ibactors.limits import Attempts
from ibactors.model.sessions import GatewayState
from ibactors.web.contract.changes import Status, StatusChange
from ibactors.web.contract.orders import OrderTexts
from ibactors.web.edge.tls import Certificate
from ibactors.web.fanout import Fanout
from ibactors.web.gate.access import Access
from ibactors.web.gate.audit import Audit
from ibactors.web.meters import Meters
from ibactors.web.streams import Streams


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
    order_texts: OrderTexts = field(default_factory=OrderTexts)
    meters: Meters
    watch: Watch | None
    """Watches the event loop; None when the settings turn it off."""
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
        """The gateway of that name, or the default one. Raises InvalidRequest."""
        if gateway is None:
            return self.sites[0]
        names = {site.name: site for site in self.sites}
        if gateway not in names:
            raise InvalidRequest(f"There is no gateway {gateway!r}.", field="gateway", remedy=f"Name one of these: {', '.join(names)}.")
        return names[gateway]
