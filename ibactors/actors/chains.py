"""Looks at the options of a chain: each has a market-data line for a moment, out of the market actor's budget.

A line is given back when its option has answered or had its time, so that quotes get lines in between, and an option without an answer
holds up no other. Equal questions share their looks. What a look has brought is from one session: if that breaks, all of it is thrown away
and the callers hear why.

A chain takes the time that IB's pace forces: a message for each option, and another one for each look that does not end by itself soon;
one for open interest never does.
"""

import math
from collections import deque
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from typing import ClassVar

import msgspec
import structlog
import trio

from ibactors.actors.connection import ConnectionRef
from ibactors.actors.market import MarketRef
from ibactors.bridge.option_line import OPEN_INTEREST, OptionLine
from ibactors.bridge.pacing import RATE, WINDOW
from ibactors.errors import ActorError, GatewayDisconnected, IbactorsError, NoFreeLine, NoMarketData
from ibactors.kernel.actor import Actor
from ibactors.kernel.ref import Ask, Ref
from ibactors.kernel.sharing import Shared
from ibactors.model.contracts import OptionLeg
from ibactors.model.instruments import ContractInfo
from ibactors.model.sessions import SessionStatus

log = structlog.get_logger(__name__)

LINES = 60
"""Lines of one question at a time: as many as leave and are answered in a second and a half, with some time to end by themselves."""
NO_LINE_WAIT = 0.1
"""Seconds until a line is asked for again where none was free, while the question has others."""
HOLD = 4.0
"""Seconds that one option has for its answer, besides what its request waits for its turn to be sent."""
INTEREST_WAIT = 1.0
"""Seconds that only its open interest is waited for; IB does not have that of every option."""
END_WAIT = 1.0
"""Seconds for which a look that has all may end by itself, which saves a message; less where there are few lines."""
TOTAL = 25.0
"""Seconds for all of them; those that had no turn by then are told as NoMarketData."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LookAt(Ask[tuple[OptionLeg, ...]]):
    """Somebody wants quotes and greeks of some options."""

    options: tuple[ContractInfo, ...]
    greeks: bool
    open_interest: bool
    caller: str


class ChainsRef(Ref[LookAt, None]):
    """Where others ask for many options at once."""

    ask_limit: ClassVar[float] = TOTAL + 10.0

    def __init__(self) -> None:
        super().__init__("chains")

    async def look(self, options: tuple[ContractInfo, ...], *, greeks: bool, open_interest: bool, caller: str) -> tuple[OptionLeg, ...]:
        """One leg for each, in their order; what an option's line was refused with stands in its leg.

        Raises NoFreeLine, GatewayDisconnected, an ActorError, or the refusal that all of them have met.
        """
        if not options:
            return ()
        msg = LookAt(options=options, greeks=greeks, open_interest=open_interest, caller=caller)
        return await self.ask(msg, msg.reply)


class _Glance:
    """Hears of one option."""

    def __init__(self, option: ContractInfo) -> None:
        self.leg = OptionLeg(con_id=option.con_id, local_symbol=option.local_symbol)
        self.error: IbactorsError | None = None
        self.nearly = trio.Event()
        """All is there but the open interest."""
        self.done = trio.Event()
        self.over = trio.Event()
        """IB has ended it."""

    def looked(self, leg: OptionLeg, missing: AbstractSet[str]) -> None:
        if self.error is not None:
            return  # the rest of the packet that has brought the error
        self.leg = leg
        if not missing - {OPEN_INTEREST}:
            self.nearly.set()
        if not missing:
            self.done.set()

    def ended(self) -> None:
        self.over.set()

    def failed(self, error: IbactorsError) -> None:
        self._refused(error)

    def interrupted(self, error: IbactorsError) -> None:
        self._refused(error)

    def resumed(self) -> None:
        """It is not waited for."""

    def _refused(self, error: IbactorsError) -> None:
        # What came before is from before the break.
        self.leg = OptionLeg(con_id=self.leg.con_id, local_symbol=self.leg.local_symbol, problem=error.code)
        self.error = error
        self.nearly.set()
        self.done.set()
        self.over.set()


class _Question:
    """The looks of one question, as far as they have come."""

    def __init__(self, msg: LookAt) -> None:
        self.msg = msg
        self.waiting = deque(msg.options)
        self.glances = {option.con_id: _Glance(option) for option in msg.options}
        self.unknown = len(msg.options)
        """Options that have not answered yet, nor had their time."""
        self.looking = 0
        """Lines that are in use."""
        self.freed = trio.Event()
        """One of them is not any more; a new event each time that somebody waits for it."""
        self.refusal: IbactorsError | None = None
        """Why there is no line, not even one."""
        self.known = trio.Event()
        """There is nothing more to wait for."""

    @contextmanager
    def look(self) -> Iterator[None]:
        """One more line is in use inside the block."""
        self.looking += 1
        try:
            yield
        finally:
            self.looking -= 1
            self.freed.set()

    async def one_freed(self, at_most: float) -> None:
        """Wait until a line is not in use any more, for *at_most* seconds."""
        self.freed = trio.Event()
        with trio.move_on_after(at_most):
            await self.freed.wait()

    def answered(self) -> None:
        """One option has, or had its time."""
        self.unknown -= 1
        if not self.unknown:
            self.known.set()

    def refuse(self, error: IbactorsError) -> None:
        """There is no line at all."""
        self.refusal = error
        self.known.set()


class ChainsActor(Actor[LookAt, None]):
    """One incarnation; it keeps nothing."""

    mailbox_size = 256  # one ask per request in the web layer; more are refused with 503

    def __init__(self, ref: ChainsRef, connection: ConnectionRef, market: MarketRef) -> None:
        super().__init__(ref)
        self._connection = connection
        self._market = market
        self._shared: Shared[tuple[OptionLeg, ...]] = Shared()

    async def handle(self, msg: LookAt) -> None:
        key = (tuple(option.con_id for option in msg.options), msg.greeks, msg.open_interest)
        self._shared.join(self.nursery, f"actor:{self.ref.name}/look", key, msg.reply, lambda: self._look(msg))

    async def _look(self, msg: LookAt) -> tuple[OptionLeg, ...]:
        """All of them, in one session."""
        session = self._connection.sessions.value
        if not session.up:
            raise GatewayDisconnected(session.reason or "There is no session with the gateway.")
        broken: list[SessionStatus] = []
        question = _Question(msg)
        with trio.move_on_after(TOTAL) as scope:

            def watch(now: SessionStatus) -> None:
                if not now.up or now.epoch != session.epoch:
                    broken.append(now)
                    scope.cancel(reason="the session is over")

            with self._connection.sessions.listening(watch):
                await self._answers(question)
        if broken:
            raise GatewayDisconnected(broken[0].reason or "The session was replaced.")
        if question.refusal is not None:
            raise question.refusal
        return _legs(list(question.glances.values()))

    async def _answers(self, question: _Question) -> None:
        """Until all options have answered; what their looks have still to do for their ends is cut short."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._hand_out, question, nursery)
            await question.known.wait()
            nursery.cancel_scope.cancel(reason="there is nothing more to wait for")

    async def _hand_out(self, question: _Question, nursery: trio.Nursery) -> None:
        """A line for each option, one after the other, as far as there are any."""
        while question.waiting:
            if question.looking == LINES:
                await question.one_freed(math.inf)
            try:
                async with AsyncExitStack() as line:
                    await line.enter_async_context(self._market.borrowed(1, caller=question.msg.caller))
                    line.enter_context(question.look())
                    nursery.start_soon(self._glance, question, question.waiting.popleft(), line.pop_all())
            except (NoFreeLine, ActorError) as exc:
                if not question.looking:
                    question.refuse(exc)
                await question.one_freed(NO_LINE_WAIT)

    async def _glance(self, question: _Question, option: ContractInfo, line: AsyncExitStack) -> None:
        msg, glance = question.msg, question.glances[option.con_id]
        look = OptionLine(option, glance, greeks=msg.greeks, open_interest=msg.open_interest, caller=msg.caller)
        async with line:
            try:
                await self._connection.subscribe(look, look)
                # Twice the time that what is unsent by now would take alone, as others take turns with it.
                with trio.move_on_after(HOLD + 2 * self._connection.unsent * WINDOW / RATE):
                    await glance.nearly.wait()
                with trio.move_on_after(INTEREST_WAIT if glance.nearly.is_set() else 0):
                    await glance.done.wait()
                question.answered()
                if glance.done.is_set() and look.ends_by_itself:
                    with trio.move_on_after(END_WAIT * question.looking / LINES):
                        await glance.over.wait()
            except IbactorsError as exc:
                glance.failed(exc)
                question.answered()
            finally:
                self._connection.unsubscribe(look)


def _legs(glances: list[_Glance]) -> tuple[OptionLeg, ...]:
    """What they have heard. Raises the refusal if that is all that there is."""
    errors = [glance.error for glance in glances]
    if (first := errors[0]) is not None and all(error is not None and error.code == first.code for error in errors):
        raise first.with_traceback(None)
    return tuple(
        glance.leg
        if glance.leg.problem or glance.leg.timestamp
        else msgspec.structs.replace(glance.leg, problem=None if glance.done.is_set() else NoMarketData.code)
        for glance in glances
    )


def chains_builder(ref: ChainsRef, connection: ConnectionRef, market: MarketRef) -> Callable[[], ChainsActor]:
    """Makes incarnations of the actor."""
    return lambda: ChainsActor(ref, connection, market)
