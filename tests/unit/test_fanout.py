"""When clients are flushed and with what: at once when there is little to do, less often when it takes long, never with what is old."""

import itertools
from collections.abc import Awaitable, Callable, Hashable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from ibactors.actors.symbol import Failed, Update
from ibactors.errors import ContractNotFound
from ibactors.kernel.topic import Topic
from ibactors.model.encoded import Encoded
from ibactors.model.quotes import Stale
from ibactors.web.fanout import Fanout, News, Pace, Subject
from ibactors.web.meters import Meters
from tests.conftest import eventually

ONE_BY_ONE = Pace(turn=0.0)
"""A turn is over after each client."""


def value(number: int) -> Encoded[Stale]:
    """A value that can be told from others."""
    return Encoded(Stale(symbol="AAPL", code=str(number), reason="", since=""))


class Client:
    """Notes what it gets and when."""

    def __init__(self, name: str = "") -> None:
        self.name = name
        self.wanted: dict[Subject, Hashable] = {}
        self.times: list[float] = []
        self.got: list[tuple[Hashable, int]] = []
        self.failed: list[Hashable] = []
        self.errors: list[Exception] = []
        self.flushed = trio.Event()
        self.meanwhile: Callable[[], None] = lambda: None

    def put(self, key: Hashable, _value: Failed) -> None:
        self.failed.append(key)

    def flush(self, news: News) -> None:
        self.times.append(trio.current_time())
        self.got += [(key, int(news[subject].value.code)) for subject, key in self.wanted.items() if subject in news]
        self.flushed.set()
        self.meanwhile()

    def fail(self, error: Exception) -> None:
        self.errors.append(error)

    def of(self, key: Hashable) -> list[int]:
        return [number for found, number in self.got if found == key]


@contextmanager
def audience(fanout: Fanout, subject: Subject, *clients: Client) -> Iterator[None]:
    with ExitStack() as stack:
        for client in clients:
            stack.enter_context(fanout.listening(subject, client, "key"))
        yield


def subject() -> Subject:
    return Topic[Update | None](None)


@contextmanager
def packet(fanout: Fanout) -> Iterator[None]:
    """What is published in the block came in one packet of the gateway."""
    fanout.packet_begins()
    yield
    fanout.packet_ended()


async def test_news_told_within_a_block_is_written_at_its_end_newest_only() -> None:
    meters = Meters()
    fanout, one, other = Fanout(meters), subject(), subject()
    first, second, stranger = Client(), Client(), Client()
    with audience(fanout, one, first, second), audience(fanout, other, stranger):
        with packet(fanout):
            one.publish(value(1))
            one.publish(value(2))
            assert not first.got
        assert first.got == second.got == [("key", 2)]
        assert not stranger.times
        assert meters.skips == 2


async def test_news_told_elsewhere_is_written_by_the_task(autojump_clock: MockClock) -> None:
    fanout, one, client = Fanout(Meters()), subject(), Client()
    with audience(fanout, one, client):
        async with fanout.running():
            one.publish(value(1))
            assert not client.got
            await wait_all_tasks_blocked()
            assert client.got == [("key", 1)]
            fanout.call(client)
            await wait_all_tasks_blocked()
            assert client.got == [("key", 1)]
            assert len(client.times) == 2


@pytest.mark.parametrize(("took", "rest"), [(0.0001, 0.0), (0.001, 0.002), (1.0, 0.005)])
@pytest.mark.parametrize("at_once", [False, True])
async def test_long_round_is_followed_by_a_rest(
    autojump_clock: MockClock,
    took: float,
    rest: float,
    at_once: bool,
) -> None:
    work = [0.0]

    def takes_long() -> None:
        work[0] += took

    pace = Pace(turn=float("inf"), clock=lambda: trio.current_time() + work[0])
    fanout, client = Fanout(Meters(), pace), Client()
    client.meanwhile = takes_long
    async with fanout.running():
        for _ in range(3):
            client.flushed = trio.Event()
            if at_once:
                with packet(fanout):
                    fanout.call(client)
            else:
                fanout.call(client)
            await client.flushed.wait()
    assert [later - earlier for earlier, later in itertools.pairwise(client.times)] == pytest.approx([rest, rest])


async def test_what_comes_during_a_rest_leaves_together(
    autojump_clock: MockClock,
) -> None:
    pace = Pace(short=-1.0, rest=1e9, longest_rest=1.0, clock=trio.current_time)
    fanout, one, client = Fanout(Meters(), pace), subject(), Client()
    client.meanwhile = lambda: setattr(fanout, "_took", 0.1)
    with audience(fanout, one, client):
        async with fanout.running():
            for number in range(6):
                with packet(fanout):
                    one.publish(value(number))
                await trio.sleep(0.1)
            await trio.sleep(2)
    assert client.of("key") == [0, 5]


