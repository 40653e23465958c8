"""Every outcome of a login, through the whole service: the stand-in for the gateway's program behaves as IBC does, bad habits included."""

import re
import signal
import time
from collections import Counter
from typing import Any

import httpx2 as httpx
import pytest
import trio

from tests.conftest import eventually, running_gateway
from tests.service.logins import EVERYTHING, PASSWORD, alive, descendants, managed_service
from tests.service.test_commands import command

FAILURES = [
    ("wrong", 401, "bad_credentials"),
    ("unknown", 401, "bad_credentials"),
    ("unfinished", 401, "bad_credentials"),
    ("existing", 409, "existing_session"),
    ("twofactor-expired", 401, "two_factor_expired"),
    ("twofactor-never", 401, "two_factor_expired"),
    ("exit-87", 401, "two_factor_expired"),
    ("exit-88", 502, "launcher_failed"),
    ("broken", 502, "launcher_failed"),
    ("locked", 429, "too_many_attempts"),
    ("silent", 504, "gateway_timeout"),
    ("dialog", 504, "unknown_dialog"),
    ("code", 401, "two_factor_expired"),
    ("weekend", 502, "login_failed"),
    ("offline", 503, "no_connection"),
    ("outdated", 502, "gateway_outdated"),
    ("passkey", 403, "passkey_required"),
    ("disabled", 403, "account_locked"),
]
GOOD = ["takeover", "slow", "twofactor", pytest.param("talkative", marks=pytest.mark.slow), "expired", "leaky", "stubborn"]


async def test_good_login_makes_the_api_ready() -> None:
    async with managed_service() as service:
        assert (await service.get("/health"))["reason"] == "Login needed: POST /auth/login."
        assert (await service.get("/market/quote/AAPL", 503))["detail"] == "Login needed: POST /auth/login."
        assert await service.login("demo", "demo") == {
            "success": True,
            "message": "Successfully connected to paper account",
            "account_type": "paper",
            "connected": True,
        }
        assert (await service.get("/auth/status"))["phase"] == "api_ready"
        assert (await service.get("/market/quote/AAPL"))["bid"] > 0
        assert service.attempts == ["demo"]


@pytest.mark.parametrize(("user", "status", "code"), FAILURES)
async def test_failed_login_is_one_attempt_and_leaves_nothing(user: str, status: int, code: str) -> None:
    async with managed_service(two_factor_timeout=1.0, login_timeout=4.0 if user in {"silent", "dialog"} else 60.0) as service:
        problem = await service.login(user, status=status)
        assert problem["code"] == code
        assert service.attempts == [user]
        assert service.processes() == {}
        assert service.secret_files() == []
        state = await service.get("/auth/status")
        assert (state["detail"], state["hint"]) == (problem["detail"], problem.get("hint"))
        health = await service.get("/health")
        assert (health["status"], health["ib_connected"], health["reason"]) == ("degraded", False, problem["detail"])
        await service.login("demo", "demo")
        assert service.attempts.count(user) == 1


@pytest.mark.parametrize("user", GOOD)
async def test_login_with_obstacles_comes_up(user: str) -> None:
    async with managed_service(stop_timeout=0.5) as service:
        await service.login(user)
        assert service.attempts == [user]
        status = await service.get("/auth/status")
        assert ("expires soon" in (status["notice"] or "")) == (user == "expired")
        assert ("***" in "".join(service.logs.lines)) == (user == "leaky")


async def test_lock_out_is_waited_for_without_asking_ib() -> None:
    async with managed_service() as service:
        for _ in range(3):
            response = await service.try_login("locked")
            assert response.status_code == 429
            assert 85 <= int(response.headers["Retry-After"]) <= 90
            assert response.json()["retry_after"] == int(response.headers["Retry-After"])
        assert service.attempts == ["locked"]
        assert (await service.get("/auth/status"))["retry_in"] == 90.0
        await service.login("demo", "demo")


