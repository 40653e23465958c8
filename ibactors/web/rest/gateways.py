"""The gateways: which there are, how each does, whose accounts it has, and how much of its login is in use."""

import msgspec

from ibactors.actors.site import Site
from ibactors.keys import Scope
from ibactors.model.logins import LoginPhase
from ibactors.model.sessions import GatewayState
from ibactors.web.operation import Call, Nothing, Operation


class GatewayShown(GatewayState, frozen=True, kw_only=True):
    """One gateway."""

    login: LoginPhase
    """Where its login is."""
    accounts: tuple[str, ...]
    """That its session has; none while there is no session."""
    client_id: int
    """Of the session with it, or the first that is tried."""
    lines: int
    """Market-data lines that are open."""
    max_lines: int
    """How many may be."""


class Gateways(msgspec.Struct, frozen=True):
    """All of them."""

    gateways: tuple[GatewayShown, ...]
    """The default one first."""


def get_gateways(call: Call[Nothing, Nothing]) -> Gateways:
    return Gateways(tuple(map(_shown, call.system.sites)))


def _shown(site: Site) -> GatewayShown:
    session, connection = site.session, site.connection
    return GatewayShown(
        **msgspec.structs.asdict(site.state),
        login=site.gateway.logins.value.phase,
        accounts=session.accounts if session.up else (),
        client_id=site.settings.client_id if connection.desk is None else connection.desk.client_id,
        lines=connection.lines,
        max_lines=site.settings.max_lines,
    )


OPERATIONS = (
    Operation(
        method="GET",
        path="/gateways",
        at_once=get_gateways,
        summary="The gateways, their sessions, accounts and lines",
        tag="Health",
        scope=Scope.READ,
        query=Nothing,
        body=Nothing,
        returns=Gateways,
    ),
)
