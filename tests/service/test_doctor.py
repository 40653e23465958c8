"""`ibactors doctor`: a table of broken set-ups, each of which it names, with what to do."""

import json
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
import trio

from ibactors import cli
from ibactors.config import Settings
from ibactors.doctor import command, gateway
from ibactors.doctor.finding import Finding, Verdict
from ibactors.sim import SimulatorOptions
from tests.conftest import DEADLINE, Gateway, running_gateway
from tests.service.keyed import KEYS, LINES, keyed_service
from tests.service.trading import trading_service

Put = Callable[..., None]
"""Sets environment variables."""
SetUp = Callable[[Put, Path], AbstractAsyncContextManager[None]]


@pytest.fixture
def put(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Put]:
    """In a folder of its own; nothing listens at the ports, unless the test says otherwise."""
    monkeypatch.chdir(tmp_path)

    def setenv(**variables: str) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    with socket.socket() as ours, socket.socket() as gateways:
        for held in (ours, gateways):
            # Bound, and not listened at: it refuses, and nobody else is given it, for as long as the test lasts.
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            held.bind(("127.0.0.1", 0))
        setenv(PORT=str(ours.getsockname()[1]), IBACTORS_GATEWAY_PORT=str(gateways.getsockname()[1]))
        setenv(IBACTORS_STATE_PATH=str(tmp_path / "state"))
        yield setenv


async def findings(*words: str) -> list[Finding]:
    arguments = cli.make_parser(["doctor"], _no_program).parse_args(["doctor", *words])
    with trio.fail_after(3 * DEADLINE):
        return await trio.to_thread.run_sync(lambda: list(command.examine(arguments)), abandon_on_cancel=True)


def _no_program(_name: str, _parser: object) -> None:
    raise AssertionError("no program is run here")


def with_settings(**variables: str) -> SetUp:
    @asynccontextmanager
    async def set_up(put: Put, folder: Path) -> AsyncIterator[None]:
        put(**{name: value.format(folder=folder) for name, value in variables.items()})
        yield

    return set_up


def with_gateway(*commands: str, options: SimulatorOptions | None = None, **variables: str) -> SetUp:
    @asynccontextmanager
    async def set_up(put: Put, _folder: Path) -> AsyncIterator[None]:
        async with running_gateway(options) as simulator:
            put(IBACTORS_GATEWAY_PORT=str(simulator.ports.port), **variables)
            await _do(simulator, commands)
            yield

    return set_up


async def _do(simulator: Gateway, commands: tuple[str, ...]) -> None:
    for words in commands:
        await simulator.do(words)


def with_listener(variable: str, says: bytes) -> SetUp:
    """Another program at a port of ours."""

    async def answer(stream: trio.SocketStream) -> None:
        if says:
            await stream.send_all(says)
        await stream.receive_some()
        await trio.sleep(0 if says else DEADLINE)

    @asynccontextmanager
    async def set_up(put: Put, _folder: Path) -> AsyncIterator[None]:
        async with trio.open_nursery() as nursery:
            listeners = await nursery.start(trio.serve_tcp, answer, 0)
            put(**{variable: str(listeners[0].socket.getsockname()[1])}, IBACTORS_CONNECT_TIMEOUT_SECONDS="1")
            yield
            nursery.cancel_scope.cancel(reason="the test is over")

    return set_up


@asynccontextmanager
async def with_a_key_that_is_refused(put: Put, _folder: Path) -> AsyncIterator[None]:
    async with keyed_service() as service:
        put(IBACTORS_URL=service.url, IBACTORS_API_KEY="ibk_of-nobody")
        yield


@asynccontextmanager
async def with_halted_trading(put: Put, folder: Path) -> AsyncIterator[None]:
    async with trading_service(folder) as service:
        put(IBACTORS_URL=service.url)
        assert (await service.http.post("/trading/halt", json={"reason": "lunch"})).status_code == 200
        yield


