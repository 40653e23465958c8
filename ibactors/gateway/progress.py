"""Where one run of the gateway's program is with its login: signs, sessions and time go in, phase and deadline come out. No I/O.

Whatever it calls a failure ends the program at once, before it can send credentials again: IB locks users for that.
"""

import sys
from dataclasses import dataclass

from ibactors.gateway.classify import Finding, Sign
from ibactors.model.logins import LoginPhase

TWO_FACTOR_GRACE = 1.1
"""The second factor's time, by this factor, is over for good; before, the gateway may say so itself."""
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


_STEPS = {
    Sign.STARTED: (LoginPhase.STARTING, "The gateway is starting."),
    Sign.ATTEMPT: (LoginPhase.LOGGING_IN, "The credentials were sent; waiting for IB's answer."),
    Sign.TWO_FACTOR_PENDING: (LoginPhase.TWO_FACTOR_PENDING, "Waiting for the second factor: approve the notification on its device."),
    Sign.LOGGED_IN: (LoginPhase.LOGGED_IN, "The gateway is logged in; waiting for its API."),
    Sign.RESTARTING: (LoginPhase.LOGGED_IN, "The gateway restarts with its old login; waiting for its API."),
}
_FAILURES = {
    Sign.BAD_CREDENTIALS: (LoginPhase.BAD_CREDENTIALS, "IB does not accept this user name and password."),
    Sign.EXISTING_SESSION: (LoginPhase.EXISTING_SESSION, "The user is logged in elsewhere, and that session stays."),
    Sign.KICKED: (LoginPhase.EXISTING_SESSION, "The session was ended by a login of the same user elsewhere."),
    Sign.LOCKED_OUT: (LoginPhase.LOCKED_OUT, "IB refuses this user for a while after too many failed logins."),
    Sign.PASSWORD_EXPIRED: (LoginPhase.PASSWORD_EXPIRED, "The password has expired; set a new one in IB's Client Portal."),
    Sign.TWO_FACTOR_EXPIRED: (LoginPhase.TWO_FACTOR_EXPIRED, "The second factor was not approved in time."),
    Sign.LOGIN_ERROR: (LoginPhase.LAUNCHER_FAILED, "IB refused the login."),
    Sign.NO_CONNECTION: (LoginPhase.LAUNCHER_FAILED, "The gateway cannot reach IB."),
    Sign.NO_LOGIN_DIALOG: (LoginPhase.LAUNCHER_FAILED, "The gateway did not show its login dialog."),
    Sign.BAD_CONFIGURATION: (LoginPhase.LAUNCHER_FAILED, "The gateway's configuration is wrong."),
    Sign.LAUNCHER_FAILED: (LoginPhase.LAUNCHER_FAILED, "The gateway's program failed."),
}
_REPEATS = Ending(
    phase=LoginPhase.LAUNCHER_FAILED,
    detail="The login failed for a reason that no line tells, and was about to be repeated; look at the log.",
    rank=sys.maxsize,
)


class Progress:
    """One run of the program. Times are `trio.current_time()` seconds."""

    def __init__(self, *, step_limit: float, two_factor_limit: float, now: float) -> None:
        self._step_limit = step_limit
        self._two_factor_limit = two_factor_limit * TWO_FACTOR_GRACE
        self._attempted = False
        self.phase = LoginPhase.STARTING
        self.detail = "The gateway's program is starting."
        self.notice: str | None = None
        self.deadline = now + step_limit
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
        return None

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
        if self.phase is LoginPhase.TWO_FACTOR_PENDING:
            return Ending(phase=LoginPhase.TWO_FACTOR_EXPIRED, detail=_FAILURES[Sign.TWO_FACTOR_EXPIRED][1])
        detail = f"Nothing came within {self._step_limit:g} s after this: {self.detail}"
        return Ending(phase=LoginPhase.TIMEOUT, detail=detail, harmless=self._harmless)

    @property
    def _harmless(self) -> bool:
        """No credentials are on their way, so that an end now says nothing about them."""
        return self.phase not in {LoginPhase.LOGGING_IN, LoginPhase.TWO_FACTOR_PENDING}

    def _enter(self, phase: LoginPhase, detail: str, now: float) -> None:
        if phase is LoginPhase.LOGGED_IN:
            self._attempted = False
        if self.phase is LoginPhase.TWO_FACTOR_PENDING is phase:
            return
        if not (phase is LoginPhase.LOGGED_IN and self.phase is LoginPhase.API_READY):
            limit = self._two_factor_limit if phase is LoginPhase.TWO_FACTOR_PENDING else self._step_limit
            self.phase, self.detail, self.deadline = phase, detail, now + limit


def ending_of(finding: Finding) -> Ending:
    """What a sign of failure means."""
    phase, detail = _FAILURES[finding.sign]
    wait = (finding.wait_s or UNKNOWN_WAIT) if finding.sign is Sign.LOCKED_OUT else None
    detail = f"{detail} It says: {finding.text}" if phase is LoginPhase.LAUNCHER_FAILED and finding.text else detail
    return Ending(phase=phase, detail=detail, rank=finding.rank, wait=wait, harmless=finding.sign is Sign.NO_CONNECTION)
