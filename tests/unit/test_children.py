"""Child processes: their lines, their end, and that nothing of them is left, whoever is killed."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import hypothesis.strategies as st
import pytest
import trio
from hypothesis import example, given

from ibactors.gateway import children
from ibactors.gateway.children import Child, LineCutter, ProgramNotFound, environment, open_child
from ibactors.gateway.masking import Secrets
from tests.conftest import DEADLINE, eventually

DOUBLE_FORK = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        print("daemon", os.getpid(), flush=True)
        time.sleep(600)
    os._exit(0)
os.wait()
"""


def python(program: str) -> list[str]:
    return [sys.executable, "-I", "-S", "-u", "-c", program]


def shell(script: str) -> list[str]:
    return ["sh", "-c", script]


def until_sigterm(start: str, end: str) -> list[str]:
    """A program that does *start*, and *end* when it is asked to end."""
    wait = "import signal, sys; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])"
    return python(f"{wait}\n{start}; sys.stdout.flush(); signal.sigwait([signal.SIGTERM])\n{end}")


async def all_lines(child: Child) -> list[str]:
    with trio.fail_after(DEADLINE):
        return [line async for line in child.lines]


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def gone(pid: int) -> None:
    async def check() -> bool:
        return not alive(pid)

    await eventually(check)


async def pid_in(child: Child, word: str) -> int:
    """The number behind *word* in the first line that starts with it."""
    with trio.fail_after(DEADLINE):
        async for line in child.lines:
            if line.startswith(word):
                return int(line.split()[1])
    raise AssertionError(f"no line with {word}")


async def test_lines_come_whole_and_in_order_with_standard_error_among_them() -> None:
    async with open_child("c", shell("echo one; echo two >&2; printf 'thr'; printf 'ee\\r\\n\\nfour'"), env=environment()) as child:
        assert await all_lines(child) == ["one", "two", "three", "four"]
        assert await child.wait() == 0


async def test_unfinished_line_comes_while_the_program_waits_and_not_again_when_it_ends() -> None:
    async with open_child("c", shell("printf 'password: '; sleep 1"), env=environment()) as child:
        assert await all_lines(child) == ["password:"]


@pytest.mark.parametrize(("script", "status"), [("exit 87", 87), ("kill -9 $$", 137), ("kill -TERM $$", 143)])
async def test_the_exit_status_is_the_programs(script: str, status: int) -> None:
    async with open_child("c", shell(script), env=environment()) as child:
        with trio.fail_after(DEADLINE):
            assert await child.wait() == status


async def test_an_unfinished_line_is_given_after_a_short_time_and_again_when_it_is_whole() -> None:
    # It prints the other half when we have seen the first.
    async with open_child("c", until_sigterm("sys.stdout.write('Passwo')", "print('rd:'); sys.exit(3)"), env=environment()) as child:
        with trio.fail_after(DEADLINE):
            assert await child.lines.receive() == "Passwo"
            child.terminate()
            assert await child.lines.receive() == "Password:"
            assert await child.wait() == 3


async def test_ten_megabytes_that_nobody_reads_do_not_stop_the_program() -> None:
    program = "import sys\nfor number in range(16384): sys.stdout.write(f'{number:0639}\\n')\nsys.exit(5)"
    async with open_child("c", python(program), env=environment()) as child:
        with trio.fail_after(6 * DEADLINE):
            assert await child.wait() == 5
        waiting = await all_lines(child)
    assert len(waiting) < 16384 // 2, "they were kept"
    assert int(waiting[-1]) == 16383, "the newest were thrown away"


async def test_a_line_of_ten_megabytes_is_cut() -> None:
    async with open_child("c", python("print('x' * 10_000_000); print('end')"), env=environment()) as child:
        assert [len(line) for line in await all_lines(child)] == [children.LINE_LIMIT, 3]


async def test_a_reader_gets_every_line_however_fast_they_come() -> None:
    async with open_child("c", python("print('\\n'.join(map(str, range(20000))))"), env=environment()) as child:
        assert await all_lines(child) == [str(number) for number in range(20000)]


