"""HTTPS and wss of the service's own, without a proxy."""

import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
import trio
import trustme
from trio_websocket import open_websocket_url

from ibactors.config import Settings
from ibactors.errors import StartupError
from ibactors.kernel.topic import Topic
from ibactors.service import USUAL, Terms
from ibactors.web.edge.timeouts import Timeouts
from ibactors.web.edge.tls import Certificate
from tests.conftest import DEADLINE, ErrorLog, Service, Stream, running_gateway, running_service
from tests.service.test_commands import command


class Authority:
    """Issues certificates for localhost into one pair of files."""

    def __init__(self, folder: Path) -> None:
        self.chain, self.key = folder / "chain.pem", folder / "key.pem"
        self.issue()

    def issue(self) -> None:
        """A new authority and a new certificate in place of the old ones."""
        self._authority = trustme.CA()
        issued = self._authority.issue_cert("localhost", "127.0.0.1")
        issued.private_key_pem.write_to_path(self.key)
        self.chain.write_bytes(b"".join(part.bytes() for part in issued.cert_chain_pems))

    def context(self) -> ssl.SSLContext:
        """What trusts the newest certificate alone."""
        context = ssl.create_default_context()
        self._authority.configure_trust(context)
        return context


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@asynccontextmanager
async def secure_service(authority: Authority, updates: Topic[Settings] | None = None, terms: Terms = USUAL) -> AsyncIterator[Service]:
    files: dict[str, Any] = {"tls_certificate": str(authority.chain), "tls_key": str(authority.key)}
    async with running_service(wait=False, updates=updates, terms=terms, **files) as service:
        assert service.url.startswith("https://")
        yield service


def client(service: Service, context: ssl.SSLContext) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=service.url, verify=context, timeout=DEADLINE)


async def test_rest_and_streams_are_served_over_tls(authority: Authority) -> None:
    async with secure_service(authority) as service:
        async with client(service, authority.context()) as http:
            response = await http.get("/market/quote/AAPL")
            assert response.status_code == 200
            assert response.headers["strict-transport-security"]
            assert (await http.post("/auth/login", content=b"x" * 70_000)).status_code == 413
        url = f"{service.url.replace('https', 'wss')}/ws/stream"
        async with open_websocket_url(url, ssl_context=authority.context()) as socket:
            stream = Stream(socket)
            await stream.send(action="subscribe", symbol="AAPL")
            await stream.expect("quote")


async def test_certificate_is_exchanged_without_dropping_anybody(authority: Authority, error_log: ErrorLog) -> None:
    updates = Topic(Settings())
    async with secure_service(authority, updates) as service:
        before = authority.context()
        url = f"{service.url.replace('https', 'wss')}/ws/stream"
        async with open_websocket_url(url, ssl_context=before) as socket:
            stream = Stream(socket)
            await stream.send(action="subscribe", symbol="AAPL")
            authority.issue()
            updates.publish(Settings())
            async with client(service, authority.context()) as http:
                assert (await http.get("/health")).status_code == 200
            async with client(service, before) as http:
                with pytest.raises(httpx.ConnectError):
                    await http.get("/health")
            await stream.expect("quote")
        authority.chain.write_text("nonsense")
        context = authority.context()
        updates.publish(Settings())
        assert "certificate_kept" in error_log.take()[0].getMessage()
        async with client(service, context) as http:
            assert (await http.get("/health")).status_code == 200


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
async def test_old_versions_are_refused(authority: Authority, version: ssl.TLSVersion) -> None:
    context = authority.context()
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = version
    context.set_ciphers("ALL:@SECLEVEL=0")
    async with secure_service(authority) as service, client(service, context) as http:
        with pytest.raises(httpx.ConnectError):
            await http.get("/health")


async def test_slow_handshakes_end_and_delay_nobody(authority: Authority) -> None:
    async with (
        secure_service(authority, terms=Terms(edge=Timeouts(handshake=2.0))) as service,
        client(service, authority.context()) as http,
    ):
        port = int(service.url.rsplit(":", 1)[1])
        slow = [await trio.open_tcp_stream("127.0.0.1", port) for _ in range(50)]
        for number, stream in enumerate(slow):
            await stream.send_all((b"\x16\x03\x01", b"GET / HTTP/1.1\r\n\r\n", b"\x00" * 100)[number % 3])
        begun = time.monotonic()
        assert (await http.get("/health")).status_code == 200
        assert time.monotonic() - begun < 1.9
        with trio.fail_after(DEADLINE):
            for stream in slow:
                try:
                    while await stream.receive_some():
                        pass
                except trio.BrokenResourceError:
                    pass
                await stream.aclose()


def test_files_that_are_no_certificate_are_named(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match=r"IBACTORS_TLS_CERTIFICATE '.*none.pem'"):
        Certificate(str(tmp_path / "none.pem"), "")


async def test_health_command_trusts_the_configured_certificate(authority: Authority) -> None:
    async with running_gateway() as gateway:
        files = {"IBACTORS_TLS_CERTIFICATE": str(authority.chain), "IBACTORS_TLS_KEY": str(authority.key)}
        async with command("serve", "--port", "0", IBACTORS_GATEWAY_PORT=str(gateway.ports.port), **files) as serve:
            port = (await serve.until(r"https://127\.0\.0\.1:(\d+)"))[1]
            async with command("health", "--live", PORT=port, **files) as health:
                assert await health.ended() == 0
