"""`ibactors serve` whose watch and counting go off and on again with each SIGHUP: for a comparison within one process."""

import signal
import sys
from typing import Any

import trio

from ibactors import cli, programs, service
from ibactors.config import Settings
from ibactors.inside.watch import open_watch
from ibactors.kernel.status import Status
from ibactors.web.meters import Meters

SLOW_STEP = 0.05
_COUNTING = {(Meters, name): getattr(Meters, name) for name in ("answered", "quoted", "skipped", "streamed")} | {
    (Status, "took"): Status.took
}


def _nothing(*_arguments: object, **_named: object) -> None:
    """In place of what counts."""


def _count(*, on: bool) -> None:
    for (owner, name), method in _COUNTING.items():
        setattr(owner, name, method if on else _nothing)


async def _toggle() -> None:
    with trio.open_signal_receiver(signal.SIGHUP) as signals:
        while True:
            _count(on=True)
            async with open_watch(SLOW_STEP):
                await anext(signals)
            _count(on=False)
            await anext(signals)


async def run_service(settings: Settings, **named: Any) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_toggle)
        await service.run_service(settings, **named)
        nursery.cancel_scope.cancel(reason="the service stopped")


if __name__ == "__main__":
    programs.run_service = run_service  # type: ignore[attr-defined]
    cli.main(sys.argv[1:])
