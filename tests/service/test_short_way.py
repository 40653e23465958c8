"""The short way of the edge: it answers as the long way does, counts as it does, and leaves to it all else."""

import gc
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from types import FunctionType, ModuleType

import pytest
import structlog
import trio
from trio.testing import wait_all_tasks_blocked

from ibactors.limits import Rate
from ibactors.service import Terms
from ibactors.sim import SimulatorOptions
from ibactors.web.contract.asgi import ASGIReceiveCallable, ASGISendCallable, HTTPScope, Recall, Scope
from ibactors.web.edge.heads import Ends
from ibactors.web.edge.protocol import MOST_REQUESTS
from ibactors.web.edge.short_way import FEWEST_HEADS, MOST_HEADS, Places, ShortWay
from ibactors.web.edge.timeouts import Timeouts
from ibactors.web.front import Front
from ibactors.web.gate.access import Access
from ibactors.web.gate.audit import Audit
from ibactors.web.system import System
from tests.conftest import DEADLINE, running_service
from tests.service.kept import Answer, Kept, Ways, head, kept
from tests.service.keyed import KEYS, WRONG, keyed_service, settings_with
from tests.service.test_gate import proxies
from tests.service.test_revocation import all_keys
from tests.service.test_tls import Authority, secure_service

QUIET = SimulatorOptions(rate=0.001)
MEMORY = ("/health", "/market/quote/AAPL", "/account/summary", "/account/positions", "/account/balance", "/account/pnl")
PATHS = [
    *MEMORY,
    *(f"{path}/" for path in MEMORY),
    *(f"{path}?account=DU1234567" for path in MEMORY),
    *(f"{path}?account=DU1234567&account=DU1234567" for path in MEMORY),
    *(f"{path}?format=csv" for path in MEMORY),
    *(f"{path}?api_key={KEYS['read']}" for path in MEMORY),
    *(f"/market/quote/{rest}" for rest in ("A%41PL", "aapl", "AAPL?currency=USD", "AAPL?wait=0.01", "%00", "AAPL?currency=EURO", "%e4")),
    *("/account/summary?account=DU9999999", "/account/pnl?model=", "/account/pnl?x=1", "/accounts", "/auth/ticket", "/ws/stream"),
    *("//health", "/HEALTH", "/health#f", "/health?x=1", "/health?", "/health/live", "/nowhere"),
]
HEADS = [
    (),
    ("Origin: http://evil.example",),
    ("Origin: http://localhost",),
    ("Sec-Fetch-Site: cross-site",),
    ("Connection: Keep-Alive",),
    ("X-Request-Id: mine-1",),
    ("X-Request-Id: a b",),
    ("X-Request-Id: a", "X-Request-Id: b"),
    ("Accept: text/csv",),
    ("Accept:application/json \t",),
    ("Cookie: \xe4",),
    ("Content-Length: 0",),
    ("X-Forwarded-For: 203.0.113.9",),
    ("X-Forwarded-For: 203.0.113.9", "X-Forwarded-Proto: https", "X-Forwarded-Host: localhost"),
]
_CHANGING = re.compile(rb'"[0-9]{4}-[0-9-]+T[0-9:.]+(?:Z|\+00:00)"|"request_id":"[^"]*"')
_OWN = re.compile(r"(date|x-request-id|content-length|ratelimit-\w+): (?:\w{3}, .*|[0-9a-f]{8}-[0-9a-f]+|\d+)$")


@pytest.fixture
def ways(monkeypatch: pytest.MonkeyPatch) -> Ways:
    """Watches the short way: from outside nobody can tell."""
    return Ways.watched(monkeypatch)


def lasting(answer: Answer) -> tuple[object, ...]:
    """What must be the same whenever it is asked."""
    return answer.status, [_OWN.sub(r"\1", line) for line in answer.lines], _CHANGING.sub(b"*", answer.body)


