"""The judgement over a run about orders: what the service says against the gateway's own ledger, from outside."""

import random
import sqlite3
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import httpx2 as httpx
import trio

from chaos.order_clients import TIMEOUT, until_told
from chaos.order_others import SYMBOL, is_ours, judge_others
from chaos.order_run import OVER, Run, waits_for_an_admin
from ibactors.orders.audit import check

SETTLE = 120.0
"""Seconds of calm within which all doubt must end: two looks at IB's lists half a minute apart, the first 20 s after the session."""
VISIBLE = 5.0
"""Seconds from a session until all that lives at the gateway is shown alive."""
MOST_UNKNOWN = 400
"""More of them must be settled before it goes on: they count as open, of which there may be a thousand."""
_TOGETHER = 16
_AT_ONCE = 500
"""Orders of one word of the admin's."""
_REMEDIES = ("1102", "behave", "answer-order 201 0", "hang PendingSubmit 0")


async def remedy(run: Run) -> None:
    """End all faults."""
    for command in _REMEDIES:
        await run.control(command)


async def calm_down(run: Run) -> None:
    """What must hold in a life without faults: all is seen soon, nothing has halted. Then all is cancelled: so many may be open."""
    async with httpx.AsyncClient(base_url=run.url, timeout=TIMEOUT) as http:
        await _wait_until_visible(run, http)
        await trio.sleep(1)
        trading = (await http.get("/trading")).json()
        if trading["halted"] is not None:
            run.violated(f"Trading was halted: {trading['halted']}")
            await http.post("/trading/resume")
        left = await http.delete("/orders", params={"all": "true", "wait": 1})
        run.counts[f"cancels of all: {left.status_code}"] += 1
        for order in left.json().get("orders", ()):
            run.hear(order)
        if len(await _unknown(http)) > MOST_UNKNOWN:
            await _settle(run, http)


async def _wait_until_visible(run: Run, http: httpx.AsyncClient) -> None:
    """From the session's begin, how long until everything is seen that lives at the gateway and was written before."""
    await _until_connected(http)
    alive = {row["orderRef"] for row in await run.ledger("alive") if row["status"] != "PendingSubmit" and is_ours(row)}
    began = trio.current_time()
    while True:
        shown = await everything(http, "open")
        missing = {ref for ref in alive if shown.get(ref, {"status": "unknown"})["status"] in {"unknown", "pending_new"}}
        if missing:
            missing &= {row["orderRef"] for row in await run.ledger("alive")}
        if not missing or run.is_late(began, VISIBLE):
            break
        await trio.sleep(0.1)
    if missing:
        states = {ref: shown.get(ref, {}).get("status") for ref in list(missing)[:5]}
        run.violated(f"{VISIBLE:g} s after a session {len(missing)} of {len(alive)} living orders were not shown alive: {states}")
    run.visible.append(trio.current_time() - began)


async def _until_connected(http: httpx.AsyncClient) -> None:
    with trio.fail_after(SETTLE):
        while True:
            if (await http.get("/health")).json()["ib_connected"]:
                return
            await trio.sleep(0.02)


async def judge(run: Run, ask_again: Callable[[Run], Awaitable[None]]) -> None:
    """After the faults: let everything settle, have what has no verdict asked again, then compare."""
    async with httpx.AsyncClient(base_url=run.url, timeout=TIMEOUT) as http:
        for row in await run.ledger("orders"):
            if row["alive"] and row["status"] == "PendingSubmit":
                await run.control(f"let-go {row['orderId']}")
        await _settle(run, http)
        await ask_again(run)
        await judge_others(run, http)
        rows = [row for row in await run.ledger("orders") if is_ours(row)]
        shown = await everything(http, "all")
        await _hear_all(run)
    _judge_tokens(run, rows)
    for row in rows:
        _judge_row(run, row, shown)
    await _judge_positions(run, rows)
    run.counts["orders at the gateway"] = len({row["orderRef"] for row in rows})
    run.counts.update(f"shown {order['status']}" for order in shown.values())
    for each in check(run.folder / "state" / "orders.sqlite"):
        run.violated(each)


async def _settle(run: Run, http: httpx.AsyncClient) -> None:
    """Wait until nothing is in doubt but what is an admin's to say; who says of what the gateway never had that it was not received."""
    unknown: list[dict[str, Any]] = []
    with trio.move_on_after(SETTLE):
        while True:
            if (await http.get("/trading")).json()["reconciled"] is not None:
                unknown = await _unknown(http)
                if all(map(waits_for_an_admin, unknown)):
                    await _resolve(run, http, unknown)
                    return
            await trio.sleep(1)
    run.violated(f"After {SETTLE:g} s of calm orders are unknown: {[(each['order_id'], each['status_reason']) for each in unknown][:5]}")


async def _resolve(run: Run, http: httpx.AsyncClient, unknown: list[dict[str, Any]]) -> None:
    """What the admin does who looks into the gateway's own books."""
    if not unknown:
        return
    there = {row["orderRef"] for row in await run.ledger("orders") if row["alive"] or row["filled"]}
    gone = [order["order_id"] for order in unknown if order["ib"]["order_ref"] not in there]
    run.counts["left unknown"] = len(unknown) - len(gone)
    for first in range(0, len(gone), _AT_ONCE):
        names = gone[first : first + _AT_ONCE]
        told = await http.post("/orders/resolve", json={"order_ids": names, "as": "not_received", "reason": "the ledger has none"})
        run.counts[f"called not received by an admin: {told.status_code}"] += len(names)


