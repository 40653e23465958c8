"""Equal questions are one, and turns go round."""

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from ibactors.errors import ContractNotFound, MailboxFull
from ibactors.kernel.ref import Reply
from ibactors.kernel.sharing import Shared
from ibactors.kernel.turns import Turns


class Work:
    """Something that takes a second."""

    def __init__(self, error: Exception | None = None) -> None:
        self.begun = self.cancelled = 0
        self.error = error

    async def __call__(self) -> int:
        self.begun += 1
        try:
            await trio.sleep(1)
        except trio.Cancelled:
            self.cancelled += 1
            raise
        if self.error:
            raise self.error
        return self.begun


async def test_equal_questions_are_asked_once_and_each_is_answered(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    shared: Shared[int] = Shared()
    work, replies = Work(), [Reply[int]() for _ in range(5)]
    for reply in replies:
        shared.join(nursery, "work", "question", reply, work)
    assert [await reply.wait() for reply in replies] == [1] * 5
    assert len(shared) == 0
    later = Reply[int]()
    shared.join(nursery, "work", "question", later, work)
    assert await later.wait() == 2


async def test_refusal_is_everybodys(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    shared: Shared[int] = Shared()
    work, replies = Work(ContractNotFound("no")), [Reply[int](), Reply[int]()]
    for reply in replies:
        shared.join(nursery, "work", "question", reply, work)
    for reply in replies:
        with pytest.raises(ContractNotFound):
            await reply.wait()


async def test_question_goes_on_until_the_last_one_has_left(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    shared: Shared[int] = Shared()
    work, one, two = Work(), Reply[int](), Reply[int]()
    shared.join(nursery, "work", "question", one, work)
    shared.join(nursery, "work", "question", two, work)
    await wait_all_tasks_blocked()
    one.fail(ContractNotFound("left"))
    await wait_all_tasks_blocked()
    assert work.cancelled == 0
    two.fail(ContractNotFound("left"))
    # Whoever comes in this very moment does not join what is about to be cancelled, or nobody answers.
    three = Reply[int]()
    shared.join(nursery, "work", "question", three, work)
    assert await three.wait() in (1, 2)
    assert len(shared) == 0


async def test_question_that_nobody_waits_for_is_cancelled(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    shared: Shared[int] = Shared()
    work, reply = Work(), Reply[int]()
    shared.join(nursery, "work", "question", reply, work)
    await wait_all_tasks_blocked()
    reply.fail(ContractNotFound("left"))
    await wait_all_tasks_blocked()
    assert (work.cancelled, len(shared)) == (1, 0)


async def test_callers_take_turns_however_much_one_of_them_asks(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    turns = Turns("searches", pause=1.0, most=100, most_each=20)
    taken: list[tuple[str, float]] = []
    begun = trio.current_time()

    async def take(caller: str) -> None:
        await turns.turn(caller)
        taken.append((caller, round(trio.current_time() - begun)))

    for caller in ("greedy", "greedy", "greedy", "modest"):
        nursery.start_soon(take, caller)
        await wait_all_tasks_blocked()
    nursery.start_soon(turns.run)
    await trio.sleep(5)
    assert taken == [("greedy", 0), ("modest", 1), ("greedy", 2), ("greedy", 3)]
    nursery.cancel_scope.cancel()


async def test_turns_are_bounded_in_all_and_per_caller(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    turns = Turns("searches", pause=1.0, most=3, most_each=2)
    for caller in ("one", "one", "two"):
        nursery.start_soon(turns.turn, caller)
    await wait_all_tasks_blocked()
    for caller in ("one", "three"):
        with pytest.raises(MailboxFull):
            await turns.turn(caller)
    nursery.cancel_scope.cancel()
    await wait_all_tasks_blocked()


async def test_caller_that_left_takes_no_turn(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    turns = Turns("searches", pause=10.0, most=3, most_each=2)
    with trio.move_on_after(1):
        await turns.turn("gone")
    assert len(turns) == 0
    nursery.start_soon(turns.run)
    with trio.fail_after(1):
        await turns.turn("here")
    nursery.cancel_scope.cancel()
