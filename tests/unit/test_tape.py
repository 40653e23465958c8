"""What is kept for who comes again, and what is said of the rest."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibactors.actors.tape import Tape


class Word(msgspec.Struct, frozen=True):
    sequence: int
    timestamp: str = "2026-11-28T10:00:00.000000Z"


def tape(most: int = 5) -> Tape:
    return Tape("words", lambda: {"symbol": "AAPL"}, most=most)


def test_numbers_of_two_tapes_differ() -> None:
    first, second = tape(), tape()
    first.keep(Word(first.next))
    second.keep(Word(second.next))
    assert second.since(first.next + 10**9)[0].value.code == "forgotten"


def test_what_was_passed_over_is_not_missed() -> None:
    written = tape()
    begin = written.next
    for number in range(20):
        (written.keep if number % 5 == 0 else written.pass_over)(Word(written.next))
    assert [message.value.sequence - begin for message in written.since(begin)] == [5, 10, 15]
    assert written.since(begin + 15) == written.since(begin + 19) == []
    present = written.pass_over(Word(written.next))
    assert written.since(begin + 19, present) == [present]
    assert written.since(begin + 20, present) == []


@given(st.lists(st.sampled_from(["keep", "pass", 1, 3, None])), st.data())
def test_whoever_comes_again_is_told_of_each_number_once(steps: list[str | int | None], data: st.DataObject) -> None:
    written = tape()
    told = [written.next - 1]
    for step in steps:
        match step:
            case "keep":
                told.append(written.keep(Word(written.next)).value.sequence)
            case "pass":
                written.pass_over(Word(written.next))
            case _:
                assert not isinstance(step, str)
                told.append(written.keep(written.gap("swamped", "a", "b", lost=step)).value.sequence)
    seen = data.draw(st.sampled_from(told[1:] or told))
    later = [number for number in told if number > seen]
    found = [message.value for message in written.since(seen)]
    numbers = [value.sequence for value in found]
    if len(later) <= 5:
        assert numbers == later
    else:
        assert (found[0].code, found[0].lost) == ("forgotten", numbers[0] - seen)
        assert numbers[1:] == later[-5:]
        assert numbers[0] == later[-6]


@pytest.mark.parametrize("lost", [None, 7])
def test_a_gap_ends_with_the_last_number_that_is_lost(lost: int | None) -> None:
    written = tape()
    begin = written.next
    gap = written.keep(written.gap("swamped", "a", "b", lost=lost)).value
    assert gap.sequence == begin + (lost or 1) - 1
    assert (gap.symbol, written.next) == ("AAPL", gap.sequence + 1)
