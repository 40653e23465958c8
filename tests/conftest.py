"""The whole service on real sockets, as tests use it: simulator, actors and web in one trio run, clients from their own libraries."""

import json
import logging
import os
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import httpx2 as httpx
import hypothesis
import pytest
import structlog
import trio
import wsproto.utilities
from trio_websocket import WebSocketConnection, connect_websocket_url

from ibactors.actors.connection_actor import RunSession
from ibactors.bridge.session import run_session
from ibactors.config import Settings
from ibactors.config.gateways import settings_of
from ibactors.inside import logs
from ibactors.kernel.topic import Topic
from ibactors.orders import verdicts
from ibactors.service import USUAL, Terms, run_service
from ibactors.sim import SimulatorOptions, SimulatorPorts, serve_simulator
from tests.conforming import conforming

POLL = 0.02
"""Seconds between two looks at what cannot be waited for, such as another process's state."""
GATEWAYS = int(os.environ.get("TEST_GATEWAYS", "1"))
"""Gateways of a service whose test names none; those beyond the first have its accounts, and nothing to do."""
DEADLINE = 30.0
"""Seconds after which a wait in a test has failed."""


def pytest_configure() -> None:
    logs.configure("console")
    # How long an example takes says more about the machine than about the code.
    hypothesis.settings.register_profile("untimed", deadline=None)
    hypothesis.settings.load_profile("untimed")


class ErrorLog(logging.Handler):
    """What was logged at ERROR or above."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    def take(self) -> list[logging.LogRecord]:
        """The records so far, which are thereby expected."""
        taken, self.records = self.records, []
        return taken


@pytest.fixture(autouse=True)
def error_log() -> Iterator[ErrorLog]:
    """Fails the test for every error that was logged and not taken."""
    handler = ErrorLog()
    logging.getLogger().addHandler(handler)
    yield handler
    logging.getLogger().removeHandler(handler)
    assert not [record.getMessage() for record in handler.records]


class AuditLog(logging.Handler):
    """The lines of the audit log."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        assert isinstance(record.msg, dict)
        self.events.append(record.msg)

    def of(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.events if line["event"] == event]


@pytest.fixture
def audit_log() -> Iterator[AuditLog]:
    """The lines of the audit log while the test runs."""
    handler = AuditLog()
    logging.getLogger("ibactors.audit").addHandler(handler)
    yield handler
    logging.getLogger("ibactors.audit").removeHandler(handler)


@pytest.fixture(autouse=True)
def daytime(monkeypatch: pytest.MonkeyPatch) -> None:
    """No day ends during a test, whatever the clock says; at night the absence of an order proves nothing, and it stays unknown."""
    monkeypatch.setattr(verdicts, "one_stretch", lambda start, end, _zone: end >= start)


@pytest.fixture
def restored_logging() -> Iterator[None]:
    """For tests that configure logging: it is as before afterwards."""
    root = logging.getLogger()
    handlers, level, config = root.handlers[:], root.level, structlog.get_config()
    config["processors"] = list(config["processors"])
    yield
    root.handlers, root.level = handlers, level
    structlog.configure(**config)


@dataclass(kw_only=True)
class Gateway:
    """A running simulator and its control port."""

    ports: SimulatorPorts

    async def control(self, command: str) -> str:
        """Send one command; returns the answer."""
        assert self.ports.control_port is not None
        stream = await trio.open_tcp_stream("127.0.0.1", self.ports.control_port)
        async with stream:
            await stream.send_all(f"{command}\n".encode())
            answer = b""
            with trio.fail_after(DEADLINE):
                while not answer.endswith(b"\n"):
                    chunk = await stream.receive_some()
                    if not chunk:
                        break
                    answer += chunk
        return answer.decode().strip()

    async def do(self, command: str) -> None:
        """Send a command that must work."""
        assert await self.control(command) == "ok"

    async def stats(self) -> Any:
        """What the simulator has seen."""
        return json.loads(await self.control("stats"))


@dataclass(kw_only=True)
class Service:
    """A running service."""

    url: str
    http: httpx.AsyncClient
    gateway: Gateway
    stop: trio.Event
    further: Mapping[str, Gateway] = field(default_factory=dict)
    """By name, those besides the default one."""

    async def get(self, path: str, status: int = 200) -> Any:
        """GET; the JSON of a response with the expected status."""
        response = await self.http.get(path)
        assert response.status_code == status, response.text
        return response.json()

    @asynccontextmanager
    async def stream(self, query: str = "", headers: Mapping[str, str] | None = None) -> AsyncIterator["Stream"]:
        """A WebSocket client."""
        url = f"{self.url.replace('http', 'ws', 1)}/ws/stream{query}"
        try:
            async with trio.open_nursery() as nursery:
                connection = await connect_websocket_url(
                    nursery, url, extra_headers=[(name.encode(), value.encode()) for name, value in (headers or {}).items()]
                )
                try:
                    yield Stream(connection)
                finally:
                    with trio.move_on_after(2, shield=True):
                        await connection.aclose()
                        # trio-websocket leaves the socket open when the server closed first.
                        await connection._stream.aclose()  # noqa: SLF001
                    nursery.cancel_scope.cancel(reason="the client left")
        except* wsproto.utilities.LocalProtocolError:
            # trio-websocket answers a ping that comes while it is closing, which wsproto refuses.
            pass

    async def until(self, path: str, fits: Callable[[httpx.Response], bool], within: float = DEADLINE) -> httpx.Response:
        """GET again and again until the response fits."""
        with trio.fail_after(within):
            while True:
                response = await self.http.get(path)
                if fits(response):
                    return response
                await trio.sleep(POLL)


