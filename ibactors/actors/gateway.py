"""Logging the gateway in: the messages, the address that the rest of the service uses, and which error each end of a login is.

Two actors answer here: `gateway_managed.py` runs the gateway's program itself, `gateway_external.py` stands for somebody else's. Both
publish each change on `GatewayRef.logins` and tell the connection actor where to connect.
"""

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Never

import msgspec
import structlog
import trio

from ibactors.errors import GatewayTimeout, IbactorsError
from ibactors.gateway.errors import (
    AccountLocked,
    BadCredentials,
    ExistingSession,
    GatewayOutdated,
    LauncherFailed,
    LauncherMissing,
    LoginCancelled,
    LoginFailed,
    NoConnection,
    PasskeyRequired,
    PasswordExpired,
    TooManyAttempts,
    TwoFactorDenied,
    TwoFactorExpired,
    UnknownDialog,
)
from ibactors.kernel.ref import Ask, Ref
from ibactors.kernel.topic import Topic
from ibactors.model.logins import AccountType, LoginFailure, LoginPhase, LoginRequest, LoginStatus
from ibactors.model.times import now

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LogIn(Ask[int]):
    """Begin a login; answered with its number as soon as it has begun, or with that of the one that these credentials have already."""

    request: LoginRequest
    begun: Callable[[], None]
    """Called when a login begins for it; it must neither wait nor raise."""
    good: Callable[[], None]
    """Called when the session of that login is up for the first time, however late; the same holds."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LogOut(Ask[None]):
    """End the session with IB, or the login that is running."""


GatewayMessage = LogIn | LogOut

_ERRORS: dict[LoginPhase, type[IbactorsError]] = {
    LoginPhase.ACCOUNT_LOCKED: AccountLocked,
    LoginPhase.BAD_CREDENTIALS: BadCredentials,
    LoginPhase.COMPETING_SESSION: ExistingSession,
    LoginPhase.EXISTING_SESSION: ExistingSession,
    LoginPhase.GATEWAY_OUTDATED: GatewayOutdated,
    LoginPhase.LAUNCHER_FAILED: LauncherFailed,
    LoginPhase.LAUNCHER_MISSING: LauncherMissing,
    LoginPhase.LOGIN_FAILED: LoginFailed,
    LoginPhase.NO_CONNECTION: NoConnection,
    LoginPhase.PASSKEY_REQUIRED: PasskeyRequired,
    LoginPhase.PASSWORD_EXPIRED: PasswordExpired,
    LoginPhase.TIMEOUT: GatewayTimeout,
    LoginPhase.TWO_FACTOR_DENIED: TwoFactorDenied,
    LoginPhase.TWO_FACTOR_EXPIRED: TwoFactorExpired,
    LoginPhase.UNKNOWN_DIALOG: UnknownDialog,
    LoginPhase.CANCELLED: LoginCancelled,
    LoginPhase.IDLE: LoginCancelled,
}
_OVER = frozenset({LoginPhase.API_READY, LoginPhase.IDLE})


class GatewayRef(Ref[GatewayMessage, Never]):
    """The gateway's login, as the web layer sees it."""

    def __init__(self, account_type: AccountType) -> None:
        super().__init__("gateway")
        status = LoginStatus(phase=LoginPhase.IDLE, account_type=account_type, since=now(), detail="The service is starting.")
        self.logins: Topic[LoginStatus] = Topic(status)
        """Where the login is; its value may be read at any time without asking."""

    async def login(
        self, request: LoginRequest, *, wait: float, begun: Callable[[], None] = lambda: None, good: Callable[[], None] = lambda: None
    ) -> LoginStatus:
        """Log in, and wait up to *wait* seconds for the API; the status tells whether it is ready or the login still runs.

        *begun* is called when a login was begun for this, before anything is sent to IB, and *good* when it has succeeded, even if nobody
        waits for it any more.

        The login goes on when the caller stops waiting. Raises what ended the login (BadCredentials, TwoFactorExpired, …), or why none was
        begun: LoginInProgress, TooManyAttempts, InvalidRequest, GatewayNotManaged, or an ActorError.
        """
        msg = LogIn(request=request, begun=begun, good=good)
        attempt = await self.ask(msg, msg.reply)
        with trio.move_on_after(wait) as waiting:
            status = await self.logins.until(lambda status: status.attempt != attempt or status.phase.failed or status.phase in _OVER)
        if waiting.cancelled_caught:
            status = self.logins.value
        if status.attempt != attempt:
            failure = status.failure
            raise (
                error_of(failure) if failure and failure.attempt == attempt else LoginCancelled("Another login took the place of this one.")
            )
        if status.phase in _ERRORS or status.phase is LoginPhase.LOCKED_OUT:
            raise error_of(status)
        return status

    async def logout(self, *, wait: float) -> LoginStatus:
        """End the session, or the login that runs, and wait up to *wait* seconds until its gateway has ended.

        After a login that runs is ended, the session before it is brought back. Raises GatewayNotManaged or an ActorError.
        """
        msg = LogOut()
        await self.ask(msg, msg.reply)
        with trio.move_on_after(wait):
            return await self.logins.until(lambda status: status.phase is not LoginPhase.STOPPING)
        return self.logins.value

    def show(self, status: LoginStatus) -> None:
        """Publish a change and log it; for the actors."""
        old = self.logins.value
        if msgspec.structs.replace(status, since=old.since) != old:
            level = logging.WARNING if status.phase.failed else logging.INFO
            log.log(level, "login_changed", phase=status.phase.value, detail=status.detail, attempt=status.attempt)
            self.logins.publish(status)


def hint_of(phase: LoginPhase) -> str | None:
    """What to do about a failure."""
    return (_ERRORS[phase].hint or None) if phase.failed and phase in _ERRORS else None


def error_of(status: LoginStatus | LoginFailure) -> IbactorsError:
    """The error that a failed login is."""
    if status.phase is LoginPhase.LOCKED_OUT:
        return TooManyAttempts(status.detail, retry_after=math.ceil(status.retry_in or 1))
    return _ERRORS[status.phase](status.detail)
