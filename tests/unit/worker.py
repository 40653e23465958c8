"""An actor that does whatever each message says, and callers that remember how their ask ended."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeAlias

import trio
from trio.testing import wait_all_tasks_blocked

from ibactors.kernel.actor import Actor
from ibactors.kernel.ref import Ask, Ref
from ibactors.kernel.supervisor import RestartPolicy, Supervisor, open_supervisor

GENTLE = RestartPolicy(initial=1.0, ceiling=1.0, jitter=0.0, max_restarts=None)
"""Restarts one second after every crash."""


class Broken(Exception):
    """A bug in an actor."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Do(Ask[object]):
    label: str
    act: "Act"


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherNote:
    text: str


Act: TypeAlias = Callable[["Worker", Do], Awaitable[None]]
WorkerMessage: TypeAlias = Do | Note | OtherNote


class WorkerRef(Ref[WorkerMessage, Note | OtherNote]):
    def __init__(self, name: str = "worker", *, mailbox_size: int = 8) -> None:
        super().__init__(name)
        self.mailbox_size = mailbox_size
        self.seen: list[str] = []
        """Labels and notes in the order in which a handler was given them, over all incarnations."""
        self.made: list[Worker] = []

    def build(self) -> "Worker":
        worker = Worker(self)
        self.made.append(worker)
        return worker

    async def do(self, act: "Act", label: str = "ask") -> object:
        msg = Do(label=label, act=act)
        return await self.ask(msg, msg.reply)


class Worker(Actor[WorkerMessage, Note | OtherNote]):
    def __init__(self, ref: WorkerRef) -> None:
        super().__init__(ref)
        self.mailbox_size = ref.mailbox_size  # type: ignore[misc]  # each test chooses its own
        self._seen = ref.seen

    async def handle(self, msg: WorkerMessage) -> None:
        if isinstance(msg, Do):
            self._seen.append(msg.label)
            await msg.act(self, msg)
        else:
            self._seen.append(msg.text)

    def handle_newest(self, msg: Note | OtherNote) -> None:
        self._seen.append(msg.text)


class Call:
    """One ask, in a task of its own; `result` and `error` stay None until it has ended."""

    def __init__(self, ref: WorkerRef, act: Act, label: str = "ask") -> None:
        self._ref, self._act, self.label = ref, act, label
        self.scope = trio.CancelScope()
        self.result: object = None
        self.error: Exception | None = None
        self.ended = False

    async def run(self) -> None:
        with self.scope:
            try:
                self.result = await self._ref.do(self._act, self.label)
            except Exception as exc:  # noqa: BLE001  # whatever it is, the test looks at it
                self.error = exc
        self.ended = True


def answer(value: object) -> Act:
    async def act(_worker: Worker, msg: Do) -> None:
        await trio.lowlevel.checkpoint()
        msg.reply.send(value)

    return act


def refuse(error: Exception) -> Act:
    async def act(_worker: Worker, msg: Do) -> None:
        await trio.lowlevel.checkpoint()
        msg.reply.fail(error)

    return act


def hold(gate: trio.Event) -> Act:
    """Keep the handler busy until *gate*, then answer."""

    async def act(_worker: Worker, msg: Do) -> None:
        await gate.wait()
        msg.reply.send("held")

    return act


def crash(gate: trio.Event | None = None) -> Act:
    async def act(_worker: Worker, _msg: Do) -> None:
        if gate is not None:
            await gate.wait()
        raise Broken("on purpose")

    return act


async def defer(_worker: Worker, msg: Do) -> None:
    await trio.lowlevel.checkpoint()
    msg.reply.defer()


async def forget(_worker: Worker, _msg: Do) -> None:
    await trio.lowlevel.checkpoint()


def hand_to_child(work: Callable[[Do], Awaitable[None]]) -> Act:
    """Defer, and let a child task of the incarnation go on."""

    async def act(worker: Worker, msg: Do) -> None:
        await trio.lowlevel.checkpoint()
        msg.reply.defer()
        worker.nursery.start_soon(work, msg)

    return act


class Bench:
    """A running worker, and callers that outlive it."""

    def __init__(self, ref: WorkerRef, supervisor: Supervisor, callers: trio.Nursery, everything: trio.CancelScope) -> None:
        self.ref, self.supervisor, self._callers, self._everything = ref, supervisor, callers, everything

    async def call(self, act: Act, label: str = "ask") -> Call:
        call = Call(self.ref, act, label)
        self._callers.start_soon(call.run)
        await wait_all_tasks_blocked()
        return call

    async def stop(self) -> None:
        self.supervisor.stop(self.ref, reason="the test wants it")
        await wait_all_tasks_blocked()

    async def cancel(self) -> None:
        self._everything.cancel(reason="the test wants it")
        with trio.CancelScope(shield=True):
            await wait_all_tasks_blocked()


@asynccontextmanager
async def open_bench(ref: WorkerRef | None = None) -> AsyncIterator[Bench]:
    ref = ref or WorkerRef()
    async with trio.open_nursery() as callers:
        with trio.CancelScope() as everything:
            async with open_supervisor() as supervisor:
                await supervisor.start(ref, ref.build, GENTLE)
                yield Bench(ref, supervisor, callers, everything)
