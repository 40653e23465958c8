"""Is it alive, is it ready, does it have a session: for people, load balancers and container runtimes."""

import time
from typing import Annotated, Literal

import msgspec

from ibactors import __version__
from ibactors.actors.market import MarketRef
from ibactors.errors import GatewayDisconnected, UnknownGateway
from ibactors.keys import Scope
from ibactors.model.sessions import GatewayState, SessionPhase, SessionReport
from ibactors.model.times import now, rfc3339
from ibactors.web.contract.problems import Problem, make_problem
from ibactors.web.contract.queries import GatewayName
from ibactors.web.contract.tables import Rows
from ibactors.web.operation import Call, Nothing, Operation
from ibactors.web.system import Phase
from ibactors.web.timeline import SessionChange


class ServiceName(msgspec.Struct, frozen=True, kw_only=True):
    """What answers here."""

    service: str = "IB Gateway REST API"
    """What the service is called."""
    status: str = "running"
    """Always `running`."""
    connected: bool
    """Whether there is a session with the gateway."""
    timestamp: str
    """When the answer was made."""
    version: str = __version__
    """Of the program."""
    docs: str = "/docs"
    """Where its documentation is."""


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """`degraded` with a reason while there is no session with the gateway or no data; the status code stays 200 while it serves."""

    status: Literal["healthy", "degraded"]
    """`healthy` only while the session is up and nothing is wrong."""
    ib_connected: bool
    """Whether there is a session with the gateway."""
    timestamp: str
    """When the answer was made."""
    reason: str | None = None
    """What is wrong, in words; null while nothing is."""
    session: SessionReport
    """With the gateway; of several, the first that is up."""
    gateways: tuple[GatewayState, ...] | msgspec.UnsetType = msgspec.UNSET
    """Where there are several: each of them. All of them must be well for `healthy`."""
    simulated: bool | msgspec.UnsetType = msgspec.UNSET
    """True in the demo: all data are made up. Elsewhere it is not there."""


class Live(msgspec.Struct, frozen=True, kw_only=True):
    """The event loop turns."""

    status: str = "live"
    """Always `live`."""
    timestamp: str
    """When the answer was made."""


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """The service takes requests."""

    status: Phase
    """Always `ready`: anything else is a problem."""
    timestamp: str
    """When the answer was made."""


class GatewayHealth(msgspec.Struct, frozen=True, kw_only=True):
    """The API session is up and answers."""

    status: str = "connected"
    """Always `connected`: anything else is a problem."""
    session: SessionReport
    """With the gateway."""
    timestamp: str
    """When the answer was made."""


class HistoryQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of how long ago, and of which gateway."""

    hours: Annotated[float, msgspec.Meta(gt=0, le=24, description="How far back.")] = 24.0
    gateway: GatewayName | None = None


class HealthHistory(msgspec.Struct, frozen=True, kw_only=True):
    """What the session was, up to now."""

    gateway: str
    """Whose session: `main` where there is one."""
    since: str
    """From when on this is known: the start of the service, if that is later than what was asked for."""
    timestamp: str
    """Until when: now."""
    changes: tuple[SessionChange, ...]
    """Oldest first; the first one was in force at `since`. Each lasts until the next one."""


async def get_service(call: Call[Nothing, Nothing]) -> ServiceName:
    return ServiceName(connected=call.site.connection.sessions.value.up, timestamp=now())


def get_health(call: Call[Nothing, Nothing]) -> Health:
    sites = call.system.sites
    session = call.site.session
    reasons = {site.name: site.session.reason or dead_lines(site.market) for site in sites}
    well = all(site.session.phase is SessionPhase.UP and reasons[site.name] is None for site in sites)
    if call.system.several:
        reason = "; ".join(f"{name}: {reason}" for name, reason in reasons.items() if reason) or None
    else:
        (reason,) = reasons.values()
    return Health(
        status="healthy" if well else "degraded",
        ib_connected=session.up,
        timestamp=now(),
        reason=reason,
        session=session.report,
        gateways=call.system.states,
        simulated=call.system.simulated or msgspec.UNSET,
    )


def dead_lines(market: MarketRef) -> str | None:
    """Why none of the lines that somebody wants has data, if that is one reason for all: another session at IB has them, for example."""
    lines = [line for line in market.symbols.values() if not line.over]
    problems = [line.problem for line in [line for line in lines if line.wanted] or lines]
    if not problems or None in problems or len({problem and (problem.code, problem.ib_code) for problem in problems}) > 1:
        return None
    return f"No market-data line has data: {problems[0]}"


async def get_history(call: Call[HistoryQuery, Nothing]) -> HealthHistory:
    site, present = call.system.named(call.query.gateway), time.time()
    since, changes = call.system.timelines[site.name].since(present - call.query.hours * 3600)
    return HealthHistory(gateway=site.name, since=rfc3339(since), timestamp=rfc3339(present), changes=changes)


async def check_liveness(_call: Call[Nothing, Nothing]) -> Live:
    return Live(timestamp=now())


async def check_readiness(call: Call[Nothing, Nothing]) -> Ready | Problem:
    phase = call.system.phases.value
    if phase is not Phase.READY:
        return make_problem("not_ready", f"The service is {phase.value}.")
    return Ready(status=phase, timestamp=now())


async def check_gateway(call: Call[Nothing, Nothing]) -> GatewayHealth:
    session = call.site.connection.sessions.value
    if not session.up:
        raise GatewayDisconnected(session.reason or "There is no session with the gateway.")
    return GatewayHealth(session=session.report, timestamp=now())


class NotReady(GatewayDisconnected):
    """The process is starting or stopping."""

    code = "not_ready"


OPERATIONS = (
    Operation(
        method="GET",
        path="/",
        handle=get_service,
        summary="What answers here",
        tag="Health",
        scope=Scope.OPEN,
        query=Nothing,
        body=Nothing,
        returns=ServiceName,
    ),
    Operation(
        method="GET",
        path="/health",
        at_once=get_health,
        summary="Health of the service and of its session with the gateway",
        tag="Health",
        scope=Scope.OPEN,
        query=Nothing,
        body=Nothing,
        returns=Health,
    ),
    Operation(
        method="GET",
        path="/health/history",
        handle=get_history,
        summary="What the session with the gateway was in the last day",
        tag="Health",
        scope=Scope.READ,
        query=HistoryQuery,
        body=Nothing,
        returns=HealthHistory,
        rows=Rows(of=SessionChange, member="changes"),
        problems=(UnknownGateway,),
    ),
    Operation(
        method="GET",
        path="/health/live",
        handle=check_liveness,
        summary="Liveness",
        tag="Health",
        scope=Scope.OPEN,
        query=Nothing,
        body=Nothing,
        returns=Live,
    ),
    Operation(
        method="GET",
        path="/health/ready",
        handle=check_readiness,
        summary="Readiness: 503 while starting or stopping",
        tag="Health",
        scope=Scope.OPEN,
        query=Nothing,
        body=Nothing,
        returns=Ready,
        problems=(NotReady,),
    ),
    Operation(
        method="GET",
        path="/health/gateway",
        handle=check_gateway,
        summary="503 unless the API session is up and answering",
        tag="Health",
        scope=Scope.READ,
        query=Nothing,
        body=Nothing,
        returns=GatewayHealth,
        problems=(GatewayDisconnected,),
    ),
)
