"""The gateway is our process: the actor that starts its program, logs it in, keeps it and stops it.

One login at a time, credentials in memory only and never sent again once they failed. A program that ends after a good login is started
again, after a pause that grows; a restart whose login fails is the end. A login that takes the place of a good one and fails, or is
cancelled, has the good one brought back. After a crash of this actor nothing runs and nobody is logged in: it does not send credentials
again by itself.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import Never, assert_never

import msgspec
import trio

from ibactors.actors.connection import ConnectionRef, Target
from ibactors.actors.gateway import GatewayMessage, GatewayRef, LogIn, LogOut, hint_of
from ibactors.config import Settings
from ibactors.errors import InvalidRequest
from ibactors.gateway.attend import attend
from ibactors.gateway.classify import Rules
from ibactors.gateway.errors import AlreadyLoggedIn, LoginInProgress, TooManyAttempts
from ibactors.gateway.launcher import forget_restart, settings_folder
from ibactors.gateway.progress import Ending, Progress
from ibactors.kernel.actor import Actor
from ibactors.kernel.mailbox import Mailbox
from ibactors.kernel.supervisor import RestartPolicy
from ibactors.model.logins import Credentials, LoginFailure, LoginPhase, LoginRequest, LoginStatus, check_credential
from ibactors.model.sessions import SessionStatus
from ibactors.model.times import now

LOGIN_NEEDED = "Login needed: POST /auth/login."
PAUSE_CEILING = 600.0
"""Seconds between restarts at most; also how long a gateway must have run for its earlier ends to be forgotten."""


@dataclass(slots=True, kw_only=True, eq=False)
class _Login:
    """One login with the restarts that belong to it."""

    credentials: Credentials
    attempt: int
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    done: bool = False
    """The API was ready once, or the login is over; then another one may take its place."""
    gone: trio.Event = field(default_factory=trio.Event)
    """Nothing of its program runs any more."""
    good: bool = False
    """The API was ready once: the session is kept, with restarts, until somebody ends it or its credentials fail."""
    told_good: Callable[[], None] = lambda: None
    """Called when that is so."""
    restores: bool = False
    """It brings a good login back."""


class GatewayActor(Actor[GatewayMessage, Never]):
    """One incarnation. What it has started ends with it."""

    def __init__(self, ref: GatewayRef, connection: ConnectionRef, settings: Settings, rules: Rules, lockouts: "Lockouts") -> None:
        super().__init__(ref)
        self._me = ref
        self._connection = connection
        self._settings = settings
        self._rules = rules
        self._lockouts = lockouts
        self._login: _Login | None = None
        self._kept: Credentials | None = None
        """Those of the good login that runs, or that comes back if the present one fails."""
        self._failure: LoginFailure | None = None
        self._restarts = RestartPolicy(initial=settings.launcher_restart, ceiling=PAUSE_CEILING)

    async def run(self, mailbox: Mailbox[GatewayMessage, Never]) -> None:
        before = self._me.logins.value
        crashed = before.attempt > 0
        detail = "The part of the service that runs the gateway failed; the gateway was ended." if crashed else LOGIN_NEEDED
        self._show(LoginPhase.LAUNCHER_FAILED if crashed else LoginPhase.IDLE, detail)
        await self.serve(mailbox)

    async def handle(self, msg: GatewayMessage) -> None:
        match msg:
            case LogIn():
                try:
                    msg.reply.send(self._log_in(msg))
                except (AlreadyLoggedIn, InvalidRequest, LoginInProgress, TooManyAttempts) as exc:
                    msg.reply.fail(exc)
            case LogOut():
                self._log_out()
                msg.reply.send(None)
            case _:
                assert_never(msg)

    def _log_in(self, msg: LogIn) -> int:
        request = msg.request
        credentials = self._credentials(request)
        present, status = self._login, self._me.logins.value
        if present is not None and not present.done:
            raise LoginInProgress(f"Another login is running: {status.detail}")
        running = present is not None and (status.phase.logged_in or (present.restores and not present.gone.is_set()))
        if running and present is not None and _same(present.credentials, credentials):
            return present.attempt
        if self._kept is not None and not request.force and _same_user(self._kept, credentials):
            raise AlreadyLoggedIn("This user's session runs and was begun with another password; it goes on, and IB was not asked.")
        self._lockouts.check(credentials.username)
        if present is not None:
            present.scope.cancel(reason="another login takes its place")
        self._login = login = _Login(credentials=credentials, attempt=status.attempt + 1, told_good=msg.good)
        self._failure = None
        msg.begun()
        if request.username is not None:
            forget_restart(settings_folder(self._settings, credentials))
        self._show(
            LoginPhase.STARTING,
            "The old session is being stopped." if present and not present.gone.is_set() else "The gateway's program is starting.",
        )
        self.nursery.start_soon(self._keep, login, present, name=f"actor:{self.ref.name}/login {login.attempt}")
        return login.attempt

    def _credentials(self, request: LoginRequest) -> Credentials:
        """What was given, or else what the settings have. Raises InvalidRequest."""
        username, password = request.username, request.password
        if username is None and password is None:
            username, password = self._settings.ib_username or None, self._settings.ib_password or None
        for name, value in (("username", username), ("password", password)):
            if value is None:
                raise InvalidRequest(f"There is no {name}.", field=name, remedy="Give username and password, or set IBACTORS_IB_USERNAME.")
            check_credential(name, value)
        assert username is not None  # noqa: S101  # the loop has checked both
        assert password is not None  # noqa: S101
        return Credentials(username=username, password=password, account_type=request.account_type)

    def _log_out(self) -> None:
        if self._login is None or self._login.gone.is_set():
            self._show(LoginPhase.IDLE, LOGIN_NEEDED)
            return
        self._login.done = True
        self._login.scope.cancel(reason="a client logged out")
        self._show(LoginPhase.STOPPING, "The gateway logs out.")

    async def _keep(self, login: _Login, before: _Login | None) -> None:
        """From the end of the login before to the end of this one."""
        ending: Ending | None = None
        try:
            if before is not None:
                await (
                    before.gone.wait()
                )  # outside of the scope: whoever cancels this login must not have the next one start beside the old program
            with login.scope:
                if login.restores:
                    await trio.sleep(self._lockouts.left(login.credentials.username))
                ending = await self._run_program(login)
                if ending.wait is not None:
                    self._lockouts.add(login.credentials.username, ending.wait)
        finally:
            login.done = True
            login.gone.set()
        if self._login is login:
            self._ended(login, ending)

    def _ended(self, login: _Login, ending: Ending | None) -> None:
        """A login is over, None: because a client ended it. What it took the place of comes back."""
        if login.good:
            self._kept = None
        former = self._kept
        if former is None:
            self._failure = None if ending is None else self._failure
            ending = ending or Ending(phase=LoginPhase.IDLE, detail=LOGIN_NEEDED)
            self._show(ending.phase, ending.detail, retry_in=ending.wait)
            return
        if ending is not None:
            self._show(ending.phase, ending.detail, retry_in=ending.wait)
        else:
            ending = Ending(phase=LoginPhase.CANCELLED, detail="The login was ended by a client.")
        self._failure = LoginFailure(
            attempt=login.attempt, phase=ending.phase, detail=ending.detail, hint=hint_of(ending.phase), at=now(), retry_in=ending.wait
        )
        self._login = restored = _Login(credentials=former, attempt=login.attempt + 1, done=True, good=True, restores=True)
        pause = self._lockouts.left(former.username)
        when = f" in {pause:.0f} s, when IB takes logins of its user again" if pause else ""
        self._show(LoginPhase.RESTORING, f"{ending.detail} The session that ran before is brought back{when}.")
        self.nursery.start_soon(self._keep, restored, login, name=f"actor:{self.ref.name}/login {restored.attempt}")

    async def _run_program(self, login: _Login) -> Ending:
        """Run the program, and again whenever it ends after a good login."""
        ends = 0
        while True:
            began = trio.current_time()
            progress = Progress(step_timeout=self._settings.login_timeout, two_factor_timeout=self._settings.two_factor_timeout, now=began)
            ending = await self._attend(login, progress)
            if not (login.done and ending.harmless):
                return ending
            ends = 1 if trio.current_time() - began > PAUSE_CEILING else ends + 1
            pause = self._restarts.delay(ends)
            self._show(
                LoginPhase.RESTARTING, f"The gateway ended after a good login and is started again in {pause:.1f} s. {ending.detail}"
            )
            await trio.sleep(pause)

    async def _attend(self, login: _Login, progress: Progress) -> Ending:
        epoch = self._connection.sessions.value.epoch

        def changed() -> None:
            if not login.scope.cancel_called:
                coming = login.restores and progress.phase in {LoginPhase.STARTING, LoginPhase.LOGGING_IN}
                self._show(LoginPhase.RESTORING if coming else progress.phase, progress.words, progress)

        def session_changed(session: SessionStatus) -> None:
            # While it is being stopped, the loss of its session is no news; it must go on counting as logged in.
            if not login.scope.cancel_called:
                progress.session_changed(session.up and session.epoch > epoch, session.reason)
                if progress.phase is LoginPhase.API_READY:
                    if not login.good:
                        login.told_good()
                    login.done = login.good = True
                    self._kept = login.credentials
                changed()

        changed()
        with self._connection.sessions.listening(session_changed):
            return await attend(self._settings, self._rules, login.credentials, progress, changed)

    def _show(self, phase: LoginPhase, detail: str, progress: Progress | None = None, *, retry_in: float | None = None) -> None:
        """Publish where the login is; the connection actor connects only while the gateway is logged in."""
        login, old = self._login, self._me.logins.value
        self._me.show(
            LoginStatus(
                phase=phase,
                account_type=login.credentials.account_type if login else old.account_type,
                since=old.since if phase is old.phase else now(),
                detail=detail,
                attempt=login.attempt if login else old.attempt,
                hint=progress.hint if progress else hint_of(phase),
                second_factor=progress.second_factor if progress else None,
                notice=progress.notice if progress else None,
                retry_in=retry_in,
                failure=self._failure,
            )
        )
        account_type = self._me.logins.value.account_type
        target = Target(port=self._settings.port_of(account_type)) if phase.logged_in else Target(closed=detail)
        if target != self._connection.target:
            self._connection.retarget(target)


def _same_user(one: Credentials, other: Credentials) -> bool:
    """The same user with another password; IB takes a user name in any case."""
    same = one.username.casefold() == other.username.casefold()
    return same and not compare_digest(one.password.encode(), other.password.encode())


def _same(one: Credentials, other: Credentials) -> bool:
    return compare_digest(*(msgspec.json.encode(credentials) for credentials in (one, other)))


class Lockouts:
    """Until when IB takes no logins of a user; outlives crashes of the actor."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}

    def add(self, username: str, seconds: float) -> None:
        """IB has said that it takes none for a while."""
        self._until = {name: until for name, until in self._until.items() if until > trio.current_time()}
        self._until[username] = trio.current_time() + seconds

    def left(self, username: str) -> float:
        """Seconds until then, 0 when IB takes them."""
        return max(0.0, self._until.get(username, 0.0) - trio.current_time())

    def check(self, username: str) -> None:
        """Raises TooManyAttempts before that time has come; IB is not asked."""
        left = self.left(username)
        if left > 0:
            raise TooManyAttempts(f"IB refuses this user for another {left:.0f} s after too many failed logins.", retry_after=int(left) + 1)


def gateway_builder(ref: GatewayRef, connection: ConnectionRef, settings: Settings, rules: Rules) -> Callable[[], GatewayActor]:
    """Makes incarnations of the actor that manages the gateway."""
    lockouts = Lockouts()
    return lambda: GatewayActor(ref, connection, settings, rules, lockouts)
