"""Who logs the gateway in: somebody else (`ExternalGateway`), or the demo, whose simulator knows one user."""

import hmac

import trio

from ibactors.actors.connection import ConnectionRef
from ibactors.errors import BadCredentials, GatewayNotManaged, GatewayTimeout
from ibactors.model import Credentials, LoginResult, LoginStatus, SessionPhase

LOGIN_PATIENCE = 10.0
"""Seconds that a login waits for the API session."""


class ExternalGateway:
    """The gateway is not our process: ibactors connects to it and cannot log it in."""

    def __init__(self, connection: ConnectionRef, account_type: str) -> None:
        self._connection = connection
        self._account_type = account_type

    async def login(self, credentials: Credentials) -> LoginResult:
        """Refused: credentials must go to whoever runs the gateway. Raises GatewayNotManaged."""
        state = "connected" if self._connection.sessions.value.up else "not connected"
        raise GatewayNotManaged(
            f"The gateway is not managed by this service, so that it cannot log in as {credentials.account_type}; "
            f"at present it is {state}. Log in at the gateway itself: ibactors connects to it by itself."
        )

    def status(self) -> LoginStatus:
        """Whether the gateway's API can be used; its login cannot be seen from here."""
        session = self._connection.sessions.value
        return LoginStatus(
            phase="api_ready" if session.up else "disconnected",
            account_type=self._account_type,
            since=session.since,
            detail=session.reason or "The API session is up.",
        )


class DemoGateway(ExternalGateway):
    """The embedded simulator with its one user, `demo` with password `demo`, and its paper account."""

    async def login(self, credentials: Credentials) -> LoginResult:
        """Check the demo's credentials and wait for the session. Raises BadCredentials, GatewayNotManaged, GatewayTimeout."""
        given = f"{credentials.username}\n{credentials.password}".encode()
        if not hmac.compare_digest(given, b"demo\ndemo"):
            raise BadCredentials("The user name or the password is wrong. In the demo both are 'demo'.")
        if credentials.account_type != "paper":
            raise GatewayNotManaged("The demo has a paper account only.")
        up = trio.Event()
        with self._connection.sessions.listening(lambda session: up.set() if session.up else None) as session:
            with trio.move_on_after(LOGIN_PATIENCE):
                if session.phase is not SessionPhase.UP:
                    await up.wait()
            if not self._connection.sessions.value.up:
                raise GatewayTimeout(f"The API session did not come up within {LOGIN_PATIENCE:g} s.")
        return LoginResult(message="Successfully connected to paper account", account_type="paper", connected=True)
