"""Bodies of requests: how large they may be, how long they may take, and what becomes of the answer to one that is refused."""

from collections.abc import AsyncIterator

import httpx2 as httpx
import pytest
import trio

from ibactors.service import Terms
from ibactors.web.edge.timeouts import Timeouts
from ibactors.web.gate.terms import GateTerms
from tests.conftest import DEADLINE, Service, running_service
from tests.service.keyed import exchange

JSON = {"Content-Type": "application/json"}
HEAD = b"POST /auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
TOO_MUCH = 70_000


async def test_body_may_have_64_kib(service: Service) -> None:
    async def parts(size: int) -> AsyncIterator[bytes]:
        for _ in range(size // 1024):
            yield b" " * 1024

    for size, status in ((64, 422), (65, 413)):
        assert (await service.http.post("/auth/login", content=b" " * size * 1024, headers=JSON)).status_code == status
        assert (await service.http.post("/auth/login", content=parts(size * 1024), headers=JSON)).status_code == status
    assert (await service.http.request("GET", "/health", content=b"x" * TOO_MUCH)).status_code == 413


async def test_body_that_does_not_come_is_a_408() -> None:
    async with running_service(terms=Terms(gate=GateTerms(body_timeout=0.2))) as service:
        answer = await exchange(service, HEAD + b"Content-Length: 50\r\n\r\n{")
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"\r\nconnection: close\r\n" in answer.lower()


async def test_client_that_goes_on_sending_gets_the_answer() -> None:
    """It takes longer than a silent one would be waited for, and reads only when it has sent everything."""
    async with running_service(terms=Terms(edge=Timeouts(silence=1.0))) as service:
        stream = await trio.open_tcp_stream("127.0.0.1", int(service.url.rsplit(":", 1)[1]))
        async with stream:
            await stream.send_all(HEAD + f"Content-Length: {TOO_MUCH}\r\n\r\n".encode())
            for _ in range(14):
                await stream.send_all(b"x" * (TOO_MUCH // 14))
                await trio.sleep(0.1)
            answer = b""
            with trio.fail_after(DEADLINE):
                async for data in stream:
                    answer += data
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"request_too_large" in answer


async def test_client_that_sends_for_ever_is_left() -> None:
    async with running_service(terms=Terms(edge=Timeouts(linger=0.2))) as service:
        stream = await trio.open_tcp_stream("127.0.0.1", int(service.url.rsplit(":", 1)[1]))
        async with stream:
            await stream.send_all(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
            with trio.fail_after(DEADLINE), pytest.raises(trio.BrokenResourceError):
                while True:
                    await stream.send_all(b"400\r\n" + b"x" * 1024 + b"\r\n")
                    await trio.sleep(0.001)


async def test_client_that_was_refused_may_ask_again_at_once(service: Service) -> None:
    """From a thread, as in this one the service would always be faster than its client."""

    def ask() -> list[int]:
        with httpx.Client(base_url=service.url, timeout=DEADLINE) as http:
            return [status for _ in range(50) for status in (refused(http), http.get("/health").status_code)]

    def refused(http: httpx.Client) -> int:
        return http.post("/auth/login", content=(b" " * 1024 for _ in range(TOO_MUCH // 1024)), headers=JSON).status_code

    assert await trio.to_thread.run_sync(ask) == [413, 200] * 50


async def test_connection_outlives_a_request_that_was_read(service: Service) -> None:
    """Also when it is refused."""
    response = await service.http.post("/auth/login", content=b"{}", headers=JSON)
    assert (response.status_code, response.headers.get("connection")) == (422, None)
