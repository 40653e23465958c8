"""The screen that the gateway draws its windows on, a window into it for people, and the line to IBC's command server."""

import os
import secrets
import struct
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import trio

from ibactors.errors import IbactorsError
from ibactors.gateway.children import Child, environment, find_program, open_child
from ibactors.gateway.masking import Secrets

START_TIMEOUT = 20.0
"""Seconds that Xvfb and x11vnc may take to start."""
VNC_PASSWORD_LIMIT = 8
"""Characters of a password that the VNC protocol uses."""
_SCREEN = "1024x768x24"
_ANSWER_LIMIT = 65536


class DisplayFailed(IbactorsError):
    """Xvfb or x11vnc did not start; what it printed is in the log."""

    code = "display_failed"
    hint = "The log has what the program printed (events child_output)."


class CommandFailed(IbactorsError):
    """IBC's command server cannot be reached, or refused a command."""

    code = "gateway_command_failed"


@asynccontextmanager
async def open_display(
    folder: Path, *, vnc_password: str = "", vnc_port: int = 5900, vnc_address: str = "127.0.0.1"
) -> AsyncIterator[dict[str, str]]:
    """An X display without hardware, for those who can read *folder*; with a password also a VNC server for it.

    Gives the variables that a program needs to draw on it. Raises ProgramNotFound, and DisplayFailed in a group.
    """
    for program in ("Xvfb", "x11vnc") if vnc_password else ("Xvfb",):
        find_program(program, environment())
    authority = folder / "xauthority"
    _write_private(authority, _cookie())
    async with AsyncExitStack() as stack:
        xvfb = await stack.enter_async_context(
            open_child(
                "xvfb",
                # It chooses a free number itself and prints it.
                ["Xvfb", "-displayfd", "1", "-screen", "0", _SCREEN, "-auth", str(authority), "-nolisten", "tcp", "-noreset"],
                env=environment(),
            )
        )
        env = {"DISPLAY": f":{await _line(xvfb, '')}", "XAUTHORITY": str(authority)}
        if vnc_password:
            vnc = await stack.enter_async_context(_open_vnc(folder, env, vnc_password, vnc_port, vnc_address))
            await _line(vnc, "PORT=")
        yield env


@asynccontextmanager
async def _open_vnc(folder: Path, env: dict[str, str], password: str, port: int, address: str) -> AsyncIterator[Child]:
    file = folder / "vnc-password"
    _write_private(file, f"{password}\n".encode())
    # Without the last three it listens on port 5900 of every IPv6 address, too, whatever -listen says (x11vnc 0.9.16).
    where = ["-rfbport", str(port), "-listen", address, "-no6", "-rfbportv6", "-1"]
    argv = ["x11vnc", "-q", "-forever", "-shared", "-noxdamage", "-passwdfile", str(file), *where]
    async with open_child("x11vnc", argv, env=environment(**env), secrets=Secrets(password)) as child:
        yield child


async def _line(child: Child, start: str) -> str:
    """What follows *start* in the first line of digits that has it."""
    with trio.move_on_after(START_TIMEOUT):
        async for line in child.lines:
            rest = line.removeprefix(start)
            if line.startswith(start) and rest.isdecimal():
                return rest
        raise DisplayFailed(f"{child.name} ended with status {await child.wait()} before it was ready.")
    raise DisplayFailed(f"{child.name} was not ready after {START_TIMEOUT:g} s.")


def _cookie() -> bytes:
    """One entry of an Xauthority file (Xau(3)): any host, any display, a random key."""
    family_wild = 65535
    fields = (b"", b"", b"MIT-MAGIC-COOKIE-1", secrets.token_bytes(16))
    return struct.pack(">H", family_wild) + b"".join(struct.pack(">H", len(field)) + field for field in fields)


def _write_private(path: Path, content: bytes) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)


async def send_command(port: int, command: str, within: float = 5.0) -> str:
    """Send one line to IBC's command server at 127.0.0.1: STOP, RESTART, RECONNECTDATA, RECONNECTACCOUNT. Raises CommandFailed."""
    answer = b""
    try:
        with trio.fail_after(within):
            stream = await trio.open_tcp_stream("127.0.0.1", port)
            async with stream:
                await stream.send_all(f"{command}\n".encode("ascii"))
                while len(answer) < _ANSWER_LIMIT:
                    chunk = await stream.receive_some()
                    answer += chunk
                    for line in answer.decode(errors="replace").split("\n")[: None if not chunk else -1]:
                        # Further lines may be information or a prompt.
                        if line.startswith("OK"):
                            return line[2:].strip()
                        if line.startswith("ERROR"):
                            raise CommandFailed(f"IBC refused the command {command}: {line[5:].strip()}")
                    if not chunk:
                        break
    except trio.TooSlowError:
        raise CommandFailed(f"IBC's command server did not answer {command} within {within:g} s.") from None
    except OSError as error:
        raise CommandFailed(f"IBC's command server on port {port} cannot be reached: {error.strerror or error}.") from None
    raise CommandFailed(f"IBC's command server closed the connection without an answer to {command}.")
