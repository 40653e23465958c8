"""Runs one program and sees to it that nothing of it is left: not when it ends, not when ibactors is killed.

    python -I -S keeper.py PROGRAM [ARGUMENT...]

A parent-death signal reaches children only, but IBC's script starts Java as a grandchild, and a daemon forks twice. So this process stands
between: its standard input is a pipe that nobody but ibactors holds open, and as a subreaper (prctl(2)) it inherits every descendant
whose parent ended. When the pipe closes or the program ends, it kills what it has until it has none left. Then it exits as the program
did: with its status, or 128 and the signal's number.

It imports nothing of the service, so that it starts quickly and stays small.
"""

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

assert sys.platform != "win32"  # noqa: S101  # processes end otherwise there, and managed gateways are refused

_PR_SET_CHILD_SUBREAPER = 36
_FOR_THE_PROGRAM = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""They are sent to the group, which we are in; the program decides what they mean."""


def main() -> int:
    """Run until the program or ibactors ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    ended, end = os.pipe()
    os.set_blocking(end, False)
    signal.set_wakeup_fd(end, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    for number in _FOR_THE_PROGRAM:
        signal.signal(number, signal.SIG_IGN)
    try:
        program = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, preexec_fn=_take_signals)  # noqa: S603, PLW1509 - one thread
    except OSError as error:
        sys.stderr.write(f"{sys.argv[1]} cannot be run: {error.strerror}\n")
        return 126
    status = None
    while status is None:
        ready, _, _ = select.select([sys.stdin, ended], [], [])
        if sys.stdin in ready:
            break
        os.read(ended, 4096)
        status = _reap(program.pid)
    return _end_all(program.pid, status)


def _take_signals() -> None:
    # A shell cannot trap what was ignored when it started.
    for number in _FOR_THE_PROGRAM:
        signal.signal(number, signal.SIG_DFL)


def _reap(program: int) -> int | None:
    """Collect who has ended; the program's exit status if it is among them."""
    status = None
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            if ended[0] == program:
                status = _status(ended[1])
    return status


def _status(code: int) -> int:
    status = os.waitstatus_to_exitcode(code)
    return status if status >= 0 else 128 - status


def _end_all(program: int, status: int | None) -> int:
    """Kill our children, and theirs as they come to us, until there are none."""
    while True:
        for child in _children() if sys.platform == "linux" else [program]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        try:
            ended, code = os.waitpid(-1, 0)
        except ChildProcessError:
            return 128 + signal.SIGKILL if status is None else status
        if ended == program:
            status = _status(code)


def _children() -> list[int]:
    """Whose parent we are, by /proc/PID/stat; the name in it may hold blanks and parentheses, so count from behind."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, IndexError):  # it may end while it is read
            if int(entry.read_bytes().rpartition(b")")[2].split()[1]) == os.getpid():
                found.append(int(entry.parent.name))
    return found


if __name__ == "__main__":
    sys.exit(main())
