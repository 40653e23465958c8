"""The running service as one object: what the web layer needs to reach the actors and to know the state of the process."""

import enum
import time
from dataclasses import dataclass, field

import trio

from ibactors.actors.site import Site
from ibactors.config import Settings
from ibactors.inside.watch import Watch
from ibactors.kernel.supervisor import Supervisor
from ibactors.kernel.topic import Topic
from ibactors.limits import Attempts
from ibactors.web.contract.changes import Status
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
        """The gateway of requests that name none."""
        return self.sites[0]
