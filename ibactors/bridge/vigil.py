"""Whether what the gateway sends is of this moment: a watch over its silence, and over pauses of this process.

A gateway that says nothing for a while is asked for the time (message 49). Until it has answered, and from the first step after a pause of
this process (SIGSTOP, a suspended machine, a step that held up the event loop), nothing is known to be current: what was known may have
changed, and what comes may have lain in a buffer since. All of it comes before the answer to a probe that was sent later; so that answer,
and nothing else, ends the doubt. What arrives before it is given the last time at which all was well as its time of arrival.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

import trio

from ibactors.bridge.connectivity import Connectivity
from ibactors.bridge.terms import SessionTerms
from ibactors.bridge.wire import GatewayClient
from ibactors.errors import GatewayDisconnected
from ibactors.model.times import next_round

PAUSE = 1.0
"""Seconds without a step of any task after which this process was paused."""
_SUSPICION = 1 / 4
"""Share of the probe's timeout after which the gateway is called silent."""
_SAME_TIME = 10.0
"""Seconds: a smaller difference between two clocks may be the time that an answer took."""
_LAST_SECOND = 253402300799 - 86400 * 366
"""A year before the end of 9999: later times are none."""
_TICK = 1e-6
"""Seconds between two packets whose times of arrival are not known: times tell quotes apart."""


def boot_time() -> float:
    """Seconds, those in which the machine was suspended included where the system counts them."""
    if sys.platform == "linux":
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    if sys.platform == "darwin":
        return time.clock_gettime(time.CLOCK_MONOTONIC)
    return time.monotonic()


class Vigil:
    """What one session knows of its gateway's life."""

    def __init__(self, connectivity: Connectivity) -> None:
        self.heard_at = trio.current_time()
        """When the last whole frame came. Bytes alone are not a sign of life: a length that was misread would swallow all that follow."""
        self.arrival = time.time()
        """The time of arrival, or a time before it, of what is being handled."""
        self.changed: Callable[[], None] = _ignore
        """Called when doubt begins or ends, in the task that reads or the one that probes."""
        self.paused: Callable[[str], None] = _ignore
        """Called with the reason at the first step after a pause, before it, and in no task: it may note, not tell."""
        self.clock_ahead = 0.0
        """Seconds by which the gateway's clock is ahead of this machine's."""
        self._connectivity = connectivity
        self._held: float | None = None
        """In doubt: until when what came was of its moment."""
        self._was_paused = False
        self._owed = 0
        """Answers to probes that are still to come."""
        self._pause_over = trio.Event()
        self._frame: trio.Event | None = None
        """Somebody waits for the next frame."""

    def packet_arrived(self) -> None:
        """Bytes came."""
        if self._held is None:
            self.arrival = time.time()
        else:
            self._held += _TICK
            self.arrival = self._held

    def heard(self) -> None:
        """A whole frame came."""
        self.heard_at = trio.current_time()
        self._wake()

    def asked(self) -> None:
        """The gateway was asked for its time, by whomever."""
        self._owed += 1

    def answered(self, gateway_time: str) -> None:
        """It has told its time, in whole seconds."""
        if gateway_time.isascii() and gateway_time.isdigit() and int(gateway_time[:20]) < _LAST_SECOND:
            ahead = float(gateway_time) - time.time()
            self.clock_ahead = ahead if abs(ahead) > _SAME_TIME else 0.0
        self._owed = max(self._owed - 1, 0)
        if not self._owed and not self._was_paused and self._held is not None:
            self._held = self._connectivity.silent = None
            self._wake()
            self.changed()

    def note_pause(self, seconds: float) -> None:
        """No task had its turn for so long."""
        self._was_paused = True
        reason = f"This process was paused for {seconds:.1f} s, and the gateway has not answered a probe since."
        self._doubt(reason, seconds)
        self._pause_over.set()
        self._wake()
        self.paused(reason)

    def _doubt(self, reason: str, age: float) -> None:
        self._held = self._held or time.time() - age
        self._connectivity.silent = reason

    async def keep(self, client: GatewayClient, terms: SessionTerms) -> NoReturn:
        """Probe the gateway when there is reason to. Raises GatewayDisconnected when it does not answer."""
        while True:
            await self._until_due(terms.probe_idle)
            timeout = terms.probe_timeout
            if self._was_paused:
                self._was_paused, self._pause_over = False, trio.Event()
                self.changed()
                client.reqCurrentTime()
            else:
                client.reqCurrentTime()
                await self._wait(timeout * _SUSPICION)
                timeout *= 1 - _SUSPICION
                if self._was_paused or trio.current_time() - self.heard_at < terms.probe_idle:
                    continue
                self._doubt("The gateway is silent and has not answered a probe yet.", trio.current_time() - self.heard_at)
                self.changed()
            deadline = trio.current_time() + timeout
            while self._held is not None and not self._was_paused and trio.current_time() < deadline:
                await self._wait(deadline - trio.current_time())
            if self._held is not None and not self._was_paused:
                said = f"no data for {terms.probe_idle:g} s and no answer to a probe within {terms.probe_timeout:g} s"
                raise GatewayDisconnected(f"The gateway fell silent: {said}.")

    async def _until_due(self, idle: float) -> None:
        while not self._was_paused and (left := self.heard_at + idle - trio.current_time()) > 0:
            with trio.move_on_after(left):
                await self._pause_over.wait()

    async def _wait(self, at_most: float) -> None:
        """Until a frame comes, or a pause is over, or that many seconds have passed."""
        self._frame = frame = trio.Event()
        with trio.move_on_after(at_most):
            await frame.wait()

    def _wake(self) -> None:
        if self._frame is not None:
            self._frame.set()
            self._frame = None


class Pulse(trio.abc.Instrument):
    """Notices that no task had its turn for a while, at the first step of any after it."""

    def __init__(self, vigil: Vigil, clock: Callable[[], float] = boot_time) -> None:
        self._vigil = vigil
        self._clock = clock
        self._last = clock()

    def before_task_step(self, task: trio.lowlevel.Task) -> None:  # noqa: ARG002  # trio's signature
        present = self._clock()
        if present - self._last > PAUSE:
            self._vigil.note_pause(present - self._last)
        self._last = present


@contextmanager
def watched(vigil: Vigil) -> Iterator[None]:
    """Pauses are noticed inside the block; somebody must `beat`."""
    pulse = Pulse(vigil)
    trio.lowlevel.add_instrument(pulse)
    try:
        yield
    finally:
        trio.lowlevel.remove_instrument(pulse)


async def beat(now_and_then: Callable[[], None]) -> NoReturn:
    """Have steps to notice the lack of, three a second: a pause longer than `PAUSE` is noticed, and none of less than two thirds."""
    while True:
        await trio.sleep_until(next_round(trio.current_time(), PAUSE / 3))
        now_and_then()


def _ignore(*_arguments: object) -> None:
    """Nobody listens yet."""
