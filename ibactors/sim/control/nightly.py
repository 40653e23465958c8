"""The nightly reset of a gateway's connections, as recorded: farms break, connectivity goes, everything returns.

The API socket stays open all the time. A client hears 2103 and 2105 for the farms, 1100 and again every few
seconds, then 1102 and that the farms are well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from ibactors.sim.control.commands import CommandError
from ibactors.sim.gateway import MARKET_FARMS

if TYPE_CHECKING:
    from ibactors.sim.server import Simulator

USUAL_S = 15.0
_REPEATS = 5
_HISTORY_FARM = "ushmds"


def begin(simulator: Simulator, seconds: float) -> None:
    """Let the reset begin; it lasts some seconds, and `nightly 0` ends one that is under way."""
    gateway = simulator.gateway
    if gateway.nightly is not None:
        if seconds:
            raise CommandError("a nightly reset is under way; `nightly 0` ends it")
        gateway.nightly.cancel(reason="the nightly reset was told to end")
        return
    if seconds == 0:
        return
    gateway.nightly = until_told = trio.CancelScope()

    async def reset() -> None:
        with until_told:
            await _lose(simulator, seconds)
        gateway.nightly = None
        _restore(simulator)

    simulator.start(reset, name="sim:nightly reset")


async def _lose(simulator: Simulator, seconds: float) -> None:
    gateway = simulator.gateway
    for farm in MARKET_FARMS:
        gateway.faults.farms_down.add(farm)
        gateway.announce(2103, f"Market data farm connection is broken:{farm}")
    gateway.announce(2105, f"HMDS data farm connection is broken:{_HISTORY_FARM}")
    for _ in range(_REPEATS):
        simulator.control.execute("1100")
        await trio.sleep(seconds / _REPEATS)


def _restore(simulator: Simulator) -> None:
    gateway = simulator.gateway
    # The lines come back once, with 1102, and not again with each farm.
    gateway.faults.farms_down.difference_update(MARKET_FARMS)
    simulator.control.execute("1102")
    for farm in MARKET_FARMS:
        gateway.announce(2104, f"Market data farm connection is OK:{farm}")
    gateway.announce(2106, f"HMDS data farm connection is OK:{_HISTORY_FARM}")
