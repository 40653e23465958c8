import json
import logging
from collections import Counter
from typing import Any, Never

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import wait_all_tasks_blocked

from ibactors.inside import logs
from ibactors.inside.logs import Floods
from ibactors.kernel.actor import Actor
from ibactors.kernel.ref import Ref
from ibactors.kernel.supervisor import open_supervisor
from ibactors.limits import Rate

pytestmark = pytest.mark.usefixtures("restored_logging")


def fail_with_secrets(account: str) -> None:
    password = "hunter2"
    raise ValueError(f"no luck with {len(password)} letters in {account}")


def log_a_crash() -> None:
    try:
        fail_with_secrets("DU1234567")
    except ValueError as exc:
        exc.add_note("while actor 'account' handled GetBook(account='DU1234567')")
        structlog.get_logger("ibactors.test").error("actor_crashed", actor="account", exc_info=exc)


def test_json_has_one_object_a_line_with_name_level_time_and_fields(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json")
    log = structlog.get_logger("ibactors.test")
    log.info("symbol_stopped", symbol="AAPL", idle_s=60.5)
    log.warning("slow", text="two\nlines")
    first, second = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert first.pop("timestamp").endswith("Z")
    assert first == {"event": "symbol_stopped", "symbol": "AAPL", "idle_s": 60.5, "level": "info", "logger": "ibactors.test"}
    assert second["text"] == "two\nlines"


def test_records_of_libraries_go_through_the_same_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json")
    logging.getLogger("hypercorn.error").warning("bad client on account %s", "U7654321")
    logging.getLogger("ib_async.wrapper").info("updatePortfolio: %s", "DU1234567")
    first, second = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert (first["event"], first["logger"], first["level"]) == ("bad client on account U*****21", "hypercorn.error", "warning")
    assert second["event"] == "updatePortfolio: DU*****67"


def test_noise_of_libraries_is_silenced(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json")
    logging.getLogger("ib_async.client").error("API connection failed")
    logging.getLogger("hypercorn.error").info("Running on http://…")
    structlog.get_logger("ibactors.test").debug("detail")
    assert capsys.readouterr().err == ""


def test_console_is_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("console")
    structlog.get_logger("ibactors.test").info("symbol_stopped", symbol="AAPL", account="DU1234567")
    line = capsys.readouterr().err
    assert "symbol_stopped" in line
    assert "symbol=AAPL" in line
    assert "DU*****67" in line
    assert "\x1b" not in line, "no colours where there is no terminal"


def test_json_is_the_default_where_stderr_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure()
    structlog.get_logger("ibactors.test").info("x")
    assert json.loads(capsys.readouterr().err)["event"] == "x"


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_traceback_has_frames_and_notes_but_no_locals(capsys: pytest.CaptureFixture[str], log_format: str) -> None:
    logs.configure(log_format)
    log_a_crash()
    text = capsys.readouterr().err
    assert "fail_with_secrets" in text
    assert "no luck with 7 letters" in text
    assert "while actor 'account' handled GetBook" in text
    assert "hunter2" not in text.replace('password = "hunter2"', "")
    assert "locals" not in text


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_account_numbers_in_tracebacks_are_masked(capsys: pytest.CaptureFixture[str], log_format: str) -> None:
    logs.configure(log_format)
    log_a_crash()
    assert "DU1234567" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("DU1234567", "DU*****67"),
        ("U7654321", "U*****21"),
        ("DF12345 and F54321", "DF***45 and F***21"),
        ("DUH123456 DUM1234567 DUN999999", "DUH****56 DUM*****67 DUN****99"),
        ("FA1234567,DFP12345;I1234567", "FA*****67,DFP***45;I*****67"),
        ("U1234567C _U1234567 u1234567", "U*****67C _U*****67 u*****67"),
        (r"\nDI7654321\tUL1234567", r"\nDI*****21\tUL*****67"),
        ("AAPL261218C00230000 ESZ6 20261127-15:00:02 f1234567-12ab", "AAPL261218C00230000 ESZ6 20261127-15:00:02 f1234567-12ab"),
        ("no account", "no account"),
        ("U123", "U123"),
        ("QU1234567", "QU1234567"),
        ("account=DU1234567,", "account=DU*****67,"),
    ],
)
def test_all_but_the_last_two_digits_are_masked(text: str, masked: str) -> None:
    assert logs.mask_accounts(None, "info", text) == masked


@given(st.sampled_from(["DU", "DF", "U", "F"]), st.from_regex(r"[0-9]{5,9}", fullmatch=True), st.sampled_from([" ", ":", "'", "", "/"]))
def test_no_account_number_survives(prefix: str, digits: str, around: str) -> None:
    masked = logs.mask_accounts(None, "info", f"{around}{prefix}{digits}{around}")
    assert digits not in masked
    assert masked == f"{around}{prefix}{'*' * (len(digits) - 2)}{digits[-2:]}{around}"


class _Talker(Actor[str, Never]):
    async def handle(self, msg: str) -> None:
        structlog.get_logger("ibactors.test").info("handled", what=msg)


async def test_lines_of_an_actor_name_it(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json")
    ref: Ref[str, Never] = Ref("symbol:AAPL")
    async with open_supervisor() as supervisor:
        await supervisor.start(ref, lambda: _Talker(ref))
        ref.tell("hello")
        await wait_all_tasks_blocked()
    line = json.loads(capsys.readouterr().err)
    assert (line["event"], line["what"], line["actor"]) == ("handled", "hello", "symbol:AAPL")
    assert "actor" not in structlog.contextvars.get_contextvars()


def test_exception_in_json_is_an_object_with_frames(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json")
    log_a_crash()
    exception = json.loads(capsys.readouterr().err)["exception"]
    assert (exception["type"], exception["message"]) == ("ValueError", "no luck with 7 letters in DU*****67")
    assert [frame["function"] for frame in exception["frames"]] == ["log_a_crash", "fail_with_secrets"]
    assert exception["notes"] == ["while actor 'account' handled GetBook(account='DU*****67')"]


def test_flood_of_what_others_cause_costs_a_bounded_log_and_says_what_was_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json")
    log = structlog.get_logger("ibactors.bridge.incoming")
    for code in range(1000):
        log.info("ib_notice", ib_code=code)
        log.warning("frame_undecodable", message_id=code)
        log.error("kept")
    structlog.get_logger("ibactors.audit").info("kept")
    events = Counter(json.loads(line)["event"] for line in capsys.readouterr().err.splitlines())
    assert events["kept"] == 1001
    assert 200 <= events["ib_notice"] < 300
    assert 200 <= events["frame_undecodable"] < 300


def test_what_was_left_out_is_counted_in_the_next_line() -> None:
    present = [0.0]
    floods = Floods(Rate(1.0, 2), lambda: present[0])

    def passes(name: str) -> Any:
        try:
            return floods(None, "info", {"event": name, "logger": "ibactors.actors.symbol_actor"})
        except structlog.DropEvent:
            return None

    assert [passes("a") is not None for _ in range(5)] == [True, True, False, False, False]
    assert passes("b")
    present[0] = 1.5
    assert passes("a")["left_out"] == 3
    present[0] = 9.0
    assert "left_out" not in passes("a")