def told(clients: list[Client], newest: list[list[int]]) -> Callable[[], Awaitable[bool]]:
    """Whether each has got as its newest what it should."""

    async def look() -> bool:
        return [client.of("key")[-1:] for client in clients] == newest

    return look


async def test_others_get_their_turn_during_a_long_round() -> None:
    fanout, one = Fanout(Meters(), ONE_BY_ONE), subject()
    clients = [Client() for _ in range(5)]
    with audience(fanout, one, *clients):
        with packet(fanout):
            one.publish(value(1))
        assert [len(client.got) for client in clients] == [1, 0, 0, 0, 0]
        async with fanout.running():
            await eventually(told(clients, [[1]] * 5))
    assert [len(client.got) for client in clients] == [1] * 5


async def test_what_comes_while_the_rest_of_a_round_waits_for_the_task_is_not_forgotten() -> None:
    fanout, one, clients = Fanout(Meters(), ONE_BY_ONE), subject(), [Client(), Client()]
    with audience(fanout, one, *clients):
        async with fanout.running():
            with packet(fanout):
                one.publish(value(1))
            one.publish(value(2))
            await eventually(told(clients, [[2], [2]]))  # not at once: a round that took long is rested from


async def test_client_that_comes_during_a_round_gets_nothing_older() -> None:
    fanout, one, other = Fanout(Meters(), ONE_BY_ONE), subject(), subject()
    early, late = Client(), Client()
    with audience(fanout, one, early), audience(fanout, other, early, late):
        with packet(fanout):
            one.publish(value(1))
            other.publish(value(1))
        assert early.got
        one.publish(value(2))
        with fanout.listening(one, late, "late") as newest:
            assert isinstance(newest, Encoded)
            assert newest.value.code == "2"
            async with fanout.running():
                await wait_all_tasks_blocked()
    assert set(late.of("late")) == {2}


async def test_news_that_nobody_is_left_to_hear_is_dropped() -> None:
    fanout, one, client = Fanout(Meters()), subject(), Client()
    with packet(fanout):
        with audience(fanout, one, client):
            one.publish(value(1))
        fanout.call(client)
    assert client.times
    assert not client.got
    assert not one.listeners


async def test_failure_is_told_at_once_and_no_value_after_it() -> None:
    fanout, one, client = Fanout(Meters()), subject(), Client()
    with audience(fanout, one, client), packet(fanout):
        one.publish(value(1))
        one.publish(Failed(error=ContractNotFound("no such contract")))
        assert client.failed == ["key"]
    assert not client.got


async def test_error_of_one_client_is_told_to_it_alone() -> None:
    def crash() -> None:
        raise ZeroDivisionError

    fanout, one, broken, sound = Fanout(Meters()), subject(), Client(), Client()
    broken.meanwhile = crash
    with audience(fanout, one, broken, sound), packet(fanout):
        one.publish(value(1))
    assert [type(error) for error in broken.errors] == [ZeroDivisionError]
    assert sound.got == [("key", 1)]


_NAMES, _SUBJECTS = 3, 3
_steps = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), st.integers(0, _SUBJECTS - 1), st.just(0)),
        st.tuples(st.sampled_from(["join", "leave"]), st.integers(0, _SUBJECTS - 1), st.integers(0, _NAMES - 1)),
        st.tuples(st.sampled_from(["packet", "turn"]), st.just(0), st.just(0)),
    ),
    max_size=60,
)


@settings(max_examples=400)
@given(steps=_steps)
def test_every_client_ends_with_the_newest_of_all_it_wants_and_never_goes_back(steps: list[tuple[str, int, int]]) -> None:
    """Turns of one client, so that everything may happen in the middle of one."""

    async def play() -> None:
        fanout = Fanout(Meters(), replace(ONE_BY_ONE, short=float("inf")))
        subjects = [subject() for _ in range(_SUBJECTS)]
        clients = [Client(str(number)) for number in range(_NAMES)]
        joined: dict[tuple[int, int], ExitStack] = {}
        numbers = itertools.count(1)
        async with fanout.running():
            for step, which, who in steps:
                if step == "publish":
                    subjects[which].publish(value(next(numbers)))
                elif step == "join" and (which, who) not in joined:
                    stack = joined[which, who] = ExitStack()
                    newest = stack.enter_context(fanout.listening(subjects[which], clients[who], which))
                    if isinstance(newest, Encoded):
                        clients[who].got.append((which, int(newest.value.code)))
                elif step == "leave" and (which, who) in joined:
                    joined.pop((which, who)).close()
                elif step == "packet":
                    with packet(fanout):
                        subjects[which].publish(value(next(numbers)))
                elif step == "turn":
                    await trio.lowlevel.checkpoint()
            await wait_all_tasks_blocked()
        for which, who in joined:
            newest = subjects[which].value
            if isinstance(newest, Encoded):
                assert clients[who].of(which)[-1] == int(newest.value.code)
        for client in clients:
            for which in range(_SUBJECTS):
                assert client.of(which) == sorted(client.of(which))

    trio.run(play)
