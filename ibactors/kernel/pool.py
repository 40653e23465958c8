"""Actors that are started on demand and retired when idle, within a budget.

A pool belongs to one actor, its owner, and has no task of its own: the owner starts, retires and evicts in its handlers. What runs is read
from the supervisor, so that the owner's next incarnation finds what the one before has started, and no one who uses it notices.
"""

from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

import trio

from ibactors.kernel.actor import Build
from ibactors.kernel.ref import M, N, Ref
from ibactors.kernel.supervisor import RestartPolicy, Supervisor

JUST_TOUCHED = 1.0
"""Seconds for which whoever was touched may be about to be asked: it is not idle yet, however badly its place is needed."""
MEMBER_POLICY = RestartPolicy(max_restarts=None)
"""A member that crashes again and again is retried ever more slowly; it must not take the process down."""


class MemberRef(Ref[M, N]):
    """The address of an actor that may live in a pool: it knows how long nobody has wanted it."""

    def __init__(self, name: str, key: Hashable) -> None:
        super().__init__(name)
        self.key = key
        """What the pool finds it by."""
        self._last_used = trio.current_time()

    @property
    def wanted(self) -> bool:
        """Whether somebody uses it at this moment; override where there are more than callers."""
        return self.open_asks > 0

    @property
    def over(self) -> bool:
        """Whether it has nothing to give any more, however recently it was wanted."""
        return False

    def touch(self) -> None:
        """Note that somebody wants it now."""
        self._last_used = trio.current_time()

    def idle_for(self) -> float:
        """Seconds for which nobody has wanted it; 0 while somebody does."""
        if self.wanted:
            self.touch()
        return trio.current_time() - self._last_used


R = TypeVar("R", bound=MemberRef[Any, Any])


class Pool(Generic[R]):
    """The running actors of one kind, by key: at most *budget* of them, the last *reserve* of which only the privileged may start."""

    def __init__(
        self,
        supervisor: Supervisor,
        members: dict[Any, R],
        build: Callable[[R], Build[Any, Any]],
        *,
        budget: int,
        reserve: int,
        idle_seconds: float,
        stopped: Callable[[R, str], None],
    ) -> None:
        self._supervisor = supervisor
        self._members = members
        self._build = build
        self._budget = budget
        self._reserve = reserve
        self._idle_seconds = idle_seconds
        self._stopped = stopped
        """Called with each that is stopped, and why: `idle`, `over` or `evicted`."""

    def adopt(self, kind: type[R]) -> None:
        """Take over what runs; for the start of the owner."""
        self._members.clear()
        self._members.update({ref.key: ref for ref in self._supervisor if isinstance(ref, kind)})

    def room(self, *, privileged: bool) -> int:
        """How many may run for one more to be started."""
        return self._budget - (0 if privileged else self._reserve)

    async def get(self, make: Callable[[], R], key: Hashable, *, privileged: bool) -> R | None:
        """The running one, touched, or one that *make* has made; None if there is no room and none that is idle."""
        ref = self._members.get(key)
        if ref is None:
            if not self._make_room(privileged=privileged):
                return None
            # The place is taken in the step that has checked it; the start may take longer.
            ref = self._members[key] = make()
            await self._supervisor.start(ref, self._build(ref), MEMBER_POLICY)
        ref.touch()
        return ref

    def retire(self, ref: R) -> None:
        """Stop it, unless somebody wants it again by now."""
        if ref.over or ref.idle_for() >= self._idle_seconds:
            self._stop(ref, "over" if ref.over else "idle")

    def _make_room(self, *, privileged: bool) -> bool:
        if len(self._members) < self.room(privileged=privileged):
            return True
        idle = [ref for ref in self._members.values() if ref.over or ref.idle_for() > JUST_TOUCHED]
        if not idle:
            return False
        self._stop(max(idle, key=lambda ref: ref.idle_for()), "evicted")
        return True

    def _stop(self, ref: R, why: str) -> None:
        # An old one that asks to be retired is not to end its successor.
        if self._members.get(ref.key) is ref:
            del self._members[ref.key]
            self._supervisor.stop(ref, reason=why)
            self._stopped(ref, why)
