"""HTTP/1 from raw sockets: what is no request gets a problem document, what is one gets its answer, and what is to be closed is closed."""

import json
import re
import time
from functools import partial

import pytest
import trio

from ibactors.limits import Rate
from ibactors.sim import SimulatorOptions
from tests.conftest import DEADLINE, Service, eventually, running_service
from tests.service.raw import connected, said, statuses, until_closed


def get(path: str, *lines: str, method: str = "GET", version: str = "1.1", body: bytes = b"") -> bytes:
    head = f"{method} {path} HTTP/{version}\r\n" + "".join(f"{line}\r\n" for line in ("Host: localhost", *lines))
    return f"{head}\r\n".encode("latin-1") + body


CLOSING = ("Connection: close",)
CHUNKED = ("Transfer-Encoding: chunked", "Content-Type: application/json")


@pytest.mark.parametrize("path", ["/health", "/accounts", "/account/summary", "/nowhere", "/market/quote/AAPL"])
@pytest.mark.parametrize(("version", "lines"), [("1.1", CLOSING), ("1.0", ()), ("1.1", ("Connection: Close, x",))])
async def test_last_request_gets_its_answer_whatever_follows_it(service: Service, path: str, version: str, lines: tuple[str, ...]) -> None:
    request = get(path, *lines, version=version)
    for rest in (b"\r\n", b"GET /health HTTP/1.1\r\n", b"\x00" * 3000):
        for data in ((request + rest,), (request, rest)):
            received = await said(service, *data)
            assert statuses(received) == [404 if path == "/nowhere" else 200]
            assert b"\r\nconnection: close\r\n" in received.lower()


