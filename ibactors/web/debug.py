"""For engineers: which actor is in what state, and which task waits where."""

import msgspec
import trio
from quart import request

from ibactors import tasktree
from ibactors.actors.kernel import Ref
from ibactors.meters import Notice
from ibactors.model import SessionStatus
from ibactors.system import System
from ibactors.web.health import masked
from ibactors.web.operations import Answer, Call, Nothing, Operation, encode


class ActorReport(msgspec.Struct, frozen=True, kw_only=True):
    """One actor; times in seconds, counters over all incarnations."""

    name: str
    state: str
    for_seconds: float
    incarnation: int
    restarts: int
    handled: int
    waiting: int
    waiting_peak: int
    open_asks: int
    last_error: str | None


class ActorsReport(msgspec.Struct, frozen=True, kw_only=True):
    """All actors, the session, and how much of the gateway is in use."""

    session: SessionStatus
    actors: list[ActorReport]
    lines: int
    max_lines: int
    unsent: int
    notices: list[Notice]
    """The last errors and notices of IB, oldest first."""


def report(ref: Ref[object]) -> ActorReport:
    """What can be said of an actor without asking it."""
    status = ref.status
    return ActorReport(
        name=ref.name,
        state=status.state.value,
        for_seconds=round(trio.current_time() - status.since, 3),
        incarnation=status.incarnation,
        restarts=status.restarts,
        handled=status.handled,
        waiting=ref.waiting,
        waiting_peak=ref.peak,
        open_asks=ref.open_asks,
        last_error=status.last_error,
    )


def reports(system: System) -> ActorsReport:
    """The whole supervisor, by name."""
    return ActorsReport(
        session=masked(system.connection.sessions.value),
        actors=[report(ref) for ref in sorted(system.supervisor, key=lambda ref: ref.name)],
        lines=system.connection.lines,
        max_lines=system.settings.max_lines,
        unsent=system.connection.unsent,
        notices=list(system.connection.tally.notices),
    )


async def get_actors(call: Call[Nothing, Nothing]) -> ActorsReport:
    return reports(call.system)


async def get_tasks(_call: Call[Nothing, Nothing]) -> Answer:
    tree = tasktree.snapshot()
    if request.accept_mimetypes.best_match(["text/plain", "application/json"]) == "application/json":
        return Answer(body=encode(tree))
    return Answer(body=tasktree.render(tree), content_type="text/plain; charset=utf-8")


OPERATIONS = (
    Operation(
        method="GET",
        path="/debug/actors",
        handler=get_actors,
        summary="All actors: state, restarts, mailboxes, last errors",
        tag="Debug",
        query=Nothing,
        body=Nothing,
        returns=ActorsReport,
    ),
    Operation(
        method="GET",
        path="/debug/tasks",
        handler=get_tasks,
        summary="The tree of trio tasks and where each waits; JSON by Accept: application/json",
        tag="Debug",
        query=Nothing,
        body=Nothing,
        media_type="text/plain",
    ),
)
