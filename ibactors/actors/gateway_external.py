"""The gateway is somebody else's process: it cannot be logged in from here, but the port of the wanted account type can be chosen.

If there is no session at that port in the time that an API may take to start, the port of the session before is taken again.
"""

from collections.abc import Callable
from typing import Never, assert_never

import trio

from ibactors.actors.connection import ConnectionRef, Target
from ibactors.actors.gateway import GatewayMessage, GatewayRef, LogIn, LogOut, hint_of
from ibactors.config import Settings
from ibactors.gateway.errors import GatewayNotManaged
from ibactors.kernel.actor import Actor
from ibactors.kernel.mailbox import Mailbox
from ibactors.model.logins import AccountType, LoginFailure, LoginPhase, LoginStatus
from ibactors.model.sessions import SessionStatus
from ibactors.model.times import now

RETURN_GRACE = 5.0
"""Seconds beyond the time that an API may take to start, after which there is no session."""


class ExternalGatewayActor(Actor[GatewayMessage, Never]):
    """One incarnation; it keeps nothing but what it publishes."""

    def __init__(self, ref: GatewayRef, connection: ConnectionRef, settings: Settings) -> None:
        super().__init__(ref)
        self._me = ref
        self._connection = connection
        self._settings = settings
        self._failure: LoginFailure | None = None
        self._restoring = False
        self._told_good: Callable[[], None] = _ignore

    async def run(self, mailbox: Mailbox[GatewayMessage, Never]) -> None:
        with self._connection.sessions.listening(self._session_changed) as session:
            self._session_changed(session)
            await self.serve(mailbox)

    async def handle(self, msg: GatewayMessage) -> None:
        match msg:
            case LogIn():
                self._log_in(msg)
            case LogOut():
                msg.reply.fail(GatewayNotManaged("The gateway is not managed by this service; log out at the gateway itself."))
            case _:
                assert_never(msg)

    def _log_in(self, msg: LogIn) -> None:
        request, settings = msg.request, self._settings
        if request.username is not None or request.password is not None:
            msg.reply.fail(
                GatewayNotManaged(
                    "The gateway is not managed by this service, so that it takes no credentials. Log in at the gateway itself: ibactors "
                    "connects to it by itself. To change that, start ibactors with IBACTORS_GATEWAY=managed."
                )
            )
        elif settings.gateway_port is not None and request.account_type != settings.account_type:
            msg.reply.fail(
                GatewayNotManaged(
                    f"IBACTORS_GATEWAY_PORT is {settings.gateway_port} and IBACTORS_ACCOUNT_TYPE {settings.account_type}, so that there is "
                    f"no port for {request.account_type} to choose. Without IBACTORS_GATEWAY_PORT it is 4001 for live and 4002 for paper."
                )
            )
        else:
            old = self._me.logins.value
            if old.phase is not LoginPhase.API_READY or old.account_type != request.account_type:
                self._failure, self._restoring = None, False
                msg.begun()
                self._told_good = msg.good
                self._connect(LoginPhase.DISCONNECTED, request.account_type, "Connecting to the gateway.")
                if old.phase is LoginPhase.API_READY:
                    self.nursery.start_soon(self._return_to, old.account_type, old.attempt + 1, name=f"actor:{self.ref.name}/return")
            msg.reply.send(self._me.logins.value.attempt)

    def _connect(self, phase: LoginPhase, account_type: AccountType, detail: str) -> None:
        self._show(phase, account_type, detail, self._me.logins.value.attempt + 1)
        self._connection.retarget(Target(port=self._settings.port_of(account_type)))

    async def _return_to(self, account_type: AccountType, attempt: int) -> None:
        """Take the former port again if the new one has no session in time."""
        with trio.move_on_after(self._settings.connect_timeout + RETURN_GRACE):
            await self._me.logins.until(lambda status: status.attempt != attempt or status.phase is LoginPhase.API_READY)
            return
        status, phase = self._me.logins.value, LoginPhase.TIMEOUT
        detail = f"There is no {status.account_type} session: {status.detail}"
        self._failure = LoginFailure(attempt=attempt, phase=phase, detail=detail, hint=hint_of(phase), at=now())
        self._restoring = True
        self._connect(LoginPhase.RESTORING, account_type, f"{detail} The {account_type} session is brought back.")

    def _session_changed(self, session: SessionStatus) -> None:
        if session.up and not self._restoring:
            self._told_good()
        if session.up or self._restoring:
            self._told_good = _ignore
        self._restoring = self._restoring and not session.up
        phase = LoginPhase.API_READY if session.up else LoginPhase.RESTORING if self._restoring else LoginPhase.DISCONNECTED
        old = self._me.logins.value
        self._show(phase, old.account_type, session.reason or "The API session is up.", old.attempt)

    def _show(self, phase: LoginPhase, account_type: AccountType, detail: str, attempt: int) -> None:
        self._me.show(
            LoginStatus(phase=phase, account_type=account_type, since=now(), detail=detail, attempt=attempt, failure=self._failure)
        )


def _ignore() -> None:
    """Nobody wants to know."""
