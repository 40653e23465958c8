"""The gateway is somebody else's process: it cannot be logged in from here, but the port of the wanted account type can be chosen."""

from typing import Never, assert_never

from ibactors.actors.connection import ConnectionRef, Target
from ibactors.actors.gateway import GatewayMessage, GatewayRef, LogIn, LogOut
from ibactors.config import Settings
from ibactors.errors import GatewayNotManaged
from ibactors.kernel.actor import Actor
from ibactors.kernel.mailbox import Mailbox
from ibactors.model.logins import LoginPhase, LoginStatus
from ibactors.model.sessions import SessionStatus
from ibactors.model.times import now


class ExternalGatewayActor(Actor[GatewayMessage, Never]):
    """One incarnation; it keeps nothing but what it publishes."""

    def __init__(self, ref: GatewayRef, connection: ConnectionRef, settings: Settings) -> None:
        super().__init__(ref)
        self._me = ref
        self._connection = connection
        self._settings = settings

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
                self._show(LoginPhase.DISCONNECTED, request.account_type, "Connecting to the gateway.", old.attempt + 1)
                self._connection.retarget(Target(port=settings.port_of(request.account_type)))
            msg.reply.send(self._me.logins.value.attempt)

    def _session_changed(self, session: SessionStatus) -> None:
        phase = LoginPhase.API_READY if session.up else LoginPhase.DISCONNECTED
        old = self._me.logins.value
        self._show(phase, old.account_type, session.reason or "The API session is up.", old.attempt)

    def _show(self, phase: LoginPhase, account_type: str, detail: str, attempt: int) -> None:
        self._me.show(LoginStatus(phase=phase, account_type=account_type, since=now(), detail=detail, attempt=attempt))