async def test_second_factor_is_pending_until_it_is_approved() -> None:
    async with managed_service(pace=0.5) as service, service.stream() as stream:
        response = await service.try_login("twofactor", wait=0)
        assert response.status_code == 202
        assert response.headers["Location"] == "/auth/status"
        assert response.json()["phase"] == "starting"
        status = await stream.expect("status", phase="logged_out")
        while status["login"]["phase"] != "two_factor_pending":
            status = await stream.expect("status", phase="logged_out")
        assert status["connected"] is False
        assert status["reason"] == status["login"]["detail"] == (await service.get("/health"))["reason"]
        assert "second factor" in status["reason"]
        status = await stream.expect("status", connected=True)
        while status["login"]["phase"] != "api_ready":
            status = await stream.expect("status", connected=True)


@pytest.mark.parametrize(
    ("user", "factor", "hint"), [("code", "code", "VNC"), ("card", "card", "VNC"), ("challenge", "challenge", "IBKR Mobile")]
)
async def test_second_factor_that_wants_a_person_is_named(user: str, factor: str, hint: str) -> None:
    async with managed_service() as service:
        await service.login(user, wait=0, status=202)
        status = await service.until_phase("two_factor_pending")
        assert status["second_factor"] == factor
        assert hint in status["hint"]


async def test_gateway_runs_in_the_chosen_time_zone() -> None:
    async with managed_service(time_zone="Asia/Tokyo") as service:
        await service.login("demo", "demo")
        (ini,) = service.secret_files()
        assert "TimeZone=Asia/Tokyo" in (ini.parent / "jts.ini").read_text().splitlines()
        assert b"TZ=Asia/Tokyo\0" in service.listing()


async def test_same_credentials_again_are_not_sent_again() -> None:
    async with managed_service() as service:
        for _ in range(3):
            await service.login("demo", "demo")
        assert service.attempts == ["demo"]
        assert (await service.get("/health"))["session"]["epoch"] == 1


async def test_of_fifty_logins_at_once_one_runs() -> None:
    async with managed_service(pace=1.5) as service:
        answers: Counter[tuple[int, str]] = Counter()

        async def log_in() -> None:
            response = await service.try_login("slow")
            answers[response.status_code, response.json().get("code", "")] += 1

        async with trio.open_nursery() as nursery:
            for _ in range(50):
                nursery.start_soon(log_in)
        assert answers == {(200, ""): 1, (409, "login_in_progress"): 49}
        assert service.attempts == ["slow"]


async def test_only_logins_that_were_begun_count_for_the_limit() -> None:
    async with managed_service(login_attempts=2) as service:
        await service.login("demo", "demo")
        for _ in range(3):
            await service.login("demo", "demo")
            await service.login("demo", " ", status=422)
        for _ in range(2):
            await service.login("wrong", status=401)
            await service.until_phase("api_ready")
        refused = await service.try_login("wrong")
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_logins")
        assert int(refused.headers["Retry-After"]) > 800
        assert service.attempts.count("wrong") == 2


async def test_login_that_succeeds_does_not_count_and_excuses_no_other() -> None:
    async with managed_service(login_attempts=1) as service:
        await service.login("demo", "demo")
        assert (await service.try_login("takeover", wait=0)).status_code == 202
        await service.until_phase("api_ready")  # it has succeeded when nobody waited any more
        await service.login("wrong", status=401)
        await service.until_phase("api_ready")
        assert (await service.login("demo", "demo", status=429))["code"] == "too_many_logins"


async def test_cancelled_and_refused_logins_count_if_they_were_begun() -> None:
    async with managed_service(pace=3, login_attempts=3) as service, trio.open_nursery() as nursery:
        for guess in range(2):
            nursery.start_soon(service.try_login, "slow", f"guess{guess}")
            await service.until_phase("logging_in")
            assert (await service.login("demo", "demo", status=409))["code"] == "login_in_progress"
            await service.http.post("/auth/logout", timeout=30)
        assert (await service.login("existing", status=409))["code"] == "existing_session"
        assert (await service.login("demo", "demo", status=429))["code"] == "too_many_logins"
        assert len(service.attempts) == 3


