"""The actor that keeps the orders crashes between two steps of a placement: it is restarted, and nothing is sent twice or forgotten."""

import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
import trio

from chaos.points import POINTS, arm
from ibactors.orders.reader import Reader
from tests.conftest import ErrorLog, Service, eventually
from tests.service.trading import ledger, order, place, trading_service

PASSED = (
    ("taken", 1, {"working"}),
    ("in the transaction", 1, {"working"}),
    ("durable", 1, {"unknown"}),
    ("queued", 1, {"working", "rejected"}),
    ("applied in memory", 1, {"working"}),
    ("applied on disk", 1, {"working"}),
    ("applied on disk", 2, {"working"}),
    ("lists read", 1, {"working"}),
    ("lists judged", 1, {"working"}),
)
"""What the actor's own tasks pass while it places, how often before it crashes, and what the order is then. What was durable and certainly
not on its way is unknown all the same: a new incarnation has only the journal, and IB's lists decide."""


class Crash:
    """Raises at the n-th time from when it is due."""

    def __init__(self) -> None:
        self.due = 0
        self.came = False

    def __call__(self) -> None:
        self.due -= 1
        if self.due == 0:
            self.came = True
            raise RuntimeError("a bug, for a test")


async def until_told(service: Service, states: set[str]) -> Any:
    """Repeat the one request for as long as no answer says what the order is, as a client does; the order."""
    with trio.fail_after(30):
        while True:
            answer = await service.http.post("/orders", json=order(wait=0.2))
            if answer.status_code < 500:
                shown: Any = answer.json().get("order", answer.json())
                if shown["status"] in states:
                    return shown
            else:
                assert answer.json()["code"] in {"actor_down", "reconciling", "gateway_disconnected"}, answer.text


@pytest.mark.parametrize(("point", "hit", "states"), PASSED)
async def test_actor_that_crashes_while_it_places_sends_nothing_twice_and_tells_the_truth(
    tmp_path: Path, point: str, hit: int, states: set[str], monkeypatch: pytest.MonkeyPatch, error_log: ErrorLog
) -> None:
    crash = Crash()
    arm(POINTS[point], crash, monkeypatch.setattr)
    async with trading_service(tmp_path) as service:
        crash.due = hit
        first = await place(service, wait=1)
        assert first.status_code < 500 or first.json()["code"] == "actor_down", first.text
        if point.startswith("lists"):
            assert (await service.http.post("/orders/reconcile")).status_code == 502
        assert crash.came
        shown = await until_told(service, states)
        assert shown["new_client_order_id_allowed"] == (shown["status"] == "rejected")
        rows = await ledger(service)
        assert [row["received"] for row in rows] == ([1] if shown["status"] == "working" else []), "once, or not at all"
        actors = {actor["name"]: actor for actor in (await service.get("/debug/actors"))["actors"]}
        assert actors["orders"]["restarts"] == 1
        await service.until("/trading", lambda response: response.json()["reconciled"] is not None)
        assert (await place(service, "o-2")).status_code == 201, "the next one is taken as ever"
    assert error_log.take()


def test_every_point_of_the_protocol_is_there() -> None:
    for point in POINTS.values():
        assert callable(getattr(point.owner, point.step))


async def test_reading_of_the_journal_that_goes_on_as_the_service_stops_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error_log: ErrorLog
) -> None:
    begun, whole = threading.Event(), []
    read = Reader.executions

    def slow(self: Reader, *arguments: Any, **named: Any) -> Any:
        begun.set()
        time.sleep(2.5)
        found = read(self, *arguments, **named)
        whole.append(found)
        return found

    monkeypatch.setattr(Reader, "executions", slow)
    async with trading_service(tmp_path) as service, trio.open_nursery() as nursery:

        async def ask() -> None:
            with suppress(httpx.HTTPError):
                await service.http.get("/executions")

        nursery.start_soon(ask)
        await eventually(lambda: _set(begun))
        nursery.cancel_scope.cancel()  # so that no answer is waited for
        service.stop.set()
    assert whole
    assert not error_log.take()


async def _set(event: threading.Event) -> bool:
    return event.is_set()
