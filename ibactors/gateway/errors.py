"""What can go wrong with the gateway's program and a login through it.

Codes are stable; the web layer alone knows which status a code has (`web/contract/problems.py`).
"""

from ibactors.errors import IbactorsError


class BadCredentials(IbactorsError):
    """The user name or the password is wrong."""

    code = "bad_credentials"
    hint = "It was sent once and will not be sent again; IB locks a user after several wrong passwords."


class LoginFailed(IbactorsError):
    """The login failed, and neither IB nor the gateway says that it was the password."""

    code = "login_failed"
    hint = "Look at the launcher's lines in the log, and check the password at IB's Client Portal before it is sent again."


class NoConnection(IbactorsError):
    """The gateway does not reach IB's login server."""

    code = "no_connection"
    hint = "Try again in some minutes: IB's servers rest at night and at weekends. If that does not help, check the gateway's network."


class AccountLocked(IbactorsError):
    """IB has locked the user, so that no password helps."""

    code = "account_locked"
    hint = "Unlock the user in IB's Client Portal or with IB's customer service; another attempt does not help."


class GatewayOutdated(IbactorsError):
    """IB takes no logins of this version of the gateway."""

    code = "gateway_outdated"
    hint = "Install a newer IB Gateway, and name it by IBACTORS_GATEWAY_PATH and IBACTORS_GATEWAY_VERSION."


class PasskeyRequired(IbactorsError):
    """IB wants a passkey as the second factor, and the gateway cannot do that."""

    code = "passkey_required"
    hint = "Register IB Key as the user's second factor in IB's Client Portal, or install an IB Gateway that knows passkeys."


class UnknownDialog(IbactorsError):
    """The gateway waits in a dialog that nothing here knows."""

    code = "unknown_dialog"
    hint = "Look at the dialog by VNC (IBACTORS_VNC_PASSWORD); IBACTORS_LOGIN_RULES can tell ibactors what it means."


class PasswordExpired(IbactorsError):
    """IB wants a new password before it lets the user in."""

    code = "password_expired"
    hint = "Set a new password in IB's Client Portal, then log in with it."


class TwoFactorExpired(IbactorsError):
    """Nobody approved the second factor in time, or its device is not known."""

    code = "two_factor_expired"
    hint = "Log in again and approve the notification of IBKR Mobile in time."


class TwoFactorDenied(IbactorsError):
    """The second factor was refused on its device."""

    code = "two_factor_denied"
    hint = "If it was not refused on purpose, log in again and approve it."


class TooManyAttempts(IbactorsError):
    """IB refuses logins of this user for a while; it is not asked again before."""

    code = "too_many_attempts"

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message, extra={"retry_after": retry_after})


class LoginInProgress(IbactorsError):
    """Another login is running; there is one at a time."""

    code = "login_in_progress"
    hint = "GET /auth/status tells where it is; POST /auth/logout ends it."


class AlreadyLoggedIn(IbactorsError):
    """The user's session runs, begun with another password; it is not ended for one that may be wrong."""

    code = "already_logged_in"
    hint = 'If this is the user\'s new password, send "force": true; the session comes back if it is wrong.'


class LoginCancelled(IbactorsError):
    """The login was ended by a logout or by the end of the service."""

    code = "login_cancelled"


class ExistingSession(IbactorsError):
    """The user is logged in elsewhere, and that session stays."""

    code = "existing_session"
    hint = "Log out of TWS, the mobile app or the other gateway, then log in again."


class LauncherMissing(IbactorsError):
    """A program that the gateway needs is not installed, or not where the settings say."""

    code = "launcher_missing"


class LauncherFailed(IbactorsError):
    """The gateway's program ended, or refused to work, before the login was done."""

    code = "launcher_failed"


class GatewayNotManaged(IbactorsError):
    """ibactors cannot log in, because the gateway is somebody else's process."""

    code = "gateway_not_managed"
