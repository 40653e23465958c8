from contextlib import ExitStack

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import wait_all_tasks_blocked

from ibactors.kernel.topic import Topic, TopicName
from ibactors.web.newest import Newest


def test_listener_gets_the_newest_value_and_then_each_new_one_in_the_block() -> None:
    topic = Topic(0)
    heard: list[int] = []
    topic.publish(1)
    with topic.listening(heard.append) as value:
        assert value == 1
        topic.publish(2)
        topic.publish(3)
    topic.publish(4)
    assert heard == [2, 3]
    assert topic.value == 4


def test_listeners_are_called_in_the_order_in_which_they_came() -> None:
    topic = Topic("")
    heard: list[str] = []
    with topic.listening(lambda _: heard.append("first")), topic.listening(lambda _: heard.append("second")):
        assert topic.listeners == 2
        topic.publish("x")
    assert heard == ["first", "second"]
    assert topic.listeners == 0


def test_same_function_may_listen_twice() -> None:
    topic = Topic(0)
    heard: list[int] = []
    with topic.listening(heard.append):
        with topic.listening(heard.append):
            topic.publish(1)
        topic.publish(2)
    assert heard == [1, 1, 2]


def test_listener_that_comes_while_a_value_is_published_is_not_called_with_it() -> None:
    topic = Topic(0)
    heard: list[int] = []
    with ExitStack() as late:

        def come(value: int) -> None:
            if value == 1:
                late.enter_context(topic.listening(heard.append))

        with topic.listening(come):
            topic.publish(1)
        assert heard == []
        topic.publish(2)
        assert heard == [2]


def test_listener_is_forgotten_when_its_block_fails() -> None:
    topic = Topic(0)
    with pytest.raises(LookupError), topic.listening(lambda _: None):
        raise LookupError
    assert topic.listeners == 0


def test_all_listeners_hear_all_values_in_order_though_one_of_them_publishes() -> None:
    topic = Topic("", TopicName("main", "words"))
    told: list[tuple[str, int, str]] = []

    def echo(value: str) -> None:
        told.append(("first", topic.sequence, value))
        if value == "a":
            topic.publish("b")
            assert topic.value == "b"

    with topic.listening(echo), topic.listening(lambda value: told.append(("second", topic.sequence, value))):
        topic.publish("a")
        topic.publish("c")
    assert told == [(who, number, value) for number, value in enumerate("abc", 1) for who in ("first", "second")]


def test_topic_goes_on_after_a_listener_has_failed() -> None:
    topic, told = Topic(0), list[int]()

    def fail(value: int) -> None:
        topic.publish(value + 1)
        raise ValueError(value)

    with topic.listening(fail), pytest.raises(ValueError, match="1"):
        topic.publish(1)
    with topic.listening(told.append):
        topic.publish(5)
    assert told == [5]
    assert topic.sequence == 2


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers())))
def test_reader_gets_the_newest_value_of_each_key_in_order_of_first_arrival(puts: list[tuple[str, int]]) -> None:
    async def main() -> None:
        newest: Newest[str, int] = Newest()
        newest.put("first", 0)
        for key, value in puts:
            newest.put(key, value)
        assert list((await newest.take()).items()) == list({"first": 0, **dict(puts)}.items())
        assert len(newest) == 0

    trio.run(main)


async def test_reader_waits_until_something_comes_and_misses_nothing() -> None:
    newest: Newest[str, int] = Newest()
    taken = []

    async def read() -> None:
        while True:
            taken.append(await newest.take())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        await wait_all_tasks_blocked()
        assert taken == []
        newest.put("a", 1)
        await wait_all_tasks_blocked()
        newest.put("a", 2)
        newest.put("b", 3)
        await wait_all_tasks_blocked()
        assert taken == [{"a": 1}, {"a": 2, "b": 3}]
        nursery.cancel_scope.cancel(reason="the test is over")


async def test_reader_that_is_cancelled_loses_nothing() -> None:
    newest: Newest[str, int] = Newest()
    newest.put("a", 1)
    with trio.CancelScope() as scope:
        scope.cancel(reason="the test wants it")
        await newest.take()
    assert await newest.take() == {"a": 1}


async def test_discarded_value_is_not_read() -> None:
    newest: Newest[str, int] = Newest()
    newest.put("a", 1)
    newest.put("b", 2)
    newest.discard("a")
    newest.discard("never there")
    assert await newest.take() == {"b": 2}


async def test_reader_goes_on_waiting_when_the_only_value_was_discarded() -> None:
    newest: Newest[str, int] = Newest()
    newest.put("a", 1)
    newest.discard("a")
    taken = []

    async def read() -> None:
        taken.append(await newest.take())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        await wait_all_tasks_blocked()
        newest.put("b", 2)
    assert taken == [{"b": 2}]


async def test_values_put_back_come_first_and_give_way_to_newer_ones() -> None:
    skipped = []
    newest: Newest[str, int] = Newest(on_skip=lambda: skipped.append(1))
    for key, value in (("a", 1), ("b", 1)):
        newest.put(key, value)
    taken = newest.drain()
    assert not newest
    for key, value in (("c", 2), ("a", 2)):
        newest.put(key, value)
    newest.put_back(taken)
    assert list((await newest.take()).items()) == [("a", 2), ("b", 1), ("c", 2)]
    assert len(skipped) == 1


async def test_owner_is_told_when_something_comes_where_there_was_nothing() -> None:
    told = []
    newest: Newest[str, int] = Newest(on_filled=lambda: told.append(1))
    newest.put("a", 1)
    newest.put("b", 1)
    assert len(told) == 1
    newest.drain()
    newest.put("a", 1)
    assert len(told) == 2
