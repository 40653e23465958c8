"""What others trade beside the clients of a run about orders, by hand and by another program: shown as theirs, and left alone."""

import json
import random
from collections import Counter
from typing import Any

import httpx2 as httpx

from chaos.order_run import Run

SYMBOL = "MSFT"
"""Ours is another one, so that a position tells whose trades moved it."""
_AT_ONCE = 500


async def trade_elsewhere(run: Run, chance: random.Random) -> None:
    """Have somebody else place an order: one that is filled at once, or one that rests."""
    who = chance.choice(("manual", "foreign 7"))
    side, price = chance.choice((("BUY", "MKT"), ("SELL", "MKT"), ("BUY", "1.00")))
    await run.control(f"{who} {side} {chance.randint(1, 9)} {SYMBOL} {price}")
    run.counts["orders of others"] += 1


def is_ours(row: dict[str, Any]) -> bool:
    """Whether an order of the ledger is the service's, by its reference."""
    return "~" in row["orderRef"]


async def judge_others(run: Run, http: httpx.AsyncClient) -> None:
    """Their living orders are listed as theirs, and no execution that they do not have; a statement of what is known adds nothing."""
    await http.post("/orders/reconcile")
    rows = [row for row in await run.ledger("orders") if not is_ours(row)]
    listed = (await http.get("/orders", params={"status": "open", "limit": 1})).json()["foreign"]
    alive, shown = sum(row["alive"] for row in rows), len(listed)
    if alive != shown or any(each["source"] not in {"manual", "client:7"} for each in listed):
        run.violated(f"{alive} orders of others live, and {shown} are shown: {listed[:3]}")
    fills = {fill["execId"]: fill["size"] for row in rows for fill in row["fills"]}
    executed = await _executions(http)
    theirs = {each["execution_id"]: each for each in executed if each["order_id"] is None}
    for name, each in theirs.items():
        if each["quantity"] != fills.get(name) or each["symbol"] != SYMBOL:
            run.violated(f"An execution of others is shown that the ledger does not have so: {each}")
    run.counts |= Counter({"executions of others": len(fills), "of them not told": len(fills.keys() - theirs.keys())})
    statement = json.dumps({"executions": executed[-_AT_ONCE:]})
    told = await http.post("/executions/import", json={"statement": statement, "time_zone": "UTC"})
    done = told.json()
    if (told.status_code, done.get("new"), done.get("known")) != (httpx.codes.OK, 0, len(executed[-_AT_ONCE:])):
        run.violated(f"A statement of what is known came to {told.status_code} {told.text[:300]}")


async def _executions(http: httpx.AsyncClient) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    token = ""
    while True:
        page = (await http.get("/executions", params={"limit": _AT_ONCE, "page_token": token})).json()
        found += page["executions"]
        token = page["next_page_token"] or ""
        if not token:
            return found
