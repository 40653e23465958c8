"""`ibactors control`: commands to a running simulator, which is found by itself.

Whoever runs a simulator notes its control port in a file of the state path, named by the process; the newest that answers is meant.
"""

import os
import socket
import sys
import textwrap
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ibactors.config import Settings
from ibactors.errors import StartupError
from ibactors.terminal import complain, say

TIMEOUT = 10.0
"""Seconds for a connection, and for each answer."""
FOLDER = "control"
WIDTH = 100


@contextmanager
def noted(settings: Settings, host: str, port: int | None) -> Iterator[None]:
    """Inside the block, the control port can be found by `ibactors control`; where the note cannot be written, only by its number."""
    note = _folder(settings) / str(os.getpid())
    with suppress(OSError):
        if port is not None:
            note.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            note.write_text(f"{host} {port}\n", encoding="utf-8")
    try:
        yield
    finally:
        with suppress(OSError):
            note.unlink(missing_ok=True)


def add_arguments(parser: ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("words", nargs="*", metavar="COMMAND", help="such as: refuse 5; none: one command per line of the input")
    parser.add_argument("--port", type=int, help="control port (default: that of the newest simulator on this machine)")
    parser.add_argument("--host", default="127.0.0.1", help="where the simulator runs (default: %(default)s)")
    parser.epilog = "`ibactors control help` lists the commands; docs/simulator.md of the project explains them."


def run(settings: Settings, arguments: Namespace) -> int:
    """Send commands and print the answers; the exit status is 1 when one was refused. Raises StartupError when no simulator answers."""
    with _connected(settings, arguments) as connection, connection.makefile("rw", encoding="utf-8", newline="\n") as lines:
        failed = False
        for command in [" ".join(arguments.words)] if arguments.words else _typed():
            try:
                lines.write(f"{command}\n")
                lines.flush()
                answer = lines.readline().rstrip("\n")
            except OSError as exc:
                complain(f"The simulator did not answer: {exc}.")
                return 1
            if not answer:
                complain("The simulator has ended.")
                return 1
            failed |= answer.startswith("error")
            say(textwrap.fill(answer, WIDTH, subsequent_indent="  ", break_on_hyphens=False) if command == "help" else answer)
    return int(failed)


def _typed() -> Iterator[str]:
    """The lines of the input that say something; a person is shown where to type."""
    if sys.stdin.isatty():
        say("Commands, one per line; `help` lists them, Ctrl-D ends.")
    with suppress(KeyboardInterrupt):
        for line in sys.stdin:
            if line.strip():
                yield line.strip()


def _connected(settings: Settings, arguments: Namespace) -> socket.socket:
    if arguments.port is not None:
        return _connect(arguments.host, arguments.port)
    for note in _newest_first(_folder(settings)):
        try:
            host, port = note.read_text(encoding="utf-8").split()
            return _connect(host, int(port))
        except (OSError, ValueError, StartupError):
            with suppress(OSError):  # it ended without a word
                note.unlink()
    raise StartupError("No simulator with a control port runs here. Start `ibactors demo`, or name its port with --port.")


def _connect(host: str, port: int) -> socket.socket:
    try:
        return socket.create_connection((host, port), timeout=TIMEOUT)
    except (OSError, OverflowError) as exc:
        raise StartupError(f"No simulator takes commands at {host}:{port}: {exc}.") from None


def _folder(settings: Settings) -> Path:
    return Path(settings.state_path).expanduser() / FOLDER


def _newest_first(folder: Path) -> list[Path]:
    with suppress(OSError):
        return sorted(folder.iterdir(), key=lambda note: note.stat().st_mtime, reverse=True)
    return []