MANAGED = {"IBACTORS_GATEWAY": "managed"}
INSTALLED = {**MANAGED, "IBACTORS_GATEWAY_VERSION": "1037"}
BROKEN: list[tuple[str, str, Verdict, SetUp]] = [
    ("settings", "did you mean IBACTORS_GATEWAY_PORT", Verdict.WRONG, with_settings(IBACTORS_GATEWAYPORT="4001")),
    ("address", "ibactors key new", Verdict.WRONG, with_settings(IBACTORS_HOST="0.0.0.0")),
    ("certificate", "IBACTORS_TLS_CERTIFICATE", Verdict.WRONG, with_settings(IBACTORS_TLS_KEY="key.pem")),
    ("keys", "trade", Verdict.WARNING, with_settings(IBACTORS_API_KEYS=LINES["read"], IBACTORS_TRADING="paper")),
    ("state", "IBACTORS_STATE_PATH", Verdict.WRONG, with_settings(IBACTORS_STATE_PATH="/dev/null/x", IBACTORS_TRADING="paper")),
    ("gateway program", "IBACTORS_GATEWAY_PATH", Verdict.WRONG, with_settings(**MANAGED, IBACTORS_GATEWAY_PATH="{folder}")),
    (
        "launcher",
        "IBACTORS_IBC_PATH",
        Verdict.WRONG,
        with_settings(**INSTALLED, IBACTORS_IBC_PATH="{folder}"),
    ),
    ("java", "default-jre", Verdict.WRONG, with_settings(**INSTALLED, PATH="{folder}")),
    ("display", "xvfb", Verdict.WRONG, with_settings(**MANAGED, PATH="{folder}")),
    ("service", "set PORT", Verdict.WRONG, with_listener("PORT", b"220 smtp\r\n")),
    ("key", "IBACTORS_API_KEY", Verdict.WRONG, with_a_key_that_is_refused),
    ("orders", "ibactors resume", Verdict.WARNING, with_halted_trading),
    ("gateway", "IBACTORS_GATEWAY_PORT", Verdict.WRONG, with_settings()),
    ("gateway", "IBACTORS_GATEWAY_PORT", Verdict.WRONG, with_listener("IBACTORS_GATEWAY_PORT", b"HTTP/1.1 400 Bad Request\r\n\r\n")),
    ("gateway", "whether to accept the connection", Verdict.WRONG, with_listener("IBACTORS_GATEWAY_PORT", b"")),
    ("client id", "IBACTORS_CLIENT_ID", Verdict.WRONG, with_gateway("occupy 4817")),
    ("accounts", "IBACTORS_ACCOUNT_TYPE", Verdict.WARNING, with_gateway(options=SimulatorOptions(accounts=("U7654321",)))),
    ("orders", "Read-Only API", Verdict.WRONG, with_gateway("read-only on", IBACTORS_TRADING="paper")),
    ("market data", "subscri", Verdict.WARNING, with_gateway("delayed on")),
    ("market data", "10197", Verdict.WRONG, with_gateway("competing on")),
]


@pytest.mark.parametrize(("name", "says", "verdict", "set_up"), BROKEN, ids=[f"{row[0]}-{row[1]}" for row in BROKEN])
async def test_broken_set_up_is_named_with_its_remedy(
    put: Put, tmp_path: Path, name: str, says: str, verdict: Verdict, set_up: SetUp
) -> None:
    async with set_up(put, tmp_path):
        found = {one.name: one for one in await findings()}
    assert (found[name].verdict, says in found[name].says) == (verdict, True), found[name].says


@pytest.fixture(autouse=True)
def _in_no_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway, "PATIENCE", DEADLINE)
    monkeypatch.setattr(gateway, "LISTING", DEADLINE)


async def test_sound_set_up_has_nothing_wrong(put: Put, tmp_path: Path) -> None:
    async with with_gateway()(put, tmp_path):
        assert {one.verdict for one in await findings()} == {Verdict.OK}
    async with keyed_service(quote_timeout=60.0) as service:
        await service.until("/health", lambda response: response.json()["status"] == "healthy")
        put(IBACTORS_URL=service.url)
        assert {one.verdict for one in await findings("--key", KEYS["read"])} == {Verdict.OK}


def test_exit_status_and_json_say_the_same(put: Put, capsys: pytest.CaptureFixture[str], restored_logging: None) -> None:  # noqa: ARG001
    put(IBACTORS_GATEWAYPORT="1")
    arguments = cli.make_parser(["doctor"], _no_program).parse_args(["doctor", "--json"])
    assert command.run(Settings(), arguments) == 1
    out, err = capsys.readouterr()
    assert [json.loads(line)["verdict"] for line in out.splitlines()] == ["wrong"]
    assert err == "ibactors: 1 of 1 things is wrong.\n"
    arguments = cli.make_parser(["doctor"], _no_program).parse_args(["doctor"])
    assert command.run(Settings(), arguments) == 1
    assert capsys.readouterr().out.startswith("WRONG  settings  IBACTORS_GATEWAYPORT is set")