async def asked_both_ways(connection: Kept, ways: Ways, request: bytes) -> int:
    """Ask the long way, then the short one; how often that was gone. What it answers first, and what is recalled, must be the same."""
    ways.open = False
    long = lasting(await connection.ask(request))
    ways.open = True
    for taken in range(3):
        before = ways.short
        assert lasting(await connection.ask(request)) == long, request
        if ways.short == before:
            return taken
    return 3


async def test_both_ways_answer_the_same_to_everything(ways: Ways) -> None:
    async with running_service(options=QUIET, trusted_proxies=proxies("127.0.0.0/8")) as service, kept(service) as warm:
        for path in MEMORY:
            await warm.ask(head(path), times=2)
        for path in PATHS:
            async with kept(service) as connection:
                taken = [await asked_both_ways(connection, ways, head(path, *lines)) for lines in HEADS[: None if path in MEMORY else 2]]
            assert taken[0] == (3 if path in MEMORY else taken[0])
        for method in ("OPTIONS", "POST", "get"):
            async with kept(service) as connection:
                assert not await asked_both_ways(connection, ways, head("/nowhere", method=method))


async def test_both_ways_answer_the_same_to_every_key(ways: Ways) -> None:
    async with keyed_service(options=QUIET) as service, kept(service) as connection:
        for path in MEMORY:
            await connection.ask(head(path, f"X-API-Key: {KEYS['read']}"), times=2)
        for path in MEMORY:
            for key in (*KEYS.values(), WRONG, ""):
                for lines in ((f"X-API-Key: {key}",), (f"Authorization: Bearer {key}",)):
                    taken = await asked_both_ways(connection, ways, head(path, *lines))
                    assert bool(taken) == (path == "/health" or key == KEYS["read"])
            two = head(path, f"X-API-Key: {KEYS['stream']}", f"Authorization: Bearer {KEYS['read']}")
            await asked_both_ways(connection, ways, two)


async def test_key_that_is_revoked_is_a_401_at_the_next_request(ways: Ways) -> None:
    updates = all_keys()
    async with keyed_service(updates=updates) as service, kept(service) as connection:
        for path in MEMORY[1:]:
            request = head(path, f"X-API-Key: {KEYS['read']}")
            assert (await connection.ask(request, times=4)).status == 200
            before = ways.short
            assert (await connection.ask(request)).status == 200
            assert ways.short == before + 1
            updates.publish(settings_with(updates, "stream"))
            assert (await connection.ask(request)).status == 401
            updates.publish(settings_with(updates, "stream", "read"))
            assert (await connection.ask(request)).status == 200


async def test_rate_is_counted_once_whichever_way_a_request_goes(ways: Ways) -> None:
    paths = ("/market/quote/AAPL", "/market/quote/AAPL", "/market/quote/AAPL", "/accounts", "/market/quote/AAPL", "/account/summary")
    async with keyed_service(rate_per_key=Rate(0.01, 6)) as service, kept(service) as connection:
        answers = [await connection.ask(head(path, f"X-API-Key: {KEYS['read']}")) for path in (*paths, *paths[:2])]
        assert 2 <= ways.short < 6
    assert [answer.status for answer in answers] == [200] * 6 + [429] * 2
    assert [int(answer["ratelimit-remaining"]) for answer in answers] == [5, 4, 3, 2, 1, 0, 0, 0]


async def test_quote_is_metered_once_whichever_way_a_request_goes(ways: Ways) -> None:
    async with running_service() as service, kept(service) as connection:
        await connection.ask(head("/market/quote/AAPL"), times=7)
        assert ways.short >= 4
        metrics = (await service.http.get("/metrics")).text
    assert re.search(r'^ibactors_quotes_served_total\{[^}]*way="rest"[^}]*\} 7(\.0)?$', metrics, re.MULTILINE)
    assert re.search(r'_count\{[^}]*route="/market/quote/\{symbol\}"[^}]*\} 7(\.0)?$', metrics, re.MULTILINE)


