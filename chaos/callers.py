"""The REST clients: quotes one by one and in batches, account data, health; each answer within its deadline."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn
from urllib.parse import quote as escaped
from urllib.parse import urlencode

import msgspec
import trio

from chaos.streams import Gate
from chaos.truth import Message, Truth, View
from chaos.wire import HttpClient, HungUpError, Response

QUOTE_TIMEOUT_S = 4.0
QUOTE_DEADLINE_S = QUOTE_TIMEOUT_S + 1
HEALTH_DEADLINE_S = 1.0
_GIVE_UP_S = 20.0
_NO_REQUEST_MS = 5000.0
"""After which the service closes a connection on which no request has come whole."""
_OK, _NO_SESSION, _UNAVAILABLE = 200, 503, frozenset({409, 502, 503, 504})
_ONE = msgspec.json.Decoder(Message)


class _Batch(msgspec.Struct, frozen=True):
    quotes: dict[str, Message] = {}


_MANY = msgspec.json.Decoder(_Batch)


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthState:
    """What /health said last."""

    connected: bool
    epoch: int
    reason: str | None
    at: float


class _Health(msgspec.Struct, frozen=True):
    ib_connected: bool
    session: Message
    status: str
    reason: str | None = None


class Caller:
    """One REST client with one connection."""

    def __init__(self, view: View, truth: Truth, port: int, gate: Gate, seed: str) -> None:
        self.view = view
        self._truth = truth
        self._http = HttpClient(port)
        self._gate = gate
        self.random = random.Random(seed)
        self.symbols = sorted(truth.symbols)
        self.stocks = sorted(name for name, symbol in truth.symbols.items() if not symbol.fields)
        self.others = sorted(set(self.symbols) - set(self.stocks))

    async def run(self, ask: "Callable[[Caller], tuple[str, list[str], float]]", pause_s: float) -> NoReturn:
        """Send the requests that `ask` chooses, one after the other."""
        while True:
            await self._gate.opened.wait()
            path, symbols, deadline_s = ask(self)
            await self.request(path, symbols, deadline_s)
            await trio.sleep(self.random.uniform(0.5, 1.5) * pause_s)

    def path_of(self, name: str) -> str:
        """Where a symbol's quote is."""
        fields = self._truth.symbols[name].fields
        return f"/market/quote/{name}{'?' + urlencode(fields) if fields else ''}"

    async def request(self, path: str, symbols: list[str], deadline_s: float) -> Response | None:
        """One request, judged: in time, with an expected status, with values that may be shown."""
        truth = self._truth
        asked = truth.now
        floor = {name: truth.newest[name] for name in symbols}
        response: Response | None = None
        try:
            with trio.move_on_after(_GIVE_UP_S):
                response = await self._http.get(path)
        except (HungUpError, OSError) as exc:
            _blame_no_answer(truth, self.view.client, f"{path}: {exc}", asked)
            await self._http.close()
            return None
        took = (truth.now - asked) / 1000
        truth.checked["requests"] += 1
        if took > deadline_s + (truth.machine.allowance(asked) + truth.machine.paused_ms(asked)) / 1000:
            truth.blame("over its deadline", self.view.client, f"{path} took {took:.2f} s, allowed are {deadline_s:g} s")
        if response is None:
            await self._http.close()
            return None
        self._judge(path, symbols, response, asked, floor)
        return response

    def _judge(self, path: str, symbols: list[str], response: Response, asked: float, floor: dict[str, int]) -> None:
        if path.startswith("/market/quotes"):
            entries = _MANY.decode(response.body).quotes if self._is_ok(path, response.status, response.body, None, asked) else {}
            for name, entry in entries.items():
                status = _OK if entry.type == "quote" else int(entry.status or 500)
                self._judge_quote(path, name, status, entry, msgspec.json.encode(entry), asked, floor)
        elif symbols:
            self._judge_quote(path, symbols[0], response.status, _ONE.decode(response.body), response.body, asked, floor)
        else:
            self._is_ok(path, response.status, response.body, "(session)", asked)

    def _judge_quote(self, path: str, name: str, status: int, entry: Message, body: bytes, asked: float, floor: dict[str, int]) -> None:
        if not self._is_ok(path, status, body, name, asked):
            return
        received = self._truth.now
        sent = self._truth.check_quote(self.view, entry, received, asked=asked)
        if 0 < sent < floor[name] - self._truth.set_late(name, floor[name]):
            detail = f"{name}: sent at {sent} ms, but another client had seen {floor[name]} ms before the request"
            self._truth.blame("older than seen", self.view.client, detail)

    def _is_ok(self, path: str, status: int, body: bytes, symbol: str | None, asked: float) -> bool:
        """Whether it is an answer with data; an error must have a reason that the harness caused."""
        truth = self._truth
        truth.checked[f"status {status}"] += 1
        if status == _OK:
            return True
        if status == _NO_SESSION and symbol is not None:
            truth.sign("503")
        excuses = truth.excuses(None if symbol == "(session)" else symbol, asked, truth.now) if symbol is not None else []
        if not any(status in _UNAVAILABLE | excuse.statuses for excuse in excuses):
            answer = _ONE.decode(body) if body.startswith(b"{") else Message()
            truth.blame("unexpected answer", self.view.client, f"{symbol or path}: {status} {answer.code}: {answer.detail} ({path[:40]})")
        return False


