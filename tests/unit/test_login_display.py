"""The display's programs that are missing, and the client of IBC's command server. The display itself is tested by tests/ibc."""

import functools
import os
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from ibactors.gateway.children import ProgramNotFound
from ibactors.gateway.display import CommandFailed, DisplayFailed, open_display, send_command


@asynccontextmanager
async def command_server(*answer: bytes, close: bool = True) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A server that takes a line and sends these pieces; its port and what it got."""
    got: list[bytes] = []

    async def serve(stream: trio.SocketStream) -> None:
        got.append(await stream.receive_some())
        for piece in answer:
            await stream.send_all(piece)
        if not close:
            await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(functools.partial(trio.serve_tcp, serve, 0, host="127.0.0.1"))
        yield listeners[0].socket.getsockname()[1], got
        nursery.cancel_scope.cancel(reason="the test is done")


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ([b"OK Shutting down: STOP command\n"], "Shutting down: STOP command"),
        ([b"IBC Command Server\nINFO one\nO", b"K \n"], ""),
        ([b"OK no newline"], "no newline"),
    ],
)
async def test_a_command_is_one_line_and_so_is_its_answer(answer: list[bytes], text: str) -> None:
    async with command_server(*answer) as (port, got):
        assert await send_command(port, "STOP") == text
    assert got == [b"STOP\n"]


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        ([b"ERROR Command invalid\n"], "IBC refused the command STOP: Command invalid"),
        ([b"hello\n"], "closed the connection without an answer"),
        ([b"x" * 100_000], "closed the connection without an answer"),
    ],
)
async def test_a_command_that_fails_says_why(answer: list[bytes], complaint: str) -> None:
    async with command_server(*answer) as (port, _):
        with pytest.raises(CommandFailed, match=complaint):
            await send_command(port, "STOP")


async def test_a_command_server_that_is_silent_or_absent_keeps_nobody_waiting() -> None:
    async with command_server(close=False) as (port, _):
        with pytest.raises(CommandFailed, match=r"did not answer STOP within 0\.1 s"):
            await send_command(port, "STOP", within=0.1)
    with pytest.raises(CommandFailed, match=r"cannot be reached"):
        await send_command(port, "STOP")


def put_program(folder: Path, name: str, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program of this name comes first in the path."""
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


async def test_a_display_that_does_not_start_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_program(tmp_path, "Xvfb", "echo no memory; exit 3", monkeypatch)
    with pytest.RaisesGroup(pytest.RaisesExc(DisplayFailed, match="xvfb ended with status 3 before it was ready")):
        async with open_display(tmp_path):
            raise AssertionError("not reached")


async def test_display_has_a_key_of_ours_and_the_number_it_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_program(tmp_path, "Xvfb", 'echo warning; echo "$@" > arguments; echo 42; exec sleep 600', monkeypatch)
    monkeypatch.chdir(tmp_path)
    authority = tmp_path / "xauthority"
    async with open_display(tmp_path) as variables:
        assert variables == {"DISPLAY": ":42", "XAUTHORITY": str(authority)}
        assert stat.S_IMODE(authority.stat().st_mode) == 0o600
        first = authority.read_bytes()
        assert b"MIT-MAGIC-COOKIE-1" in first
    async with open_display(tmp_path):
        assert authority.read_bytes() != first
    assert f"-auth {authority} -nolisten tcp" in (tmp_path / "arguments").read_text()


@pytest.mark.parametrize(("present", "missing"), [((), "Xvfb"), (("Xvfb",), "x11vnc")])
async def test_a_missing_program_is_named_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, present: tuple[str, ...], missing: str
) -> None:
    for name in present:
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ProgramNotFound, match=f"apt-get install {missing.lower()}"):
        async with open_display(tmp_path, vnc_password="hunter2"):
            raise AssertionError("not reached")
