"""Standard streams as a command finds them: closed by a daemon, cut off by a reader that left, or a terminal that somebody closes."""

import os
import signal
import sys


def open_streams() -> None:
    """Open what was closed at the start, to nowhere: the next file or socket would take its number, and be written to by mistake."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode, encoding="utf-8"))


def say(text: str) -> None:
    """Print a command's own output; who does not read it does not stop the command."""
    try:
        print(text, flush=True)  # noqa: T201  # this is what it is for
    except (OSError, ValueError):
        no_more_output()


def no_more_output() -> None:
    """Nobody reads it: what is still buffered goes nowhere at the end, or the exit status would be 120."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)


def complain(text: str) -> None:
    """Print one line to stderr, before or instead of a log."""
    try:
        print(f"ibactors: {text}", file=sys.stderr, flush=True)  # noqa: T201  # this is what it is for
    except (OSError, ValueError):
        return


def ends_with_terminal() -> bool:
    """Whether SIGHUP means that a terminal was closed on us; who ignores the signal wants to live on, as with nohup.

    To be asked before anything handles the signal.
    """
    if sys.platform == "win32" or signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        return False
    return any(os.isatty(number) for number in (0, 1, 2))
