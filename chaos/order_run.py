"""What a run about orders has asked, heard and found; and the two ways in that all its parts use, HTTP and the control port."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trio

from chaos.machine import Machine
from ibactors.sim import SimulatorPorts

_UNDECIDED = ("A day ended", "The gateway may have been restarted")
OVER = frozenset({"cancelled", "filled", "expired", "rejected", "not_received", "closed_unverified"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a run shall do."""

    seed: int
    minutes: float
    """How long it lasts; where orders are counted, how long at most."""
    orders: int = 0
    """How many are asked for at least; 0 where only the time counts."""
    kills: int = 0
    """How often the service dies at each point: at least, where orders are counted; else what is aimed at."""
    logs: Path = Path(".chaos")


@dataclass(kw_only=True)
class Run:
    """One run."""

    wanted: Wanted
    folder: Path
    ports: SimulatorPorts
    url: str
    began: float = 0.0
    lives: int = 0
    asked: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Requests by client_order_id."""
    told: dict[str, tuple[int, dict[str, Any]]] = field(default_factory=dict)
    """The newest verdict on each."""
    changes: Counter[str] = field(default_factory=Counter)
    """Changes that were asked for, by client_order_id: each may be one more message."""
    claims: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Every ending that any answer or event has claimed of an order, by our id."""
    counts: Counter[str] = field(default_factory=Counter)
    kills: Counter[str] = field(default_factory=Counter)
    """By the point of the protocol."""
    visible: list[float] = field(default_factory=list)
    """Seconds from a session until all that lives at the gateway was shown alive."""
    rolled: set[str] = field(default_factory=set)
    """What had ended, or filled, before the gateway's day ended at an hour at which none does: no clock told the service, which may then
    take an order for one that never arrived. IB's days end when the clock says so, and then it does not."""
    sequence: int = 0
    """Of the last event that was read."""
    found: list[str] = field(default_factory=list)
    calm: bool = False
    news: trio.Event = field(default_factory=trio.Event)
    """Set when events were read."""
    minutes: float = 0.0
    """How long it has traded."""
    machine: Machine = field(default_factory=lambda: Machine(lambda: trio.current_time() * 1000))

    def is_enough(self, points: Iterable[str]) -> bool:
        """Whether as many orders and kills are done as shall be."""
        return len(self.asked) >= self.wanted.orders and all(self.kills[point] >= self.wanted.kills for point in points)

    def is_late(self, began: float, limit: float) -> bool:
        """Whether something took longer than its limit (s), and longer than the machine was late meanwhile."""
        return trio.current_time() - began > limit + self.machine.allowance(began * 1000) / 1000

    async def has_read(self, sequence: int) -> None:
        """Wait until the reader of events has come so far."""
        while self.sequence < sequence:
            await self.news.wait()

    def hear(self, order: dict[str, Any]) -> None:
        """Note what an answer or an event says of an order."""
        if order.get("status") in OVER and order.get("order_id"):
            self.claims[order["order_id"]].add(order["status"])

    def violated(self, what: str) -> None:
        """Note, and say at once, that a promise was broken."""
        self.found.append(what)
        print(f"orders: VIOLATION {what}", flush=True)

    async def control(self, command: str) -> str:
        """Send one command to the simulator; the answer."""
        stream = await trio.open_tcp_stream("127.0.0.1", self.ports.control_port or 0)
        async with stream:
            await stream.send_all(f"{command}\n".encode())
            answer = b""
            while not answer.endswith(b"\n") and (chunk := await stream.receive_some()):
                answer += chunk
        return answer.decode().strip()

    async def ledger(self, what: str) -> list[dict[str, Any]]:
        """What the gateway itself has of orders or positions."""
        rows: list[dict[str, Any]] = []
        at: str | None = ""
        while at is not None:
            page = json.loads(await self.control(f"ledger {what} {at}".strip()))
            rows += page[what]
            at = None if page["next"] is None else str(page["next"])
        return rows


def waits_for_an_admin(order: dict[str, Any]) -> bool:
    """An order that stays unknown, as its absence proves nothing.

    A day ended meanwhile, by UTC, the gateway or New York; or the gateway may have been another one then, as for all that was sent more
    than some seconds before the service started.
    """
    return order.get("status") == "unknown" and str(order.get("status_reason")).startswith(_UNDECIDED)
