"""What the gate decides besides keys: hosts, origins, proxies, rates, logins, bodies; and what it adds to each response."""

import json
import re

import pytest
import structlog
import trio

from ibactors.config import read_settings
from ibactors.config.access import Network
from ibactors.keys import read_keys
from ibactors.limits import Rate
from ibactors.service import Terms
from ibactors.web.edge.timeouts import Timeouts
from tests.conftest import DEADLINE, AuditLog, Service, running_service
from tests.service.keyed import KEYS, LINES, WRONG, bearer, exchange, keyed_service, upgrade
from tests.service.logins import PASSWORD, managed_service

DESK = "https://desk.example"
LOGIN = {"username": "demo", "password": "wrong", "account_type": "paper"}


def proxies(text: str) -> tuple[Network, ...]:
    return read_settings({"IBACTORS_TRUSTED_PROXIES": text}).trusted_proxies


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "127.0.0.1:1", "127.8.9.10", "[::1]:8000", "ibactors.localhost"])
async def test_names_of_this_machine_are_welcome(service: Service, host: str) -> None:
    assert (await service.http.get("/accounts", headers={"Host": host})).status_code == 200


@pytest.mark.parametrize(
    "host", ["rebound.example", "localhost.example", "127.0.0.1.example", "10.0.0.1", "127.0.0.1@x", "[::2]", "localhost:x"]
)
async def test_other_names_are_refused_on_loopback(service: Service, host: str) -> None:
    response = await service.http.get("/accounts", headers={"Host": host})
    assert (response.status_code, response.json()["code"]) == (403, "host_not_allowed")
    assert await upgrade(service, Host=host) == 403


async def test_names_may_be_allowed_by_setting() -> None:
    async with running_service(allowed_hosts=("desk.example",)) as service:
        assert (await service.http.get("/health", headers={"Host": "desk.example:80"})).status_code == 200
        assert (await service.http.get("/health", headers={"Host": "other.example"})).status_code == 403


async def test_any_name_will_do_where_others_can_reach_the_service() -> None:
    async with running_service(host="0.0.0.0", allow_anonymous=True) as service:
        assert (await service.http.get("/health", headers={"Host": "ibactors:8000"})).status_code == 200


async def test_strangers_without_keys_may_not_look_inside() -> None:
    async with running_service(host="0.0.0.0", allow_anonymous=True) as service:
        assert (await service.http.get("/accounts")).status_code == 200
        assert (await service.http.get("/debug/actors")).status_code == 403


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:1", "http://localhost.evil.example"])
async def test_pages_of_other_sites_are_refused(service: Service, origin: str) -> None:
    for method, path in (("GET", "/accounts"), ("POST", "/auth/ticket"), ("OPTIONS", "/accounts")):
        response = await service.http.request(method, path, headers={"Origin": origin})
        assert (response.status_code, response.json()["code"]) == (403, "origin_not_allowed")
        assert "access-control-allow-origin" not in response.headers
    assert await upgrade(service, Origin=origin) == 403


@pytest.mark.parametrize("path", ["/accounts", "/market/quotes?symbols=AAPL,MSFT", "/market/stream?symbols=AAPL", "/metrics"])
@pytest.mark.parametrize(("site", "mode"), [("cross-site", "no-cors"), ("cross-site", "navigate"), ("same-site", "no-cors")])
async def test_blind_requests_of_other_sites_pages_are_refused_where_there_are_data(
    service: Service, path: str, site: str, mode: str
) -> None:
    response = await service.http.get(path, headers={"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode})
    assert (response.status_code, response.json()["code"]) == (403, "origin_not_allowed")


@pytest.mark.parametrize(
    ("path", "site"), [("/", "cross-site"), ("/ui", "cross-site"), ("/accounts", "same-origin"), ("/accounts", "none")]
)
async def test_links_to_pages_and_own_requests_are_welcome(service: Service, path: str, site: str) -> None:
    assert (await service.http.get(path, headers={"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate"})).status_code == 200


async def test_allowed_site_may_fetch_across_sites() -> None:
    async with running_service(allowed_origins=("https://desk.example",)) as service:
        headers = {"Sec-Fetch-Site": "cross-site", "Origin": "https://desk.example"}
        assert (await service.http.get("/accounts", headers=headers)).status_code == 200


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}])
async def test_refusals_count_in_the_rate(headers: dict[str, str]) -> None:
    async with running_service(rate_on_loopback=Rate(0.1, 2)) as service:
        assert [(await service.http.get("/accounts", headers=headers)).status_code for _ in range(3)] == [403, 403, 429]


