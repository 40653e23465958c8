"""Lives of `ibactors serve`, each forked from a process that has imported everything, as to start one takes longer than to live it.

A line of stdin, `SECONDS POINT`, begins one: it kills itself with SIGKILL when that point of the orders' protocol is passed for the first
time, or the first time that is so many seconds later. Its pid is printed, and how it ended. Without a point it lives until it is killed.
"""

import ctypes
import os
import select
import signal
import sys
import time

import ibactors.programs  # noqa: F401  # what a life would import first
from chaos.points import POINTS, arm
from ibactors.cli import main

_PR_SET_PDEATHSIG = 1
_LOOK_S = 0.02


def _kill_at(point: str, seconds: float) -> None:
    due: list[float] = []

    def act() -> None:
        if not due:
            due.append(time.monotonic() + seconds)
        if time.monotonic() >= due[0]:
            os.kill(os.getpid(), signal.SIGKILL)

    arm(POINTS[point], act)


def _live(point: str, seconds: float) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    if point:
        _kill_at(point, seconds)
    sys.argv = ["ibactors", "serve"]
    main()


def _breed() -> None:
    while line := sys.stdin.readline():
        seconds, _, point = line.rstrip("\n").partition(" ")
        pid = os.fork()
        if not pid:
            _live(point, float(seconds))
            os._exit(1)
        print(pid, flush=True)
        ended = (0, 0)
        while not ended[0]:
            # Nothing is said while one lives, so that what can be read is the end of whoever runs this.
            if select.select([sys.stdin], [], [], _LOOK_S)[0]:
                return
            ended = os.waitpid(pid, os.WNOHANG)
        print(os.waitstatus_to_exitcode(ended[1]), flush=True)


if __name__ == "__main__":
    _breed()
