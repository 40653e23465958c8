"""What Windows lacks is not missed by a service whose gateway runs by itself; what needs it is refused in words."""

import os
import re
import subprocess
import sys

import httpx2 as httpx
import pytest

from ibactors.config import Settings

LACKS = "fcntl resource pwd grp termios"
AS_ON_WINDOWS = f"""
import sys
import ctypes, faulthandler, hypercorn, ib_async, logging.handlers, msgspec, os, prometheus_client, quart, quart_trio, signal
import socket, sqlite3, subprocess, structlog.stdlib, tempfile, time, trio, trio_asyncio, uuid, wsproto, zoneinfo

for name in "{LACKS}".split():
    sys.modules[name] = None
for name in "SIGHUP SIGUSR1 SIGUSR2 SIGCHLD SIGKILL".split():
    delattr(signal, name)
for name in "killpg posix_fallocate statvfs set_blocking waitid O_NONBLOCK".split():
    delattr(os, name)
for name in "pthread_getcpuclockid clock_gettime CLOCK_BOOTTIME CLOCK_MONOTONIC".split():
    delattr(time, name)
del faulthandler.register
sys.platform = "win32"

from ibactors.cli import main
main()
"""
"""Libraries are imported first: they ask for the platform, too, and would look for that of Windows itself."""


def started(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", AS_ON_WINDOWS, *arguments]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("IBACTORS_")} | environment
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=clean)  # noqa: S603  # our own


def test_serve_answers_without_what_windows_lacks() -> None:
    with started("serve", "--port", "0", IBACTORS_GATEWAY_PORT="1", IBACTORS_LOG_FORMAT="json") as service:
        try:
            assert service.stdout is not None
            told: list[str] = []
            for line in service.stdout:
                told.append(line)
                if found := re.search(r"http://127\.0\.0\.1:\d+", line):
                    break
            else:
                pytest.fail("".join(told))
            assert httpx.get(f"{found[0]}/health", timeout=30).json()["status"] == "degraded"
        finally:
            service.terminate()
    assert service.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "environment", "reason"),
    [
        (("serve", "--port", "0"), {"IBACTORS_GATEWAY": "managed"}, "run on Linux and macOS only"),
        (("serve", "--port", "0"), {"IBACTORS_TRADING": "paper"}, "Orders are not kept on Windows"),
    ],
)
def test_what_needs_more_is_refused_in_words(arguments: tuple[str, ...], environment: dict[str, str], reason: str) -> None:
    assert Settings.gateway == "external"
    with started(*arguments, **environment) as service:
        told, _ = service.communicate(timeout=120)
    assert (service.returncode, reason in told) == (2, True), told
    assert "Traceback" not in told
