"""Loads: what is being asked of IB, once for all who want the same.

A load runs in a task of the history actor until it has its answer, however often the session breaks meanwhile; it ends when nobody waits
for it any more. Who waits has a deadline of their own, and is told at once when the turn will come too late for it.
"""

import math
from collections.abc import Awaitable, Callable, Hashable
from functools import partial
from typing import Any, Generic, TypeVar

import outcome
import trio

from ibactors.actors.connection import ConnectionRef
from ibactors.actors.history_turns import Turn, Turns
from ibactors.actors.lookup import find
from ibactors.bridge.history import REST
from ibactors.bridge.requests import RequestSpec, only
from ibactors.errors import ActorDown, GatewayDisconnected, GatewayTimeout, HistoryPacing, IbactorsError
from ibactors.history.pacing import Ration
from ibactors.model.instruments import ContractInfo, Instrument

T = TypeVar("T")

_BETWEEN = 0.5
"""Seconds between two attempts at what a break has interrupted."""
_ATTEMPTS = 3
"""How often IB is asked what it refuses for the pace, or drops."""
_DROPPED = 5.0
"""Seconds within which a question that fails without an answer was dropped, for too many messages at once, and not considered."""


class Patience:
    """Whom an answer is for, and how long it may take."""

    def __init__(self, caller: str, seconds: float) -> None:
        self.caller = caller
        self.deadline = trio.current_time() + seconds

    @property
    def is_endless(self) -> bool:
        """Whether it is a download's, which waits for breaks to end."""
        return math.isinf(self.deadline)


class Load(Generic[T]):
    """One answer in the making."""

    def __init__(self, turn: Turn) -> None:
        self.turn = turn
        """What it waits for, or has, at IB."""
        self.waiting = 0
        self.done = trio.Event()
        self.result: outcome.Maybe[T] | None = None
        self.scope = trio.CancelScope()
        self.problem: IbactorsError | None = None
        """What interrupted it."""


class Loads:
    """All loads in the making, by what they are about."""

    def __init__(self, connection: ConnectionRef, turns: Turns, nursery: trio.Nursery) -> None:
        self._connection = connection
        self._turns = turns
        self._nursery = nursery
        self._loads: dict[Hashable, Load[Any]] = {}

    async def get(self, key: Hashable, work: Callable[[Load[T]], Awaitable[T]], patience: Patience, ration: Ration | None = None) -> T:
        """What *work* makes, which is shared by all who want the same *key* at a time.

        Raises what it raises; HistoryPacing, GatewayTimeout or GatewayDisconnected when it takes too long.
        """
        load: Load[T] | None = self._loads.get(key)
        if load is None:
            session = self._connection.sessions.value
            if not (session.up or patience.is_endless):
                raise GatewayDisconnected(session.reason or "There is no session with the gateway.")
            load = Load(Turn(caller=patience.caller, ration=ration))
            self._refuse_late(load, patience)
            self._loads[key] = load
            self._nursery.start_soon(self._run, key, load, work, name="actor:history/load")
        else:
            self._refuse_late(load, patience)
        load.waiting += 1
        try:
            with trio.move_on_at(patience.deadline):
                await load.done.wait()
        finally:
            load.waiting -= 1
            if not load.waiting and not load.done.is_set():
                self._end(key, load)
                load.scope.cancel(reason="nobody waits for it any more")
        if load.result is None:
            raise self._too_late(load)
        if isinstance(load.result, outcome.Error):
            raise load.result.error.with_traceback(None)  # several callers may share it
        return load.result.value

    def _refuse_late(self, load: Load[Any], patience: Patience) -> None:
        seconds = self._turns.forecast(load.turn)
        if trio.current_time() + seconds > patience.deadline:
            raise self._turns.pacing.refusal("this answer", seconds)

    def _too_late(self, load: Load[Any]) -> IbactorsError:
        session = self._connection.sessions.value
        if not session.up:
            return load.problem or GatewayDisconnected(session.reason or "There is no session with the gateway.")
        if isinstance(load.problem, HistoryPacing):
            return load.problem
        if not load.turn.come.is_set():
            return self._turns.pacing.refusal("this answer", self._turns.forecast(load.turn))
        return GatewayTimeout("IB did not answer the question about the past in time.")

    async def _run(self, key: Hashable, load: Load[T], work: Callable[[Load[T]], Awaitable[T]]) -> None:
        with load.scope:
            try:
                load.result = outcome.Value(await work(load))
            except IbactorsError as exc:
                load.result = outcome.Error(exc)
            self._end(key, load)
            load.done.set()

    def _end(self, key: Hashable, load: Load[Any]) -> None:
        if self._loads.get(key) is load:
            del self._loads[key]

    async def ask(self, load: Load[Any], spec: RequestSpec[T], ration: Ration | None = None) -> tuple[T, ...]:
        """The rows of IB's answer, when the turn has come; asked for again in the next session if this one breaks."""
        return await self._insist(load, partial(self._connection.request, spec), ration)

    async def ask_one(self, load: Load[Any], spec: RequestSpec[T], ration: Ration | None = None) -> T:
        """The same of what is answered with one row. Raises GatewayRefused where the answer has none: it is one to another question."""
        return only(spec, await self.ask(load, spec, ration))

    async def find(self, load: Load[Any], instrument: Instrument) -> ContractInfo:
        """The one contract that is meant. Raises ContractNotFound, ContractAmbiguous."""
        _, info = await self._insist(load, partial(find, self._connection, instrument, caller=load.turn.caller))
        return info

    async def _insist(self, load: Load[Any], act: Callable[[], Awaitable[T]], ration: Ration | None = None) -> T:
        refused = 0
        while True:
            if load.turn.come.is_set():
                load.turn = Turn(caller=load.turn.caller, ration=ration)
            async with self._turns.taken(load.turn):
                asked = trio.current_time()
                try:
                    return await act()
                except (GatewayDisconnected, ActorDown) as exc:
                    load.problem = exc
                except HistoryPacing as exc:
                    self._turns.pacing.rest(trio.current_time() + REST)
                    load.problem, refused = exc, refused + 1
                except GatewayTimeout as exc:
                    if trio.current_time() - asked > _DROPPED:
                        raise
                    load.problem, refused = exc, refused + 1
            if refused == _ATTEMPTS and load.problem is not None:
                raise load.problem
            await trio.sleep(_BETWEEN)
            await self._connection.sessions.until(lambda session: session.up)
