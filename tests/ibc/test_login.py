"""Every outcome of a login, through HTTP, with the real IBC: ./dev interop-ibc runs these."""

import os
import signal
import stat
from functools import partial
from pathlib import Path

import pytest
import trio

from tests.conftest import DEADLINE, eventually
from tests.ibc.rig import LOGIN_LIMIT, PASSWORD, Rig, running_rig

pytestmark = pytest.mark.ibc


def problem(response: object) -> tuple[int, str]:
    """Status and code."""
    return response.status_code, response.json()["code"]  # type: ignore[attr-defined]


async def test_a_login_that_works_and_its_end(tmp_path: Path) -> None:
    async with running_rig(tmp_path) as rig:
        response = await rig.login("good")
        assert response.status_code == 200, response.text
        assert response.json() == {
            "success": True,
            "message": "Successfully connected to paper account",
            "account_type": "paper",
            "connected": True,
        }
        assert "NetLiquidation" in (await rig.http.get("/account/summary")).json()["account_summary"]
        assert rig.attempts == [("good", PASSWORD, "paper")]
        assert rig.running("java")
        assert rig.running("Xvfb")
        modes = {stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "state").rglob("config.ini")}
        assert modes <= {0o600}
        response = await rig.http.post("/auth/logout")
        assert response.json()["phase"] == "idle"
        await rig.nothing_left()
        assert "exiting via [File, Close] menu" in rig.log
        assert not list((tmp_path / "state").rglob("config.ini"))
        assert (await rig.http.get("/account/summary")).status_code == 503


async def test_ibc_sets_port_and_restart_time_in_the_gateways_own_settings(tmp_path: Path) -> None:
    async with running_rig(tmp_path, IBACTORS_AUTO_RESTART="11:30 PM", IBACTORS_READ_ONLY_API="no") as rig:
        assert (await rig.login("good")).status_code == 200
        for line in ("TWS API socket port now set to", "Auto restart time set to 11:30 PM", "Read-Only API checkbox is now set to: false"):
            await eventually(partial(_in_log, rig, line))


async def _in_log(rig: Rig, text: str) -> bool:
    return text in rig.log


async def test_a_wrong_password_is_sent_once_and_nothing_is_left(tmp_path: Path, wrong_runs: int) -> None:
    async with running_rig(tmp_path) as rig:
        for run in range(1, wrong_runs + 1):
            response = await rig.login("wrong")
            assert problem(response) == (502, "login_failed")  # IBC does not print what the dialog says
            await rig.nothing_left()
            assert len(rig.attempts) == run
            assert (await rig.status())["phase"] == "login_failed"


@pytest.mark.parametrize("user", ["wrong-unhandled", "wrong-error"])
async def test_other_windows_that_say_the_password_is_wrong(tmp_path: Path, user: str) -> None:
    async with running_rig(tmp_path) as rig:
        assert problem(await rig.login(user)) == (401, "bad_credentials")
        await rig.nothing_left()
        assert len(rig.attempts) == 1


@pytest.mark.parametrize(("user", "seconds"), [("locked", 277), ("locked-dialog", 20)])
async def test_a_lock_out_is_respected(tmp_path: Path, user: str, seconds: int) -> None:
    async with running_rig(tmp_path) as rig:
        response = await rig.login(user)
        assert problem(response) == (429, "too_many_attempts")
        assert seconds - 2 <= int(response.headers["retry-after"]) <= seconds + 1
        await rig.nothing_left()
        response = await rig.login(user)
        assert problem(response) == (429, "too_many_attempts")
        assert int(response.headers["retry-after"]) <= seconds
        assert len(rig.attempts) == 1


async def test_a_login_error_of_another_kind_is_told_in_ibs_words(tmp_path: Path) -> None:
    async with running_rig(tmp_path) as rig:
        response = await rig.login("audit")
        assert response.status_code in {502, 503}
        assert "being audited" in response.json()["detail"]
        await rig.nothing_left()
        assert len(rig.attempts) == 1


async def test_an_existing_session_is_taken_over(tmp_path: Path) -> None:
    async with running_rig(tmp_path) as rig:
        assert (await rig.login("existing")).status_code == 200
        assert "(scenario 3)" in rig.log


async def test_an_existing_session_may_stay(tmp_path: Path) -> None:
    async with running_rig(tmp_path, IBACTORS_EXISTING_SESSION="secondary") as rig:
        assert problem(await rig.login("existing")) == (409, "existing_session")
        await rig.nothing_left()
        assert len(rig.attempts) == 1


async def test_a_second_factor_that_is_approved(tmp_path: Path) -> None:
    async with running_rig(tmp_path) as rig:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(rig.login, "twofactor", PASSWORD, "live")
            await rig.until_phase("two_factor_pending")
            response = await rig.login("another")
            assert problem(response) == (409, "login_in_progress")
        status = await rig.until_phase("api_ready")
        assert status["account_type"] == "live"
        assert rig.attempts == [("twofactor", PASSWORD, "live")]


async def test_a_second_factor_answers_202_to_those_who_wait_no_longer(tmp_path: Path) -> None:
    async with running_rig(tmp_path) as rig:
        response = await rig.login("twofactor", wait=0)
        assert response.status_code == 202
        assert response.headers["location"] == "/auth/status"
        await rig.until_phase("api_ready")


async def test_a_second_factor_that_expires_is_not_asked_for_again(tmp_path: Path) -> None:
    async with running_rig(tmp_path, IBACTORS_TWO_FACTOR_TIMEOUT_SECONDS="2") as rig:
        response = await rig.login("twofactor-never")
        assert problem(response)[1] == "two_factor_expired"
        await rig.nothing_left()
        assert len(rig.attempts) == 1


