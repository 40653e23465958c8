"""The session with a gateway, as everybody sees it."""

import enum

from ibactors.model.times import Value


class SessionPhase(enum.StrEnum):
    """Where the API session with the gateway is."""

    CONNECTING = "connecting"
    SYNCING = "syncing"
    """Up, but the first full set of account data is not in yet."""
    UP = "up"
    SILENT = "silent"
    """Up, but the gateway has sent nothing for a while and owes the answer to a probe."""
    FARM_DEGRADED = "farm_degraded"
    """Up, but one of the gateway's data farms is broken."""
    LOST = "lost"
    """The gateway answers but has lost IB: there is no data (1100, 2110)."""
    BACKING_OFF = "backing_off"
    LOGGED_OUT = "logged_out"
    """Nobody is logged in at the gateway that this service manages; the reason says what is needed or being waited for."""
    STOPPED = "stopped"


class SessionReport(Value, frozen=True, kw_only=True):
    """The state of the API session; `epoch` counts sessions, so data belongs to the present one only if its epoch is equal."""

    phase: SessionPhase
    """What the session is doing."""
    epoch: int
    """Counts sessions."""
    since: str
    """When this state began; of a session that is up, when its data became current."""
    reason: str | None = None
    """What is wrong, in words; None while nothing is."""
    server_version: int | None = None
    """Version of the gateway's protocol; null while nothing is connected."""

    @property
    def sound(self) -> bool:
        """True while nothing is known to be broken, so that what IB answers is meant."""
        return self.phase in {SessionPhase.SYNCING, SessionPhase.UP}

    @property
    def current(self) -> bool:
        """True while what came in this session, and has not been interrupted since, is current and may be shown."""
        return self.up and self.phase is not SessionPhase.SILENT

    @property
    def up(self) -> bool:
        """True while requests can be sent and data can come."""
        return self.phase in {SessionPhase.SYNCING, SessionPhase.UP, SessionPhase.SILENT, SessionPhase.FARM_DEGRADED}


class SessionStatus(SessionReport, frozen=True, kw_only=True):
    """The same for the inside, with account numbers."""

    accounts: tuple[str, ...] = ()

    @property
    def report(self) -> SessionReport:
        """Without account numbers: health is read by load balancers and shown on status pages."""
        return SessionReport(phase=self.phase, epoch=self.epoch, since=self.since, reason=self.reason, server_version=self.server_version)


class GatewayState(Value, frozen=True, kw_only=True):
    """One of several gateways, in short."""

    name: str
    """As in IBACTORS_GATEWAYS."""
    default: bool
    """Whether it is the one of requests that name none, while it is up."""
    managed: bool
    """Whether ibactors runs it, or somebody else."""
    connected: bool
    """Whether the session with it is up."""
    phase: SessionPhase
    """What the session is doing."""
    since: str
    """When this state of the session began."""
    reason: str | None
    """What is wrong with it, in words; null while nothing is."""