class HealthWatch:
    """Polls /health and keeps what it said."""

    def __init__(self, truth: Truth, port: int) -> None:
        self._truth = truth
        self._http = HttpClient(port)
        self.state = HealthState(connected=False, epoch=0, reason=None, at=0.0)
        self.history: list[HealthState] = []

    async def run(self, gate: Gate) -> NoReturn:
        """Ask twenty times per second."""
        while True:
            await gate.opened.wait()
            await self.look()
            await trio.sleep(0.05)

    async def look(self) -> None:
        """Ask once; anything but 200 in time is a violation."""
        truth = self._truth
        asked = truth.now
        try:
            response = await self._http.get("/health")
        except (HungUpError, OSError) as exc:
            _blame_no_answer(truth, "health", str(exc), asked)
            await self._http.close()
            return
        truth.checked["health checks"] += 1
        took = (truth.now - asked) / 1000
        if took > HEALTH_DEADLINE_S + (truth.machine.allowance(asked) + truth.machine.paused_ms(asked)) / 1000:
            truth.blame("over its deadline", "health", f"/health took {took:.2f} s, allowed is {HEALTH_DEADLINE_S:g} s")
        if response.status != _OK:
            truth.blame("unexpected answer", "health", f"{response.status} {response.body[:200]!r}")
            return
        health = msgspec.json.decode(response.body, type=_Health)
        new = HealthState(connected=health.status == "healthy", epoch=health.session.epoch or 0, reason=health.reason, at=truth.now)
        if (new.connected, new.epoch) != (self.state.connected, self.state.epoch):
            self.history = [*self.history[-99:], new]
            truth.sign("health")
        self.state = new


def one_quote(caller: Caller) -> tuple[str, list[str], float]:
    name = caller.random.choice(caller.symbols)
    return caller.path_of(name), [name], QUOTE_DEADLINE_S


def many_quotes(caller: Caller) -> tuple[str, list[str], float]:
    names = caller.random.sample(caller.stocks, caller.random.randint(2, len(caller.stocks)))
    return f"/market/quotes?symbols={escaped(','.join(names))}", names, QUOTE_DEADLINE_S


def account_data(caller: Caller) -> tuple[str, list[str], float]:
    path = caller.random.choice(["/account/summary", "/account/positions", "/account/balance", "/accounts", "/health/gateway"])
    return path, [], QUOTE_DEADLINE_S


def health_pages(caller: Caller) -> tuple[str, list[str], float]:
    return caller.random.choice(["/health/live", "/health/ready", "/debug/actors", "/auth/status"]), [], HEALTH_DEADLINE_S


_KINDS: tuple[tuple[Callable[[Caller], tuple[str, list[str], float]], float], ...] = (
    (one_quote, 0.2),
    (one_quote, 0.2),
    (many_quotes, 1.0),
    (account_data, 0.5),
    (one_quote, 0.2),
)


def start_callers(nursery: trio.Nursery, count: int, truth: Truth, port: int, gate: Gate, seed: int) -> None:
    """Start the REST clients; one of them looks at health only."""
    for number in range(count):
        caller = Caller(View(client=f"rest{number:02}"), truth, port, gate, f"{seed}:rest{number}")
        ask, pause_s = (health_pages, 0.5) if number == 0 else _KINDS[number % len(_KINDS)]
        nursery.start_soon(caller.run, ask, pause_s, name=f"rest{number:02}")


def _blame_no_answer(truth: Truth, client: str, what: str, asked: float) -> None:
    """Unless this process stood still for so long, between connecting and asking, that the service closed the connection rightly."""
    if truth.machine.allowance(asked) + truth.machine.paused_ms(asked) < _NO_REQUEST_MS:
        truth.blame("no answer", client, what)