async def test_use_of_a_key_that_is_to_be_written_down_goes_the_long_way(ways: Ways, monkeypatch: pytest.MonkeyPatch) -> None:
    told = list[dict[str, object]]()
    used = Audit.key_used

    def noted(self: Audit, caller: str, address: str) -> None:
        due = self.tells_use(caller, address)
        used(self, caller, address)
        if due:
            told.append(structlog.contextvars.get_contextvars())

    monkeypatch.setattr(Audit, "key_used", noted)
    request = head("/market/quote/AAPL", f"X-API-Key: {KEYS['read']}")
    async with keyed_service() as service, kept(service) as connection:
        ids = [(await connection.ask(request))["x-request-id"] for _ in range(4)]
        assert ways.short >= 2
        with monkeypatch.context() as later:
            later.setattr(Audit, "tells_use", lambda *_: True)
            before = ways.short
            await connection.ask(request)
            assert ways.short == before
    assert [line["request_id"] for line in told][:1] == ids[:1]


async def test_no_text_of_a_key_is_kept(ways: Ways) -> None:
    async with keyed_service() as service, kept(service) as connection:
        await connection.ask(head("/market/quote/AAPL", f"X-API-Key: {KEYS['read']}"), times=5)
        assert ways.short >= 2
        texts = set(texts_of(ways.known[-1]))
    assert "AAPL" in texts
    assert not [text for text in texts if KEYS["read"] in text]


SHARED = Access | Audit | Front | System | ModuleType | FunctionType | type


def texts_of(short_way: ShortWay) -> Iterator[str]:
    """All texts that the heads of a connection keep alive."""
    found, seen = [short_way._known], set[int]()  # noqa: SLF001
    while found:
        thing = found.pop()
        if id(thing) in seen or isinstance(thing, SHARED):
            continue
        seen.add(id(thing))
        if isinstance(thing, str | bytes):
            yield thing if isinstance(thing, str) else thing.decode("latin-1")
        found += gc.get_referents(thing)


async def test_heads_of_one_client_make_none_of_anothers_be_forgotten(ways: Ways) -> None:
    async with running_service() as service, kept(service) as good, kept(service) as other:
        ways.known.clear()
        await good.ask(head("/health"), times=3)
        for number in range(0, 3 * MOST_HEADS, 50):
            await other.send(b"".join(head("/health", f"X: {number + more}") for more in range(50)))
            for _ in range(50):
                await other.answer()
        (first, second) = ways.known
        assert (len(first._known), len(second._known)) == (1, MOST_HEADS)  # noqa: SLF001
        before = ways.short
        await good.ask(head("/health"))
        assert ways.short == before + 1


def test_places_are_given_back_and_never_run_out_for_the_last_comer() -> None:
    places = Places(free=3)
    ends, app = Ends(secure=False, client=None, server=None), Remembering()
    with ShortWay.of(app, ends, places) as first, ShortWay.of(app, ends, places) as second:
        assert first is not None
        assert second is not None
        for short_way in (first, second):
            for number in range(2 * MOST_HEADS):
                assert short_way.answer(head(f"/{number}")) is not None
        assert len(first._known) == len(second._known) == FEWEST_HEADS  # noqa: SLF001
    assert places.free == 3


class Remembering:
    """Recalls everything."""

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        raise AssertionError(scope, receive, send)

    def recall(self, _scope: HTTPScope) -> Recall:
        return lambda: (b"", b"{}")


async def test_requests_sent_ahead_are_answered_in_their_order_whichever_way_they_go(ways: Ways) -> None:
    async with running_service() as service, kept(service) as connection:
        await connection.ask(head("/market/quote/AAPL"))
        paths = ["/health", "/market/quote/AAPL", "/accounts", "/market/quote/AAPL", "/nowhere", "/health"] * 20
        await connection.send(b"".join(head(path, f"X-Request-Id: {number}") for number, path in enumerate(paths)))
        for number, path in enumerate(paths):
            answer = await connection.answer()
            assert answer["x-request-id"] == str(number)
            assert answer.status == (404 if path == "/nowhere" else 200)
        assert 2 <= ways.short < len(paths)


