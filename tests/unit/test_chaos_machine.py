"""What the chaos run allows for a busy machine, and what it does not."""

import os
import time

from chaos.machine import Machine, waited_ms


def test_nothing_is_allowed_on_a_machine_that_keeps_up() -> None:
    machine = Machine()
    for step in range(100):
        machine.note(step * 20, 0.0, 5.0)
    assert machine.allowance(0) == machine.longest_ms == 0.0


def test_a_program_is_allowed_its_wait_and_the_harness_lateness() -> None:
    machine = Machine()
    for step in range(500):
        machine.note(step * 20, 3.0, waited=min(step, 100) * 1.0)
    # It waited for the first two seconds only: 1 ms in each step.
    assert machine.allowance(1000) == 3.0 + 50.0
    assert machine.allowance(5000) == 3.0
    assert machine.waited_ms == 100.0
    # No second can have waited for longer than there are steps in it.
    assert machine.longest_ms == 3.0 + 50.0


def test_what_was_long_ago_is_forgotten() -> None:
    machine = Machine()
    for step in range(20_000):
        machine.note(step * 20, 0.0, float(step))
    assert machine.allowance(float("-inf")) < 12_000


def test_the_kernel_is_asked_how_long_a_process_waited() -> None:
    begun = time.monotonic()
    assert 0.0 <= waited_ms(os.getpid()) < 86_400_000 + begun * 1000
    assert waited_ms(0) == 0.0
