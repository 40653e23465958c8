"""The market actor: the directory of symbols and the budget of market-data lines.

It starts a symbol actor for each instrument that somebody wants, hands out its address, and stops it when the symbol asks to be retired.
Each caller may hold a share of the lines. When all are in use, an idle symbol of the caller who holds most gives way, the one that has
been idle longest; when none is idle, the request is refused with NoFreeLine.
After a crash its next incarnation finds the running symbols in the supervisor's list, so that no listener notices.
"""

from collections import Counter
from collections.abc import AsyncIterator, Callable
from collections.abc import Set as AbstractSet
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import assert_never

import structlog

from ibactors.actors.connection import ConnectionRef
from ibactors.actors.symbol import SymbolRef
from ibactors.actors.symbol_actor import SymbolActor
from ibactors.errors import ActorDown, NoFreeLine
from ibactors.kernel.actor import Actor
from ibactors.kernel.mailbox import Mailbox
from ibactors.kernel.pool import Pool, Usage
from ibactors.kernel.ref import Ask, Ref
from ibactors.kernel.supervisor import Supervisor
from ibactors.model.encoded import Encoded
from ibactors.model.instruments import Instrument
from ibactors.model.quotes import Quote
from ibactors.model.symbols import default_exchange

log = structlog.get_logger(__name__)

_OF_THE_REST = 0.8
"""The part of what other callers leave that one caller may have."""
MOST_NAMES = 10_000
"""How many names of instruments are remembered; what is asked for by one beyond that finds its line a little later."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Open(Ask[SymbolRef]):
    """Somebody wants an instrument."""

    instrument: Instrument
    caller: str
    stream: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Retire:
    """A symbol is not needed any more, or has failed."""

    ref: SymbolRef


@dataclass(slots=True, kw_only=True, eq=False)
class Loan:
    """Lines that are used for something else than symbols for a while."""

    most: int
    caller: str
    lines: int = 0
    """How many it got; set by the actor in the step that has found them free."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Borrow(Ask[None]):
    """Somebody needs lines for a moment."""

    loan: Loan


class MarketRef(Ref[Open | Borrow, Retire]):
    """Where the web layer asks for symbols, and chains borrow lines."""

    def __init__(self) -> None:
        super().__init__("market")
        self.loans: set[Loan] = set()
        """Lines that are lent; here, so that they count when the actor begins anew."""
        self.usage: Callable[[], Usage] = lambda: Usage(name="lines", limit=0, share=0, used=0, holders={})
        """How many lines are used, and by whom; set by the actor."""
        self.symbols: dict[Instrument, SymbolRef] = {}
        """The running symbols; kept by the actor, may be read at any time without asking."""
        self._names: dict[Instrument, SymbolRef] = {}
        """What instruments mean that were found to be one contract; those of symbols that stopped mean nothing."""

    async def open(self, instrument: Instrument, *, caller: str, stream: bool) -> SymbolRef:
        """The symbol's address; starts its actor if there is none. Raises NoFreeLine, sooner for a request than for a *stream*.

        It counts among the lines of *caller*; who goes on using it enters `SymbolRef.held` in the step that gets it.
        """
        msg = Open(instrument=instrument, caller=caller, stream=stream)
        return await self.ask(msg, msg.reply)

    @asynccontextmanager
    async def borrowed(self, most: int, *, caller: str) -> AsyncIterator[int]:
        """The number of lines that may be opened inside the block, *most* at most. Raises NoFreeLine when there is none."""
        loan = Loan(most=most, caller=caller)
        try:
            msg = Borrow(loan=loan)
            await self.ask(msg, msg.reply)
            yield loan.lines
        finally:
            self.loans.discard(loan)

    def lent(self) -> Counter[str]:
        """Lines that are lent, by caller."""
        lent: Counter[str] = Counter()
        for loan in self.loans:
            lent[loan.caller] += loan.lines
        return lent

    async def quote(self, instrument: Instrument, *, caller: str, fields: AbstractSet[str] = frozenset()) -> Encoded[Quote]:
        """The newest quote, with *fields* besides; see `SymbolRef.quote` for what it raises."""
        newest = self.newest(instrument, fields)
        if newest is not None:
            return newest
        try:
            return await self._quote(instrument, caller, fields)
        except ActorDown:
            # Retired or crashed in this moment. Reading twice is harmless, whether or not the first request was begun.
            return await self._quote(instrument, caller, fields)

    async def _quote(self, instrument: Instrument, caller: str, fields: AbstractSet[str]) -> Encoded[Quote]:
        ref = await self.open(instrument, caller=caller, stream=False)
        ref.want(fields)
        return await ref.quote()

    def find(self, instrument: Instrument) -> SymbolRef | None:
        """The running symbol that an instrument means, by this or any other of its names."""
        ref = self._names.get(instrument)
        if ref is not None and self.symbols.get(ref.instrument) is ref:
            return ref
        return self.symbols.get(instrument)

    def resolved(self, ref: SymbolRef) -> SymbolRef:
        """Note which contract *ref* means; returns the symbol that has its line, which may be another one."""
        if ref.contract is None:
            return ref
        # An instrument has a line for each exchange that is asked for by name.
        exchange = ref.names["exchange"] or ""
        line = Instrument.of_id(ref.contract.con_id, exchange)
        names = [ref.instrument, line]
        if exchange in {"SMART", default_exchange(ref.reading.sec_type)} or not ref.reading.exchange:
            names.append(Instrument.of_id(ref.contract.con_id))
        leader = self.find(line) or ref
        if len(self._names) > MOST_NAMES:
            self._names = {name: known for name, known in self._names.items() if self.symbols.get(known.instrument) is known}
        if len(self._names) <= MOST_NAMES:
            self._names.update(dict.fromkeys(names, leader))
        return leader

    def newest(self, instrument: Instrument, fields: AbstractSet[str] = frozenset()) -> Encoded[Quote] | None:
        """The newest quote, if there is one in memory that may be shown and has *fields*."""
        ref = self.find(instrument)
        return None if ref is None or not fields <= ref.fields else ref.newest

    def retire(self, ref: SymbolRef) -> None:
        """Ask for a symbol to be stopped; it is not, if somebody wants it by then."""
        self.tell_newest(("retire", ref.name), Retire(ref=ref))


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketSettings:
    """Times in seconds."""

    max_lines: int = 100
    caller_lines: int = 80
    """How many of them one caller may hold."""
    stream_lines: int = 10
    """How many of them only streams may open."""
    idle_seconds: float = 60.0
    quote_timeout: float = 5.0
    unsubscribed_hint: str | None = None
    """What may be done about data that the account has no permission for, in place of the usual advice."""