async def test_head_that_comes_in_parts_takes_the_long_way(ways: Ways) -> None:
    request = head("/health")
    async with running_service() as service, kept(service) as connection:
        before = ways.short
        await connection.ask(request, times=3)
        assert ways.short == before + 3
        for cut in (1, len(request) - 1):
            await connection.send(request[:cut])
            await trio.sleep(0.1)
            assert (await connection.ask(request[cut:])).status == 200
        assert ways.short == before + 3
        assert (await connection.ask(request)).status == 200
        assert ways.short == before + 4


async def test_thousandth_request_is_the_last(ways: Ways) -> None:
    async with running_service() as service, kept(service) as connection:
        ways.short = 0
        answers = []
        for _ in range(0, MOST_REQUESTS, 50):
            await connection.send(head("/health") * 50)
            answers += [await connection.answer() for _ in range(50)]
        assert [number for number, answer in enumerate(answers, 1) if "connection: close" in answer.lines] == [MOST_REQUESTS]
        with pytest.raises(EOFError):
            await connection.answer()
        assert ways.short == MOST_REQUESTS - 1


async def test_stopping_service_takes_no_further_request(ways: Ways) -> None:
    async with running_service() as service, kept(service) as connection:
        before = ways.short
        await connection.ask(head("/health"), times=3)
        assert ways.short == before + 3
        service.stop.set()
        with trio.fail_after(DEADLINE), pytest.raises((EOFError, trio.BrokenResourceError)):
            while True:
                await connection.ask(head("/health"))


async def test_client_that_reads_nothing_is_written_no_more_than_its_socket_takes(ways: Ways) -> None:
    async with running_service() as service, kept(service) as connection:
        with trio.move_on_after(1.0):
            for _ in range(900):
                await connection.send(head("/health") * 50)
        stuck = ways.short
        await trio.sleep(0.2)
        assert ways.short == stuck
        assert (await service.get("/health"))["ib_connected"]


async def test_client_that_asks_keeps_its_connection_and_one_that_does_not_loses_it(ways: Ways) -> None:
    terms = Terms(edge=Timeouts(head=0.5))
    async with running_service(terms=terms) as service, kept(service) as connection:
        begun = trio.current_time()
        while trio.current_time() < begun + 3 * terms.edge.head:
            await connection.ask(head("/health"))
            await trio.sleep(terms.edge.head / 5)
        assert ways.short >= 5
        last = trio.current_time()
        with trio.fail_after(DEADLINE), pytest.raises(EOFError):
            await connection.answer()
        assert trio.current_time() - last > 0.7 * terms.edge.head


class Steps(trio.abc.Instrument):
    """How often each connection's task has run."""

    def __init__(self) -> None:
        self.of = Counter[trio.lowlevel.Task]()

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        if "_run_handler" in task.name:
            self.of[task] += 1


async def test_request_wakes_its_own_connection_alone_and_once(ways: Ways) -> None:
    steps = Steps()
    async with running_service(options=QUIET) as service, AsyncExitStack() as stack:
        others = [await stack.enter_async_context(kept(service)) for _ in range(20)]
        for connection in others:
            await connection.ask(head("/market/quote/AAPL"), times=3)
        await wait_all_tasks_blocked(0.05)
        before = ways.short
        trio.lowlevel.add_instrument(steps)
        await others[0].ask(head("/market/quote/AAPL"), times=10)
        trio.lowlevel.remove_instrument(steps)
    assert ways.short == before + 10
    assert len(steps.of) == 1
    assert sum(steps.of.values()) <= 12


async def test_tls_connections_take_it_too(ways: Ways, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with secure_service(authority) as service:
        port = int(service.url.rsplit(":", 1)[1])
        tcp = await trio.open_tcp_stream("127.0.0.1", port)
        async with trio.SSLStream(tcp, authority.context(), server_hostname="localhost", https_compatible=True) as stream:
            answer = await Kept(stream).ask(head("/health"), times=3)
    assert answer.status == 200
    assert "strict-transport-security: max-age=31536000" in answer.lines
    assert ways.short == 3
