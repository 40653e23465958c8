"""The commands that are clients of a running service, as functions, against a service: what they print, and their exit status."""

import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import trio

from ibactors import cli, programs
from ibactors.calling import Answer, Lost, Refused, Remote
from ibactors.commands import login, order, surely, watch
from ibactors.config import Settings
from tests.conftest import DEADLINE, Service, eventually, running_service
from tests.service.keyed import KEYS, keyed_service
from tests.service.trading import ledger, received, trading_service

NOBODY = "http://127.0.0.1:9"


class Shell:
    """Runs commands against one service."""

    def __init__(self, url: str, capsys: pytest.CaptureFixture[str]) -> None:
        self._url = url
        self._capsys = capsys
        self.out, self.err = "", ""

    async def run(self, *words: str) -> int:
        self._capsys.readouterr()
        arguments = cli.make_parser([*words], _no_program).parse_args([*words, "--url", self._url])
        with trio.fail_after(3 * DEADLINE):
            status = await trio.to_thread.run_sync(cli.perform, arguments, Settings(), abandon_on_cancel=True)
        self.out, self.err = self._capsys.readouterr()
        return status

    async def objects(self, *words: str) -> list[Any]:
        """What a command that must succeed prints with --json."""
        assert await self.run(*words, "--json") == 0, self.err
        return [json.loads(line) for line in self.out.splitlines()]


def _no_program(_name: str, _parser: object) -> None:
    raise AssertionError("no program is run here")


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    """One that is healthy, and in no hurry."""
    async with running_service(quote_timeout=60.0) as running:
        await healthy(running)
        yield running


async def healthy(service: Service) -> None:
    await service.until("/health", lambda response: response.json()["status"] == "healthy")


