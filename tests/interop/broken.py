"""A simulator that is wrong on purpose: a field too many in one answer, and no answer at all to another request.

The suite runs some clients against it to show that it would notice. Prints what `ibactors simulate` prints.
"""

from __future__ import annotations

import sys

import trio

from ibactors.sim import Simulator, SimulatorOptions, SimulatorPorts, registry, server
from ibactors.sim.live import lines
from ibactors.sim.request import Request
from ibactors.sim.wire.frames import frame

# What the suite has to find, a word for each.
SIGNS = ("unread", "reqManagedAccts: no managedAccts")


async def main() -> None:
    lines.messages.tick_parameters = lambda request_id, tick, venues: frame(81, request_id, tick, venues, 3, "a field too many")
    server.REQUESTS = {**registry.REQUESTS, 17: Request(name="reqManagedAccts", handle=lambda _session, _fields: None)}
    async with trio.open_nursery() as nursery:
        ports: SimulatorPorts = await nursery.start(Simulator(SimulatorOptions(port=0)).run)
        sys.stdout.write(f"TWS API at 127.0.0.1:{ports.port}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    trio.run(main)
