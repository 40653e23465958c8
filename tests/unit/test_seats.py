"""Places for connections: how many there are, and that counting them changes nothing about the process."""

import resource
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from ibactors.web.edge.seats import RESERVED, Seats


@pytest.fixture
def few_files() -> Iterator[int]:
    """The process may have RESERVED + 2 files open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (RESERVED + 2, hard))
    yield RESERVED + 2
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_there_are_no_more_places_than_files(few_files: int) -> None:
    seats = Seats(most=1000, most_per_address=1000)
    with ExitStack() as taken:
        assert [taken.enter_context(seats.taken("192.0.2.1")) for _ in range(4)] == [True, True, False, False]
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == few_files


def test_a_place_is_free_again_when_its_connection_is_over() -> None:
    seats = Seats(most=1, most_per_address=1)
    for _ in range(3):
        with seats.taken("192.0.2.1") as there_is_one, seats.taken("192.0.2.2") as another:
            assert (there_is_one, another) == (True, False)


def test_addresses_are_counted_apart_and_loopback_not_at_all() -> None:
    seats = Seats(most=10, most_per_address=1)
    with ExitStack() as taken:
        addresses = ["192.0.2.1", "192.0.2.1", "192.0.2.2", "127.0.0.1", "127.0.0.1"]
        assert [taken.enter_context(seats.taken(address)) for address in addresses] == [True, False, True, True, True]
