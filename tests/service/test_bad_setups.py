"""What is wrong when somebody starts the service: one sentence on stderr and status 2, by the real command."""

import os
import pty
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
import trio

from tests.conftest import DEADLINE
from tests.service.keyed import LINES
from tests.service.test_commands import IBACTORS, Process, command

pytestmark = pytest.mark.slow  # each starts a process of its own

SERVE = ("serve", "--port", "0")
DOTENV = [
    (b"PORT=8001\n# caf\xe9\n", "line 2 is not UTF-8 text"),
    ("PORT=8001\n".encode("utf-16"), "is not UTF-8 text"),
    (b"PORT=80\x00\n", "line 1 has a NUL character"),
    (b"IBACTORS_GATEWAY_HOST=a\n\n\nset PORT 8001\n", "line 4 is not of the form NAME=VALUE"),
    (b"PORT='8001\n", "line 1 is not of the form NAME=VALUE"),
    (b"IBACTORS_GATEWAYPORT=4001\n", "IBACTORS_GATEWAYPORT is set, but there is no such setting; did you mean IBACTORS_GATEWAY_PORT?"),
    (b"IBACTORS_API_KEYS_FILE=/nonexistent/keys\n", "IBACTORS_API_KEYS_FILE names '/nonexistent/keys', which cannot be read: No such file"),
]
ENVIRONMENT = [
    ("IBACTORS_MAXLINES", "50", "did you mean IBACTORS_MAX_LINES?"),
    ("IBACTORS_TLS_CERTFICATE_FILE", "x", "did you mean IBACTORS_TLS_CERTIFICATE_FILE?"),
    ("IBACTORS_PORT", "9000", "did you mean PORT?"),
    ("ibactors_host", "127.0.0.1", "did you mean IBACTORS_HOST?"),
    ("IBACTOR_LOG_LEVEL", "debug", "did you mean IBACTORS_LOG_LEVEL?"),
    ("IBACTORS_QQQ", "1", "`ibactors settings` lists them all"),
    ("IBACTORS_HOST", "127.0.0.256", "IBACTORS_HOST is '127.0.0.256', for which no address was found"),
    ("IBACTORS_HOST", "http://127.0.0.1", "IBACTORS_HOST is 'http://127.0.0.1', but must be a host name or an address alone"),
    ("IBACTORS_HOST", "a" * 70, "for which no address was found"),
    ("IBACTORS_TLS_KEY", "key.pem", "IBACTORS_TLS_KEY is set without IBACTORS_TLS_CERTIFICATE"),
    ("IBACTORS_TLS_CERTIFICATE", "/nonexistent/chain.pem", "cannot be used: [Errno 2] No such file"),
    ("IBACTORS_API_KEYS_FILE", "/dev/zero", "larger than 4 MiB"),
    ("IBACTORS_VNC_PASSWORD_FILE", "/", "cannot be read: Is a directory"),
    ("IBACTORS_GATEWAY_HOST", os.fsdecode(b"caf\xe9"), "IBACTORS_GATEWAY_HOST is not UTF-8 text"),
]


def refused(cwd: Path, environment: dict[str, str], *, limit: int | None = None, arguments: tuple[str, ...] = SERVE) -> str:
    """What the command says that does not start: one sentence of ours, nothing else."""

    def prepare() -> None:
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))

    result = subprocess.run(  # noqa: S603  # our own command
        [*IBACTORS, *arguments],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        stdin=subprocess.DEVNULL,
        preexec_fn=prepare,
    )
    assert result.returncode == 2, result.stderr
    lines = result.stderr.splitlines()
    assert "Traceback" not in result.stderr
    assert lines[-1].startswith("ibactors: ")
    assert [line for line in lines[:-1] if '"level": "info"' not in line] == []
    return lines[-1]


@pytest.mark.parametrize(("content", "said"), DOTENV)
def test_dotenv_that_cannot_be_taken_as_meant_ends_the_start(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / ".env").write_bytes(content)
    assert said in refused(tmp_path, {})


