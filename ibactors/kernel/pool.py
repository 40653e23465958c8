"""Actors that are started on demand and retired when idle, within a budget that their holders share.

A holder is whoever has a member started or uses one. Each may hold so many, and an idle one gives way first for who holds fewer: no holder
can take the places of the others, in whatever way it asks.

A pool belongs to one actor, its owner, and has no task of its own: the owner starts, retires and evicts in its handlers. What runs is read
from the supervisor, so that the owner's next incarnation finds what the one before has started, and no one who uses it notices.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import trio

from ibactors.kernel.actor import Build
from ibactors.kernel.ref import M, N, Ref
from ibactors.kernel.supervisor import RestartPolicy, Supervisor

JUST_TOUCHED = 1.0
"""Seconds for which whoever was touched may be about to be asked: it is not idle yet, however badly its place is needed."""
RESTING = 10.0
"""Seconds after which a place that nobody uses is anybody's; until then only somebody's who holds fewer, as what is polled every few
seconds is in use."""
MOST_CLAIMS = 64
"""Of one member; one more drops those of holders that use it no longer."""
MEMBER_POLICY = RestartPolicy(max_restarts=None)
"""A member that crashes again and again is retried ever more slowly; it must not take the process down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """How much of a budget is used, and by whom."""

    name: str
    limit: int
    share: int
    """Of one holder."""
    used: int
    holders: Mapping[str, int]
    """What counts as each one's; what several hold counts for each of them."""

    def __add__(self, other: "Usage") -> "Usage":
        """Both together: a holder has a share of each."""
        holders = Counter(self.holders) + Counter(other.holders)
        return Usage(
            name=self.name, limit=self.limit + other.limit, share=self.share + other.share, used=self.used + other.used, holders=holders
        )

    def members(self, holder: str) -> dict[str, object]:
        """What *holder* is told where it gets no more: members of a problem document."""
        mine, others = self.holders.get(holder, 0), sum(number > 0 for name, number in self.holders.items() if name != holder)
        budget = {"name": self.name, "limit": self.limit, "used": self.used, "share": self.share, "yours": mine, "others": others}
        return {"budget": budget}


@dataclass(slots=True, eq=False)
class Claim:
    """What one holder has of one member."""

    lasting: int = 0
    """Uses that go on, such as streams."""
    since: float = field(default_factory=trio.current_time)
    """When it asked for the member last."""
    taken_over: "list[Claim]" = field(default_factory=list)
    """What the same holder had of members that turned out to be this one."""

    @property
    def in_use(self) -> bool:
        """Whether a use goes on."""
        return self.lasting > 0 or any(claim.in_use for claim in self.taken_over)

    @property
    def resting(self) -> bool:
        """Whether nothing shows that the holder still needs it."""
        return not self.in_use and trio.current_time() - self.since > JUST_TOUCHED


