"""What the chaos run allows for a busy machine, and what it does not."""

import os
import time

from chaos.machine import Machine, waited_ms


class Clock:
    """Milliseconds, set by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def sample(machine: Machine, clock: Clock, step: int, late: float, waited: float) -> None:
    clock.now = step * 20.0
    machine.note(late, waited)


def test_nothing_is_allowed_on_a_machine_that_keeps_up() -> None:
    clock = Clock()
    machine = Machine(clock)
    for step in range(100):
        sample(machine, clock, step, 0.0, 5.0)
    assert machine.allowance(0) == machine.longest_ms == 0.0


def test_a_program_is_allowed_its_wait_and_the_harness_lateness() -> None:
    clock = Clock()
    machine = Machine(clock)
    for step in range(500):
        sample(machine, clock, step, 3.0, min(step, 100) * 1.0)
    # It waited for the first two seconds only: 1 ms in each step.
    assert machine.allowance(1000) == 3.0 + 50.0
    assert machine.allowance(5000) == 3.0
    assert machine.waited_ms == 100.0
    # No second can have waited for longer than there are steps in it.
    assert machine.longest_ms == 3.0 + 50.0


def test_who_judges_before_the_next_sample_counts_what_is_overdue() -> None:
    """After a machine has stood still for 3.7 s all tasks are due at once, in any order."""
    clock = Clock()
    machine = Machine(clock)
    sample(machine, clock, 1, 2.0, 0.0)
    clock.now += 3720.0
    assert machine.allowance(0) == 3700.0


def test_what_was_long_ago_is_forgotten() -> None:
    clock = Clock()
    machine = Machine(clock)
    for step in range(20_000):
        sample(machine, clock, step, 0.0, float(step))
    assert machine.allowance(float("-inf")) < 12_000


def test_the_kernel_is_asked_how_long_a_process_waited() -> None:
    begun = time.monotonic()
    assert 0.0 <= waited_ms(os.getpid()) < 86_400_000 + begun * 1000
    assert waited_ms(0) == 0.0
