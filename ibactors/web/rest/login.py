"""Logging the gateway in and out, and where its login is."""

import math
from http import HTTPStatus
from typing import Annotated

import msgspec
import trio

from ibactors.actors.site import Site
from ibactors.errors import ActorDown, GatewayTimeout, TooManyLogins, UnknownGateway
from ibactors.gateway.errors import (
    AccountLocked,
    AlreadyLoggedIn,
    BadCredentials,
    ExistingSession,
    GatewayNotManaged,
    GatewayOutdated,
    LauncherFailed,
    LauncherMissing,
    LoginCancelled,
    LoginFailed,
    LoginInProgress,
    NoConnection,
    PasskeyRequired,
    PasswordExpired,
    TooManyAttempts,
    TwoFactorDenied,
    TwoFactorExpired,
    UnknownDialog,
)
from ibactors.keys import Scope
from ibactors.model.logins import LoginPhase, LoginReport, LoginRequest, LoginResult, LoginStatus
from ibactors.web.contract.addresses import network_of
from ibactors.web.contract.codec import encode
from ibactors.web.contract.queries import GatewayName
from ibactors.web.operation import Answer, Call, Nothing, Operation

STATUS_PATH = "/auth/status"
LOGIN_PATH = "/auth/login"
LOGIN_WINDOW = 15 * 60.0
"""Seconds within which logins are counted together."""


class GatewayQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which gateway; the default one unless another is named."""

    gateway: GatewayName | None = None


class WaitQuery(GatewayQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of which gateway, and how long to wait."""

    wait: Annotated[
        float, msgspec.Meta(ge=0, le=300, description="Seconds to wait for the end, from 0 to 300; then the answer is 202.")
    ] = 60.0


async def post_login(call: Call[WaitQuery, LoginRequest]) -> LoginResult | Answer:
    site = call.system.named(call.query.gateway)
    attempt = _Attempt(call)
    status = await site.gateway.login(call.body, wait=call.query.wait, begun=attempt.begun, good=attempt.good)
    if status.phase is LoginPhase.API_READY:
        message = f"Successfully connected to {status.account_type} account"
        return LoginResult(message=message, account_type=status.account_type, connected=True)
    if status.phase is LoginPhase.DISCONNECTED:
        raise GatewayTimeout(f"The gateway did not answer within {call.query.wait:g} s: {status.detail}")
    return _accepted(_report(site, status), site)


class _Attempt:
    """A login of this caller, as it counts. The constructor raises TooManyLogins.

    A login counts as soon as it is begun: a cancelled one has sent its password, too. One that succeeds is taken back, and no other: it was
    no guess, but those before it may have been. What was not begun, because another login runs or the gateway is not ours, does not count.
    As one login runs at a time, no two can be begun on the last one left.
    """

    def __init__(self, call: Call[WaitQuery, LoginRequest]) -> None:
        self._logins, address = call.system.logins, call.along.address
        # Those of a key are counted together, else those of a network.
        self._who = call.caller.name if call.caller.key else network_of(address)
        self._made = math.inf
        wait = self._logins.wait(self._who, trio.current_time())
        if wait:
            refusal = TooManyLogins(f"More than {call.system.settings.login_attempts} logins in 15 minutes.", retry_after=wait)
            call.system.audit.refused(refusal, call.caller.name, address, "POST", LOGIN_PATH)
            raise refusal

    def begun(self) -> None:
        self._made = trio.current_time()
        self._logins.add(self._who, self._made)

    def good(self) -> None:
        self._logins.take_back(self._who, self._made)


async def post_logout(call: Call[WaitQuery, Nothing]) -> LoginReport | Answer:
    site = call.system.named(call.query.gateway)
    status = await site.gateway.logout(wait=call.query.wait)
    report = _report(site, status)
    return _accepted(report, site) if status.phase is LoginPhase.STOPPING else report


async def get_login_status(call: Call[GatewayQuery, Nothing]) -> LoginReport:
    site = call.system.named(call.query.gateway)
    return _report(site, site.gateway.logins.value)


def _report(site: Site, status: LoginStatus) -> LoginReport:
    session = site.session
    return LoginReport.of(status, session.accounts if session.up else ())


def _accepted(report: LoginReport, site: Site) -> Answer:
    """It goes on; the report tells how."""
    where = STATUS_PATH if site.default else f"{STATUS_PATH}?gateway={site.name}"
    return Answer(body=encode(report), status=HTTPStatus.ACCEPTED, headers={"Location": where})


OPERATIONS = (
    Operation(
        method="POST",
        path=LOGIN_PATH,
        handle=post_login,
        summary="Log the gateway in with IB credentials",
        description=(
            "Waits for the API to be ready and answers 200, or 202 while the login still runs, such as while the second factor is being "
            "waited for; a login goes on when its client leaves. The credentials are sent to IB once. If they fail, "
            "or the login is cancelled, the session that ran before is brought back. Without username and password, those "
            "of the settings are used, or, if the gateway is somebody else's, the port of the account type is connected to."
        ),
        tag="Login",
        scope=Scope.LOGIN,
        query=WaitQuery,
        body=LoginRequest,
        returns=LoginResult,
        accepted=LoginReport,
        problems=(
            BadCredentials,
            PasswordExpired,
            TwoFactorExpired,
            TwoFactorDenied,
            AccountLocked,
            PasskeyRequired,
            ExistingSession,
            AlreadyLoggedIn,
            GatewayNotManaged,
            LoginCancelled,
            LoginInProgress,
            TooManyAttempts,
            LauncherFailed,
            LoginFailed,
            GatewayOutdated,
            NoConnection,
            ActorDown,
            LauncherMissing,
            GatewayTimeout,
            UnknownDialog,
            UnknownGateway,
        ),
    ),
    Operation(
        method="GET",
        path=STATUS_PATH,
        handle=get_login_status,
        summary="Where the gateway's login is",
        tag="Login",
        scope=Scope.LOGIN,
        query=GatewayQuery,
        body=Nothing,
        returns=LoginReport,
        problems=(UnknownGateway,),
    ),
    Operation(
        method="POST",
        path="/auth/logout",
        handle=post_logout,
        summary="End the gateway's session with IB, or the login that is running",
        tag="Login",
        scope=Scope.LOGIN,
        query=WaitQuery,
        body=Nothing,
        returns=LoginReport,
        accepted=LoginReport,
        problems=(GatewayNotManaged, ActorDown, UnknownGateway),
    ),
)