class MemberRef(Ref[M, N]):
    """The address of an actor that may live in a pool: it knows how long nobody has wanted it."""

    def __init__(self, name: str, key: Hashable) -> None:
        super().__init__(name)
        self.key = key
        """What the pool finds it by."""
        self.claims: dict[str, Claim] = {}
        """By holder. On the ref, so that no crash loses them."""
        self._last_used = trio.current_time()

    @property
    def holder(self) -> str:
        """Who has claimed it first, of those that still do; nobody is empty."""
        return next(iter(self.claims), "")

    @contextmanager
    def held(self, holder: str) -> Iterator[None]:
        """The holder uses it until the block ends."""
        claim = self.claims.setdefault(holder, Claim())
        claim.lasting += 1
        try:
            yield
        finally:
            claim.lasting -= 1
            claim.since = trio.current_time()

    def claim(self, holder: str) -> None:
        """Note that the holder asks for it."""
        if holder not in self.claims and len(self.claims) >= MOST_CLAIMS:
            self.claims = {name: claim for name, claim in self.claims.items() if not claim.resting}
        self.claims.setdefault(holder, Claim()).since = trio.current_time()
        self.touch()

    def take_over(self, other: "MemberRef[M, N]") -> None:
        """Those who use *other* go on with this one, whatever their share is: it is one less in all."""
        for holder, claim in other.claims.items():
            mine = self.claims.setdefault(holder, claim)
            if mine is not claim:
                mine.taken_over = [before for before in (*mine.taken_over, claim) if before.in_use]
        other.claims = {}

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
    """The running actors of one kind, by key.

    At most *budget* of them, the last *reserve* of which only the privileged may start, and at most *share* for one holder; as shares may
    add up to more than there is, at most *fraction* of what the other holders leave it. Those that are over have no place in it; as many
    more are kept, so that what they are over with is known for a while.
    """

    def __init__(
        self,
        supervisor: Supervisor,
        members: dict[Any, R],
        build: Callable[[R], Build[Any, Any]],
        *,
        budget: int,
        reserve: int,
        share: int | None = None,
        fraction: float = 1.0,
        idle_seconds: float,
        stopped: Callable[[R, str], None],
        lent: Callable[[], Mapping[str, int]] = dict,
    ) -> None:
        self._supervisor = supervisor
        self._members = members
        self._build = build
        self._budget = budget
        self._reserve = reserve
        self._share = budget if share is None else share
        self._fraction = fraction
        self._idle_seconds = idle_seconds
        self._stopped = stopped
        """Called with each that is stopped, and why: `idle`, `over` or `evicted`."""
        self._lent = lent
        """How much of the budget is used for something else at this moment, by holder."""

    def adopt(self, kind: type[R]) -> None:
        """Take over what runs; for the start of the owner."""
        self._members.clear()
        self._members.update({ref.key: ref for ref in self._supervisor if isinstance(ref, kind)})

    def room(self, *, privileged: bool) -> int:
        """How many may run for one more to be started."""
        return self._budget - (0 if privileged else self._reserve)

    def spare(self, most: int, *, holder: str) -> int:
        """How much of the budget *holder* may use for something else, up to *most*: what is free, or what gives way."""
        most = min(most, self._share - self._mine(holder))
        while self._free(holder) < most and self._give_way(holder):
            pass
        return max(0, min(most, self._free(holder)))

    async def get(self, make: Callable[[], R], key: Hashable, *, holder: str = "", privileged: bool) -> R | None:
        """The running one, claimed for *holder*, or one that *make* has made; None if there is no room and none that may give way."""
        ref = self._members.get(key)
        if ref is not None and not (ref.over or holder in ref.claims or self._make_share(holder)):
            return None
        if ref is not None:
            ref.claim(holder)
            return ref
        if not (self._make_share(holder) and self._make_room(holder, privileged=privileged)):
            return None
        # The place is taken and claimed in the step that has checked it; the start may take longer.
        ref = self._members[key] = make()
        ref.claim(holder)
        await self._supervisor.start(ref, self._build(ref), MEMBER_POLICY)
        ref.touch()
        return ref

    def retire(self, ref: R) -> None:
        """Stop it, unless somebody wants it again by now."""
        if ref.over or ref.idle_for() >= self._idle_seconds:
            self._stop(ref, "over" if ref.over else "idle")

    def usage(self, name: str) -> Usage:
        """How much is used at this moment."""
        live = [ref for ref in self._members.values() if not ref.over]
        lent = Counter(self._lent())
        holders = Counter(holder for ref in live for holder in ref.claims) + lent
        return Usage(name=name, limit=self._budget, share=self._share, used=len(live) + lent.total(), holders=holders)

    def held_by(self, holder: str) -> list[R]:
        """What counts as the holder's."""
        return [ref for ref in self._members.values() if holder in ref.claims and not ref.over]

    def _make_share(self, holder: str) -> bool:
        share = self._share - self._lent().get(holder, 0)
        if len(self._members) < share:
            return True
        held = self.held_by(holder)
        if len(held) < share:
            return True
        resting = [ref for ref in held if ref.claims[holder].resting]
        for ref in resting:
            if len(ref.claims) > 1:  # others keep it
                del ref.claims[holder]
                return True
        return self._evict([ref for ref in resting if ref.idle_for() > JUST_TOUCHED])

    def _make_room(self, holder: str, *, privileged: bool) -> bool:
        room = self._room_for(holder, privileged=privileged) - sum(self._lent().values())
        if len(self._members) < room:
            return True
        over = [ref for ref in self._members.values() if ref.over]
        if len(over) >= self._budget:
            self._stop(over.pop(0), "over")
        return len(self._members) - len(over) < room or self._give_way(holder)

    def _room_for(self, holder: str, *, privileged: bool) -> int:
        """How much may be in use for one more of *holder*'s."""
        room, others = self.room(privileged=privileged), self._live() + sum(self._lent().values()) - self._mine(holder)
        return room if others == 0 else min(room, others + max(1, round(self._fraction * (room - others))))

    def _mine(self, holder: str) -> int:
        return len(self.held_by(holder)) + self._lent().get(holder, 0)

    def _live(self) -> int:
        return sum(not ref.over for ref in self._members.values())

    def _free(self, holder: str) -> int:
        return self._room_for(holder, privileged=False) - self._live() - sum(self._lent().values())

    def _give_way(self, holder: str) -> bool:
        """Stop one in favour of *holder*; False where none gives way."""
        live = [ref for ref in self._members.values() if not ref.over]
        held = Counter(name for ref in live for name in ref.claims)
        # One that several hold counts as one of him who has fewest.
        holds = {ref: min((held[name] for name in ref.claims), default=self._budget) for ref in live}
        giving = [ref for ref in live if self._gives_way(ref, holder, richer=holds[ref] > held[holder])]
        most = max((holds[ref] for ref in giving), default=0)
        return self._evict([ref for ref in giving if holds[ref] == most])

    def _gives_way(self, ref: R, holder: str, *, richer: bool) -> bool:
        idle = ref.idle_for()
        return idle > RESTING or (idle > JUST_TOUCHED and (richer or holder in ref.claims))

    def _evict(self, idle: list[R]) -> bool:
        """Stop the one that is idle longest; False if there is none."""
        if idle:
            self._stop(max(idle, key=lambda ref: ref.idle_for()), "evicted")
        return bool(idle)

    def _stop(self, ref: R, why: str) -> None:
        # An old one that asks to be retired is not to end its successor.
        if self._members.get(ref.key) is ref:
            del self._members[ref.key]
            self._supervisor.stop(ref, reason=why)
            self._stopped(ref, why)
