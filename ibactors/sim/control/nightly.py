"""The nightly reset of a gateway's connections, as recorded: farms break, connectivity goes, everything returns.

The API socket stays open all the time. A client hears 2103 and 2105 for the farms, 1100 and again every few seconds, then 1102 and that the
farms are well.
"""

import trio

from ibactors.sim.control.commands import CommandRefused, number, table
from ibactors.sim.control.connectivity import lose, restore
from ibactors.sim.gateway import HISTORY_FARM, MARKET_FARMS
from ibactors.sim.server import Server

USUAL_S = 15.0
_DAY_S = 86400
_REPEATS = 5
_FARMS = (*MARKET_FARMS, HISTORY_FARM)


def _nightly(server: Server, arguments: list[str]) -> None:
    """Start the reset; it lasts some seconds, and `nightly 0` ends one that is under way."""
    gateway = server.gateway
    seconds = number(arguments[0], 0, _DAY_S) if arguments else USUAL_S
    if gateway.nightly is not None:
        if seconds:
            raise CommandRefused("a nightly reset is under way; `nightly 0` ends it")
        gateway.nightly.cancel(reason="the nightly reset was told to end")
        return
    if seconds == 0:
        return
    gateway.nightly = until_told = trio.CancelScope()

    async def reset() -> None:
        with until_told:
            await _lose(server, seconds)
        gateway.nightly = None
        _restore(server)

    server.start(reset, name="sim:nightly reset")


async def _lose(server: Server, seconds: float) -> None:
    gateway = server.gateway
    for farm in _FARMS:
        gateway.faults.farms_down.add(farm)
        gateway.announce(*gateway.farm_notice(farm))
    for _ in range(_REPEATS):
        lose(server, [])
        await trio.sleep(seconds / _REPEATS)


def _restore(server: Server) -> None:
    gateway = server.gateway
    # The lines come back once, with 1102, and not again with each farm.
    gateway.faults.farms_down.difference_update(_FARMS)
    restore(server, [])
    for farm in _FARMS:
        gateway.announce(*gateway.farm_notice(farm))


COMMANDS = table(("nightly", "[SECONDS]", _nightly))
