from dataclasses import dataclass

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from ibactors.bridge.pacing import MOST_OPENINGS, MOST_URGENT, RATE, WINDOW, Outbox
from ibactors.orders.permits import SEND_WITHIN
from tests.examples import examples

Sent = list[tuple[float, str]]


async def send(outbox: Outbox, sent: Sent, seconds: float) -> None:
    """Let the outbox work for so long."""
    with trio.move_on_after(seconds):
        await outbox.run(lambda *messages: sent.extend((trio.current_time(), message) for message in messages))


@pytest.mark.thorough
@settings(deadline=None, max_examples=examples(25, 100))
@given(st.integers(1, 60), st.lists(st.tuples(st.floats(0, 1.5), st.integers(0, 70), st.booleans()), max_size=8))
def test_no_rolling_second_has_more_messages_than_the_limit(rate: int, bursts: list[tuple[float, int, bool]]) -> None:
    sent: Sent = []
    total = sum(size for _, size, _ in bursts)

    async def main() -> None:
        outbox = Outbox(rate)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(send, outbox, sent, 1000)
            for pause, size, urgent in bursts:
                await trio.sleep(pause)
                for number in range(size):
                    outbox.put(str(number), kind="a", urgent=urgent)

    trio.run(main, clock=MockClock(autojump_threshold=0))
    times = [time for time, _ in sent]
    assert len(times) == total
    # The message that is `rate` places later leaves a full second later, or the second would have rate + 1 of them.
    assert all(later - earlier >= 1.0 - 1e-9 for earlier, later in zip(times, times[rate:], strict=False))


async def test_messages_below_the_limit_leave_at_once_and_in_order(autojump_clock: MockClock) -> None:
    outbox = Outbox(5)
    sent: Sent = []
    begin = trio.current_time()
    for number in range(12):
        outbox.put(str(number), kind="a")
    await send(outbox, sent, 10)
    assert [message for _, message in sent] == [str(number) for number in range(12)]
    assert [time - begin for time, _ in sent] == pytest.approx([0] * 5 + [WINDOW] * 5 + [2 * WINDOW] * 2)


async def test_urgent_message_overtakes_those_that_wait(autojump_clock: MockClock) -> None:
    outbox = Outbox(2)
    sent: Sent = []
    for number in range(6):
        outbox.put(str(number), kind="a")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(send, outbox, sent, 10)
        await wait_all_tasks_blocked()  # two are gone, the third waits for its turn
        outbox.put("cancel 1", kind="a", urgent=True)
        outbox.put("cancel 2", kind="a", urgent=True)
    assert [message for _, message in sent] == ["0", "1", "cancel 1", "cancel 2", "2", "3", "4", "5"]


async def test_withdrawn_message_is_never_sent_and_takes_no_turn(autojump_clock: MockClock) -> None:
    outbox = Outbox(2)
    sent: Sent = []
    for key, message in enumerate("abcde"):
        outbox.put(message, kind=f"kind {key % 2}", key=key)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(send, outbox, sent, 10)
        await wait_all_tasks_blocked()
        assert outbox.withdraw(2)
        assert not outbox.withdraw(2)
        assert not outbox.withdraw(0), "it has left"
        assert len(outbox) == 2
    assert [message for _, message in sent] == ["a", "b", "e", "d"]
    assert sent[-1][0] - sent[0][0] == pytest.approx(WINDOW)


async def test_outbox_goes_on_when_everything_that_waited_was_withdrawn(autojump_clock: MockClock) -> None:
    outbox = Outbox(1)
    sent: Sent = []
    outbox.put("1", kind="a")
    outbox.put("2", kind="a", key=2)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(send, outbox, sent, 10)
        await wait_all_tasks_blocked()
        outbox.withdraw(2)
        await trio.sleep(5)
        outbox.put("3", kind="a")
    assert [message for _, message in sent] == ["1", "3"]


async def test_idle_outbox_wakes_for_an_urgent_message(autojump_clock: MockClock) -> None:
    outbox = Outbox(1)
    sent: Sent = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(send, outbox, sent, 10)
        await wait_all_tasks_blocked()
        outbox.put("now", kind="a", urgent=True)
        await wait_all_tasks_blocked()
        assert [message for _, message in sent] == ["now"]


async def test_kinds_of_message_take_turns(autojump_clock: MockClock) -> None:
    outbox = Outbox(2)
    sent: Sent = []
    for number in range(4):
        outbox.put(f"search {number}", kind="contracts")
    outbox.put("line a", kind="quotes")
    outbox.put("line b", kind="quotes")
    await send(outbox, sent, 10)
    order = [message for _, message in sent]
    assert order == ["search 0", "line a", "search 1", "line b", "search 2", "search 3"]


async def test_complaint_of_the_gateway_stops_sending_for_a_second(autojump_clock: MockClock) -> None:
    outbox = Outbox(5)
    sent: Sent = []
    outbox.put("a", kind="a")
    outbox.pause()
    paused = trio.current_time()
    await send(outbox, sent, 10)
    assert sent[0][0] - paused == pytest.approx(1)