# pytest puts a test's name into the environment, where the rig looks for the password.
@pytest.mark.parametrize(
    "password", ["p\\a=s#s!é€😀:x", "#=lead\\", "!bäng ${x} %s '\"`", "\\u0041\\n"], ids=("all", "hash", "bang", "unicode")
)
async def test_odd_passwords_reach_the_login_window_unchanged(tmp_path: Path, password: str) -> None:
    async with running_rig(tmp_path, password) as rig:
        assert (await rig.login("gööd=user", password)).status_code == 200
        assert rig.attempts == [("gööd=user", password, "paper")]


async def test_passwords_that_cannot_be_typed_are_refused_and_nothing_starts(tmp_path: Path) -> None:
    async with running_rig(tmp_path) as rig:
        for password in (f" {PASSWORD}", f"{PASSWORD} ", f"{PASSWORD}\n", f"{PASSWORD}\nTradingMode=live", f"{PASSWORD}\r\n"):
            response = await rig.login("good", password)
            assert problem(response) == (422, "invalid_request")
            assert "password" in response.json()["detail"]
        assert not rig.running()
        assert rig.attempts == []


async def test_another_account_type_ends_the_old_session_first(tmp_path: Path) -> None:
    async with running_rig(tmp_path) as rig:
        assert (await rig.login("good")).status_code == 200
        response = await rig.login("good", account_type="live")
        assert response.json()["message"] == "Successfully connected to live account"
        assert [mode for _, _, mode in rig.attempts] == ["paper", "live"]
        assert len(rig.running("java")) == 1


async def test_a_gateway_that_crashes_during_the_login_is_not_started_again(tmp_path: Path) -> None:
    async with running_rig(tmp_path) as rig:
        assert (await rig.login("crash")).status_code in {502, 503}
        await rig.nothing_left()
        assert len(rig.attempts) == 1


async def test_a_gateway_that_dies_later_is_started_again(tmp_path: Path) -> None:
    async with running_rig(tmp_path, IBACTORS_LAUNCHER_RESTART_SECONDS="0.5") as rig:
        assert (await rig.login("good")).status_code == 200
        for pid in _pids(rig, "java"):
            os.kill(pid, signal.SIGKILL)
        await rig.until_phase("restarting")
        await rig.until_phase("api_ready")
        assert len(rig.attempts) == 2
        assert len(rig.running("java")) == 1


async def test_the_nightly_restart_needs_no_login(tmp_path: Path) -> None:
    async with running_rig(tmp_path) as rig:
        assert (await rig.login("restarts")).status_code == 200
        first = _pids(rig, "java")
        await eventually(lambda: _in_log(rig, "-Drestart="), within=LOGIN_LIMIT)
        await eventually(lambda: _serves(rig), within=LOGIN_LIMIT)
        await rig.until_phase("api_ready")
        assert len(_pids(rig, "java")) == 1
        assert _pids(rig, "java") != first
        assert len(rig.attempts) == 1


async def _serves(rig: Rig) -> bool:
    return (await rig.http.get("/account/summary")).status_code == 200


def _pids(rig: Rig, program: str) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        words = entry.read_bytes().split(b"\0")
        if program.encode() in words[0] and str(rig.folder).encode() in b" ".join(words):
            found.append(int(entry.parent.name))
    return found


async def test_nothing_is_left_after_kill_9_of_ibactors(tmp_path: Path) -> None:
    async with running_rig(tmp_path, IBACTORS_VNC_PASSWORD="look-in") as rig:
        assert (await rig.login("good")).status_code == 200
        assert all(rig.running(program) for program in ("java", "Xvfb", "x11vnc", "bash"))
        rig.process.send_signal(signal.SIGKILL)
        await rig.nothing_left()


async def test_nothing_is_left_after_kill_9_during_the_second_factor(tmp_path: Path) -> None:
    async with running_rig(tmp_path) as rig:
        await rig.login("twofactor-hangs", wait=0)
        await rig.until_phase("two_factor_pending")
        rig.process.send_signal(signal.SIGKILL)
        await rig.nothing_left()


async def test_sigterm_logs_out_and_leaves_nothing(tmp_path: Path) -> None:
    async with running_rig(tmp_path) as rig:
        assert (await rig.login("good")).status_code == 200
        rig.process.send_signal(signal.SIGTERM)
        with trio.fail_after(3 * DEADLINE):
            assert await rig.process.wait() == 0
        assert not rig.running()
        assert "exiting via [File, Close] menu" in rig.log


async def test_vnc_wants_its_password_and_listens_on_this_machine_only(tmp_path: Path) -> None:
    async with running_rig(tmp_path, IBACTORS_VNC_PASSWORD="look-in") as rig:
        assert (await rig.login("good")).status_code == 200
        listening = await trio.to_thread.run_sync(_listening, rig.vnc_port)
        assert listening == {"0100007F"}, "127.0.0.1 as /proc has it"
        stream = await trio.open_tcp_stream("127.0.0.1", rig.vnc_port)
        async with stream:
            with trio.fail_after(DEADLINE):
                assert (await stream.receive_some(12)).startswith(b"RFB 003.")
                await stream.send_all(b"RFB 003.008\n")
                kinds = await stream.receive_some()
        assert kinds == b"\x01\x02", "VNC authentication, and nothing else"


def _listening(port: int) -> set[str]:
    """The local addresses, as /proc has them, of sockets that listen on a port."""
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            local, state = line.split()[1], line.split()[3]
            address, _, number = local.partition(":")
            if state == "0A" and int(number, 16) == port:
                found.add(address)
    return found