def test_dotenv_that_is_a_folder_ends_the_start(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    assert "Is a directory" in refused(tmp_path, {})


@pytest.mark.parametrize(("variable", "value", "said"), ENVIRONMENT)
def test_variable_that_cannot_be_taken_as_meant_ends_the_start(tmp_path: Path, variable: str, value: str, said: str) -> None:
    assert said in refused(tmp_path, {variable: value})


@pytest.mark.parametrize("limit", [50, 100, 115])
def test_limit_of_files_that_leaves_no_room_for_clients_ends_the_start(tmp_path: Path, limit: int) -> None:
    said = refused(tmp_path, {}, limit=limit)
    assert f"only {limit} files open" in said
    assert "ulimit -n" in said


def test_private_key_with_a_passphrase_ends_the_start_and_asks_nobody(tmp_path: Path) -> None:
    key, chain = tmp_path / "key.pem", tmp_path / "chain.pem"
    new = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-passout", "pass:secret", "-subj", "/CN=localhost", "-days", "2"]
    subprocess.run([*new, "-keyout", str(key), "-out", str(chain)], check=True, capture_output=True)  # noqa: S603  # our own words
    both = tmp_path / "both.pem"
    both.write_bytes(chain.read_bytes() + key.read_bytes())
    for files in ({"IBACTORS_TLS_CERTIFICATE": str(chain), "IBACTORS_TLS_KEY": str(key)}, {"IBACTORS_TLS_CERTIFICATE": str(both)}):
        assert "is encrypted, and nobody is asked for its passphrase" in refused(tmp_path, files)


@pytest.mark.parametrize(
    ("arguments", "what"), [(("simulate", "--port", "0", "--control-port"), "control port"), (("simulate", "--port"), "API port")]
)
def test_taken_port_of_the_simulator_is_named_for_what_it_is(tmp_path: Path, arguments: tuple[str, ...], what: str) -> None:
    listen = [sys.executable, "-c", _LISTEN]
    with subprocess.Popen(listen, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True) as other:  # noqa: S603  # our own
        assert other.stdout is not None
        port = other.stdout.readline().strip()
        said = refused(tmp_path, {}, arguments=(*arguments, port))
        other.communicate()
    assert f"127.0.0.1:{port}, the simulator's {what}: " in said


_LISTEN = "import socket; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True); input()"


def _with_terminal() -> None:
    os.setsid()
    os.dup2(os.open(os.ttyname(0), os.O_RDWR), 0)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whoever runs the tests may have it ignored, which children inherit


@pytest.mark.parametrize("name", ["serve", "demo"])
async def test_service_ends_with_its_terminal(tmp_path: Path, name: str) -> None:
    ours, theirs = pty.openpty()
    start = partial(trio.lowlevel.open_process, [*IBACTORS, name, "--port", "0"], stdin=theirs, stdout=theirs, stderr=theirs)
    process = await start(cwd=tmp_path, preexec_fn=_with_terminal, env={**os.environ, "IBACTORS_STATE_PATH": str(tmp_path)})
    os.close(theirs)
    output = b""
    with trio.fail_after(4 * DEADLINE), suppress(OSError):
        while b"serving" not in output and b"Stop with Ctrl-C" not in output:
            await trio.lowlevel.wait_readable(ours)
            output += os.read(ours, 65536)
    os.close(ours)  # the kernel hangs up on the session
    with trio.fail_after(4 * DEADLINE):
        assert await process.wait() == 0


BROKEN: list[Callable[[Path], object]] = [
    lambda folder: (folder / ".env").write_bytes(b"# caf\xe9\n"),
    lambda folder: (folder / ".env").write_bytes(b"PORT=\x00\n"),
    lambda folder: (folder / ".env").write_text("this is not a setting\n"),
    lambda folder: (folder / ".env").write_text("IBACTORS_APIKEYS=x\n"),
    lambda folder: (folder / ".env").mkdir(),
    lambda folder: (folder / "keys").write_bytes(b"\xff\xfe"),
    lambda folder: (folder / "keys").write_bytes(b"a\x00b"),
    lambda folder: (folder / "keys").unlink(),
    lambda folder: (folder / "keys").rename(folder / "moved"),
]


async def test_settings_stay_as_they_are_when_they_cannot_be_read_again(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text(LINES["read"])
    start = partial(trio.run_process, [*IBACTORS, *SERVE], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, cwd=tmp_path)
    async with trio.open_nursery() as nursery:
        environment = {**os.environ, "IBACTORS_API_KEYS_FILE": str(keys), "IBACTORS_GATEWAY_PORT": "1"}
        service = Process(await nursery.start(partial(start, env=environment, stdin=subprocess.DEVNULL)))
        await service.until("serving")
        for spoil in BROKEN:
            spoil(tmp_path)
            service.output = ""
            service.process.send_signal(signal.SIGHUP)
            await service.until("settings_kept")
            dotenv = tmp_path / ".env"
            if dotenv.is_dir():
                dotenv.rmdir()
            dotenv.unlink(missing_ok=True)
            keys.unlink(missing_ok=True)
            keys.write_text(LINES["read"])
        service.process.send_signal(signal.SIGTERM)
        assert await service.ended() == 0
        assert "Traceback" not in service.output


@pytest.mark.parametrize("closed", ["2>&-", "1>&-", "0<&- 1>&- 2>&-", "2>/dev/full", ">/dev/full"])
async def test_service_runs_without_standard_streams(tmp_path: Path, closed: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = str(unused.getsockname()[1])
    shell = ["/bin/sh", "-c", f'exec "$@" {closed}', "sh", *IBACTORS, "demo", "--port", port]
    process = await trio.lowlevel.open_process(shell, cwd=tmp_path, env={**os.environ, "IBACTORS_STATE_PATH": str(tmp_path)})
    try:
        with trio.fail_after(3 * DEADLINE):
            while True:
                async with command("health", "--live", PORT=port) as health:
                    if await health.ended() == 0:
                        break
            process.terminate()
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()


async def test_control_finds_the_demo_and_says_what_is_refused(tmp_path: Path) -> None:
    state = {"IBACTORS_STATE_PATH": str(tmp_path)}
    async with command("control", "ledger", **state) as control:
        assert await control.ended() == 2
        assert "No simulator with a control port runs here" in control.output
    async with command("demo", "--port", "0", "--seed", "7", **state) as demo:
        await demo.until("Stop with Ctrl-C")
        for words, status, said in (
            (("rate", "9"), 0, "ok"),
            (("stats",), 0, '"rate": 9'),
            (("help",), 0, "commands: "),
            (("explode",), 1, "error: there is no command 'explode'"),
            (("set", "AAPL", "-1", "x", "y"), 1, "error"),
        ):
            async with command("control", *words, **state) as control:
                assert (await control.ended(), said in control.output) == (status, True), control.output
        demo.process.send_signal(signal.SIGTERM)
        assert await demo.ended() == 0
    assert os.listdir(tmp_path / "control") == []  # noqa: PTH208  # an async test


@pytest.mark.parametrize("arguments", [["settings"], ["key", "new", "x", "--scope", "read"]])
def test_hangup_before_it_means_anything_ends_nobody_without_a_terminal(arguments: list[str]) -> None:
    shown = (
        "import atexit, signal, sys; from ibactors.cli import main; atexit.register(lambda: print(repr(signal.getsignal(signal.SIGHUP))))"
    )
    program = [sys.executable, "-c", f"{shown}; main(sys.argv[1:])", *arguments]
    result = subprocess.run(program, check=True, text=True, capture_output=True, stdin=subprocess.DEVNULL)  # noqa: S603  # our own
    assert "SIG_IGN" in result.stdout.splitlines()[-1]