async def test_own_pages_are_welcome(service: Service) -> None:
    assert (await service.http.get("/accounts", headers={"Origin": service.url})).status_code == 200
    assert await upgrade(service, Host="localhost:8000", Origin="http://localhost:8000") == 101


async def test_allowed_site_gets_what_a_browser_asks_for() -> None:
    async with keyed_service(allowed_origins=(DESK,)) as service:
        asked = {"Origin": DESK, "Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}
        preflight = await service.http.options("/accounts", headers=asked)
        assert preflight.status_code == 204
        assert preflight.headers["access-control-allow-origin"] == DESK
        assert "GET" in preflight.headers["access-control-allow-methods"]
        assert "Authorization" in preflight.headers["access-control-allow-headers"]
        for headers in (bearer("read"), bearer(WRONG)):
            response = await service.http.get("/accounts", headers={"Origin": DESK, **headers})
            assert response.headers["access-control-allow-origin"] == DESK
            assert response.headers["vary"] == "Origin"
            assert "RateLimit-Remaining" in response.headers["access-control-expose-headers"]
        assert await upgrade(service, Origin=DESK, **bearer("stream")) == 101


async def test_options_tells_what_a_path_takes(service: Service) -> None:
    response = await service.http.options("/auth/login")
    assert (response.status_code, response.headers["allow"]) == (204, "OPTIONS, POST")


async def test_forwarded_headers_are_believed_from_trusted_proxies_alone(audit_log: AuditLog) -> None:
    forwarded = {"X-Forwarded-For": "6.6.6.6, 203.0.113.9, 127.0.0.1", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "desk.example"}
    async with keyed_service() as service:
        response = await service.http.get("/accounts", headers={**bearer("read"), **forwarded})
        assert "strict-transport-security" not in response.headers
    async with keyed_service(trusted_proxies=proxies("127.0.0.0/8"), allowed_hosts=("desk.example",)) as service:
        response = await service.http.get("/accounts", headers={**bearer("read"), **forwarded, "Origin": DESK})
        assert response.status_code == 200
        assert response.headers["strict-transport-security"] == "max-age=31536000"
    assert [line["address"] for line in audit_log.of("key_used")] == ["127.0.0.1", "203.0.113.9"]


async def test_key_has_its_own_rate() -> None:
    async with keyed_service(rate_per_key=Rate(1.0, 3)) as service:
        answers = [await service.http.get("/accounts", headers=bearer("read")) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert [answer.headers["ratelimit-remaining"] for answer in answers] == ["2", "1", "0", "0"]
        assert {answer.headers["ratelimit-limit"] for answer in answers} == {"3"}
        assert answers[3].headers["retry-after"] == "1"
        assert answers[3].json()["code"] == "rate_limited"
        assert (await service.http.get("/debug/actors", headers=bearer("admin"))).status_code == 200


async def test_address_has_its_own_rate_which_keys_do_not_use_up() -> None:
    async with keyed_service(rate_per_address=Rate(0.1, 3), trusted_proxies=proxies("127.0.0.1"), wait=False) as service:
        first, second, neighbour = ({"X-Forwarded-For": address} for address in ("203.0.113.9", "2001:db8::1", "2001:db8::2"))
        for headers in (first, second):
            answers = [(await service.http.get("/accounts", headers=headers)).status_code for _ in range(4)]
            assert answers == [401, 401, 401, 429]
        assert (await service.http.get("/accounts", headers=neighbour)).status_code == 429
        # What was refused has not cost the address its health checks, which count among themselves.
        assert [(await service.http.get("/health", headers=first)).status_code for _ in range(4)] == [200, 200, 200, 429]
        assert (await service.http.get("/debug/actors", headers={**bearer("admin"), **first})).status_code == 200
        assert (await service.http.get("/health")).status_code == 200


@pytest.mark.parametrize(
    ("hops", "neighbour"),
    [
        (("203.0.113.9:1000", "203.0.113.9:1001", "203.0.113.9"), "203.0.113.10:1000"),
        (("[2001:db8::1]:443", "2001:db8::7", '"[2001:db8::2]:1"'), "[2001:db8:0:1::1]:443"),
        (("unknown", "unknown", "unknown"), "203.0.113.9"),
        (("6.6.6.6, _hidden", "7.7.7.7,_hidden", "_hidden"), "_other"),
        (("203.0.113.9:5, 127.0.0.1:80", "203.0.113.9, 127.0.0.1", "203.0.113.9:"), "203.0.113.8, 127.0.0.1:80"),
    ],
)
async def test_hop_with_a_port_is_its_address_and_one_that_is_none_counts_as_itself(hops: tuple[str, str, str], neighbour: str) -> None:
    async with keyed_service(rate_per_address=Rate(0.01, 2), trusted_proxies=proxies("127.0.0.1"), wait=False) as service:
        answers = [(await service.http.get("/health", headers={"X-Forwarded-For": hop})).status_code for hop in hops]
        assert answers == [200, 200, 429]
        assert (await service.http.get("/health", headers={"X-Forwarded-For": neighbour})).status_code == 200


async def test_programs_of_this_machine_may_be_limited_by_setting() -> None:
    async with running_service(rate_on_loopback=Rate(0.1, 2), wait=False) as service:
        assert [(await service.http.get("/health")).status_code for _ in range(3)] == [200, 200, 429]
        assert [await upgrade(service) for _ in range(3)] == [101, 101, 429]


async def test_sixth_login_in_fifteen_minutes_is_refused(audit_log: AuditLog) -> None:
    wrong = {"username": "wrong", "password": PASSWORD, "account_type": "paper"}
    async with managed_service(api_keys=read_keys(LINES["login"]), login_attempts=5) as service:
        for _ in range(5):
            assert (await service.http.post("/auth/login", json=wrong, headers=bearer("login"))).status_code == 401
        refused = await service.http.post("/auth/login", json=wrong, headers=bearer("login"))
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_logins")
        assert 800 < int(refused.headers["retry-after"]) <= 900
        assert [line["caller"] for line in audit_log.of("refused")] == ["login"]
        assert (await service.http.get("/auth/status", headers=bearer("login"))).status_code == 200


async def test_login_that_was_not_tried_does_not_count() -> None:
    async with running_service() as service:
        for _ in range(7):
            assert (await service.http.post("/auth/login", json=LOGIN)).status_code == 409
            assert (await service.http.post("/auth/login", json={})).status_code == 422
            assert (await service.http.post("/auth/login", content=b"{}")).status_code == 415


async def test_large_head_is_a_431(service: Service) -> None:
    assert (await exchange(service, b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 20_000)).startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize("path", ["/health", "/accounts", "/docs", "/ui", "/nowhere", "/docs/assets/swagger-ui.css", "/ws/stream"])
async def test_every_response_has_the_headers_that_browsers_heed(service: Service, path: str) -> None:
    headers = (await service.http.get(path)).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert "default-src" in headers["content-security-policy"]
    assert "unsafe-inline" not in headers["content-security-policy"].split("style-src")[0]
    assert ("no-store" in headers["cache-control"]) == (path not in {"/ui", "/docs/assets/swagger-ui.css"})
    assert "server" not in headers
    assert len(headers.get_list("x-content-type-options")) == 1


async def test_request_id_is_in_response_problem_and_log(service: Service, audit_log: AuditLog) -> None:
    response = await service.http.get("/account/summary?account=U0000000")
    assert response.headers["x-request-id"] == response.json()["request_id"]
    assert (await service.http.get("/health", headers={"X-Request-Id": "mine-1"})).headers["x-request-id"] == "mine-1"
    for unfit in ("a b", "x" * 100, '"', "\u20ac".encode().decode("latin-1")):
        given = await service.http.get("/health", headers={b"X-Request-Id": unfit.encode("latin-1")})
        assert re.fullmatch("[0-9a-f]{8}-[0-9a-f]+", given.headers["x-request-id"])
    await service.http.get("/debug/actors", headers={"X-Request-Id": "mine-2"})
    assert audit_log.of("acted")[-1]["request_id"] == "mine-2"


async def test_audit_log_tells_who_did_what_and_no_secret(audit_log: AuditLog, caplog: pytest.LogCaptureFixture) -> None:
    async with keyed_service() as service:
        for _ in range(3):
            await service.http.get("/accounts", headers=bearer("read"))
            await service.http.get("/accounts", headers=bearer(WRONG))
            await service.http.get("/debug/actors", headers=bearer("read"))
        await service.http.get(f"/accounts?api_key={KEYS['read']}")
        await service.http.post("/auth/login", json=LOGIN, headers=bearer("login"))
        await service.http.get("/debug/tasks", headers=bearer("admin"))
    used = [line["caller"] for line in audit_log.of("key_used")]
    assert used == ["read", "login", "admin"]
    refused = [(line["caller"], line["code"], line["path"]) for line in audit_log.of("refused")]
    assert ("-", "api_key_invalid", "'/accounts'") in refused
    assert ("read", "scope_missing", "'/debug/actors'") in refused
    assert ("-", "api_key_in_url", "'/accounts'") in refused
    assert len(refused) == 3
    acted = [(line["caller"], line["scope"], line["path"], line["status"]) for line in audit_log.of("acted")]
    assert acted == [("login", "login", "'/auth/login'", 409), ("admin", "admin", "'/debug/tasks'", 200)]
    everything = json.dumps(audit_log.events) + "".join(
        line for line in caplog.text.splitlines() if "httpx" not in line and "HTTP Request" not in line
    )
    assert not any(secret in everything for secret in (*KEYS.values(), WRONG, LOGIN["password"] + '"'))


async def test_scraper_fills_no_audit_log(audit_log: AuditLog) -> None:
    async with keyed_service() as service:
        for _ in range(10):
            assert (await service.http.get("/metrics", headers=bearer("admin"))).status_code == 200
            await service.http.get("/auth/status", headers=bearer("login"))
        for key in ("read", "admin"):
            await service.http.get("/metrics", headers=bearer(key))
        for _ in range(2):
            await service.http.post("/auth/login", json=LOGIN, headers=bearer("login"))
    acted = [(line["caller"], line["path"], line["times"]) for line in audit_log.of("acted")]
    login = ("login", "'/auth/login'", 1)
    assert acted == [("admin", "'/metrics'", 1), ("login", "'/auth/status'", 1), login, login]
    assert [(line["caller"], line["code"]) for line in audit_log.of("refused")] == [("read", "scope_missing")]


async def test_admin_port_needs_no_key_and_gives_nothing_else(capfd: pytest.CaptureFixture[str]) -> None:
    async with keyed_service(admin_port=0) as service:
        found = re.search(r"serving_admin .*url=(\S+)", capfd.readouterr().err)
        assert found is not None
        assert (await service.http.get(f"{found[1]}/metrics")).status_code == 200
        assert (await service.http.get(f"{found[1]}/debug/tasks")).status_code == 200
        assert (await service.http.get(f"{found[1]}/accounts")).status_code == 403
        assert (await service.http.get(f"{found[1]}/debug/tasks", headers={"Host": "rebound.example"})).status_code == 403
        assert (await service.http.get("/metrics")).status_code == 401


async def test_too_many_connections_are_turned_away_and_others_go_on() -> None:
    async with running_service(max_connections=3) as service:
        port = int(service.url.rsplit(":", 1)[1])
        taken = [await trio.open_tcp_stream("127.0.0.1", port) for _ in range(2)]
        refused = await trio.open_tcp_stream("127.0.0.1", port)
        with trio.fail_after(DEADLINE):
            assert (await refused.receive_some()).startswith(b"HTTP/1.1 503 ")
        assert (await service.get("/health"))["status"] == "healthy"
        for client in (*taken, refused):
            await client.aclose()
        async with service.stream() as stream:
            await stream.send(action="ping")
            await stream.expect("pong")


async def test_head_that_does_not_come_is_not_waited_for() -> None:
    async with running_service(terms=Terms(edge=Timeouts(head=0.5)), wait=False) as service:
        stream = await trio.open_tcp_stream("127.0.0.1", int(service.url.rsplit(":", 1)[1]))
        async with stream:
            await stream.send_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\n")
            with trio.fail_after(DEADLINE):
                assert await stream.receive_some() == b""


def test_no_structlog_context_is_left_behind() -> None:
    assert "request_id" not in structlog.contextvars.get_contextvars()