async def test_other_password_that_was_refused_does_not_count() -> None:
    async with managed_service(login_attempts=2) as service:
        await service.login("demo", "demo")
        for _ in range(3):
            assert (await service.login("demo", "other", status=409))["code"] == "already_logged_in"
        await service.login("good")


@pytest.mark.parametrize("account_type", ["paper", "live"])
async def test_status_tells_the_accounts_of_the_session(account_type: str) -> None:
    async with managed_service() as service:
        assert (await service.get("/auth/status"))["accounts"] == []
        await service.login("your_username", "your_password", account_type=account_type)
        status = await service.get("/auth/status")
        assert (status["account_type"], status["accounts"]) == (account_type, (await service.get("/accounts"))["accounts"])
        assert status["accounts"]


async def test_login_goes_on_when_its_client_leaves() -> None:
    async with managed_service(pace=0.5) as service:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(service.try_login, "slow")
            await service.until_phase("logging_in")
            nursery.cancel_scope.cancel(reason="the client leaves")
        await service.until_phase("api_ready")
        assert service.attempts == ["slow"]


async def test_gateway_that_ends_later_is_started_again_after_a_growing_pause() -> None:
    async with managed_service(pace=0.5, launcher_restart=0.2) as service:
        await service.login("crash")
        status = await service.until_phase("restarting")
        assert "started again in 0.2 s" in status["detail"]
        health = await service.get("/health")
        assert health["status"] == "degraded"
        await service.until_phase("api_ready")
        assert (await service.get("/health"))["session"]["epoch"] == 2
        assert re.search(r"started again in 0\.[45] s", (await service.until_phase("restarting"))["detail"])
        assert (await service.get("/auth/status"))["attempt"] == 1
        await service.login("demo", "demo")
        assert service.attempts.count("crash") in {2, 3}


async def test_gateway_that_restarts_itself_needs_no_new_login() -> None:
    async with managed_service(pace=0.3) as service, service.stream() as stream:
        await service.login("nightly")
        await stream.expect("status", connected=False)
        await stream.expect("status", connected=True, epoch=2)
        assert (await service.until_phase("api_ready"))["attempt"] == 1
        assert service.attempts == ["nightly"]


async def test_restart_whose_login_fails_is_the_end() -> None:
    async with managed_service(pace=0.3, launcher_restart=0.1) as service:
        await service.login("once")
        await service.until_phase("bad_credentials")
        assert service.attempts == ["once", "once"]
        assert service.processes() == {}


async def test_switching_to_the_other_account_type_stops_the_old_session_first() -> None:
    async with managed_service() as service:
        await service.login("demo", "demo")
        async with service.stream() as stream:
            await stream.send(action="subscribe", symbol="AAPL")
            await stream.expect("quote")
            old = service.processes()
            await service.login("demo", "demo", account_type="live")
            await stream.expect("status", connected=False)
            await stream.expect("status", connected=True)
            await stream.expect("quote")
        assert not old.keys() & service.processes().keys()
        assert (await service.get("/auth/status"))["account_type"] == "live"
        assert "Shutting down: STOP command" in "".join(service.logs.lines)


async def test_logout_stops_the_gateway() -> None:
    async with managed_service() as service:
        await service.login("demo", "demo")
        response = await service.http.post("/auth/logout")
        assert (response.status_code, response.json()["phase"]) == (200, "idle")
        assert service.processes() == {}
        assert (await service.get("/health"))["reason"] == "Login needed: POST /auth/login."
        again = await service.http.post("/auth/logout")
        assert (again.status_code, again.json()["phase"]) == (200, "idle")


async def test_logout_ends_a_login_that_runs() -> None:
    async with managed_service(pace=10) as service:
        answers: list[httpx.Response] = []

        async def log_in() -> None:
            answers.append(await service.try_login("slow"))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(log_in)
            await service.until_phase("logging_in")
            await service.check_what_it_shows(EVERYTHING)
            assert (await service.http.post("/auth/logout")).json()["phase"] == "idle"
        assert (answers[0].status_code, answers[0].json()["code"]) == (409, "login_cancelled")
        assert service.processes() == {}


