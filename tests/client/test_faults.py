"""The client while everything around it breaks, for a bounded time: no order twice, no event lost, no old price after a break."""

import itertools
import json
import os
import random
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path

import httpx2 as httpx
import pytest
import trio
from ibactors_client import AsyncClient, ClientError, Gap, OpenOrders, OrderEvent, OutcomeUnknown, Quote, Stale, new_order_id

from chaos.order_run import waits_for_an_admin
from ibactors.model.halting import HaltAfter
from tests.conftest import DEADLINE, Gateway, eventually, running_gateway, serving
from tests.service.trading import configured

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
SECONDS = float(os.environ.get("IBACTORS_CLIENT_FAULTS_SECONDS", "20"))
"""How long it goes on."""
NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
BID, ASK = 100.0, 100.02
BUSY = b"HTTP/1.1 %b\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Road:
    """Between the client and the service of the moment; the worst road there is."""

    def __init__(self, seed: int) -> None:
        self.service: int | None = None
        """Its port; None while there is none."""
        self.smooth = False
        """Whether it lets everything pass, as it does at the end."""
        self._random = random.Random(seed)

    async def carry(self, client: trio.SocketStream) -> None:
        if self.service is None:
            return
        if not self.smooth and self._random.random() < 0.15:
            await client.receive_some()
            await client.send_all(BUSY % self._random.choice((b"502 Bad Gateway", b"503 Service Unavailable", b"504 Gateway Timeout")))
            return
        with suppress(OSError, trio.BrokenResourceError, trio.ClosedResourceError):
            async with await trio.open_tcp_stream("127.0.0.1", self.service) as service, trio.open_nursery() as both:
                both.start_soon(self._copy, client, service, both.cancel_scope, None)
                both.start_soon(self._copy, service, client, both.cancel_scope, self._fate())

    def _fate(self) -> int | None:
        """After how many octets of answers the connection is cut, which may be before the first."""
        return None if self.smooth else self._random.choice((0, 0, 50, 700, 3000, 20_000, None, None))

    async def _copy(self, source: trio.SocketStream, target: trio.SocketStream, scope: trio.CancelScope, most: int | None) -> None:
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            async for chunk in source:
                if most is not None:
                    if len(chunk) >= most:
                        await target.send_all(chunk[:most])
                        break
                    most -= len(chunk)
                await target.send_all(chunk)
        scope.cancel(reason="cut")


@asynccontextmanager
async def road_to(road: Road) -> AsyncIterator[str]:
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(trio.serve_tcp, road.carry, 0)
        yield f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
        nursery.cancel_scope.cancel(reason="the test is over")


async def lives(road: Road, gateway: Gateway, folder: Path, over: trio.Event, *, task_status: trio.TaskStatus[None]) -> None:
    """One service after another, with the same journal; the gateway goes away in the middle of each."""
    while True:
        # Whoever stays unknown is to be found out, and not to stop the others.
        settings = configured(gateway, folder, orders_per_minute=3000, max_open_orders=1000, halt_after=HaltAfter(unknown=0, rejects=0))
        async with serving(settings, gateway) as service:
            road.service = int(service.url.rsplit(":", 1)[1])
            task_status.started()
            task_status = trio.TASK_STATUS_IGNORED
            with trio.move_on_after(SECONDS / 6):
                await over.wait()
            if not over.is_set():
                await gateway.do("drop")
                with trio.move_on_after(SECONDS / 6):
                    await over.wait()
            if over.is_set():
                road.smooth = True
                await trio.sleep_forever()
            road.service = None


