"""What is said about logins, inside the service and on the wire. Passwords are in no repr, and in nothing that is published."""

import enum
import unicodedata
from typing import Annotated, ClassVar, Literal

import msgspec

from ibactors.errors import InvalidRequest
from ibactors.model.times import Value, whole

AccountType = Literal["paper", "live"]

_CONTROLS = r"\x00-\x1f\x7f-\x9f\u2028\u2029"
_TYPEABLE = whole(f"[^ {_CONTROLS}]([^{_CONTROLS}]*[^ {_CONTROLS}])?")
_TYPED = "As it is typed at IB: no control characters, and no blank at either end."


class LoginPhase(enum.StrEnum):
    """Where the gateway's login is. The last ones are ends: nothing runs any more, and nothing is tried again by itself."""

    IDLE = "idle"
    STARTING = "starting"
    """The old session is being stopped, or the gateway's program is starting."""
    LOGGING_IN = "logging_in"
    TWO_FACTOR_PENDING = "two_factor_pending"
    LOGGED_IN = "logged_in"
    """The gateway is logged in, but its API does not answer yet, or does not at present."""
    API_READY = "api_ready"
    RESTARTING = "restarting"
    """The gateway's program ended after a good login and is started again after a pause."""
    RESTORING = "restoring"
    """A login failed or was cancelled, and the session that ran before it is being brought back."""
    STOPPING = "stopping"
    DISCONNECTED = "disconnected"
    """Somebody else's gateway does not answer; its login cannot be seen from here."""

    CANCELLED = "cancelled"
    """Of a failure only: a client ended the login."""

    ACCOUNT_LOCKED = "account_locked"
    BAD_CREDENTIALS = "bad_credentials"
    COMPETING_SESSION = "competing_session"
    """The session ran, and a login of the same user elsewhere ended it."""
    EXISTING_SESSION = "existing_session"
    """The user is logged in elsewhere, so that no session was begun."""
    GATEWAY_OUTDATED = "gateway_outdated"
    LAUNCHER_FAILED = "launcher_failed"
    LAUNCHER_MISSING = "launcher_missing"
    LOCKED_OUT = "locked_out"
    LOGIN_FAILED = "login_failed"
    """The gateway says so, but not that it was the password."""
    NO_CONNECTION = "no_connection"
    """The gateway does not reach IB's login server."""
    PASSKEY_REQUIRED = "passkey_required"
    PASSWORD_EXPIRED = "password_expired"  # noqa: S105  # a phase, no password
    TIMEOUT = "timeout"
    TWO_FACTOR_DENIED = "two_factor_denied"
    TWO_FACTOR_EXPIRED = "two_factor_expired"
    UNKNOWN_DIALOG = "unknown_dialog"
    """The gateway shows a dialog that nothing here knows, and nothing came after it."""

    @property
    def failed(self) -> bool:
        """True for the ends."""
        return self in _ENDS

    @property
    def logged_in(self) -> bool:
        """True while the gateway has a session with IB."""
        return self in {LoginPhase.LOGGED_IN, LoginPhase.API_READY}


_ENDS = frozenset(list(LoginPhase)[list(LoginPhase).index(LoginPhase.ACCOUNT_LOCKED) :])


class SecondFactor(enum.StrEnum):
    """What a pending second factor wants; all but the first want somebody who types into the gateway's window."""

    NOTIFICATION = "notification"
    CODE = "code"
    """A code that was sent by SMS, or that an authenticator shows."""
    CARD = "card"
    """A code from a security card or device."""
    CHALLENGE = "challenge"
    """The answer that IB Key gives to a number in the gateway's window."""
    PASSKEY = "passkey"


class LoginFailure(Value, frozen=True, kw_only=True):
    """A login that took the place of a running session and failed; the session was brought back."""

    attempt: int
    """Which of the logins it was; `attempt` of the login counts them."""
    phase: LoginPhase
    """How it ended."""
    detail: str
    """What failed, in words."""
    hint: str | None
    at: str
    """When it failed."""
    retry_in: float | None = None
    """Seconds from `at` until IB takes logins of this user again; null where it does not say."""


class LoginStatus(Value, frozen=True, kw_only=True):
    """Where the gateway's login is."""

    phase: LoginPhase
    """What the login is doing, or how it ended."""
    account_type: AccountType
    """`paper` or `live`."""
    since: str
    """When this phase began."""
    detail: str
    """In words: what is happening or being waited for, or what failed and what to do."""
    attempt: int = 0
    """Counts the logins that were begun; a restart belongs to the login that it restores."""
    hint: str | None = None
    """What somebody has to do, where something is to be done."""
    second_factor: SecondFactor | None = None
    """What the phase `two_factor_pending` waits for."""
    notice: str | None = None
    """What the gateway wants its user to know, such as a password that expires soon."""
    retry_in: float | None = None
    """Seconds from `since` until IB takes logins of this user again, after too many attempts."""
    failure: LoginFailure | None = None
    """The last login, if it failed and the session before it was brought back."""


class LoginReport(LoginStatus, frozen=True, kw_only=True):
    """Where the gateway's login is, for who may log in."""

    accounts: tuple[str, ...] = ()
    """The accounts of the session; none while there is no session."""

    @classmethod
    def of(cls, status: LoginStatus, accounts: tuple[str, ...]) -> "LoginReport":
        """The status with the session's accounts."""
        return cls(**msgspec.structs.asdict(status), accounts=accounts)


class LoginRequest(Value, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A login at IB; without user name and password those of the settings are meant."""

    json_schema: ClassVar[dict[str, object]] = {"dependentRequired": {"username": ["password"], "password": ["username"]}}
    """What it is besides its fields: user name and password come together."""

    username: Annotated[str, msgspec.Meta(max_length=100, pattern=_TYPEABLE, description=_TYPED)] | None = None
    password: Annotated[str, msgspec.Meta(max_length=200, pattern=_TYPEABLE, description=_TYPED)] | None = None
    account_type: AccountType
    """`paper` or `live`: where to log in."""
    force: Annotated[
        bool,
        msgspec.Meta(description="End the session of this user that runs, although the password is another one than it was begun with."),
    ] = False

    def __repr__(self) -> str:
        return f"LoginRequest(account_type={self.account_type!r})"


class Credentials(Value, frozen=True, kw_only=True):
    """A user name and its password, in memory only."""

    username: str
    password: str
    account_type: AccountType

    def __repr__(self) -> str:
        return f"Credentials(account_type={self.account_type!r})"


class LoginResult(Value, frozen=True, kw_only=True):
    """The answer to a login that worked."""

    success: bool = True
    """Always true: what failed is a problem."""
    message: str
    """What came of it, in words."""
    account_type: str
    """`paper` or `live`."""
    connected: bool
    """Always true: the gateway's API answers."""


def check_credential(field: str, value: str) -> None:
    """Refuse what IBC cannot type into the login window: it reads lines, and trims them. Raises InvalidRequest, without the value."""
    if not value:
        raise InvalidRequest(f"The {field} is empty.", field=field, remedy=f"Give the {field} that is used to log in at IB.")
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in value):
        remedy = f"Give the {field} without line ends, tabs and other control characters."
        raise InvalidRequest(f"The {field} contains a control character.", field=field, remedy=remedy)
    if value != value.strip(" "):
        remedy = f"Remove the blank, or change the {field} at IB if it really has one: the gateway's login cannot transmit it."
        raise InvalidRequest(f"The {field} starts or ends with a blank.", field=field, remedy=remedy)
