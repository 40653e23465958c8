"""Automatic halts, and the limits of each key: read, counted, named."""

from decimal import Decimal

import pytest

from ibactors.errors import StartupError
from ibactors.model.halting import HaltAfter, read_halt_after
from ibactors.orders.limits import Candidate, State, check
from ibactors.orders.limits_file import read_limits
from ibactors.orders.safety import Refusal
from ibactors.orders.tripwires import Tripwires
from tests.orders.orderkit import NOON, D, terms


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        ("unknown=3,rejects=10/60s,duplicate=1", HaltAfter()),
        ("rejects=2/5s", HaltAfter(rejects=2, seconds=5)),
        ("rejects=2, unknown=0", HaltAfter(rejects=2, unknown=0)),
        (str(HaltAfter(unknown=7)), HaltAfter(unknown=7)),
    ],
)
def test_rules_are_read(text: str, rules: HaltAfter) -> None:
    assert read_halt_after(text) == rules


@pytest.mark.parametrize(
    "text", ["", "unknown", "unknown=-1", "unknown=1/5s", "rejects=1/0s", "rejects=1/5", "unknown=1,unknown=2", "fills=3"]
)
def test_other_rules_are_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # the setting's reader names its form
        read_halt_after(text)


def test_refusals_within_the_time_halt_and_slower_ones_do_not() -> None:
    wires = Tripwires(HaltAfter(rejects=3, seconds=10))
    assert [wires.rejected(at) is not None for at in (0, 6, 12, 15)] == [False, False, False, True]
    assert wires.rejected(16) is None, "it counts anew"
    off = Tripwires(HaltAfter(rejects=0))
    assert all(off.rejected(0) is None for _ in range(100))


def test_unknown_orders_halt_once_and_again_only_with_a_new_one() -> None:
    wires = Tripwires(HaltAfter(unknown=2))
    assert wires.unknown(["a"]) is None
    assert wires.unknown(["a", "b"]) is not None
    assert wires.unknown(["a", "b"]) is None, "whoever resumed trading knows of them"
    assert wires.unknown(["b"]) is None
    assert wires.unknown(["b", "c"]) is not None
    assert Tripwires(HaltAfter(unknown=0)).unknown(["a"] * 9) is None


def test_duplicates_halt_by_their_number() -> None:
    assert Tripwires(HaltAfter()).duplicate(["a"]) is not None
    assert Tripwires(HaltAfter(duplicate=0)).duplicate(["a"]) is None
    wires = Tripwires(HaltAfter(duplicate=2))
    assert wires.duplicate(["a"]) is None
    assert wires.duplicate(["a"]) is None
    assert wires.duplicate(["b"]) is not None


LIMITS = """
# who may what
bot accounts=DU1234567 symbols=AAPL,MSFT notional=5000 rate=10  # of the desk
night open_orders=2 collar=1 skip_collar=1
"""


def test_limits_of_a_key_are_read_and_a_refusal_names_the_file_and_the_word() -> None:
    rules = read_limits(LIMITS)
    assert set(rules) == {"bot", "night"}
    assert (rules["bot"].limits.order_notional, rules["bot"].limits.per_minute, rules["bot"].limits.day_notional) == (D(5000), 10, None)
    assert rules["night"].limits.may_skip_collar
    state = State(at=NOON)
    dear = check(Candidate(terms=terms(quantity=Decimal(30)), rate=D(1), skip_collar=True), state, rules["night"])
    assert not isinstance(dear, Refusal)
    other = check(Candidate(terms=terms(symbol="TSLA"), rate=D(1)), state, rules["bot"])
    assert isinstance(other, Refusal)
    assert (other.setting, other.value, other.limit) == ("IBACTORS_ORDER_LIMITS_FILE (bot symbols)", "TSLA", "AAPL,MSFT")


WRONG = ("bot notional=0", "bot rate=x", "bot colour=red", "bot symbols=", "bot symbols", "bot a=1", "bot skip_collar=2", "bot\nbot")


@pytest.mark.parametrize("line", WRONG)
def test_a_wrong_line_is_named(line: str) -> None:
    with pytest.raises(StartupError, match="IBACTORS_ORDER_LIMITS_FILE, line "):
        read_limits(line)