class Watched:
    """What the streams told, and whether it holds."""

    def __init__(self) -> None:
        self.quotes = self.breaks = 0
        self.events: list[OrderEvent] = []
        self.seen: set[str] = set()

    async def quotes_of(self, ib: AsyncClient) -> None:
        current = False
        async with ib.stream("AAPL") as events:
            async for event in events:
                match event:
                    case Quote():
                        assert (event.bid, event.ask) == (BID, ASK)
                        current, self.quotes = True, self.quotes + 1
                    case Stale(code="client_disconnected", symbol=None):
                        assert not current, "the stream broke, and the quote was not called stale first"
                        self.breaks += 1
                    case Stale():
                        current = False

    async def orders_of(self, ib: AsyncClient) -> None:
        async with ib.order_events() as events:
            async for event in events:
                match event:
                    case OrderEvent():
                        self.events.append(event)
                        self.seen.add(event.client_order_id or "")
                    case OpenOrders():
                        assert not event.reset
                        assert not self.events, "it began anew"
                        self.seen |= {order.client_order_id for order in event.orders}
                    case Gap():
                        raise AssertionError("an event was lost")


async def place_until(ib: AsyncClient, over: trio.Event, known: dict[str, str]) -> None:
    """Orders one after another, each asked for until its outcome is known."""
    while not over.is_set():
        name = new_order_id()
        known[name] = "unknown"
        await outcome(ib, name, known)


async def outcome(ib: AsyncClient, name: str, known: dict[str, str]) -> None:
    try:
        order = await ib.place_order("AAPL", "buy", 1, type="limit", limit_price=99.5, client_order_id=name)
    except OutcomeUnknown:
        return  # asked for again at the end
    except ClientError:
        known[name] = "nothing"
    else:
        known[name] = order.status


async def admin(road: Road, gateway: Gateway) -> None:
    """Says of orders that nobody else can judge, as the service was restarted meanwhile, that the gateway has not received them."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{road.service}", timeout=DEADLINE, verify=NOBODY) as http:
        while True:
            orders = (await http.get("/orders?limit=500")).json()["orders"]
            received = {row["orderRef"] for row in json.loads(await gateway.control("ledger orders"))["orders"]}
            waiting = [each for each in orders if waits_for_an_admin(each) and each["ib"]["order_ref"] not in received]
            for each in waiting:
                await http.post(f"/orders/{each['order_id']}/resolve", json={"as": "not_received", "reason": "the ledger has none"})
            await trio.sleep(0.5)


async def _all_seen(placed: set[str], watched: Watched) -> bool:
    return placed <= watched.seen


async def test_client_tells_the_truth_while_everything_breaks(tmp_path: Path) -> None:
    seed = random.randrange(1_000_000)
    print("seed", seed)  # noqa: T201  # shown when it fails
    road, over, watched, known = Road(seed), trio.Event(), Watched(), dict[str, str]()
    async with (
        running_gateway() as gateway,
        road_to(road) as url,
        AsyncClient(url, verify=NOBODY, patience=DEADLINE, order_patience=5) as ib,
        trio.open_nursery() as nursery,
    ):
        await gateway.do(f"set AAPL {BID} {ASK} 100.01")
        await nursery.start(lives, road, gateway, tmp_path, over)
        for task in (watched.quotes_of, watched.orders_of):
            nursery.start_soon(task, ib)
        async with trio.open_nursery() as placing:
            for _ in range(3):
                placing.start_soon(place_until, ib, over, known)
            await trio.sleep(SECONDS)
            over.set()
        nursery.start_soon(admin, road, gateway)
        with trio.fail_after(6 * DEADLINE):
            for name in [name for name, status in known.items() if status == "unknown"]:
                while known[name] == "unknown":
                    await outcome(ib, name, known)
            placed = {name for name, status in known.items() if status != "nothing"}
            await eventually(partial(_all_seen, placed, watched), 3 * DEADLINE)
        rows = json.loads(await gateway.control("ledger orders"))["orders"]
        nursery.cancel_scope.cancel(reason="the test is over")
    assert all(row["received"] == 1 for row in rows)
    assert len(rows) == len(placed), "an order was sent twice, or not at all"
    places = [event.sequence for event in watched.events]
    assert places == sorted(set(places))
    assert all(later.previous == earlier.sequence for earlier, later in itertools.pairwise(watched.events))
    # How many there are says how fast the machine is; that there are some, that the test has tested something.
    assert watched.quotes
    assert watched.breaks
    assert placed