class MarketActor(Actor[Open | Borrow, Retire]):
    """One incarnation of the directory."""

    mailbox_size = 1024  # one ask per request in the web layer; more are refused with 503

    def __init__(
        self,
        ref: MarketRef,
        connection: ConnectionRef,
        supervisor: Supervisor,
        settings: MarketSettings,
        symbol: Callable[[SymbolRef], SymbolActor] | None = None,
    ) -> None:
        super().__init__(ref)
        self._symbol = symbol or self._of_gateway
        self._me = ref
        self._connection = connection
        self._settings = settings
        self._symbols: Pool[SymbolRef] = Pool(
            supervisor,
            ref.symbols,
            self._builder,
            budget=settings.max_lines,
            reserve=settings.stream_lines,
            share=settings.caller_lines,
            # So that no two callers together have all of them, unless one may.
            fraction=_OF_THE_REST if settings.caller_lines < settings.max_lines else 1.0,
            idle_seconds=settings.idle_seconds,
            stopped=_note_stop,
            lent=ref.lent,
        )
        ref.usage = partial(self._symbols.usage, "lines")

    async def run(self, mailbox: Mailbox[Open | Borrow, Retire]) -> None:
        self._symbols.adopt(SymbolRef)
        await self.serve(mailbox)

    async def handle(self, msg: Open | Borrow) -> None:
        match msg:
            case Open():
                await self._open(msg)
            case Borrow():
                self._lend(msg)
            case _:
                assert_never(msg)

    def _lend(self, msg: Borrow) -> None:
        msg.loan.lines = self._symbols.spare(msg.loan.most, holder=msg.loan.caller)
        if msg.loan.lines:
            self._me.loans.add(msg.loan)
            msg.reply.send(None)
        else:
            msg.reply.fail(self._no_free_line(msg.loan.caller, privileged=False))

    async def _open(self, msg: Open) -> None:
        known = self._me.find(msg.instrument)
        instrument = msg.instrument if known is None else known.instrument
        make = partial(SymbolRef, instrument, self._connection.sessions, timeout=self._settings.quote_timeout)
        ref = await self._symbols.get(make, instrument, holder=msg.caller, privileged=msg.stream)
        most = self._settings.caller_lines
        if ref is None and len(self._symbols.held_by(msg.caller)) >= most:
            why = f"{msg.caller!r} uses {most} market-data lines, which is as many as one caller may."
            msg.reply.fail(NoFreeLine(why, extra=self._me.usage().members(msg.caller)))
        elif ref is None:
            msg.reply.fail(self._no_free_line(msg.caller, privileged=msg.stream))
        else:
            msg.reply.send(ref)

    def handle_newest(self, msg: Retire) -> None:
        self._symbols.retire(msg.ref)

    def _no_free_line(self, caller: str, *, privileged: bool) -> NoFreeLine:
        room = self._symbols.room(privileged=privileged)
        why = f"All {room} market-data lines are in use, but for those that are kept for other callers, and none is idle."
        return NoFreeLine(why, extra=self._me.usage().members(caller))

    def _builder(self, ref: SymbolRef) -> Callable[[], SymbolActor]:
        return partial(self._symbol, ref)

    def _of_gateway(self, ref: SymbolRef) -> SymbolActor:
        return SymbolActor(
            ref, self._connection, self._me, idle_seconds=self._settings.idle_seconds, unsubscribed_hint=self._settings.unsubscribed_hint
        )


def _note_stop(ref: SymbolRef, why: str) -> None:
    log.info("symbol_stopped", symbol=ref.instrument.name, why="failed" if why == "over" else why)