@pytest.fixture
def shell(service: Service, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(service.url, capsys)


async def test_quotes_are_shown_with_their_freshness_and_failures_by_name(shell: Shell) -> None:
    assert await shell.run("quote", "AAPL", "EUR.USD", "272093", "BADSYM") == 1
    assert [line.split()[0] for line in shell.out.splitlines()[1:]] == ["AAPL", "EUR.USD", "MSFT"]
    assert "as of (UTC)" in shell.out
    assert "BADSYM: IB answered" in shell.err
    (quote,) = await shell.objects("quote", "ES", "--with", "sec_type=FUT", "--with", "expiry=202612")
    assert (quote["asked"], quote["local_symbol"], quote["as_of"] is not None) == ("ES", "ESZ6", True)
    assert await shell.run("quote", "ES", "--with", "FUT") == 2


async def test_account_and_positions_are_tables(shell: Shell) -> None:
    assert await shell.run("account") == 0
    assert "net liquidation" in shell.out
    assert "daily profit" in shell.out
    (account,) = await shell.objects("account", "--all")
    assert account["pnl"]["currency"] == "USD"
    assert await shell.run("positions") == 0
    assert shell.out.splitlines()[-1].startswith("total")
    rows = await shell.objects("positions")
    assert {row["symbol"] for row in rows} >= {"AAPL", "SPY"}
    assert await shell.run("positions", "--account", "U7654321") == 1
    assert "U7654321" in shell.err or "account" in shell.err


async def test_status_tells_health_by_its_exit_status(service: Service, shell: Shell) -> None:
    assert await shell.run("status") == 0
    assert shell.out.splitlines()[0].startswith("service  healthy")
    await service.gateway.do("drop")
    await service.gateway.do("refuse 600")
    await service.until("/health", lambda response: response.json()["status"] == "degraded")
    assert await shell.run("status") == 1
    assert "degraded" in shell.out


@pytest.mark.parametrize(
    "words", [["quote", "AAPL"], ["watch", "AAPL"], ["account"], ["positions"], ["status"], ["order", "list"], ["login"], ["resume"]]
)
async def test_without_a_service_the_remedy_is_named(capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    shell = Shell(NOBODY, capsys)
    assert await shell.run(*words) == 1
    assert f"Nothing answers at {NOBODY}" in shell.err
    assert "ibactors serve" in shell.err


async def test_missing_key_is_told_with_its_option(capsys: pytest.CaptureFixture[str]) -> None:
    async with keyed_service(quote_timeout=60.0) as service:
        await healthy(service)
        shell = Shell(service.url, capsys)
        assert await shell.run("quote", "AAPL") == 1
        assert "IBACTORS_API_KEY" in shell.err
        assert await shell.run("quote", "AAPL", "--key", KEYS["read"]) == 0
        assert await shell.run("status", "--key", KEYS["read"]) == 0  # what the key may not ask is said to be so
        assert "login" in shell.out


async def test_orders_are_placed_once_and_looked_at_and_taken_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with trading_service(tmp_path) as service:
        shell = Shell(service.url, capsys)
        buy = ("order", "buy", "AAPL", "10", "--limit", "99.5")
        assert await shell.run(*buy, "--preview") == 0
        assert "initial margin" in shell.out
        assert await received(service) == 0
        assert await shell.run(*buy) == 2  # nobody can be asked
        for _ in range(2):
            assert await shell.run(*buy, "--yes", "--id", "mine") == 0
            assert "client_order_id mine" in shell.err
        assert (len(await ledger(service)), await received(service)) == (1, 1)
        (placed,) = await shell.objects("order", "list")
        assert (placed["client_order_id"], placed["limit_price"]) == ("mine", 99.5)
        assert await shell.run("order", "change", placed["order_id"], "--limit", "99.4") == 0
        assert [row["limit_price"] for row in await shell.objects("order", "show", "mine")] == [99.4]
        assert await shell.run("order", "cancel", "mine") == 0
        assert await shell.run("order", "cancel", "never") == 0
        assert "it is void" in shell.out
        assert await shell.run("order", "sell", "AAPL", "10", "--yes") == 2
        assert await shell.run("order", "sell", "AAPL", "10", "--market", "--limit", "1", "--yes") == 2
        assert await shell.run("halt", "--reason", "lunch") == 0
        assert "Halted: lunch" in shell.out
        assert await shell.run(*buy, "--yes") == 1
        assert await shell.run("resume") == 0
        assert [row["client_order_id"] for row in await shell.objects("order", "list", "--status", "closed")] == ["mine"]


async def test_halt_that_fails_says_how_to_halt_without_the_service(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ibactors.commands.halt.PATIENCE", 0)
    shell = Shell(NOBODY, capsys)
    assert await shell.run("halt") == 1
    assert "NOT halted" in shell.err
    assert "/HALT" in shell.err


async def test_watch_ends_each_line_when_the_gateway_is_lost(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    remote = Remote(service.url, "", Settings())
    seen: list[str] = []
    screen = watch.Screen()

    def look() -> None:
        for message in watch.follow(remote, {"channels": "quotes", "symbols": "AAPL,BADSYM"}):
            screen.take(message)
            seen.append(message["type"])
            if message["type"] == "stale":
                return

    async def shows_both() -> bool:
        return {"quote", "error"} <= {*seen}

    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.to_thread.run_sync, look)
        await eventually(shows_both)
        await service.gateway.do("drop")
    lines = screen.lines()
    assert "\x1b[9" in lines[1]
    assert any(line.startswith("BADSYM: ") for line in lines)
    assert capsys.readouterr().err == ""


async def test_watch_ends_with_who_reads_it(service: Service) -> None:
    code = "from ibactors.cli import main; main()"
    words = ["-c", code, "watch", "AAPL", "--url", service.url]
    process = await trio.lowlevel.open_process([sys.executable, *words], stdout=subprocess.PIPE)
    assert process.stdout is not None
    with trio.fail_after(4 * DEADLINE):
        assert await process.stdout.receive_some()
        await process.stdout.aclose()
        assert await process.wait() == 0  # with the next of the quotes, which go on


def test_login_that_was_followed_by_the_old_session_is_no_success() -> None:
    failure = {"attempt": 4, "detail": "Wrong.", "hint": None}
    ready = {"phase": "api_ready", "attempt": 4, "failure": None}
    for report, attempt, status in (
        (ready, 4, 0),
        (ready, None, 0),
        ({**ready, "failure": failure}, 4, 1),
        ({**ready, "failure": failure}, None, 1),
        ({**ready, "failure": {**failure, "attempt": 3}}, 4, 0),
        ({**ready, "attempt": 5}, 4, 1),
        ({**ready, "phase": "bad_credentials"}, 4, 1),
    ):
        assert login._end(report, attempt) == status  # noqa: SLF001  # the whole of it is a service test


def refused(status: int, **members: object) -> Refused:
    return Refused(status, json.dumps(members), None)


GONE, UNSENT = Lost("gone", sent=True), Lost("no connection", sent=False)
DONE = Answer(status=201, text="{}", next_page=None)
WAITS = Answer(status=202, text='{"status": "unknown"}', next_page=None)


@pytest.mark.parametrize(
    ("answers", "ends"),
    [
        ([DONE], DONE),
        ([UNSENT, DONE], DONE),
        ([GONE, refused(503, code="x"), WAITS, DONE], DONE),
        ([UNSENT, UNSENT], Lost),
        ([GONE, UNSENT], surely.Unknown),
        ([refused(422, code="invalid_request")], Refused),
        ([GONE, refused(422, code="order_rejected", order={})], Refused),
        ([GONE, refused(409, code="order_not_sent")], surely.Unknown),
        ([refused(409, code="order_not_sent")], Refused),
        ([GONE, refused(409, code="other", new_client_order_id_allowed=True)], Refused),
        ([GONE, refused(403, code="scope")], surely.Unknown),
        ([refused(429, code="rate"), refused(429, code="rate")], Refused),
        ([GONE, refused(429, code="rate")], surely.Unknown),
        ([refused(502), refused(502)], surely.Unknown),
        ([refused(404)], surely.Unknown),
        ([WAITS, WAITS], surely.Unknown),
        ([KeyboardInterrupt()], surely.Unknown),
    ],
)
def test_order_is_called_refused_only_where_nothing_can_have_been_done(
    monkeypatch: pytest.MonkeyPatch, answers: list[Any], ends: Any
) -> None:
    left = list(answers)
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))

    def ask() -> Answer:
        answer = left.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        assert isinstance(answer, Answer)
        return answer

    patience = (len(answers) - 1) * surely.PAUSE
    if isinstance(ends, type):
        with pytest.raises(ends):
            surely.surely(ask, "Again", patience)
    else:
        assert surely.surely(ask, "Again", patience) is ends
    assert not left


def test_prices_are_sent_as_they_were_typed() -> None:
    words = ["order", "buy", "AAPL", "0.1", "--limit", "228.370"]
    terms = order.terms_of(cli.make_parser(words, _no_program).parse_args(words))
    assert order._encoder.encode(terms).count(b"228.370") == 1  # noqa: SLF001  # what is sent


def test_help_fits_a_screen() -> None:
    text = cli.make_parser([], _no_program).format_help()
    assert len(text.splitlines()) <= 28
    assert max(map(len, text.splitlines())) <= 80
    assert all(f" {name} " in text for name in cli.COMMANDS)


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_help_of_each_command_fits_a_screen(name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        cli.make_parser([name], programs.prepare).parse_args([name, "--help"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"usage: ibactors {name}")
    assert len(lines) <= 30
    assert max(map(len, lines)) <= 80
