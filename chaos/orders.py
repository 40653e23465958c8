"""Orders under chaos: clients that lose answers and repeat, kill -9 at random instants, breaks; the simulator's ledger is the truth.

What is proved at the end, from outside: per token the gateway received at most one placement; every request ended; every order that lives
at the gateway is shown; none is called over that lives; executions agree; the journal is sound.
"""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx2 as httpx
import trio

from ibactors.orders.audit import check
from ibactors.sim import SimulatorOptions, SimulatorPorts, serve_simulator

CLIENTS = 12
START = 120.0
"""Seconds that the service may take to start, on a machine that has much else to do."""
SETTLE = 60.0
"""Seconds of calm after the faults within which everything must be told."""
FAULTS = (
    "drop",
    "sever placeOrder before",
    "sever placeOrder after",
    "sever openOrder",
    "lose placeOrder",
    "lose orderStatus 3",
    "lose openOrder 2",
    "late commissionReport 2",
    "restart 1",
    "1100",
    "1101",
    "refuse 1",
    "answer-order 201 1",
    "hang PendingSubmit 1",
)
_FINAL = frozenset({200, 201, 403, 409, 410, 422})


@dataclass
class Run:
    """What is going on, and what was found."""

    seed: int
    folder: Path
    ports: SimulatorPorts
    url: str
    process: subprocess.Popen[bytes] | None = None
    asked: dict[str, dict[str, Any]] = field(default_factory=dict)
    answers: dict[str, tuple[int, dict[str, Any]]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    found: list[str] = field(default_factory=list)
    calm: bool = False


async def chaos_of_orders(minutes: float, seed: int, logs: Path) -> int:
    """One run; 1 when anything was found."""
    with tempfile.TemporaryDirectory() as folder:
        async with trio.open_nursery() as nursery:
            ports: SimulatorPorts = await nursery.start(serve_simulator, SimulatorOptions(port=0, control_port=0, seed=seed))
            run = Run(seed=seed, folder=Path(folder), ports=ports, url="")
            await _control(run, "set AAPL 100.00 100.02 100.01")
            try:
                await _play(run, minutes, logs)
                await _judge(run)
            finally:
                _kill(run)
            nursery.cancel_scope.cancel(reason="the run is over")
    print(f"orders: {dict(run.counts)}, {len(run.asked)} orders asked for; seed {seed}", flush=True)
    for each in run.found:
        print(f"orders: VIOLATION {each}", flush=True)
    return 1 if run.found else 0


async def _play(run: Run, minutes: float, logs: Path) -> None:
    chance = random.Random(run.seed)
    await _start(run, logs)
    async with trio.open_nursery() as nursery:
        for number in range(CLIENTS):
            nursery.start_soon(_client, run, number, random.Random(f"{run.seed} {number}"))
        with trio.move_on_after(minutes * 60):
            while True:
                await trio.sleep(chance.uniform(0.2, 2.5))
                if chance.random() < 0.3:  # noqa: PLR2004
                    _kill(run)
                    run.counts["kill -9"] += 1
                    await _start(run, logs)
                else:
                    fault = chance.choice(FAULTS)
                    run.counts[fault.split()[0]] += 1
                    await _control(run, fault)
                    if fault == "1100":
                        await trio.sleep(chance.uniform(0.1, 1.0))
                        await _control(run, chance.choice(("1101", "1102")))
        run.calm = True
        for remedy in ("1102", "lose placeOrder 0", "lose orderStatus 0", "lose openOrder 0", "answer-order 201 0"):
            await _control(run, remedy)


async def _start(run: Run, logs: Path) -> None:
    port = int(run.url.rpartition(":")[2]) if run.url else _free_port()
    run.url = f"http://127.0.0.1:{port}"
    limits = dict.fromkeys(("MAX_ORDER_NOTIONAL", "MAX_DAY_NOTIONAL", "MAX_POSITION_NOTIONAL", "MAX_ORDER_QUANTITY"), "off")
    limits |= {"MAX_OPEN_ORDERS": "1000", "ORDERS_PER_MINUTE": "3000", "JOURNAL_EPHEMERAL": "1", "TRADING": "paper"}
    environment = {**os.environ, **{f"IBACTORS_{name}": value for name, value in limits.items()}}
    environment |= {"PORT": str(port), "IBACTORS_GATEWAY_PORT": str(run.ports.port), "IBACTORS_STATE_PATH": str(run.folder / "state")}
    run.process = _spawn(environment, logs)
    async with httpx.AsyncClient(base_url=run.url, timeout=2) as http:
        with trio.fail_after(START):
            while True:
                with suppress(httpx.HTTPError):
                    if (await http.get("/health")).status_code == httpx.codes.OK:
                        return
                await trio.sleep(0.05)


def _spawn(environment: dict[str, str], logs: Path) -> subprocess.Popen[bytes]:
    logs.mkdir(parents=True, exist_ok=True)
    with (logs / "orders-service.log").open("ab") as log:
        return subprocess.Popen([sys.executable, "-m", "ibactors", "serve"], env=environment, stdout=log, stderr=log)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _kill(run: Run) -> None:
    if run.process is not None and run.process.poll() is None:
        run.process.send_signal(signal.SIGKILL)
        run.process.wait()


async def _client(run: Run, number: int, chance: random.Random) -> None:
    """Places orders one after the other; each attempt may be given up early, and is repeated with the same id until there is a verdict."""
    serial = 0
    async with httpx.AsyncClient(base_url=run.url, timeout=10) as http:
        while not run.calm:
            serial += 1
            name = f"c{number}-{serial}"
            body = {
                "client_order_id": name,
                "instrument": {"symbol": "AAPL"},
                "side": chance.choice(("buy", "sell")),
                "quantity": chance.randint(1, 30),
                "type": "limit",
                "limit_price": chance.choice((99.5, 100.0, 100.02, 100.5)),
                "time_in_force": chance.choice(("day", "gtc")),
                "wait": 1,
            }
            run.asked[name] = body
            await _until_verdict(run, http, body, chance)
            if chance.random() < 0.5 and name in run.answers:  # noqa: PLR2004
                await _cancel(run, http, run.answers[name][1].get("order_id", ""))
            await trio.sleep(chance.uniform(0, 0.3))


async def _until_verdict(run: Run, http: httpx.AsyncClient, body: dict[str, Any], chance: random.Random) -> None:
    name = body["client_order_id"]
    deadline = trio.current_time() + 300
    while trio.current_time() < deadline:
        answer = None
        with trio.move_on_after(chance.choice((0.02, 0.1, 1.0, 15.0))), suppress(httpx.HTTPError):
            answer = await http.post("/orders", json=body)
        run.counts["posts"] += 1
        if answer is not None:
            run.counts[f"status {answer.status_code}"] += 1
            if answer.status_code in _FINAL:
                run.answers[name] = answer.status_code, answer.json()
                return
        if run.calm and answer is not None and answer.status_code in {202, 423}:
            run.answers[name] = answer.status_code, answer.json()
            return
        await trio.sleep(chance.uniform(0.01, 0.5))
    run.found.append(f"{name} had no verdict within 300 s.")


async def _cancel(run: Run, http: httpx.AsyncClient, order_id: str) -> None:
    with suppress(httpx.HTTPError):
        if order_id:
            await http.delete(f"/orders/{order_id}")
            run.counts["cancels"] += 1


async def _control(run: Run, command: str) -> str:
    stream = await trio.open_tcp_stream("127.0.0.1", run.ports.control_port or 0)
    async with stream:
        await stream.send_all(f"{command}\n".encode())
        answer = b""
        while not answer.endswith(b"\n") and (chunk := await stream.receive_some()):
            answer += chunk
    return answer.decode().strip()


async def _ledger(run: Run, what: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    at: str | None = ""
    while at is not None:
        page = json.loads(await _control(run, f"ledger {what} {at}".strip()))
        rows += page[what]
        at = None if page["next"] is None else str(page["next"])
    return rows


async def _judge(run: Run) -> None:
    async with httpx.AsyncClient(base_url=run.url, timeout=10) as http:
        with trio.move_on_after(SETTLE):
            while True:
                trading = (await http.get("/trading")).json()
                run.counts["halted"] = int(trading["halted"] is not None)
                if trading["reconciled"] is not None and not trading["unknown_orders"]:
                    break
                await trio.sleep(1)
        rows = await _ledger(run, "orders")
        shown = await _everything(http)
    for row in rows:
        _judge_row(run, row, shown)
    sent = {row["orderRef"].partition("~")[2] for row in rows}
    run.counts["at the gateway"] = len(sent)
    run.counts.update(f"shown {order['status']}" for order in shown.values())
    run.found += check(run.folder / "state" / "orders.sqlite")


async def _everything(http: httpx.AsyncClient) -> dict[str, dict[str, Any]]:
    shown: dict[str, dict[str, Any]] = {}
    token = ""
    while True:
        page = (await http.get("/orders", params={"status": "all", "limit": 500, "page_token": token})).json()
        shown |= {order["ib"]["order_ref"]: order for order in page["orders"]}
        token = page["next_page_token"]
        if not token:
            return shown


def _judge_row(run: Run, row: dict[str, Any], shown: dict[str, dict[str, Any]]) -> None:
    order = shown.get(row["orderRef"])
    if row["received"] > 1:
        run.found.append(f"{row['orderRef']} was sent {row['received']} times.")
    if order is None:
        run.found.append(f"{row['orderRef']} is at the gateway and not shown.")
        return
    over = order["status"] in {"cancelled", "filled", "expired", "rejected", "not_received", "closed_unverified"}
    if row["alive"] and over:
        run.found.append(f"{row['orderRef']} is called {order['status']} and lives.")
    known = not (order["fills_pending"] or order["fills_unverified"] or order["status"] == "unknown")
    if known and float(row["filled"]) != float(order["filled_quantity"]):
        run.found.append(f"{row['orderRef']}: {row['filled']} filled at the gateway, {order['filled_quantity']} shown ({order['status']}).")
    if order["new_client_order_id_allowed"] and (row["alive"] or float(row["filled"])):
        run.found.append(f"{row['orderRef']}: another attempt is allowed, and it did something.")


def main_of_orders(minutes: float, seed: int, logs: Path) -> int:
    """For `python -m chaos --orders`."""
    return trio.run(partial(chaos_of_orders, minutes, seed, logs))
