"""Which past ticks belong into a hole: those, each once, or it is told that nobody can know."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibactors.actors.backfill import fill


@dataclass(frozen=True)
class Print:
    t: str
    price: int

    @property
    def essence(self) -> tuple[object, ...]:
        return (self.t, self.price)


def prints(text: str) -> list[Print]:
    """`1a 1b 2a`: second and price of each."""
    return [Print(word[0], ord(word[1])) for word in text.split()]


@pytest.mark.parametrize(
    ("past", "before", "after", "missing"),
    [
        ("1a 1b 2a 3a 4a", "1a 1b", "4a", "2a 3a"),
        ("1a 1b 1c 2a", "1a 1b", "2a", "1c"),
        ("1a 1b 1c", "1a", "1c", "1b"),
        ("1a 2a", "1a", "2a 3a", ""),
        ("1a 1a 1a 1a", "1a", "1a", "1a 1a"),
        ("2a 2b 3c", "", "3c", "2a 2b"),
        ("1a 2a 3a 3a", "1a", "3a 3a 4a", "2a"),
    ],
)
def test_what_lies_between_is_missing(past: str, before: str, after: str, missing: str) -> None:
    filling = fill(prints(past), prints(before), prints(after))
    assert (list(filling.missing), filling.begins, filling.ends) == (prints(missing), True, True)


def test_a_past_that_is_behind_does_not_end_the_hole() -> None:
    filling = fill(prints("1a 2a"), prints("1a"), prints("4a"))
    assert (list(filling.missing), filling.begins, filling.ends) == (prints("2a"), True, False)


def test_a_past_that_does_not_know_what_was_sent_does_not_begin_where_that_ended() -> None:
    filling = fill(prints("1x 2a 3a"), prints("1a"), prints("3a"))
    assert (list(filling.missing), filling.begins, filling.ends) == (prints("2a"), False, True)


@given(st.lists(st.tuples(st.integers(0, 9), st.sampled_from("ab")), min_size=2, max_size=60), st.data())
def test_of_any_tape_all_that_was_missed_is_found(tape: list[tuple[int, str]], data: st.DataObject) -> None:
    all_prints = [Print(str(second), ord(price)) for second, price in sorted(tape, key=lambda row: row[0])]
    broke = data.draw(st.integers(0, len(all_prints) - 2))
    back = data.draw(st.integers(broke + 1, len(all_prints) - 1))
    delivered, missed, after = all_prints[: broke + 1], all_prints[broke + 1 : back], all_prints[back:]
    second = delivered[-1].t
    before = [one for one in delivered if one.t == second]
    past = [one for one in all_prints if one.t >= second]
    filling = fill(past, before, after)
    assert filling.begins
    assert filling.ends
    assert list(filling.missing) == missed
