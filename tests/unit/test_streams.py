"""The places of streams."""

import pytest

from ibactors.errors import TooManyStreams
from ibactors.keys import Scope, read_keys
from ibactors.web.contract.caller import Caller
from ibactors.web.streams import EVENTS, WEBSOCKETS, Streams
from tests.service.keyed import LINES

ANYBODY = Caller(name="anonymous", scopes=frozenset({Scope.STREAM}))


def somebody() -> Caller:
    (key,) = read_keys(LINES["stream"])
    return Caller(name=key.name, scopes=key.scopes, key=key)


async def test_sockets_and_events_share_the_places() -> None:
    streams = Streams(most=2, most_per_key=1)
    with streams.place(ANYBODY, WEBSOCKETS), streams.place(ANYBODY, EVENTS):
        for kind in (WEBSOCKETS, EVENTS):
            with pytest.raises(TooManyStreams, match="2 streams"), streams.place(ANYBODY, kind):
                pytest.fail("there was no place")
        assert streams.open == {WEBSOCKETS: 1, EVENTS: 1}
    assert streams.open.total() == 0
    assert streams.opened == {WEBSOCKETS: 1, EVENTS: 1}


async def test_a_key_has_its_own_limit_and_a_failure_gives_the_place_back() -> None:
    streams, caller = Streams(most=9, most_per_key=1), somebody()
    with pytest.raises(RuntimeError), streams.place(caller, EVENTS):
        with pytest.raises(TooManyStreams, match="has 1 streams already"), streams.place(caller, WEBSOCKETS):
            pytest.fail("there was no place")
        with streams.place(somebody(), WEBSOCKETS) as other:
            assert other.number == 1
        raise RuntimeError
    assert (streams.open.total(), caller.streams) == (0, 0)