async def test_callers_take_turns_within_a_kind(autojump_clock: MockClock) -> None:
    outbox = Outbox(3)
    sent: Sent = []
    for number in range(200):
        outbox.put(f"greedy {number}", kind="contracts", caller="greedy", key=number)
    outbox.put("modest", kind="contracts", caller="modest", key=1000)
    outbox.put("third", kind="contracts", caller="third", key=1001)
    outbox.put("quote", kind="quotes", caller="greedy", key=1002)
    assert outbox.withdraw(1001)
    assert not outbox.withdraw(1001)
    assert len(outbox) == 202
    await send(outbox, sent, 2 * WINDOW)
    assert [message for _, message in sent][:4] == ["greedy 0", "quote", "modest", "greedy 1"]


@dataclass
class Frame:
    """A message about an order that may leave."""

    text: str
    count: int = 1

    @property
    def messages(self) -> tuple[str, ...]:
        return (self.text,) * self.count

    def leave(self) -> tuple[str, ...]:
        return self.messages


async def test_what_ends_orders_goes_before_what_begins_them_and_both_take_turns_with_the_rest(autojump_clock: MockClock) -> None:
    outbox = Outbox(10)
    sent: Sent = []
    for number in range(3):
        outbox.put_order(Frame(f"place {number}"))
    outbox.put_order(Frame("cancel"), ends=True)
    outbox.put("probe", kind="session")
    assert (len(outbox), outbox.openings, len(list(outbox.orders))) == (5, 3, 4)
    await send(outbox, sent, 10)
    assert [message for _, message in sent] == ["cancel", "probe", "place 0", "place 1", "place 2"]


async def test_what_is_taken_back_is_taken_from_either_line(autojump_clock: MockClock) -> None:
    outbox = Outbox(10)
    sent: Sent = []
    outbox.put_order(Frame("place"))
    outbox.put_order(Frame("cancel"), ends=True)
    assert len(outbox.take_orders(lambda _frame: True)) == 2
    await send(outbox, sent, 10)
    assert sent == []


def test_urgent_messages_that_are_too_many_end_the_session_instead_of_being_lost() -> None:
    outbox = Outbox(1)
    told: list[str] = []
    outbox.on_overflow = told.append
    for number in range(MOST_URGENT):
        outbox.put(str(number), kind="a", urgent=True)
    assert told == []
    outbox.put("one more", kind="a", urgent=True)
    assert len(told) == 1
    assert len(outbox) == MOST_URGENT + 1


async def test_the_last_opening_that_is_taken_leaves_within_its_deadline_beside_other_messages(autojump_clock: MockClock) -> None:
    outbox = Outbox(RATE)
    sent: Sent = []
    for number in range(200):
        outbox.put(f"request {number}", kind="contracts")
    for number in range(MOST_OPENINGS):
        outbox.put_order(Frame(f"place {number}"))
    began = trio.current_time()
    await send(outbox, sent, 60)
    assert max(at for at, message in sent if message.startswith("place")) - began < SEND_WITHIN


async def test_messages_that_leave_together_never_exceed_the_pace(autojump_clock: MockClock) -> None:
    outbox = Outbox(RATE)
    sent: Sent = []
    for number in range(12):
        outbox.put(f"request {number}", kind="contracts")
        outbox.put_order(Frame(f"group {number}", 10))
    await send(outbox, sent, 60)
    assert len(sent) == 132
    times = [at for at, _ in sent]
    assert max(sum(at <= each < at + WINDOW for each in times) for at in times) <= RATE


def test_what_waits_of_orders_is_counted_by_messages() -> None:
    outbox = Outbox(RATE)
    outbox.put_order(Frame("bracket", 3))
    outbox.put_order(Frame("order"))
    outbox.put_order(Frame("cancel"), ends=True)
    assert outbox.openings == 4


async def test_an_order_leaves_in_the_step_in_which_it_is_queued_where_nothing_waits_and_the_pace_allows_it(
    autojump_clock: MockClock,
) -> None:
    outbox = Outbox(4)
    sent: Sent = []
    outbox.put_order(Frame("before it runs"))
    assert sent == []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(send, outbox, sent, 60)
        await wait_all_tasks_blocked()
        outbox.put_order(Frame("idle"))
        assert [message for _, message in sent] == ["before it runs", "idle"]
        outbox.put("request", kind="contracts")
        outbox.put_order(Frame("behind a request"))
        assert len(sent) == 2
        await wait_all_tasks_blocked()
        assert len(sent) == 4
        outbox.put_order(Frame("beyond the pace"))
        assert len(sent) == 4
        await trio.sleep(2 * WINDOW)  # not in the very moment in which it leaves
        assert sent[-1][1] == "beyond the pace"
        nursery.cancel_scope.cancel(reason="the session is over")
    outbox.put_order(Frame("after the session"))
    assert len(sent) == 5
