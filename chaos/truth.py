"""What is true, and who claimed otherwise: breaks with their times, the checks of every value, and the violations found.

The simulator's prices tell when they were sent and for which symbol (`ibactors simulate --prices clock`). Each value that a client gets is
judged here against the breaks that the conductor caused. Times are milliseconds of the simulator's clock throughout.
"""

import collections
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

import msgspec
import trio

from chaos.machine import Machine

SCALE = 1000
"""Ticks per millisecond in prices that encode the time."""
RECOVERY_MS = 5000.0
"""After the end of a fault everything is live again within this time."""
FUTURE_MS = 50.0
"""Milliseconds by which the harness may misjudge the simulator's clock."""
ARRIVAL_MS = 2000.0
"""Milliseconds by which a quote's own timestamp may be later than the sending of its newest value."""
SILENCE_MS = 1500.0
"""Milliseconds by which it may be earlier: what comes after a silence, before the gateway answers again, has the time of the last sign of
life. No longer than the probe's idle time and timeout that chaos sets (`faults.py`)."""
_EXAMPLES = 3
"""Violations of one kind, during one fault, that are printed and kept."""
_REMEMBER_MS = 60_000.0
_SIDES = (("bid", 0), ("ask", 1), ("last", 0))


class Message(msgspec.Struct, frozen=True):
    """Any message of the stream and any answer of REST, as far as it is looked at."""

    type: str = ""
    symbol: str | None = None
    bid: float | None = None
    ask: float | None = None
    last: float | None = None
    market_data_type: str = ""
    timestamp: str | None = None
    as_of: str | None = None
    since: str | None = None
    connected: bool | None = None
    ib_connected: bool | None = None
    epoch: int | None = None
    code: str | None = None
    reason: str | None = None
    message: str | None = None
    detail: str | None = None
    status: str | int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Symbol:
    """How an instrument is asked for, and how its prices are read."""

    name: str
    """IB's symbol, which messages show: no two instruments of a run have the same."""
    local_symbol: str
    number: int
    farm: str
    tick: float
    sec_type: str
    con_id: int
    exchange: str
    currency: str

    @property
    def fields(self) -> dict[str, str | int]:
        """What a request says besides the symbol; nothing for a US stock."""
        if self.sec_type == "STK":
            return {}
        return {"sec_type": self.sec_type, "exchange": self.exchange, "currency": self.currency, "con_id": self.con_id}


@dataclass(slots=True, kw_only=True)
class Break:
    """A stretch in which the values of some symbols are not to be had; what was sent before it is void from `void_from` on."""

    fault: str
    symbols: frozenset[str]
    session: bool
    begun: float
    void_from: float
    """Infinite where values may be unavailable, but are not void."""
    ended: float = float("inf")
    statuses: frozenset[int] = frozenset()
    """What REST may answer besides the usual."""
    frozen: bool = False
    """A silence: where there is nothing newer after it, what was shown before may be shown again."""


