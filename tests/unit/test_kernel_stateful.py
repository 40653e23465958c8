"""Whatever happens to an actor, each ask ends exactly once, and in a way that tells the caller the truth."""

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from structlog.testing import capture_logs

from ibactors.errors import ActorDown, AskTimeout, MailboxFull
from ibactors.kernel.status import State
from tests.examples import examples
from tests.unit.aquarium import MAILBOX, Aquarium, Asked, Refused

pytestmark = pytest.mark.thorough

KINDS = ("answer", "answer", "answer", "refuse", "crash", "forget", "slow answer", "slow crash", "defer", "child answer", "child crash")
SECONDS = st.sampled_from([0.5, 2.0, 12.0])
KEYS = st.sampled_from("ab")
INDEX = st.integers(0, 30)
NEVER = float("inf")


class AskMachine(RuleBasedStateMachine):
    """Rules either happen now or wait (`hold`) for the next one that does, to happen with it at the same instant."""

    def __init__(self) -> None:
        super().__init__()
        self._resources = ExitStack()
        self._resources.enter_context(capture_logs())
        self.tank = Aquarium()
        self._held: list[Callable[[], None]] = []
        self._asks = self._texts = 0

    def _do(self, act: Callable[[], None], *, hold: bool) -> None:
        self._held.append(act)
        if not hold:
            acts, self._held = self._held, []
            self.tank.step(acts)

    def _text(self, kind: str) -> str:
        self._texts += 1
        return f"{kind} {self._texts}"

    def _revive(self) -> None:
        """Without this most asks would find the actor down, and few would be answered."""
        if not self._held:
            self.tank.step([self.tank.start, lambda: self.tank.clock.jump(4.0)])

    @rule(
        kinds=st.lists(st.sampled_from(KINDS), min_size=1, max_size=MAILBOX + 2),
        seconds=SECONDS,
        revive=st.sampled_from([True, True, True, False]),
        hold=st.booleans(),
    )
    def ask(self, kinds: list[str], seconds: float, *, revive: bool, hold: bool) -> None:
        if revive:
            self._revive()
        for last, kind in enumerate(kinds, 1 - len(kinds)):
            self._asks += 1
            asked = Asked(self._asks, kind, seconds, NEVER)
            self._do(partial(self.tank.ask, asked), hold=hold or last < 0)

    @rule(kind=st.sampled_from(KINDS), seconds=SECONDS, patience=st.sampled_from([0.0, 1.0, 5.0, 20.0]), hold=st.booleans())
    def ask_with_deadline(self, kind: str, seconds: float, patience: float, *, hold: bool) -> None:
        self._asks += 1
        asked = Asked(self._asks, kind, seconds, patience)
        self._do(lambda: self.tank.ask(asked), hold=hold)

    @rule(index=INDEX, hold=st.booleans())
    def cancel_a_caller(self, index: int, *, hold: bool) -> None:
        def cancel() -> None:
            waiting = [asked for asked in self.tank.asked if not asked.ends]
            if waiting:
                self.tank.cancel(waiting[index % len(waiting)])

        self._do(cancel, hold=hold)

    @rule(index=INDEX, hold=st.booleans())
    def answer_something_deferred(self, index: int, *, hold: bool) -> None:
        self._do(lambda: self.tank.answer_deferred(index), hold=hold)

    @rule(kind=st.sampled_from(["note", "note", "crash"]), hold=st.booleans())
    def tell(self, kind: str, *, hold: bool) -> None:
        text = self._text(kind)
        self._do(lambda: self.tank.tell(text), hold=hold)

    @rule(key=KEYS, kind=st.sampled_from(["note", "note", "note", "crash"]), hold=st.booleans())
    def tell_newest(self, key: str, kind: str, *, hold: bool) -> None:
        text = self._text(kind)
        self._do(lambda: self.tank.tell_newest(key, text), hold=hold)

    @rule(hold=st.booleans())
    def stop(self, *, hold: bool) -> None:
        self._do(self.tank.stop, hold=hold)

    @rule()
    def start_again(self) -> None:
        self._do(self.tank.start, hold=False)

    @rule(seconds=st.sampled_from([0.25, 1.0, 2.0, 4.0, 15.0]), hold=st.booleans())
    def time_passes(self, seconds: float, *, hold: bool) -> None:
        self._do(lambda: self.tank.clock.jump(seconds), hold=hold)

    @invariant()
    def every_ask_is_open_for_a_reason_or_has_ended_truly(self) -> None:
        if not self._held:
            self._check()

    def _check(self) -> None:
        tank = self.tank
        assert not tank.wrong
        assert not tank.ref.wrong
        for key in "ab":
            numbers = [int(text.rpartition(" ")[2]) for text in tank.ref.seen if tank.keys.get(text) == key]
            assert numbers == sorted(set(numbers)), f"told out of order: {numbers}"
        for asked in tank.asked:
            if asked.ends:
                check_end(asked, limit=tank.ref.ask_limit)
            else:
                self._check_open(asked)
        assert tank.ref.open_asks == sum(not asked.ends for asked in tank.asked)
        if tank.ref.status.state is State.RUNNING and not tank.busy:
            assert tank.ref.waiting == 0
            told = [text for incarnation, text in tank.told.values() if incarnation == tank.ref.status.incarnation]
            assert set(told) <= set(tank.ref.seen)

    def _check_open(self, asked: Asked) -> None:
        status, now = self.tank.ref.status, self.tank.clock.current_time()
        assert status.state is State.RUNNING, asked
        assert status.incarnation == asked.incarnation, asked
        assert not asked.cancelled, asked
        assert now < asked.posted + min(asked.patience, self.tank.ref.ask_limit), asked
        if not self.tank.busy:
            assert asked.seen, asked
            assert asked.kind in {"defer", "child answer", "child crash"}, asked

    def teardown(self) -> None:
        with self._resources:
            if self._held:
                self.tank.step(self._held)
            self.tank.close()
        assert not self.tank.wrong
        for asked in self.tank.asked:
            check_end(asked, limit=self.tank.ref.ask_limit)


def check_end(asked: Asked, *, limit: float) -> None:
    assert len(asked.ends) == 1, asked
    assert asked.seen <= 1, asked
    age = asked.ended_at - asked.posted
    match asked.ends[0]:
        case int() as number:
            assert number == asked.number, asked
            assert asked.seen, asked
            assert asked.kind in {"answer", "slow answer", "defer", "child answer", "child crash"}, asked
        case Refused() as error:
            assert error.extra == {"number": asked.number}, asked
            assert asked.kind == "refuse", asked
        case ActorDown() as error:
            assert error.started == bool(asked.seen), asked
            was_up = asked.state is State.RUNNING
            assert not (was_up and asked.state_at_end is State.RUNNING and asked.incarnation_at_end == asked.incarnation), asked
        case MailboxFull():
            assert not asked.seen, asked
            assert asked.waiting == MAILBOX, asked
        case AskTimeout() as error:
            assert error.started == bool(asked.seen), asked
            assert age >= limit, asked
        case "gave up":
            assert asked.cancelled or age >= asked.patience, asked
        case _:
            raise AssertionError(f"an end that the kernel does not know: {asked}")


TestEveryAskEndsExactlyOnce = AskMachine.TestCase
TestEveryAskEndsExactlyOnce.settings = settings(deadline=None, max_examples=examples(40, 150), stateful_step_count=30)
