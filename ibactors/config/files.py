"""Reads what settings come from: `.env`, and the files that variables name.

Whatever is wrong with one is a StartupError of one sentence: at the start it is shown and ends the process, on SIGHUP the settings stay.
"""

import io
import os
import select
import sys
import time
from pathlib import Path

from dotenv import dotenv_values
from dotenv.parser import parse_stream

from ibactors.errors import StartupError

LARGEST = 4 * 1024 * 1024
"""Bytes; a device would never end."""
_NO_WAIT = 0
"""Without O_NONBLOCK the opening of a pipe would wait for somebody to write into it."""
if sys.platform != "win32":
    _NO_WAIT = os.O_NONBLOCK
_PIPE_WAIT = 2.0
_PIPE_PAUSE = 0.02
"""Seconds, as the one before."""


def read_text(path: Path, what: str) -> str:
    """The text of a file, without a byte order mark. Raises StartupError, which begins with *what*."""
    try:
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | _NO_WAIT)) as file:  # Path has no opener
            data = _from_pipe(file.fileno(), what) if path.is_fifo() else file.read(LARGEST + 1)
        if len(data) > LARGEST:
            raise StartupError(f"{what} cannot be read: it is larger than {LARGEST // 1024**2} MiB.")
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = data[: exc.start].count(b"\n") + 1
        raise StartupError(f"{what} cannot be read: line {line} is not UTF-8 text. Save the file as UTF-8.") from None
    except OSError as exc:
        why = os.strerror(exc.errno) if exc.errno else str(exc)
        raise StartupError(f"{what} cannot be read: {why}.") from None
    except ValueError:  # a NUL in the path
        raise StartupError(f"{what} cannot be read: this is not a path.") from None
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise StartupError(f"{what} cannot be read: line {line} has a NUL character.")
    return text


def _from_pipe(descriptor: int, what: str) -> bytes:
    """What is written into a pipe. Raises StartupError where nothing is, or not to its end, within a moment."""
    data, deadline = b"", time.monotonic() + _PIPE_WAIT
    while len(data) <= LARGEST:
        if time.monotonic() > deadline:
            raise StartupError(f"{what} cannot be read: it is a pipe, and nobody wrote it to its end within {_PIPE_WAIT:g} s.")
        if select.select([descriptor], [], [], _PIPE_PAUSE)[0]:
            piece = os.read(descriptor, LARGEST)
            if data and not piece:
                return data
            if not piece:  # nobody has opened it for writing yet
                time.sleep(_PIPE_PAUSE)
            data += piece
    return data


def read_dotenv(path: Path) -> dict[str, str]:
    """The variables of a `.env` file that have a value; none if there is no file. Raises StartupError."""
    if not os.path.lexists(path):
        return {}
    text = read_text(path, f"The settings file {str(path)!r}")
    for binding in parse_stream(io.StringIO(text)):
        if binding.error:  # python-dotenv would skip the line, and a setting with it
            line = binding.original.line + len(binding.original.string) - len(binding.original.string.lstrip("\n"))
            raise StartupError(f"The settings file {str(path)!r} cannot be read: line {line} is not of the form NAME=VALUE.")
    return {name: value for name, value in dotenv_values(stream=io.StringIO(text)).items() if value}
