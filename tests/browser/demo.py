"""`ibactors demo` as a process of its own, with its simulator's control port."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import time
import urllib.request
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

LIMIT_S = 60
_SAID = re.compile(r"ibactors demo: http://127\.0\.0\.1:(\d+)/ui|control commands at 127\.0\.0\.1:(\d+)")


class Demo:
    """A running demo; stopped, killed and started again at will on the same port."""

    def __init__(self, **environment: str) -> None:
        self._environment = environment
        self.port = 0
        self._control_port = 0
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.kill()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start, and return when the service is connected to its simulator."""
        command = [os.environ["IBACTORS_PYTHON"], "-m", "ibactors", "demo", "--port", str(self.port)]
        environment = {**os.environ, **self._environment, "PYTHONUNBUFFERED": "1", "IBACTORS_LOG_FORMAT": "json"}
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment)  # noqa: S603
        assert self._process.stdout is not None
        found: list[int] = []
        for line in self._process.stdout:
            found += [int(one or other) for one, other in _SAID.findall(line)]
            if len(found) == 2:
                break
        self.port, self._control_port = found
        self.wait_until_healthy()

    def wait_until_healthy(self) -> None:
        """Return when the service is connected to its simulator."""
        deadline = time.monotonic() + LIMIT_S
        while not self._healthy():
            assert time.monotonic() < deadline, "the demo did not connect to its simulator"
            time.sleep(0.1)

    def _healthy(self) -> bool:
        with urllib.request.urlopen(f"{self.url}/health", timeout=LIMIT_S) as response:  # noqa: S310 - our own address
            return b'"healthy"' in response.read()

    def control(self, command: str) -> None:
        """Have the simulator do something; it must answer ok."""
        answer = self._said(command)
        assert answer == "ok", answer

    def ask(self, question: str) -> Any:
        """What the simulator knows, such as its ledger."""
        return json.loads(self._said(question))

    def _said(self, command: str) -> str:
        with socket.create_connection(("127.0.0.1", self._control_port), timeout=LIMIT_S) as connection:
            connection.sendall(f"{command}\n".encode())
            return connection.makefile().readline().strip()

    def stop_answering(self) -> None:
        """Sockets stay open, but nothing comes any more."""
        self._send(signal.SIGSTOP)

    def go_on(self) -> None:
        self._send(signal.SIGCONT)

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _send(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)
