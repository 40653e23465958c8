"""A bug in the gateway actor: its program ends with it, callers get an answer, and no credentials are sent again."""

import pytest

from ibactors.actors.connection import ConnectionRef
from ibactors.actors.gateway import GatewayRef
from ibactors.actors.gateway_managed import gateway_builder
from ibactors.config import Settings
from ibactors.gateway.classify import Rules
from ibactors.gateway.errors import LauncherFailed
from ibactors.gateway.rehearsal import rehearsal
from ibactors.kernel.supervisor import open_supervisor
from ibactors.model.logins import LoginPhase, LoginRequest
from tests.conftest import ErrorLog
from tests.service.logins import PASSWORD, assert_clean, attempts, processes, watched_log

BROKEN = Rules(rules=(None,), exits={})  # type: ignore[arg-type]  # the bug


async def test_crash_ends_the_login_and_the_program(error_log: ErrorLog) -> None:
    ref, connection = GatewayRef("paper"), ConnectionRef()
    with watched_log() as logs, rehearsal(Settings(), behind=1, ib_username="", ib_password="") as settings:
        async with open_supervisor() as supervisor:
            await supervisor.start(ref, gateway_builder(ref, connection, settings, BROKEN))
            with pytest.raises(LauncherFailed, match="the gateway was ended"):
                await ref.login(LoginRequest(username="slow", password=PASSWORD, account_type="paper"), wait=20)
            assert ref.logins.value.phase is LoginPhase.LAUNCHER_FAILED
            assert connection.target.closed
            assert processes(settings.state_path) == {}
            assert attempts(settings.state_path) in ([], ["slow"])
        assert len(error_log.take()) == 1
        assert "Traceback" in "".join(logs.lines)
        assert_clean("".join(logs.lines))
