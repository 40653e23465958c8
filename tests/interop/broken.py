"""A simulator that is wrong on purpose, to show that the suite would notice: python tests/interop/broken.py DEFECT

Prints what `ibactors simulate` prints.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import trio

from ibactors.sim import Simulator, SimulatorOptions, SimulatorPorts, server
from ibactors.sim.live import lines
from ibactors.sim.request import Request
from ibactors.sim.wire.frames import frame

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True, kw_only=True)
class Defect:
    """What is wrong, the step that meets it, and the complaints of which every client has to make one."""

    step: str
    signs: tuple[str, ...]
    make: Callable[[], None]


def _answer(number: int, name: str, *answers: bytes) -> None:
    def handle(session, _fields) -> None:  # noqa: ANN001 - a handler as the registry has them
        for data in answers:
            session.send(data)

    server.REQUESTS = {**server.REQUESTS, number: Request(name=name, handle=handle)}


def _field_too_many() -> None:
    lines.messages.tick_parameters = lambda request_id, tick, venues: frame(81, request_id, tick, venues, 3, "a field too many")


def _field_too_few() -> None:
    _answer(49, "reqCurrentTime", frame(49, 1))


def _no_answer() -> None:
    _answer(17, "reqManagedAccts")


DEFECTS = {
    "unread-field": Defect(step="reqMktData stock", signs=("unread",), make=_field_too_many),
    # Python clients log what they cannot decode, @stoqey/ib reports it as an error of its own.
    "undecodable": Defect(step="reqCurrentTime", signs=("logged: ", "Underrun error"), make=_field_too_few),
    "no-answer": Defect(step="reqManagedAccts", signs=("reqManagedAccts: no managedAccts",), make=_no_answer),
}


async def main() -> None:
    DEFECTS[sys.argv[1]].make()
    async with trio.open_nursery() as nursery:
        ports: SimulatorPorts = await nursery.start(Simulator(SimulatorOptions(port=0)).run)
        sys.stdout.write(f"TWS API at 127.0.0.1:{ports.port}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    trio.run(main)