async def eventually(check: Callable[[], Awaitable[bool]], within: float = DEADLINE) -> None:
    """Ask again and again until the answer is yes."""
    with trio.fail_after(within):
        while True:
            if await check():
                return
            await trio.sleep(POLL)


@dataclass
class Stream:
    """A WebSocket client that speaks JSON; what it receives is as described in `/asyncapi.json`."""

    connection: WebSocketConnection

    async def send(self, **message: Any) -> None:
        await self.connection.send_message(json.dumps(message))

    async def receive(self, within: float = DEADLINE) -> Any:
        with trio.fail_after(within):
            return conforming(json.loads(await self.connection.get_message()))

    async def expect(self, kind: str, within: float = DEADLINE, **members: Any) -> Any:
        """The next message of a kind with the given members; others are passed over."""
        with trio.fail_after(within):
            while True:
                message = await self.receive(within)
                if message["type"] == kind and all(message.get(key) == value for key, value in members.items()):
                    return message


@asynccontextmanager
async def running_gateway(options: SimulatorOptions | None = None) -> AsyncIterator[Gateway]:
    """A simulator on free ports."""
    async with trio.open_nursery() as nursery:
        ports = await nursery.start(serve_simulator, replace(options or SimulatorOptions(), port=0, control_port=0))
        yield Gateway(ports=ports)
        nursery.cancel_scope.cancel(reason="the test is over")


@asynccontextmanager
async def running_service(
    *,
    options: SimulatorOptions | None = None,
    run: RunSession = run_session,
    wait: bool = True,
    updates: Topic[Settings] | None = None,
    terms: Terms = USUAL,
    further: Mapping[str, SimulatorOptions] | None = None,
    **settings: Any,
) -> AsyncIterator[Service]:
    """A service behind its own simulators; by default it is connected to the first when the block begins."""
    async with AsyncExitStack() as stack:
        gateway = await stack.enter_async_context(running_gateway(options))
        configured = Settings(port=0, **{"gateway_port": gateway.ports.port, **settings})
        if further is None and configured.trading == "off" and configured.gateway == "external":
            further = {f"spare{number}": options or SimulatorOptions() for number in range(1, GATEWAYS)}
        others = {name: await stack.enter_async_context(running_gateway(one)) for name, one in (further or {}).items()}
        configured = with_further(configured, {name: {"gateway_port": other.ports.port} for name, other in others.items()})
        service = await stack.enter_async_context(serving(configured, gateway, run, updates, terms))
        service.further = others
        if wait:
            await service.until("/health", lambda response: response.json()["ib_connected"])
            with trio.move_on_after(1):
                await service.until("/health", lambda response: response.json()["status"] == "healthy")
        yield service


def with_further(settings: Settings, further: Mapping[str, Mapping[str, Any]]) -> Settings:
    """The settings of a service with more gateways, of which each has its own besides."""
    settings = replace(settings, gateways=(*settings.gateways, *further))
    return replace(settings, further={name: settings_of(name, settings, own) for name, own in further.items()})


@asynccontextmanager
async def serving(
    settings: Settings,
    gateway: Gateway,
    run: RunSession = run_session,
    updates: Topic[Settings] | None = None,
    terms: Terms = USUAL,
) -> AsyncIterator[Service]:
    """A service with these settings; stopped as by a signal when the block ends."""
    async with AsyncExitStack() as stack:
        nursery = await stack.enter_async_context(trio.open_nursery())
        stop = trio.Event()
        url = await nursery.start(partial(run_service, settings, stop=stop, run=run, updates=updates, terms=terms))
        # httpx would read all certificates of the system first, and take longer for that than most tests for the rest.
        nobody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        client = httpx.AsyncClient(base_url=url, timeout=DEADLINE, limits=httpx.Limits(max_connections=1000), verify=nobody)
        http = await stack.enter_async_context(client)
        yield Service(url=url, http=http, gateway=gateway, stop=stop)
        stop.set()


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    """A service with default settings."""
    async with running_service() as running:
        yield running
