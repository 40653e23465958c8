"""One actor and its callers in a trio run of a background thread, on a clock that stands still: for `test_kernel_stateful.py`."""

import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import ClassVar

import outcome
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from ibactors.errors import IbactorsError
from ibactors.kernel.status import State
from ibactors.kernel.supervisor import RestartPolicy, Supervisor, open_supervisor
from tests.unit.worker import Broken, Do, Note, OtherNote, Worker, WorkerMessage, WorkerRef

POLICY = RestartPolicy(initial=1.0, ceiling=4.0, jitter=0.0, max_restarts=None)
MAILBOX = 4


class Refused(IbactorsError):
    """The actor's refusal of one ask; `extra` tells which."""


class FishRef(WorkerRef):
    ask_limit: ClassVar[float] = 10.0

    def __init__(self, name: str, *, mailbox_size: int) -> None:
        super().__init__(name, mailbox_size=mailbox_size)
        self.wrong: list[str] = []

    def build(self) -> Worker:
        return Fish(self)


class Fish(Worker):
    """Knows when one handler runs inside another one."""

    def __init__(self, ref: FishRef) -> None:
        super().__init__(ref)
        self._wrong = ref.wrong
        self._handling = False

    async def handle(self, msg: WorkerMessage) -> None:
        self._handling = True
        await super().handle(msg)
        self._crash_if_told(msg)
        self._handling = False

    def handle_newest(self, msg: Note | OtherNote) -> None:
        if self._handling:
            self._wrong.append(f"handled in the middle of another handler: {msg}")
        super().handle_newest(msg)
        self._crash_if_told(msg)

    def _crash_if_told(self, msg: WorkerMessage) -> None:
        if isinstance(msg, Note) and msg.text.startswith("crash"):
            raise Broken(msg.text)


class Asked:
    """One ask: what was to happen, what the handler saw, how it ended and when."""

    def __init__(self, number: int, kind: str, seconds: float, patience: float) -> None:
        self.number, self.kind, self.seconds, self.patience = number, kind, seconds, patience
        self.scope = trio.CancelScope()
        self.cancelled = False
        self.posted = self.ended_at = 0.0
        self.incarnation = self.waiting = 0
        self.state = self.state_at_end = State.STOPPED
        self.incarnation_at_end = 0
        self.seen = 0
        self.ends: list[object] = []

    def __repr__(self) -> str:
        return f"<ask {self.number}: {self.kind}, seen {self.seen}, ends {self.ends}>"


class Aquarium:
    def __init__(self) -> None:
        self.ref = FishRef("fish", mailbox_size=MAILBOX)
        self.asked: list[Asked] = []
        self.deferred: list[Do] = []
        self.busy = 0
        self.wrong: list[str] = []
        self.told: dict[str, tuple[int, str]] = {}
        """By key, the newest conflated text and the incarnation that it was told."""
        self.keys: dict[str, str] = {}
        """By conflated text, its key."""
        self.clock = MockClock()
        self.supervisor: Supervisor
        self.callers: trio.Nursery
        self._token: trio.lowlevel.TrioToken
        self._finish: trio.Event
        self._ready = threading.Event()
        self._outcome: outcome.Outcome[None]
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        self._ready.wait()

    def step(self, acts: Sequence[Callable[[], None]]) -> None:
        """Do all of *acts* at one instant and let every task go as far as it can."""

        async def in_trio() -> None:
            for act in acts:
                act()
            await wait_all_tasks_blocked()

        trio.from_thread.run(in_trio, trio_token=self._token)

    def close(self) -> None:
        """Stop the actor as the service does, and then give up what still waits."""
        self._token.run_sync_soon(self._finish.set)
        self._thread.join()
        self._outcome.unwrap()

    def _run(self) -> None:
        self._outcome = outcome.capture(partial(trio.run, self._live, clock=self.clock))
        self._ready.set()

    async def _live(self) -> None:
        self._token, self._finish = trio.lowlevel.current_trio_token(), trio.Event()
        async with trio.open_nursery() as self.callers:
            async with open_supervisor() as self.supervisor:
                await self.supervisor.start(self.ref, self.ref.build, POLICY)
                await wait_all_tasks_blocked()
                self._ready.set()
                await self._finish.wait()
            await wait_all_tasks_blocked()
            self.wrong += [f"still open at the end: {asked}" for asked in self.asked if not asked.ends]
            self.callers.cancel_scope.cancel(reason="the test is over")

    # what the rules do, each without waiting

    def ask(self, asked: Asked) -> None:
        self.asked.append(asked)
        self.callers.start_soon(self._ask, asked)

    def cancel(self, asked: Asked) -> None:
        asked.cancelled = True
        asked.scope.cancel(reason="the test wants it")

    def tell(self, text: str) -> None:
        if self.ref.status.state is State.RUNNING and self.ref.waiting < MAILBOX:
            self.ref.tell(Note(text=text))

    def tell_newest(self, key: str, text: str) -> None:
        self.told[key] = (self.ref.status.incarnation, text)
        self.keys[text] = key
        self.ref.tell_newest(key, Note(text=text))

    def stop(self) -> None:
        self.supervisor.stop(self.ref, reason="the test wants it")

    def start(self) -> None:
        if self.ref.status.state is State.STOPPED:
            self.callers.start_soon(self.supervisor.start, self.ref, self.ref.build, POLICY)

    def answer_deferred(self, index: int) -> None:
        if self.deferred:
            msg = self.deferred[index % len(self.deferred)]
            msg.reply.send(int(msg.label))

    # callers and handlers

    async def _ask(self, asked: Asked) -> None:
        status = self.ref.status
        asked.posted, asked.state, asked.incarnation, asked.waiting = (
            trio.current_time(),
            status.state,
            status.incarnation,
            self.ref.waiting,
        )
        asked.scope.deadline = asked.posted + asked.patience
        with asked.scope:
            try:
                asked.ends.append(await self.ref.do(lambda worker, msg: self._act(asked, worker, msg), str(asked.number)))
            except Exception as exc:  # noqa: BLE001  # the invariants judge it
                asked.ends.append(exc)
        if asked.scope.cancelled_caught:
            asked.ends.append("gave up")
        asked.ended_at, asked.state_at_end, asked.incarnation_at_end = trio.current_time(), status.state, status.incarnation

    async def _act(self, asked: Asked, worker: Worker, msg: Do) -> None:
        asked.seen += 1
        if asked.ends:
            self.wrong.append(f"handled after its end: {asked}")
        if asked.kind.startswith("slow"):
            self.busy += 1
            try:
                await trio.sleep(asked.seconds)
            finally:
                self.busy -= 1
        match asked.kind:
            case "answer" | "slow answer":
                msg.reply.send(asked.number)
                msg.reply.send(-1)
            case "refuse":
                msg.reply.fail(Refused("no", extra={"number": asked.number}))
            case "crash" | "slow crash":
                raise Broken(f"ask {asked.number}")
            case "forget":
                pass
            case _:
                msg.reply.defer()
                self.deferred.append(msg)
                if asked.kind.startswith("child"):
                    worker.nursery.start_soon(self._child, asked, msg)

    async def _child(self, asked: Asked, msg: Do) -> None:
        await trio.sleep(asked.seconds)
        if asked.kind == "child crash":
            raise Broken(f"child of ask {asked.number}")
        msg.reply.send(asked.number)
