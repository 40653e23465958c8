"""The clients of a run about orders: some place, give up early, repeat, change and cancel; one reads all events and never looks back."""

import math
import random
from contextlib import suppress
from typing import Any

import httpx2 as httpx
import trio

from chaos.order_run import Run, waits_for_an_admin

HANGS = 25.0
"""Seconds after which a request that the client did not give up hangs."""
TIMEOUT = 90.0
"""The same for the clients, as a machine may be late."""
FINAL = frozenset({200, 201, 403, 409, 410, 422})
PATIENCE = 30.0
"""Seconds that a client repeats before it goes on; what is open then is asked again in the calm."""
_PATIENCES = (0.02, 0.1, 1.0, math.inf)
"""Seconds until a client gives an attempt up."""
_NEVER = frozenset({500, 502, 504})


async def trade(run: Run, number: int, chance: random.Random) -> None:
    """Place orders one after the other, each until there is a verdict on it."""
    serial = 0
    async with httpx.AsyncClient(base_url=run.url, timeout=TIMEOUT) as http:
        while not run.calm:
            serial += 1
            name = f"c{number}-{serial}"
            run.asked[name] = _body(name, chance)
            await until_told(run, http, name, chance, PATIENCE)
            if chance.random() < 0.8 and name in run.told:  # noqa: PLR2004
                await _change_and_cancel(run, http, name, chance)
            await trio.sleep(chance.uniform(0, 0.2))


def _body(name: str, chance: random.Random) -> dict[str, Any]:
    """One order, alone, with its children, or in a group that its client has a name for; or several of which one cancels the others."""
    if chance.random() < 0.15:  # noqa: PLR2004
        orders = [_order(chance) for _ in range(chance.randint(2, 4))]
        return {"client_order_id": name, "orders": orders, "wait": 1}
    body = _order(chance)
    kind = chance.random()
    if kind < 0.2:  # noqa: PLR2004
        above, below = 101.0, 99.0
        profit, loss = (above, below) if body["side"] == "buy" else (below, above)
        body["bracket"] = {"take_profit": {"limit_price": profit}, "stop_loss": {"stop_price": loss}}
    elif kind < 0.3:  # noqa: PLR2004
        body["oca"] = {"group": f"g{chance.randint(1, 5)}", "type": "cancel_with_block"}
    return body | {"client_order_id": name, "wait": 1}


def _order(chance: random.Random) -> dict[str, Any]:
    body: dict[str, Any] = {
        "instrument": {"symbol": "AAPL"},
        "side": chance.choice(("buy", "sell")),
        "quantity": chance.randint(1, 9),
        "type": chance.choice(("limit", "limit", "limit", "market")),
        "time_in_force": chance.choice(("day", "gtc")),
    }
    if body["type"] == "limit":
        body["limit_price"] = chance.choice((99.5, 100.0, 100.02, 100.5))
    return body


async def until_told(run: Run, http: httpx.AsyncClient, name: str, chance: random.Random, patience: float) -> None:
    """Repeat one request until there is a verdict; each attempt may be given up early, as a client does whose answer is lost."""
    with trio.move_on_after(patience):
        while True:
            with trio.move_on_after(math.inf if run.calm else chance.choice(_PATIENCES)):
                if await _attempt(run, http, name, chance):
                    return
            await trio.sleep(chance.uniform(0.01, 0.5))


async def _attempt(run: Run, http: httpx.AsyncClient, name: str, chance: random.Random) -> bool:
    run.counts["posts"] += 1
    path = "/orders/groups" if "orders" in run.asked[name] else "/orders"
    answer = await _send(run, http.build_request("POST", path, json=run.asked[name]), http)
    if answer is None:
        await trio.sleep(chance.uniform(0.2, 1))
        return False
    told = answer.json()
    run.counts[f"answers: {answer.status_code} {told.get('code', '')}".strip()] += 1
    _note(run, name, answer.status_code, told)
    return answer.status_code in FINAL or (run.calm and waits_for_an_admin(run.told.get(name, (0, {}))[1]))


async def _send(run: Run, request: httpx.Request, http: httpx.AsyncClient) -> httpx.Response | None:
    """One answer; None where the connection broke. One that comes too late is a violation, if the same life gave or owes it."""
    life, began = run.lives, trio.current_time()
    answer = None
    try:
        answer = await http.send(request)
    except httpx.HTTPError:
        run.counts["broken connections"] += 1
    if life == run.lives and run.is_late(began, HANGS):
        run.violated(f"{request.method} {request.url.path} took {trio.current_time() - began:.1f} s: {request.content!r}")
    if answer is not None:
        run.counts["slowest answer, ms"] = max(run.counts["slowest answer, ms"], round((trio.current_time() - began) * 1000))
    return answer


def _note(run: Run, name: str, status: int, told: dict[str, Any]) -> None:
    order = told.get("order", told)
    orders = told.get("orders") or [order]
    if "order_id" not in orders[0]:
        if status in FINAL:
            run.told[name] = status, told
        return
    if status in _NEVER:
        run.violated(f"{name}: a verdict was told with {status}.")
    for each in orders:
        run.hear(each)
    # The first stands for all, with the doubt about any.
    doubtful: dict[str, Any] = next((each for each in orders if each["status"] == "unknown"), {})
    order = orders[0] | {member: doubtful[member] for member in ("status", "status_reason") if doubtful}
    before = run.told.get(name)
    if before is not None and before[1].get("order_id", order["order_id"]) != order["order_id"]:
        run.violated(f"{name}: was {before[1]['order_id']}, and is {order['order_id']}.")
    run.told[name] = status, order


async def _change_and_cancel(run: Run, http: httpx.AsyncClient, name: str, chance: random.Random) -> None:
    order = run.told[name][1]
    if "order_id" not in order:
        return
    path = f"/orders/{order['order_id']}"
    if order["type"] == "limit" and chance.random() < 0.5:  # noqa: PLR2004
        run.changes[name] += 1
        for _ in range(2):  # the same change: one message, whatever becomes of the answers
            with trio.move_on_after(chance.choice(_PATIENCES)):
                change = http.build_request("PATCH", path, json={"limit_price": 99.4, "change_id": f"{name}-1"})
                if (answer := await _send(run, change, http)) is not None:
                    run.counts[f"changes: {answer.status_code} {answer.json().get('code', '')}".strip()] += 1
    answer = await _send(run, http.build_request("DELETE", path, params={"wait": chance.choice((0, 1))}), http)
    if answer is not None:
        run.counts[f"cancels: {answer.status_code}"] += 1
        if answer.status_code in FINAL:
            run.hear(answer.json())


async def read_events(run: Run) -> None:
    """Follow the journal's events over every death of the service, by nothing but the last cursor."""
    cursor = ""
    async with httpx.AsyncClient(base_url=run.url, timeout=TIMEOUT) as http:
        while True:
            page = None
            with suppress(httpx.HTTPError):
                page = await http.get("/orders/events", params={"after": cursor, "wait": 5, "limit": 500})
            if page is None or page.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
                await trio.sleep(0.1)
            elif page.status_code != httpx.codes.OK:
                run.violated(f"The events behind {cursor!r}: {page.status_code} {page.text}")
                return
            else:
                cursor = page.json()["cursor"]
                for event in page.json()["events"]:
                    _follow(run, event)
                run.news.set()
                run.news = trio.Event()


def _follow(run: Run, event: dict[str, Any]) -> None:
    if event["sequence"] != run.sequence + 1:
        run.violated(f"Behind event {run.sequence} came {event['sequence']}.")
    run.sequence = event["sequence"]
    run.counts["events"] += 1
    run.hear(event)
