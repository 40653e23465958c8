"""`ibactors serve` that kills itself with SIGKILL at a point of the orders' protocol: `python -m chaos.victim POINT SECONDS`.

It dies when the point is passed for the first time, or the first time that is so many seconds later.
"""

import os
import signal
import sys
import time

from chaos.points import POINTS, arm
from ibactors.cli import main


def _kill_at(point: str, seconds: float) -> None:
    due: list[float] = []

    def act() -> None:
        if not due:
            due.append(time.monotonic() + seconds)
        if time.monotonic() >= due[0]:
            os.kill(os.getpid(), signal.SIGKILL)

    arm(POINTS[point], act)


if __name__ == "__main__":
    _kill_at(sys.argv[1], float(sys.argv[2]))
    sys.argv[1:] = ["serve"]
    main()