@dataclass(slots=True, kw_only=True)
class Kind:
    """A change between live and delayed data; what is sent between asking for it and its being done may be of either."""

    name: str
    asked: float
    done: float = float("inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """Something that must not happen."""

    at_s: float
    rule: str
    client: str
    faults: str
    detail: str
    log: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.at_s:8.2f} s  {self.rule}: {self.client}: {self.detail}  [{self.faults or 'calm'}]"


@dataclass(slots=True, kw_only=True, eq=False)
class View:
    """What one client has seen; its values may not go back."""

    client: str
    prompt: bool = True
    """Reads without pauses, so that times at this client are times at the service."""
    seen: dict[tuple[str, str], int] = field(default_factory=dict)
    newest: dict[str, float] = field(default_factory=dict)
    """When the newest value of a symbol was sent that came over the present connection."""
    told: dict[str, float] = field(default_factory=dict)
    """When the newest `stale` of a symbol came."""
    void_before: dict[str, float] = field(default_factory=dict)
    wanted: dict[str, float] = field(default_factory=dict)
    """Subscribed symbols, and since when."""


class Truth:
    """The one judge of a run."""

    def __init__(self, symbols: Iterable[Symbol], *, offset_ms: float, wall: Callable[[], float] = time.time) -> None:
        """*wall* is the service's clock, Unix time in seconds."""
        self.symbols = {symbol.name: symbol for symbol in symbols}
        self.breaks: list[Break] = []
        self._floors: dict[str, float] = {}
        self.violations: list[Violation] = []
        """Some examples of each kind; `counts` has all."""
        self.counts = collections.Counter[tuple[str, str]]()
        self.excerpt: Callable[[], list[str]] = list
        """The newest lines of the service's log."""
        self.active: list[str] = []
        self.still: set[str] = set()
        self.by_hand_until: dict[str, float] = {}
        """Until then such a symbol may show a price that was set by hand."""
        """Symbols that do not tick now although nothing is broken: halted, or set to a price."""
        self.rested_until: dict[str, float] = {}
        """Until then such a symbol may show a value that is older than its timestamp, as something else of it was news."""
        self.kinds = [Kind(name="live", asked=0.0, done=0.0)]
        self.newest: dict[str, int] = collections.defaultdict(int)
        """The newest bid of each symbol that any prompt client has seen."""
        self.checked = collections.Counter[str]()
        self.signs: list[tuple[float, str]] = []
        self.machine = Machine(lambda: self.now)
        self._offset_ms = offset_ms
        self._wall_ms = wall() * 1000 - self.now
        self.started = self.now

    @property
    def now(self) -> float:
        """The simulator's clock."""
        return trio.current_time() * 1000 + self._offset_ms

    def wall(self, text: str) -> float:
        """A time of the service's as one of the simulator's clock."""
        return datetime.fromisoformat(text).timestamp() * 1000 - self._wall_ms

    def blame(self, rule: str, client: str, detail: str) -> None:
        """Record a violation."""
        found = Violation(
            at_s=(self.now - self.started) / 1000,
            rule=rule,
            client=client,
            faults=" + ".join(self.active),
            detail=detail[:600],
            log=self.excerpt(),
        )
        self.counts[rule, found.faults] += 1
        count = self.counts[rule, found.faults]
        if count <= _EXAMPLES:
            self.violations.append(found)
            print(f"VIOLATION {found}", flush=True)
        elif count == _EXAMPLES + 1:
            print(f"VIOLATION {found.at_s:8.2f} s  {rule}: more of this kind are only counted  [{found.faults or 'calm'}]", flush=True)

    def excuses(self, symbol: str | None, begun: float, ended: float) -> list[Break]:
        """Why a symbol (None: the session) may have been unavailable at some time between; empty if it may not."""
        return [
            b
            for b in self.breaks
            if b.begun <= ended
            and b.ended + RECOVERY_MS + self.machine.allowance(b.ended) + self.machine.paused_ms(b.ended) >= begun
            and (symbol in b.symbols if symbol else b.session)
        ]

    def void_before(self, symbol: str, at: float) -> float:
        """Values of a symbol that were sent before this must not be shown at `at`."""
        floor = self._floors.get(symbol, 0.0)
        known = (b.begun for b in self.breaks if symbol in b.symbols and b.void_from + self.machine.allowance(b.begun) <= at)
        return max(known, default=floor)

    def forget_old_breaks(self) -> None:
        """Fold breaks that ended long ago into one time per symbol, so that a long run stays fast."""
        old = [b for b in self.breaks if b.ended < self.now - _REMEMBER_MS]
        for b in old:
            for symbol in b.symbols if b.void_from < float("inf") else ():
                self._floors[symbol] = max(b.begun, self._floors.get(symbol, 0.0))
        self.breaks = [b for b in self.breaks if b not in old]

    def check_quote(self, view: View, quote: Message, received: float, *, asked: float | None = None) -> int:
        """Judge a quote from the stream, or from a request that was sent at `asked`; returns when its newest value was sent."""
        symbol = self.symbols.get(quote.symbol or "")
        if symbol is None or (asked is None and symbol.name not in view.wanted):
            self.blame("invented", view.client, f"a quote of {quote.symbol}, which is not subscribed")
            return 0
        void = view.void_before.get(symbol.name, 0.0)
        if asked is not None:
            void = max(void, self.void_before(symbol.name, asked))
        elif view.prompt:
            void = max(void, self.void_before(symbol.name, received))
        newest = 0
        for side, bit in _SIDES:
            price: float | None = getattr(quote, side)
            if price is not None:
                sent = self.check_price(view, symbol, side, bit, price, received, void)
                self._check_kind(view, quote, f"{symbol.name} {side}", sent)
                newest = max(newest, sent)
        if view.prompt:
            # What a slow client reads may be from a time when the symbol stood still.
            self._check_age(view, quote, symbol, newest)
        self._check_as_of(view, quote)
        view.newest[symbol.name] = max(newest, view.newest.get(symbol.name, 0))
        if view.prompt:
            self.newest[symbol.name] = max(newest, self.newest[symbol.name])
        return newest

    def check_price(self, view: View, symbol: Symbol, side: str, bit: int, price: float, received: float, void: float) -> int:
        """Judge one price; values from before *void* must not be shown. Returns when it was sent."""
        self.checked["values"] += 1
        ticks = round(price / symbol.tick)
        sent, rest = divmod(ticks, SCALE)
        what = f"{symbol.name} {side} {price!r}"
        if rest != 2 * symbol.number + bit or sent > received + FUTURE_MS or abs(ticks * symbol.tick - price) > symbol.tick / 100:
            self.blame("invented", view.client, f"{what} was never sent for it (decodes to {sent} ms, number {rest / 2:g})")
            return 0
        before = view.seen.get((symbol.name, side), 0)
        if sent + self.set_late(symbol.name, before) < before:
            self.blame("out of order", view.client, f"{what}, sent at {sent} ms, came after one that was sent at {before} ms")
        if sent < void:
            self.blame(
                "from before a break", view.client, f"{what}, sent {void - sent:.0f} ms before the break, {received - void:.0f} ms after"
            )
        view.seen[symbol.name, side] = max(sent, before)
        return sent

    def set_late(self, name: str, since: float) -> float:
        """By how much a price that was set by hand may be younger than the time that it tells: it is chosen before the simulator has it."""
        return ARRIVAL_MS + self.machine.allowance(since) if self.by_hand_until.get(name, 0.0) > self.now else 0.0

    def _check_kind(self, view: View, quote: Message, what: str, sent: int) -> None:
        kind = next(x for x in reversed(self.kinds) if x.asked - FUTURE_MS <= sent)
        if sent > kind.done + FUTURE_MS and quote.market_data_type != kind.name:
            since = f"{sent - kind.asked:.0f} ms after data became {kind.name}"
            self.blame("wrong kind", view.client, f"{what}, sent {since}, is shown as {quote.market_data_type}")

    def _check_age(self, view: View, quote: Message, symbol: Symbol, newest: int) -> None:
        if quote.timestamp is None or not newest or symbol.name in self.still or self.rested_until.get(symbol.name, 0.0) > self.now:
            return
        age = self.wall(quote.timestamp) - newest
        # What came during a pause, or before the gateway answered again, has a time before the pause; a time after it would be a lie.
        paused = self.machine.paused_ms(newest - _REMEMBER_MS)
        waited = self.machine.allowance(newest)
        # The service takes a second for which the machine did not run it for a pause, too, and then waits for the gateway's answer.
        early = FUTURE_MS + SILENCE_MS + (paused and paused + ARRIVAL_MS) + 2 * waited
        if not -early <= age <= ARRIVAL_MS + waited:
            self.blame("wrong timestamp", view.client, f"{symbol.name}: newest value sent {age:.0f} ms before the time it is said to be of")

    def _check_as_of(self, view: View, quote: Message) -> None:
        if quote.timestamp is None or quote.as_of is None:
            return
        ahead = self.wall(quote.as_of) - self.wall(quote.timestamp)
        if ahead > ARRIVAL_MS + self.machine.paused_ms(self.now - _REMEMBER_MS):
            self.blame("as of later", view.client, f"{quote.symbol}: as of {quote.as_of}, but its values arrived at {quote.timestamp}")

    def check_stale(self, view: View, stale: Message, received: float) -> None:
        """Take note that a client was told; from here on nothing older than the break may follow."""
        self.checked["stale messages"] += 1
        name = stale.symbol or ""
        view.told[name] = received
        since = self.wall(stale.since) if stale.since else received
        begun = max((b.begun for b in self.breaks if b.begun + FUTURE_MS <= since and name in b.symbols), default=0.0)
        view.void_before[name] = max(begun, view.void_before.get(name, 0.0))
        self.sign("stale")
        if not self.excuses(name, received - ARRIVAL_MS, received) and view.prompt:
            self.blame("stale for nothing", view.client, f"{name}: {stale.code}: {stale.reason}")

    def sign(self, kind: str) -> None:
        """Take note that the service shows that something is wrong."""
        self.signs.append((self.now, kind))
