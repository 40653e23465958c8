"""`ibactors serve` that kills itself with SIGKILL at a point of the orders' protocol: `python -m chaos.victim POINT HIT`."""

import os
import signal
import sys
from itertools import count

from chaos.points import POINTS, arm
from ibactors.cli import main

KILLED_AT = "killed at"


def _kill_at(point: str, hit: int) -> None:
    passed = count(1)

    def act() -> None:
        if next(passed) == hit:
            os.write(2, f"{KILLED_AT} {point}\n".encode())
            os.kill(os.getpid(), signal.SIGKILL)

    arm(POINTS[point], act)


if __name__ == "__main__":
    _kill_at(sys.argv[1], int(sys.argv[2]))
    sys.argv[1:] = ["serve"]
    main()