async def _unknown(http: httpx.AsyncClient) -> list[dict[str, Any]]:
    return [order for order in (await everything(http, "open")).values() if order["status"] == "unknown"]


async def ask_again(run: Run) -> None:
    """Every request that had no verdict gets one now."""
    waiting = [name for name in run.asked if run.told.get(name, (202,))[0] in {202, 423}]
    limiter = trio.CapacityLimiter(_TOGETHER)

    async def ask(name: str) -> None:
        async with limiter:
            await until_told(run, http, name, random.Random(name), 30.0)
        status, order = run.told.get(name, (202, {"status": "unknown"}))
        if status == httpx.codes.ACCEPTED and not waits_for_an_admin(order):
            run.violated(f"{name} had no verdict within half a minute of calm: {order}")

    async with httpx.AsyncClient(base_url=run.url, timeout=TIMEOUT) as http, trio.open_nursery() as nursery:
        for name in waiting:
            nursery.start_soon(ask, name)
    run.counts["asked again in the calm"] = len(waiting)


async def everything(http: httpx.AsyncClient, status: str) -> dict[str, dict[str, Any]]:
    """All orders that the service shows, by their reference at IB."""
    shown: dict[str, dict[str, Any]] = {}
    token = ""
    while True:
        answer = await http.get("/orders", params={"status": status, "limit": 500, "page_token": token})
        if answer.status_code != httpx.codes.OK:
            await trio.sleep(0.1)
            continue
        page = answer.json()
        shown |= {order["ib"]["order_ref"]: order for order in page["orders"]}
        token = page["next_page_token"]
        if not token:
            return shown


async def _hear_all(run: Run) -> None:
    """The reader of events must have come to the last one in the journal."""
    with sqlite3.connect(run.folder / "state" / "orders.sqlite") as journal:
        (last,) = journal.execute("SELECT max(sequence) FROM events").fetchone()
    with trio.move_on_after(20):
        await run.has_read(last or 0)
    if run.sequence < (last or 0):
        run.violated(f"The reader of events is at {run.sequence}, the journal at {last}.")


def _judge_tokens(run: Run, rows: list[dict[str, Any]]) -> None:
    """Per token one order, and no more messages than one placement and the changes that were asked for."""
    names = {order["ib"]["order_ref"]: name for name, (_, order) in run.told.items() if "ib" in order}
    living: defaultdict[str, int] = defaultdict(int)
    received: defaultdict[str, int] = defaultdict(int)
    for row in rows:
        living[row["orderRef"]] += row["incarnations"]
        received[row["orderRef"]] += row["received"]
    for ref, count in living.items():
        if count > 1:
            run.violated(f"{ref} is {count} orders at the gateway.")
        if received[ref] > 1 + run.changes[names.get(ref, "")]:
            run.violated(f"{ref} was sent {received[ref]} times, with {run.changes[names.get(ref, '')]} changes.")


def _judge_row(run: Run, row: dict[str, Any], shown: Mapping[str, dict[str, Any]]) -> None:
    ref, order = row["orderRef"], shown.get(row["orderRef"])
    if order is None:
        run.violated(f"{ref} is at the gateway and not shown.")
        return
    claims = run.claims[order["order_id"]] | ({order["status"]} & OVER)
    if ref in run.rolled and "not_received" in claims:
        run.counts["called not received after a midnight that no clock showed"] += 1
        return
    if row["alive"] and claims:
        run.violated(f"{ref} lives, and was called {claims}.")
    if "filled" in claims and not row["filled"]:
        run.violated(f"{ref} was called filled, and is not.")
    if claims & {"not_received", "rejected"} and (row["alive"] or row["filled"]):
        run.violated(f"{ref} was called {claims}, and did something: {row}")
    doubtful = order["fills_pending"] or order["fills_unverified"] or order["status"] == "unknown"
    run.counts["told as not verified"] += int(doubtful)
    if not doubtful and float(row["filled"]) != float(order["filled_quantity"]):
        run.violated(f"{ref}: {row['filled']} filled at the gateway, {order['filled_quantity']} shown ({order['status']}).")
    if order["new_client_order_id_allowed"] and (row["alive"] or float(row["filled"])):
        run.violated(f"{ref}: another attempt is allowed, and it did something.")


async def _judge_positions(run: Run, rows: list[dict[str, Any]]) -> None:
    """The sum of the executions of all our orders is the change of the position."""
    ours = sum(row["filled"] if row["action"] == "BUY" else -row["filled"] for row in rows)
    for row in await run.ledger("positions"):
        moved = row["now"] - row["before"]
        if moved != (row["executed"] if row["symbol"] == SYMBOL else ours if row["symbol"] == "AAPL" else 0):
            run.violated(f"The position in {row['symbol']} has moved by {moved}, the executions say {ours}.")
