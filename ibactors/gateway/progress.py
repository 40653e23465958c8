"""Where one run of the gateway's program is with its login: signs, sessions and time go in, phase and deadline come out. No I/O.

Whatever it calls a failure ends the program at once, before it can send credentials again: IB locks users for that.
"""

import sys
from dataclasses import dataclass

from ibactors.gateway.classify import Finding, Sign
from ibactors.model.logins import LoginPhase, SecondFactor

TWO_FACTOR_TIMES = 1.1
"""After this multiple of the second factor's timeout we give up, if the gateway has not reported it first."""
LONGEST_TITLE = 200
UNKNOWN_WAIT = 600.0
"""Seconds to wait after too many attempts when IB does not say how long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a run of the gateway's program ended."""

    phase: LoginPhase
    detail: str
    rank: int = 0
    """The lower, the more telling, when several lines say something."""
    harmless: bool = False
    """It says nothing against the credentials, so that a login that was good may be repeated."""
    wait: float | None = None
    """Seconds during which IB takes no login of this user."""


_IN_THE_WINDOW = (
    "in the gateway's window, which VNC shows with IBACTORS_VNC_PASSWORD; or register IB Key at IB, whose notification needs no typing."
)
_STEPS = {
    Sign.STARTED: (LoginPhase.STARTING, "The gateway is starting."),
    Sign.ATTEMPT: (LoginPhase.LOGGING_IN, "The credentials were sent; waiting for IB's answer."),
    Sign.LOGGED_IN: (LoginPhase.LOGGED_IN, "The gateway is logged in; waiting for its API."),
    Sign.RESTARTING: (LoginPhase.LOGGED_IN, "The gateway restarts with its old login; waiting for its API."),
}
_SECOND_FACTORS = {
    Sign.TWO_FACTOR_PENDING: (
        SecondFactor.NOTIFICATION,
        "Waiting for the second factor: approve the notification on its device.",
        "Approve the notification of IBKR Mobile on its device.",
    ),
    Sign.TWO_FACTOR_CODE: (
        SecondFactor.CODE,
        "Waiting for the second factor: the gateway wants a code that was sent by SMS or that an authenticator shows.",
        f"Type the code {_IN_THE_WINDOW}",
    ),
    Sign.TWO_FACTOR_CARD: (
        SecondFactor.CARD,
        "Waiting for the second factor: the gateway wants a code from a security card or device.",
        f"Type the code {_IN_THE_WINDOW}",
    ),
    Sign.TWO_FACTOR_CHALLENGE: (
        SecondFactor.CHALLENGE,
        "Waiting for the second factor: the gateway shows a challenge and wants IB Key's response to it.",
        f"Enter the challenge in IBKR Mobile and type the response {_IN_THE_WINDOW}",
    ),
    Sign.TWO_FACTOR_PASSKEY: (
        SecondFactor.PASSKEY,
        "Waiting for the second factor: the gateway wants a passkey.",
        f"Use the passkey {_IN_THE_WINDOW}",
    ),
}
_FAILURES = {
    Sign.LOGIN_FAILED: (
        LoginPhase.LOGIN_FAILED,
        "The gateway says that the login failed, but not why: that may be the password or IB's server.",
    ),
    Sign.ACCOUNT_LOCKED: (LoginPhase.ACCOUNT_LOCKED, "IB has locked this user."),
    Sign.TWO_FACTOR_DENIED: (LoginPhase.TWO_FACTOR_DENIED, "The second factor was refused."),
    Sign.PASSKEY_REQUIRED: (LoginPhase.PASSKEY_REQUIRED, "IB wants a passkey, which this gateway cannot do."),
    Sign.GATEWAY_OUTDATED: (LoginPhase.GATEWAY_OUTDATED, "IB takes no logins of this version of the gateway."),
    Sign.BAD_CREDENTIALS: (LoginPhase.BAD_CREDENTIALS, "IB does not accept this user name and password."),
    Sign.EXISTING_SESSION: (LoginPhase.EXISTING_SESSION, "The user is logged in elsewhere, and that session stays."),
    Sign.KICKED: (LoginPhase.COMPETING_SESSION, "The session was ended by a login of the same user elsewhere."),
    Sign.LOCKED_OUT: (LoginPhase.LOCKED_OUT, "IB refuses this user for a while after too many failed logins."),
    Sign.PASSWORD_EXPIRED: (LoginPhase.PASSWORD_EXPIRED, "The password has expired; set a new one in IB's Client Portal."),
    Sign.TWO_FACTOR_EXPIRED: (LoginPhase.TWO_FACTOR_EXPIRED, "The second factor was not approved in time."),
    Sign.LOGIN_ERROR: (LoginPhase.LOGIN_FAILED, "IB refused the login for a reason that is not known here."),
    Sign.NO_CONNECTION: (LoginPhase.NO_CONNECTION, "The gateway cannot reach IB's login server."),
    Sign.NO_LOGIN_DIALOG: (LoginPhase.LAUNCHER_FAILED, "The gateway did not show its login dialog."),
    Sign.BAD_CONFIGURATION: (LoginPhase.LAUNCHER_FAILED, "The gateway's configuration is wrong."),
    Sign.LAUNCHER_FAILED: (LoginPhase.LAUNCHER_FAILED, "The gateway's program failed."),
}
_SAID = frozenset(
    {
        Sign.LOGIN_FAILED,
        Sign.BAD_CREDENTIALS,
        Sign.EXISTING_SESSION,
        Sign.KICKED,
        Sign.LOCKED_OUT,
        Sign.PASSWORD_EXPIRED,
        Sign.TWO_FACTOR_EXPIRED,
    }
)
"""Failures of which the program's own words add nothing."""
_REPEATS = Ending(
    phase=LoginPhase.LOGIN_FAILED,
    detail="The login failed for a reason that no line tells, and was about to be repeated; look at the log.",
    rank=sys.maxsize,
)