async def test_gateway_that_ignores_stop_and_sigterm_is_killed() -> None:
    async with managed_service(stop_timeout=0.4) as service:
        await service.login("stubborn")
        assert service.processes()
        assert (await service.http.post("/auth/logout?wait=0")).status_code == 202
        began = time.monotonic()
        await service.until_phase("idle")
        assert time.monotonic() - began < 5
        assert service.processes() == {}


async def test_unattended_start_logs_in_by_itself() -> None:
    async with managed_service(ib_username="demo", ib_password="demo") as service:
        await service.until_phase("api_ready")
        response = await service.http.post("/auth/login", json={"account_type": "paper"})
        assert response.status_code == 200
        assert service.attempts == ["demo"]


async def test_unattended_start_with_a_wrong_password_sends_it_once() -> None:
    async with managed_service(ib_username="wrong", ib_password=PASSWORD) as service:
        await service.until_phase("bad_credentials")
        assert service.attempts == ["wrong"]


async def test_program_gets_no_environment_of_ours_and_a_private_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IBACTORS_IB_PASSWORD", PASSWORD)
    async with managed_service() as service:
        await service.login("demo", "demo")
        (ini,) = service.secret_files()
        assert ini.stat().st_mode & 0o777 == 0o600
        assert ini.parent.stat().st_mode & 0o777 == 0o700
        listing = service.listing()
        assert b"PATH=" in listing
        assert b"IBACTORS_" not in listing


@pytest.mark.parametrize(("password", "remedy"), [(" x", "blank"), ("x ", "blank"), ("x\ny", ""), ("x\ty", ""), ("", ""), ("x" * 201, "")])
async def test_password_that_cannot_work_is_refused_before_anything_starts(password: str, remedy: str) -> None:
    async with managed_service() as service:
        problem = await service.login("demo", password, status=422)
        assert problem["field"] == "password"
        assert remedy in problem.get("hint", "") + problem["detail"]
        assert service.attempts == []


async def test_login_without_credentials_needs_those_of_the_settings() -> None:
    async with managed_service() as service:
        for body, field in (({}, "username"), ({"username": "demo"}, "password"), ({"password": PASSWORD}, "username")):
            response = await service.http.post("/auth/login", json={"account_type": "paper", **body})
            assert (response.status_code, response.json()["field"]) == (422, field)


@pytest.mark.parametrize(
    ("settings", "status", "text"),
    [
        ({"launcher": "/nowhere/ibcstart.sh {ini}"}, 503, "/nowhere/ibcstart.sh"),
        ({"gateway_version": "", "gateway_path": "/nowhere"}, 503, "There is no IB Gateway"),
        ({"state_path": "/proc/nowhere"}, 502, "IBACTORS_STATE_PATH"),
    ],
)
async def test_what_is_missing_is_named(settings: dict[str, Any], status: int, text: str) -> None:
    async with managed_service(**settings) as service:
        assert text in (await service.login("demo", "demo", status=status))["detail"]


async def test_port_of_another_gateway_is_not_taken_for_ours() -> None:
    async with running_gateway() as other, managed_service(gateway_port=other.ports.port) as service:
        problem = await service.login("demo", "demo", status=502)
        assert "Something else listens" in problem["detail"]
        assert service.attempts == []


async def test_killed_service_leaves_no_process_of_its_gateway() -> None:
    async with command("demo", "--port", "0") as demo:
        await demo.until("Stop with Ctrl-C")
        started = descendants(demo.process.pid)
        assert len(started) >= 2
        demo.process.send_signal(signal.SIGKILL)
        await eventually(lambda: _all_gone(started))


async def _all_gone(pids: set[int]) -> bool:
    return not alive(pids)


@pytest.mark.slow
async def test_wrong_password_is_sent_exactly_once_in_twenty_of_twenty_runs() -> None:
    async with managed_service() as service:
        for run in range(20):
            await service.login("wrong", status=401)
            assert service.processes() == {}
            await trio.sleep(0.1)  # time in which a loop that survived would send it again
            assert len(service.attempts) == run + 1
