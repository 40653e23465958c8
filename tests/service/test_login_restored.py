"""A login that fails never costs the session that runs: it is refused before the gateway is touched, or the session comes back."""

from typing import Any

import httpx2 as httpx
import pytest
import trio

from tests.service.logins import ManagedService, managed_service

FAILURES = [
    ("wrong", 401, "bad_credentials"),
    ("weekend", 502, "login_failed"),
    ("offline", 503, "no_connection"),
    ("locked", 429, "too_many_attempts"),
    ("existing", 409, "existing_session"),
    ("twofactor-expired", 401, "two_factor_expired"),
    ("broken", 502, "launcher_failed"),
]
PHASES = {"too_many_attempts": "locked_out"}


async def back(service: ManagedService) -> Any:
    """The status as soon as the session is back, with a quote that shows it."""
    status = await service.until_phase("api_ready")
    assert (await service.get("/market/quote/AAPL"))["bid"] > 0
    return status


@pytest.mark.parametrize(("user", "status", "code"), FAILURES)
async def test_failure_of_another_user_brings_the_session_back(user: str, status: int, code: str) -> None:
    async with managed_service() as service:
        await service.login("good")
        problem = await service.login(user, status=status)
        assert problem["code"] == code
        after = await back(service)
        assert after["failure"]["attempt"] == 2
        assert after["failure"]["phase"] == PHASES.get(code, code)
        assert after["failure"]["detail"] == problem["detail"]
        assert service.attempts.count("good") == 2
        assert service.attempts.count(user) == 1
        assert len(service.secret_files()) == 1


async def test_the_way_back_is_a_phase_of_its_own() -> None:
    async with managed_service(pace=0.5) as service, service.stream() as stream:
        await service.login("good")
        await service.login("wrong", status=401)
        status = await stream.expect("status")
        while status["login"]["phase"] != "restoring":
            status = await stream.expect("status")
        assert (status["login"]["failure"]["phase"], status["connected"]) == ("bad_credentials", False)
        assert status["reason"] == status["login"]["detail"]
        while status["login"]["phase"] != "api_ready":
            status = await stream.expect("status")
        assert status["login"]["attempt"] == 3


async def test_other_password_of_the_logged_in_user_is_refused_untried() -> None:
    async with managed_service() as service:
        await service.login("demo", "demo")
        before = service.processes()
        for user in ("demo", "Demo"):
            assert (await service.login(user, "other", status=409))["code"] == "already_logged_in"
        assert (await service.login("demo", "other", account_type="live", status=409))["code"] == "already_logged_in"
        assert service.processes() == before
        assert service.attempts == ["demo"]
        assert (await service.get("/health"))["session"]["epoch"] == 1


async def test_other_password_is_tried_when_forced_and_the_session_comes_back_if_it_is_wrong() -> None:
    async with managed_service() as service:
        await service.login("demo", "demo")
        body = {"username": "demo", "password": "other", "account_type": "paper", "force": True}
        response = await service.http.post("/auth/login", json=body, timeout=30)
        assert (response.status_code, response.json()["code"]) == (401, "bad_credentials")
        assert (await back(service))["failure"]["phase"] == "bad_credentials"
        assert service.attempts == ["demo"] * 3


async def test_cancelled_login_brings_the_session_back() -> None:
    async with managed_service(pace=5) as service:
        await service.login("good")
        answers: list[httpx.Response] = []

        async def log_in() -> None:
            answers.append(await service.try_login("slow"))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(log_in)
            await service.until_phase("logging_in")
            assert (await service.http.post("/auth/logout", timeout=30)).json()["phase"] == "restoring"
        assert (answers[0].status_code, answers[0].json()["code"]) == (409, "login_cancelled")
        assert (await back(service))["failure"]["phase"] == "cancelled"
        assert (await service.http.post("/auth/logout", timeout=30)).json()["phase"] == "idle"
        assert service.processes() == {}


async def test_logout_on_the_way_back_ends_it() -> None:
    async with managed_service(pace=1) as service:
        await service.login("good")
        await service.login("wrong", status=401)
        await service.until_phase("restoring")
        status = (await service.http.post("/auth/logout", timeout=30)).json()
        assert (status["phase"], status["failure"]) == ("idle", None)
        assert service.processes() == {}


async def test_the_same_credentials_on_the_way_back_wait_for_it() -> None:
    async with managed_service(pace=0.5) as service:
        await service.login("good")
        await service.login("wrong", status=401)
        await service.login("good")
        assert service.attempts.count("good") == 2


async def test_session_whose_way_back_fails_is_not_tried_again() -> None:
    async with managed_service(pace=1, launcher_restart=3600.0) as service:
        await service.login("once")
        await service.login("wrong", status=401)
        await service.until_phase("bad_credentials")
        assert service.attempts.count("once") == 2
        assert service.processes() == {}


async def test_next_login_forgets_the_failure() -> None:
    async with managed_service() as service:
        await service.login("good")
        await service.login("wrong", status=401)
        await back(service)
        await service.login("other")
        assert (await service.get("/auth/status"))["failure"] is None


async def test_failure_with_no_session_before_leaves_nobody_logged_in() -> None:
    async with managed_service() as service:
        await service.login("good")
        await service.http.post("/auth/logout", timeout=30)
        await service.login("wrong", status=401)
        assert (await service.get("/auth/status"))["phase"] == "bad_credentials"
        assert service.attempts.count("good") == 1
