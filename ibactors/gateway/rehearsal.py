"""Settings under which the managed gateway is the stand-in with a simulator behind it, for the demo and the tests."""

import shlex
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from ibactors.config import Settings
from ibactors.config.login import IBC_ARGUMENTS
from ibactors.gateway import standin

USER = "demo"
"""The user with this password can log in, and with no other; `standin.PLAYS` and `HANGS` are those that stand for something else."""


@contextmanager
def rehearsal(settings: Settings, *, behind: int, pace: float = 1.0, **others: Any) -> Iterator[Settings]:
    """Settings for a gateway that passes its API on to the port *behind*; valid inside the block."""
    program = shlex.join([sys.executable, "-I", "-S", standin.__file__, f"--behind={behind}", f"--pace={pace}"])
    with tempfile.TemporaryDirectory(prefix="ibactors-") as folder, reserved_port() as api_port, reserved_port() as command_port:
        ours = {
            "gateway": "managed",
            "gateway_host": "127.0.0.1",
            "gateway_port": api_port,
            "gateway_version": "0",
            "command_port": command_port,
            "launcher": f"{program} {IBC_ARGUMENTS}",
            "display": "none",
            "state_path": folder,
            "ib_username": USER,
            "ib_password": USER,
        }
        yield replace(settings, **{**ours, **others})


@contextmanager
def reserved_port() -> Iterator[int]:
    """A port of 127.0.0.1 that nobody else gets, but on which a program that asks for it may listen."""
    with socket.socket() as holder:
        # Linux lets both bind, as long as neither listens yet, if both set this option.
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]