async def test_a_program_that_ignores_sigterm_is_killed_after_its_grace() -> None:
    script = "trap '' TERM; echo pid $$; while :; do sleep 1; done"
    started = time.monotonic()
    async with open_child("c", shell(script), env=environment(), grace=0.3) as child:
        pid = await pid_in(child, "pid")
    assert not alive(pid)
    assert 0.3 <= time.monotonic() - started < DEADLINE


async def test_a_program_that_heeds_sigterm_has_time_to_say_goodbye() -> None:
    async with open_child("c", until_sigterm("print('ready')", "print('goodbye'); sys.exit(0)"), env=environment()) as child:
        assert await child.lines.receive() == "ready"
        child.terminate()
        assert await all_lines(child) == ["goodbye"]
        assert await child.wait() == 0


@pytest.mark.parametrize("grace", [0, 5.0])
async def test_what_forked_twice_ends_with_its_child(grace: float) -> None:
    async with open_child("c", python(f"{DOUBLE_FORK}\ntime.sleep(600)"), env=environment(), grace=grace) as child:
        daemon = await pid_in(child, "daemon")
        assert alive(daemon)
    assert not alive(daemon)


async def test_what_a_program_leaves_behind_ends_with_it() -> None:
    async with open_child("c", python(f"{DOUBLE_FORK}\nsys.exit(4)"), env=environment()) as child:
        daemon = await pid_in(child, "daemon")
        with trio.fail_after(DEADLINE):
            assert await child.wait() == 4
        assert not alive(daemon)


async def test_kill_does_not_wait_for_a_grace() -> None:
    async with open_child("c", shell("trap '' TERM; echo pid $$; while :; do sleep 1; done"), env=environment(), grace=60) as child:
        pid = await pid_in(child, "pid")
        child.kill()
        child.kill()
        with trio.fail_after(DEADLINE):
            assert await child.wait() == 137
        assert not alive(pid)


async def test_cancellation_ends_the_child() -> None:
    pid = 0
    with trio.move_on_after(DEADLINE) as scope:
        async with open_child("c", shell("echo pid $$; sleep 600"), env=environment()) as child:
            pid = await pid_in(child, "pid")
            scope.cancel(reason="the test wants it")
            await trio.sleep_forever()
    assert scope.cancelled_caught
    assert not alive(pid)


async def test_what_a_child_says_while_it_ends_is_logged_and_does_not_stop_it(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    chatty = until_sigterm("print('ready')", "print('x' * 1_000_000); print('goodbye'); sys.exit(0)")
    started = time.monotonic()
    with trio.move_on_after(DEADLINE) as scope:
        async with open_child("c", chatty, env=environment(), grace=DEADLINE) as child:
            assert await child.lines.receive() == "ready"
            scope.cancel(reason="the test wants it")
            await trio.sleep_forever()
    assert time.monotonic() - started < DEADLINE / 2
    assert "goodbye" in str(caplog.records[-1].msg)


async def test_a_killed_keeper_does_not_leave_its_group() -> None:
    async with open_child("c", shell("sleep 600 & echo pid $!; wait"), env=environment()) as child:
        pid = await pid_in(child, "pid")
        os.kill(child.pid, signal.SIGKILL)
        with trio.fail_after(DEADLINE):
            assert await child.wait() == 137
    await gone(pid)


KILLED_PARENT = """
import sys, trio
from ibactors.inside import logs
from ibactors.gateway.children import environment, open_child
logs.configure("json")
async def main():
    async with open_child("c", {argv!r}, env=environment()) as child:
        async for line in child.lines:
            print(line, flush=True)
trio.run(main)
"""


@contextlib.contextmanager
def another_ibactors(argv: list[str]) -> Iterator[subprocess.Popen[str]]:
    """Another process that has a child, and prints what the child prints."""
    with subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-c", KILLED_PARENT.format(argv=argv)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize(
    "argv",
    [
        pytest.param(python(f"{DOUBLE_FORK}\ntime.sleep(600)"), id="forked-twice"),
        pytest.param(
            ["bash", "-c", "trap 'kill -TERM $PID' TERM; sleep 600 & PID=$!; echo daemon $PID; wait $PID; wait $PID"], id="as-ibcstart"
        ),
        pytest.param(shell("trap '' TERM HUP INT; echo daemon $$; while :; do sleep 1; done"), id="ignores-signals"),
    ],
)
async def test_nothing_is_left_after_kill_9_of_ibactors(argv: list[str]) -> None:
    with another_ibactors(argv) as process:
        assert process.stdout is not None
        line = await trio.to_thread.run_sync(process.stdout.readline)
        pid = int(line.split()[1])
        assert alive(pid)
        process.kill()
        await gone(pid)