@pytest.mark.parametrize(
    "lines",
    [
        ("Content-Length: 4", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: chunked", "Content-Length: 0"),
        ("transfer-encoding: Chunked", "Content-Length: 5", "Content-Length: 5"),
    ],
)
@pytest.mark.parametrize("path", ["/health", "/auth/ticket", "/nowhere"])
async def test_two_lengths_are_refused_and_nothing_after_them_is_read(service: Service, path: str, lines: tuple[str, ...]) -> None:
    received = await said(service, get(path, *lines, method="POST", body=b"0\r\n\r\n") + get("/health"))
    assert statuses(received) == [400]
    assert problem(received)["code"] == "bad_request"


def problem(received: bytes) -> dict[str, str]:
    head, _, body = received.partition(b"\r\n\r\n")
    assert b"\r\ncontent-type: application/problem+json" in head.lower()
    assert b"\r\nconnection: close" in head.lower()
    found: dict[str, str] = json.loads(body)
    return found


BROKEN = {
    "no HTTP": (b"hello\r\n\r\n", 400),
    "TLS where there is none": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    "HTTP/0.9": (b"GET /health\r\n\r\n", 400),
    "no Host": (b"GET /health HTTP/1.1\r\n\r\n", 400),
    "two Hosts": (get("/health", "Host: other"), 400),
    "blank in a name": (get("/health", "X : y"), 400),
    "NUL in a value": (get("/health", "X: \x00"), 400),
    "bad length": (get("/health", "Content-Length: -1"), 400),
    "two lengths that differ": (get("/health", "Content-Length: 1", "Content-Length: 2"), 400),
    "unknown coding": (get("/health", "Transfer-Encoding: gzip"), 501),
    "endless head": (b"GET / HTTP/1.1\r\nX: " + b"a" * 100_000, 431),
    "endless heads": (b"GET / HTTP/1.1\r\n" + b"X: a\r\n" * 20_000, 431),
    "head of many lines": (b"GET / HTTP/1.1\r\n" + b"a:\r\n" * 3000 + b"\r\n", 431),
    "head of many bare lines": (b"GET / HTTP/1.1\n" + b"a:\n" * 129 + b"\n", 431),
    "query of many parts": (get("/nowhere?" + "&".join(["a=%41"] * 2700)), 431),
    "path of many escapes": (get("/" + "%41" * 5000), 431),
    "line of many media ranges": (get("/", "Accept: " + "a/b," * 3900), 431),
    "line of many parameters": (get("/", "Accept: text/html" + ";a=b" * 3900), 431),
    "trailer of many lines": (get("/auth/ticket", *CHUNKED, method="POST", body=b"0\r\n" + b"a:\r\n" * 3000 + b"\r\n"), 400),
    "bad chunk": (get("/auth/ticket", *CHUNKED, method="POST", body=b"zz\r\n"), 400),
    "chunk without its end": (get("/auth/ticket", *CHUNKED, method="POST", body=b"1\r\naa\r\n"), 400),
    "bad chunk where no body belongs": (get("/health", *CHUNKED, body=b"zz\r\n"), 400),
    "bad trailer": (get("/auth/ticket", *CHUNKED, method="POST", body=b"0\r\n: x\r\n\r\n"), 400),
    "endless extension": (get("/auth/ticket", *CHUNKED, method="POST", body=b"1;" + b"a" * 50_000), 431),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_what_is_no_request_gets_a_problem_document(service: Service, name: str) -> None:
    data, status = BROKEN[name]
    received = await said(service, data)
    assert statuses(received) == [status]
    assert problem(received)["status"] == status
    assert statuses(await said(service, get("/health") + data))[:2] == [200, status]


def in_chunks(size: int, number: int) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (size, b" " * size) for _ in range(number)) + b"0\r\n\r\n"


@pytest.mark.parametrize("path", ["/health", "/auth/ticket", "/auth/login"])
async def test_body_in_tens_of_thousands_of_parts_is_refused_at_little_cost(service: Service, path: str) -> None:
    method = "GET" if path == "/health" else "POST"
    begun = time.process_time()
    assert statuses(await said(service, get(path, *CHUNKED, method=method, body=in_chunks(1, 60_000)))) == [400]
    assert time.process_time() - begun < 0.5


async def test_body_may_come_in_parts(service: Service) -> None:
    for size, number in ((1, 500), (128, 500), (65_000, 1)):
        request = get("/auth/ticket", *CHUNKED, *CLOSING, method="POST", body=in_chunks(size, number))
        assert statuses(await said(service, request[:50], request[50:])) == [200]


TARGETS = [
    "http://[",
    "http://[::1",
    "http://%E2%84%80/",
    "https://a@b/health",
    "http://a:port/",
    "http:///health",
    "//[",
    "ftp://a/",
    "*",
    "a:1",
    "%2Fhealth",
    "http%3A//localhost/health",
    "x",
]


@pytest.mark.parametrize("target", TARGETS)
async def test_target_that_cannot_be_read_is_a_400(service: Service, target: str) -> None:
    received = await said(service, get(target, *CLOSING))
    assert statuses(received) == [404 if target.startswith("/") else 400]
    assert problem(received)["code"] == ("not_found" if target.startswith("/") else "bad_request")


async def test_head_may_have_some_lines(service: Service) -> None:
    lines = [f"X-{number}: y" for number in range(100)]
    data = get("/health", *lines) * 3 + get("/health", *lines, *CLOSING)
    assert statuses(await said(service, data)) == [200] * 4


async def test_head_may_have_some_parts_in_query_and_lines(service: Service) -> None:
    # A browser sends all the cookies of its programs on this machine; nobody here reads them.
    lines = ["X-Forwarded-For: " + ", ".join(["a"] * 100), "Cookie: " + "; ".join(["a=b"] * 1000), "User-Agent: " + ";" * 500]
    target = "/nowhere?" + "&".join(["a=%41"] * 100)
    assert statuses(await said(service, get(target, *lines), get(target, *lines, *CLOSING))) == [404, 404]


async def test_head_that_comes_while_an_answer_is_waited_for_is_no_longer_than_others(service: Service) -> None:
    waiting = get("/docs/assets/swagger-ui.css")
    received = await said(service, waiting + get("/health", "X: " + "a" * 40_000))
    assert statuses(received) == [200, 431]


async def test_target_may_be_a_url(service: Service) -> None:
    for target in ("http://localhost/health", "HTTP://127.0.0.1:8000/health", "http://[::1]:1/health", "https://any.example"):
        assert statuses(await said(service, get(target, *CLOSING))) == [200]


@pytest.mark.parametrize(
    "request_",
    [
        get("http://["),
        get("*", method="OPTIONS"),
        get("/health", "Origin: https://evil.example"),
        get("/health").replace(b"localhost", b"evil"),
    ],
)
async def test_what_is_refused_counts(request_: bytes) -> None:
    async with running_service(rate_on_loopback=Rate(0.01, 4), wait=False) as service:
        received = await said(service, request_ * 6 + get("/health", *CLOSING))
        # What is open has a rate of its own, so that the last answer is no part of it.
        assert statuses(received)[4:6] == [429] * 2
        assert 429 not in statuses(received)[:3]


async def test_expectation_is_met_when_the_body_is_wanted_and_not_before(service: Service) -> None:
    async with connected(service) as stream:
        await stream.send_all(get("/auth/ticket", "Expect: 100-continue", "Content-Length: 2", *CLOSING, method="POST"))
        assert (await stream.receive_some()).startswith(b"HTTP/1.1 100 ")
        await stream.send_all(b"{}")
        assert statuses(await until_closed(stream)) == [200]
    too_much = get("/auth/ticket", "Expect: 100-continue", "Content-Length: 999999", method="POST")
    assert statuses(await said(service, too_much)) == [413]


# clients that leave

LEAVING = {
    "hangs up": b"",
    "has sent another request": get("/health"),
    "has sent half a request": get("/health")[:20],
    "has sent many": get("/health") * 500,
}


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("manner", LEAVING)
async def test_client_that_leaves_a_long_poll_is_noticed(manner: str, reset: bool) -> None:
    async with running_service(options=SimulatorOptions(rate=0.01)) as service:
        quote = await service.get("/market/quote/AAPL")
        with trio.move_on_after(1):
            quote = await service.get(f"/market/quote/AAPL?wait=1&after={quote['timestamp']}")
        tasks = trio.lowlevel.current_statistics().tasks_living
        poll = get(f"/market/quote/AAPL?wait=60&after={quote['timestamp']}")
        async with trio.open_nursery() as nursery:
            for _ in range(10):
                nursery.start_soon(leave, service, poll + LEAVING[manner], reset)
        await eventually(partial(released, tasks), within=10)


async def leave(service: Service, data: bytes, reset: bool) -> None:
    async with connected(service) as stream:
        await stream.send_all(data)
        await trio.sleep(0.2)
        if reset:
            stream.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")


async def released(tasks: int) -> bool:
    return trio.lowlevel.current_statistics().tasks_living <= tasks


@pytest.mark.parametrize("path", ["/health", "/accounts", "/market/quote/MSFT", "/nowhere"])
async def test_client_that_only_sends_no_more_is_answered(service: Service, path: str) -> None:
    async with connected(service) as stream:
        await stream.send_all(get(path))
        await stream.send_eof()
        assert statuses(await until_closed(stream)) == [404 if path == "/nowhere" else 200]


async def test_requests_sent_ahead_are_answered_in_their_order(service: Service) -> None:
    paths = ["/health", "/accounts", "/market/quote/AAPL", "/nowhere", "/health/live", "/account/summary"] * 30
    data = b"".join(get(path, f"X-Request-Id: id-{number}") for number, path in enumerate(paths)) + get("/health", *CLOSING)
    received = await said(service, data, within=3 * DEADLINE)
    assert [part.split(b"\r\n")[0] for part in received.split(b"x-request-id: id-")[1:]] == [b"%d" % at for at in range(len(paths))]


async def test_admin_port_has_places_of_its_own(capfd: pytest.CaptureFixture[str]) -> None:
    async with running_service(admin_port=0, max_connections=3, wait=False) as service:
        found = re.search(r"serving_admin .*url=\S+:(\d+)", capfd.readouterr().err)
        assert found is not None
        port = int(found[1])
        async with connected(service), connected(service), connected(service):
            assert (await said(service, get("/health"))).startswith(b"HTTP/1.1 503 ")
            admin = await trio.open_tcp_stream("127.0.0.1", port)
            async with admin:
                await admin.send_all(get("/health", *CLOSING))
                assert statuses(await until_closed(admin)) == [200]