class Progress:
    """One run of the program. Times are `trio.current_time()` seconds."""

    def __init__(self, *, step_timeout: float, two_factor_timeout: float, now: float) -> None:
        self._step_timeout = step_timeout
        self._two_factor_timeout = two_factor_timeout * TWO_FACTOR_TIMES
        self._attempted = False
        self.phase = LoginPhase.STARTING
        self.detail = "The gateway's program is starting."
        self.second_factor: SecondFactor | None = None
        self.dialog: str | None = None
        """The title of the newest dialog of the present phase that nothing here knows."""
        self.notice: str | None = None
        self.deadline = now + step_timeout
        """When the present phase has taken too long."""

    def saw(self, finding: Finding, now: float) -> Ending | None:
        """Take in what a line says; an Ending when the program must be killed for it."""
        if finding.sign.failure:
            return ending_of(finding)
        if finding.sign is Sign.PASSWORD_NOTICE:
            self.notice = "IB says that the password expires soon; set a new one in its Client Portal."
        if self._attempted and finding.sign in {Sign.ATTEMPT, Sign.RESTARTING}:
            return _REPEATS
        if finding.sign is Sign.ATTEMPT:
            self._attempted = True
        if finding.sign in _STEPS:
            self._enter(*_STEPS[finding.sign], now)
        elif finding.sign in _SECOND_FACTORS and not self.phase.logged_in:
            self._wait_for(finding.sign, now)
        elif finding.sign is Sign.DIALOG and self.phase is not LoginPhase.API_READY:
            self.dialog = finding.text[:LONGEST_TITLE]
        elif finding.sign is Sign.EXISTING_SESSION_TAKEN or (finding.sign, finding.text[:LONGEST_TITLE]) == (
            Sign.DIALOG_CLOSED,
            self.dialog,
        ):
            self.dialog = None
        return None

    @property
    def words(self) -> str:
        """What is happening, with the dialog that may stand in the way."""
        return self.detail if self.dialog is None else f"{self.detail} The gateway shows a dialog: {self.dialog!r}."

    @property
    def hint(self) -> str | None:
        """What a person has to do."""
        return next((hint for factor, _, hint in _SECOND_FACTORS.values() if factor is self.second_factor), None)

    def exited(self, sign: Sign, code: int) -> Ending:
        """The program ended by itself, with a status that *sign* explains."""
        phase, detail = _FAILURES[sign]
        return Ending(phase=phase, detail=f"{detail} It ended with exit status {code}.", harmless=self._harmless)

    def session_changed(self, up: bool, reason: str | None) -> None:  # noqa: FBT001  # it is the state itself, not an option
        """The API session came up or went away."""
        if up and self.phase.logged_in:
            self.phase, self.detail, self.deadline = LoginPhase.API_READY, "The gateway is logged in and its API answers.", float("inf")
        elif not up and self.phase is LoginPhase.API_READY:
            self.phase, self.detail = LoginPhase.LOGGED_IN, f"The gateway is logged in, but its API does not answer: {reason}"

    def expired(self, now: float) -> Ending | None:
        """An Ending when the present phase has taken too long."""
        if now < self.deadline:
            return None
        if self.dialog is not None:
            detail = f"The gateway shows a dialog that ibactors does not know, {self.dialog!r}, and nothing came after it. {self.detail}"
            return Ending(phase=LoginPhase.UNKNOWN_DIALOG, detail=detail, harmless=self._harmless)
        if self.phase is LoginPhase.TWO_FACTOR_PENDING:
            return Ending(phase=LoginPhase.TWO_FACTOR_EXPIRED, detail=_FAILURES[Sign.TWO_FACTOR_EXPIRED][1])
        detail = f"Nothing came within {self._step_timeout:g} s after this: {self.detail}"
        return Ending(phase=LoginPhase.TIMEOUT, detail=detail, harmless=self._harmless)

    @property
    def _harmless(self) -> bool:
        """No credentials are on their way, so that an end now says nothing about them."""
        return self.phase not in {LoginPhase.LOGGING_IN, LoginPhase.TWO_FACTOR_PENDING}

    def _enter(self, phase: LoginPhase, detail: str, now: float) -> None:
        if phase is LoginPhase.LOGGED_IN:
            self._attempted = False
        if not (phase is LoginPhase.LOGGED_IN and self.phase is LoginPhase.API_READY):
            self.phase, self.detail, self.deadline = phase, detail, now + self._step_timeout
            self.second_factor = self.dialog = None

    def _wait_for(self, sign: Sign, now: float) -> None:
        """The second factor is wanted; what asks for it again adds no time, and general words do not hide what is known better."""
        factor, detail, _ = _SECOND_FACTORS[sign]
        if self.phase is not LoginPhase.TWO_FACTOR_PENDING:
            self.phase, self.deadline, self.dialog = LoginPhase.TWO_FACTOR_PENDING, now + self._two_factor_timeout, None
        if self.second_factor is None or factor is not SecondFactor.NOTIFICATION:
            self.second_factor, self.detail = factor, detail


def ending_of(finding: Finding) -> Ending:
    """What a sign of failure means."""
    phase, detail = _FAILURES[finding.sign]
    wait = (finding.wait_s or UNKNOWN_WAIT) if finding.sign is Sign.LOCKED_OUT else None
    if finding.text and finding.sign not in _SAID:
        detail = f"{detail} It says: {finding.text}"
    return Ending(phase=phase, detail=detail, rank=finding.rank, wait=wait, harmless=finding.sign is Sign.NO_CONNECTION)