async def test_a_missing_program_is_named_with_its_package() -> None:
    with pytest.raises(ProgramNotFound, match=r"'x11vnc' was not found.*apt-get install x11vnc"):
        async with open_child("c", ["x11vnc"], env={"PATH": "/nowhere"}):
            raise AssertionError("not reached")


async def test_what_the_kernel_refuses_to_run_is_said_in_its_output(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("#!/no/such/interpreter\n")
    program.chmod(0o755)
    async with open_child("c", [str(program)], env=environment()) as child:
        assert "cannot be run: No such file" in (await all_lines(child))[0]
        assert await child.wait() == 126


async def test_a_child_gets_no_environment_but_what_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IBACTORS_IB_PASSWORD", "hunter2")
    async with open_child("c", ["env"], env=environment(DISPLAY=":99")) as child:
        names = {line.partition("=")[0] for line in await all_lines(child)}
    assert "DISPLAY" in names
    assert names <= {*environment(), "DISPLAY", "LC_CTYPE"}


async def test_the_log_has_each_line_with_secrets_masked(caplog: pytest.LogCaptureFixture) -> None:
    password = 'pä\\ss"'
    secrets = Secrets(password, "demo-user")
    caplog.set_level("INFO")
    forms = [f"raw {password}", 'java p\\u00e4\\\\ss"', json.dumps([password, "demo-user"])]
    async with open_child("c", ["printf", "%s\\n", *forms], env=environment(), secrets=secrets) as child:
        assert await all_lines(child) == forms, "what is classified is not masked"
    assert [secrets.mask(form) for form in forms] == ["raw ***", "java ***", '["***", "***"]']
    logged = str([record.msg for record in caplog.records])
    assert "raw ***" in logged
    assert "ss" not in logged
    assert "user" not in logged
    assert repr(secrets) == "<Secrets>"


def test_a_log_is_not_flooded(caplog: pytest.LogCaptureFixture) -> None:
    """Of 10 MB in a second the log has a few hundred lines and says so."""

    async def main() -> None:
        async with open_child("flood", python("print('\\n'.join(map(str, range(5000))))"), env=environment()) as child:
            await all_lines(child)

    caplog.set_level("INFO")
    trio.run(main)
    assert len([record for record in caplog.records if "child_output'" in str(record.msg)]) == children.LOGGED_LINES
    assert "'lines': 4000" in str(caplog.records[-1].msg)


@given(st.lists(st.binary(max_size=50), max_size=20))
@example([b"a" * 40, b"b" * 40, b"\nc"])
def test_lines_do_not_depend_on_how_the_stream_is_cut(chunks: list[bytes]) -> None:
    cutter = LineCutter(10)
    lines = [line for chunk in [*chunks, b"\n"] for line in cutter.feed(chunk)]
    whole = [line[:40].decode(errors="replace").rstrip()[:10] for line in b"".join(chunks).split(b"\n")]
    assert lines == [line for line in whole if line]


@given(st.text(min_size=3), st.text(), st.text())
def test_a_masked_text_has_no_secret(secret: str, before: str, behind: str) -> None:
    secrets = Secrets(secret)
    for form in (secret, json.dumps(secret)[1:-1]):
        masked = secrets.mask(before + form + behind)
        assert form in "***" or form not in masked.replace("***", "\0") or form in before + "***" + behind
