"""A directory of actors of one kind: it starts one for each thing that somebody wants, hands out its address, and stops it when idle.

Profits, portfolios, bars, news and scans have one each. After a crash its next incarnation finds the running ones in the supervisor's list.
"""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

import structlog

from ibactors.errors import ActorDown, IbactorsError
from ibactors.kernel.actor import Actor, Build
from ibactors.kernel.mailbox import Mailbox
from ibactors.kernel.pool import MemberRef, Pool, Usage
from ibactors.kernel.ref import Ask, Ref
from ibactors.kernel.supervisor import Supervisor

log = structlog.get_logger(__name__)

R = TypeVar("R", bound=MemberRef[Any, Any])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Open(Ask[R], Generic[R]):
    """Somebody wants one."""

    key: Hashable
    make: Callable[[], R]
    caller: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Retire(Generic[R]):
    """One is not needed any more, or has nothing to give."""

    ref: R


class DirectoryRef(Ref[Open[R], Retire[R]], Generic[R]):
    """Where to ask for one."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.running: dict[Hashable, R] = {}
        """Kept by the actor."""
        self.usage: Callable[[], Usage] = lambda: Usage(name=name, limit=0, share=0, used=0, holders={})
        """How many there are, and whose; set by the actor."""

    async def open(self, key: Hashable, make: Callable[[], R], *, caller: str = "") -> R:
        """The running one, or what *make* makes. It counts among those of *caller*. Raises what the directory refuses with."""
        try:
            return await self._running_of(key, make, caller)
        except ActorDown:
            # The directory crashed in this moment. Asking twice is harmless, whether or not the first request was begun.
            return await self._running_of(key, make, caller)

    async def _running_of(self, key: Hashable, make: Callable[[], R], caller: str) -> R:
        msg: Open[R] = Open(key=key, make=make, caller=caller)
        return await self.ask(msg, msg.reply)

    def retire(self, ref: R) -> None:
        """Ask for one to be stopped; it is not, if somebody wants it by then."""
        self.tell_newest(("retire", ref.name), Retire(ref=ref))


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """How many there may be."""

    most: int
    share: int | None = None
    """How many of them one caller may hold; None for all."""
    idle_seconds: float = 60.0
    """For how long one is kept after somebody has wanted it."""
    lent: Callable[[], Mapping[str, int]] = dict
    """How many are used by something else at the moment, by whom."""


class DirectoryActor(Actor[Open[R], Retire[R]], Generic[R]):
    """One incarnation of the directory."""

    mailbox_size = 1024  # one ask per request or subscription of the web layer; more are refused with 503

    def __init__(
        self,
        ref: DirectoryRef[R],
        supervisor: Supervisor,
        kind: type[R],
        build: Callable[[R], Build[Any, Any]],
        room: Room,
        refusal: Callable[[str], IbactorsError],
    ) -> None:
        super().__init__(ref)
        self._kind = kind
        self._room = room
        self._refusal = refusal
        """Makes the error for what there is no room for, from what is said of it."""
        self._pool: Pool[R] = Pool(
            supervisor,
            ref.running,
            build,
            budget=room.most,
            reserve=0,
            share=room.share,
            idle_seconds=room.idle_seconds,
            stopped=self._note_stop,
            lent=room.lent,
        )
        ref.usage = partial(self._pool.usage, ref.name)
        self._usage = ref.usage

    async def run(self, mailbox: Mailbox[Open[R], Retire[R]]) -> None:
        self._pool.adopt(self._kind)
        await self.serve(mailbox)

    async def handle(self, msg: Open[R]) -> None:
        ref = await self._pool.get(msg.make, msg.key, holder=msg.caller, privileged=True)
        share = self._room.share
        if ref is not None:
            msg.reply.send(ref)
        elif share is not None and len(self._pool.held_by(msg.caller)) >= share:
            msg.reply.fail(self._refused(msg.caller, f"{msg.caller!r} uses {share} at this moment, which is as many as one caller may."))
        else:
            msg.reply.fail(self._refused(msg.caller, f"{self._room.most} are in use at this moment, which is as many as there may be."))

    def _refused(self, caller: str, why: str) -> IbactorsError:
        error = self._refusal(why)
        error.extra |= self._usage().members(caller)
        return error

    def handle_newest(self, msg: Retire[R]) -> None:
        self._pool.retire(msg.ref)

    def _note_stop(self, _ref: R, why: str) -> None:
        log.debug("member_stopped", kind=self.ref.name, why=why)
