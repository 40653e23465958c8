"""Somebody else's gateway: choosing another port does not cost the session that runs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from trio.testing import MockClock, wait_all_tasks_blocked

from ibactors.actors.connection import ConnectionRef, Target
from ibactors.actors.gateway import GatewayRef
from ibactors.actors.gateway_external import RETURN_GRACE, ExternalGatewayActor
from ibactors.config import Settings
from ibactors.errors import GatewayTimeout
from ibactors.kernel.supervisor import open_supervisor
from ibactors.model.logins import LoginRequest
from ibactors.model.sessions import SessionPhase, SessionStatus
from ibactors.model.times import now

LIVE = LoginRequest(account_type="live")
NOTHING = "Nothing listens there."


def session(connection: ConnectionRef, epoch: int, phase: SessionPhase = SessionPhase.UP, reason: str | None = None) -> None:
    connection.sessions.publish(SessionStatus(phase=phase, epoch=epoch, since=now(), reason=reason))


@asynccontextmanager
async def external(settings: Settings) -> AsyncIterator[tuple[GatewayRef, ConnectionRef]]:
    ref, connection = GatewayRef("paper"), ConnectionRef()
    async with open_supervisor() as supervisor:
        await supervisor.start(ref, lambda: ExternalGatewayActor(ref, connection, settings))
        session(connection, 1)
        yield ref, connection
        supervisor.stop(ref, reason="the test is over")
        await wait_all_tasks_blocked()


async def test_port_without_a_session_gives_the_former_back(autojump_clock: MockClock) -> None:
    settings = Settings(connect_timeout=2.0)
    async with external(settings) as (ref, connection):
        begun: list[None] = []
        connection.sessions.publish(SessionStatus(phase=SessionPhase.BACKING_OFF, epoch=1, since=now(), reason=NOTHING))
        session(connection, 1)
        with pytest.raises(GatewayTimeout, match="There is no live session"):
            await ref.login(LIVE, wait=60, begun=lambda: begun.append(None))
        status = ref.logins.value
        assert (status.phase, status.account_type, begun) == ("restoring", "paper", [None])
        assert status.failure is not None
        assert (status.failure.phase, status.failure.attempt) == ("timeout", status.attempt - 1)
        assert connection.target == Target(port=4002)
        session(connection, 1, SessionPhase.BACKING_OFF, NOTHING)
        assert ref.logins.value.phase == "restoring"
        session(connection, 2)
        assert (ref.logins.value.phase, ref.logins.value.account_type) == ("api_ready", "paper")


async def test_port_with_a_session_is_kept(autojump_clock: MockClock) -> None:
    async with external(Settings(connect_timeout=2.0)) as (ref, connection):
        status = await ref.login(LIVE, wait=0)
        session(connection, 1, SessionPhase.CONNECTING)
        session(connection, 2)
        autojump_clock.jump(10 * RETURN_GRACE)
        await wait_all_tasks_blocked()
        assert (ref.logins.value.phase, ref.logins.value.account_type) == ("api_ready", "live")
        assert ref.logins.value.attempt == status.attempt
        assert connection.target == Target(port=4001)
