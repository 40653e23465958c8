from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibactors.bus.follower import FeedBroken, Follower
from ibactors.bus.wire import Feed

LEASE = 1.0


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def following(clock: Clock) -> Follower:
    follower = Follower("edge", lease=LEASE, clock=clock)
    follower.begin("s", 7, clock())
    return follower


def beat(sequence: int, nonce: int = 0, **more: Any) -> Feed:
    return Feed(**{"stream": "s", "sequence": sequence, "echoes": {"edge": nonce, "other": 99}, **more})


def test_an_echo_proves_what_was_published_before_its_ping_was_sent_and_no_more() -> None:
    clock = Clock()
    follower = following(clock)
    clock.now += 0.5
    nonce = follower.ping()
    clock.now += 0.4
    assert follower.follows(beat(8, nonce))
    assert follower.age == pytest.approx(0.4)
    clock.now += 0.7
    assert not follower.fresh


def test_what_arrives_when_the_lease_is_over_is_not_believed() -> None:
    clock = Clock()
    follower = following(clock)
    clock.now += LEASE
    with pytest.raises(FeedBroken, match="Nothing was heard"):
        follower.follows(beat(8))


def test_an_old_echo_that_comes_late_proves_nothing_new() -> None:
    clock = Clock()
    follower = following(clock)
    old = follower.ping()
    clock.now += LEASE + 0.1
    with pytest.raises(FeedBroken):
        follower.follows(beat(8, old))


def test_a_gap_another_stream_and_what_is_known_already() -> None:
    follower = following(Clock())
    assert not follower.follows(beat(7))
    assert follower.follows(beat(8))
    with pytest.raises(FeedBroken, match="2 messages"):
        follower.follows(beat(11))
    with pytest.raises(FeedBroken, match="another one"):
        follower.follows(beat(9, stream="t"))


@given(st.lists(st.tuples(st.floats(0, 0.6), st.floats(0, 0.9), st.integers(0, 3)), max_size=60))
def test_nothing_is_believed_that_was_published_longer_ago_than_the_lease(events: list[tuple[float, float, int]]) -> None:
    """The feed is a queue that may stand still: each message is published now, with the newest ping by then, and taken later."""
    clock = Clock()
    follower = following(clock)
    queue: list[tuple[float, Feed]] = []
    sequence = 7
    for wait, delay, taken in events:
        clock.now += wait
        sequence += 1
        queue.append((clock.now, beat(sequence, follower.ping())))
        clock.now += delay
        for _ in range(min(taken, len(queue))):
            published, feed = queue.pop(0)
            try:
                follower.follows(feed)
            except FeedBroken:
                return
            assert clock.now - published < LEASE
