"""Looks at the options of a chain: each has a market-data line for a moment, in rounds, out of the market actor's budget.

A round borrows at most 20 lines and gives them back when its options have answered or had their time, so that quotes get lines in between.
Some rounds run at once, and equal questions share theirs. What a look has brought is from one session: if that breaks, all of it is thrown
away and the callers hear why.
"""

from collections import deque
from collections.abc import Callable
from collections.abc import Set as AbstractSet
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

ROUND = 20
"""Lines that a round borrows at most."""
ROUNDS = 3
"""Rounds of one question at a time."""
HOLD = 4.0
"""Seconds that one option has for its answer, besides what its request waits for its turn to be sent."""
INTEREST_WAIT = 1.0
"""Seconds that only its open interest is waited for; IB does not have that of every option."""
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

    def looked(self, leg: OptionLeg, missing: AbstractSet[str]) -> None:
        self.leg = leg
        if not missing - {OPEN_INTEREST}:
            self.nearly.set()
        if not missing:
            self.done.set()

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
        self._shared.join(self.nursery, "actor:chains/look", key, msg.reply, lambda: self._look(msg))

    async def _look(self, msg: LookAt) -> tuple[OptionLeg, ...]:
        """All of them, in one session."""
        session = self._connection.sessions.value
        if not session.up:
            raise GatewayDisconnected(session.reason or "There is no session with the gateway.")
        broken: list[SessionStatus] = []
        glances = {option.con_id: _Glance(option) for option in msg.options}
        with trio.move_on_after(TOTAL) as scope:

            def watch(now: SessionStatus) -> None:
                if not now.up or now.epoch != session.epoch:
                    broken.append(now)
                    scope.cancel(reason="the session is over")

            with self._connection.sessions.listening(watch):
                await self._in_rounds(msg, glances)
        if broken:
            raise GatewayDisconnected(broken[0].reason or "The session was replaced.")
        return _legs(list(glances.values()))

    async def _in_rounds(self, msg: LookAt, glances: dict[int, _Glance]) -> None:
        waiting = deque(msg.options)
        refusals: list[IbactorsError] = []
        async with trio.open_nursery() as nursery:
            for _ in range(min(ROUNDS, -(-len(waiting) // ROUND))):
                nursery.start_soon(self._rounds, msg, waiting, glances, refusals)
        if waiting:
            raise refusals[0]

    async def _rounds(self, msg: LookAt, waiting: deque[ContractInfo], glances: dict[int, _Glance], refusals: list[IbactorsError]) -> None:
        """Rounds until none waits, or no line is free; then other rounds of the question go on, if there are."""
        while waiting:
            try:
                async with self._market.borrowed(min(ROUND, len(waiting)), caller=msg.caller) as lines, trio.open_nursery() as nursery:
                    for _ in range(min(lines, len(waiting))):
                        option = waiting.popleft()
                        nursery.start_soon(self._glance, msg, option, glances[option.con_id])
            except (NoFreeLine, ActorError) as exc:
                refusals.append(exc)
                return

    async def _glance(self, msg: LookAt, option: ContractInfo, glance: _Glance) -> None:
        line = OptionLine(option, glance, greeks=msg.greeks, open_interest=msg.open_interest, caller=msg.caller)
        try:
            await self._connection.subscribe(line, line)
            # Twice the time that what is unsent by now would take alone, as others take turns with it.
            with trio.move_on_after(HOLD + 2 * self._connection.unsent * WINDOW / RATE):
                await glance.nearly.wait()
            with trio.move_on_after(INTEREST_WAIT if glance.nearly.is_set() else 0):
                await glance.done.wait()
        except IbactorsError as exc:
            glance.failed(exc)
        finally:
            self._connection.unsubscribe(line)


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
