"""A demo, and a desk beside it at which the examples of the pages are typed."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2 as httpx

from tests.pages.shown import ROOT, URL

DEADLINE_S = 60.0
SERVED = r"serving\b.*url=(http://\S+)"
_ENVIRONMENT = {"IBACTORS_LOG_FORMAT": "console", "IBACTORS_TRADING": "paper", "IBACTORS_MCP": "read", "IBACTORS_LOGIN_ATTEMPTS": "100"}
_SHIMS = {
    # A refusal is an exit status here.
    "bin/curl": '#!/bin/sh\ncase "$*" in -sf*) ;; *) set -- --fail-with-body "$@" ;; esac\n'
    f'exec {shutil.which("curl")} -sS --max-time 60 "$@"\n',
    "bin/jq": f'#!/bin/sh\nexec {shutil.which("jq")} --unbuffered "$@"\n',
    # The pages say httpx, and httpx2 is what is installed.
    "lib/httpx.py": "from httpx2 import *\n",
}


class Desk:
    """Runs examples in a folder of its own, with the addresses of this demo."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url
        self.http = httpx.Client(base_url=url, timeout=DEADLINE_S)
        for name, text in _SHIMS.items():
            path = folder / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
            path.chmod(0o755)
        (folder / "client").symlink_to(ROOT / "client")
        self._environment = {
            **os.environ,
            "PATH": os.pathsep.join([str(folder / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]]),
            "PYTHONPATH": os.pathsep.join([str(folder / "lib"), str(ROOT / "client" / "src")]),
            "PYTHONUNBUFFERED": "1",
            "PORT": url.rpartition(":")[2],
            "IBACTORS_URL": url,
            "IBACTORS_STATE_PATH": str(folder.parent / "state"),  # where `ibactors control` finds this demo's simulator, and no other
            "URL": url,
            "KEY": "ibk_x",
            "IBACTORS_API_KEY": "ibk_x",
            "IBACTORS_LOG_FORMAT": "console",
        }

    def here(self, text: str) -> str:
        """An example with the addresses and names of this desk."""
        text = text.replace(URL, self.url).replace("localhost:8000", self.url.removeprefix("http://"))
        text = text.replace(URL.replace("http", "ws"), self.url.replace("http", "ws")).replace("ibk_…", "ibk_x")
        return text.replace("ord_…", self.new_order()) if "ord_…" in text else text

    def new_order(self) -> str:
        """The id of an order that rests below the market."""
        bid = self.until_well("/market/quote/AAPL")["bid"]
        order = {"instrument": {"symbol": "AAPL"}, "side": "buy", "quantity": 10, "type": "limit", "limit_price": round(bid * 0.97, 2)}
        answer = self.http.post("/orders", json={**order, "client_order_id": f"page-{time.time_ns()}", "time_in_force": "day"})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["order_id"])

    def settle(self) -> None:
        """Until the session is up and orders are taken."""
        self.until_well("/health/gateway")
        self.until_well("/trading", lambda trading: trading["reconciled"] is not None)

    def until_well(self, path: str, fits: Callable[[Any], bool] = bool) -> Any:
        """The answer, as soon as there is a good one that fits."""
        until = time.monotonic() + DEADLINE_S
        while (answer := self.http.get(path)).status_code != httpx.codes.OK or not fits(answer.json()):
            assert time.monotonic() < until, answer.text
            time.sleep(0.05)
        return answer.json()

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A program that ends by itself."""
        return subprocess.run(  # noqa: S603
            words,
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    def run_until(self, pattern: str, *words: str, **environment: str) -> str:
        """What a program that has no end says, until it has said that; fails when it ends before."""
        with _running(words, self.folder, {**self._environment, **environment}) as program:
            return program.until(pattern)


@contextlib.contextmanager
def demo(folder: Path) -> Iterator[Desk]:
    """A desk beside a demo that is connected."""
    settings = {**os.environ, **_ENVIRONMENT, "IBACTORS_STATE_PATH": str(folder / "state"), "IBACTORS_JOURNAL_EPHEMERAL": "1"}
    with _running([sys.executable, "-m", "ibactors", "demo", "--port", "0"], folder, settings) as program:
        found = re.search(SERVED, program.until(SERVED))
        assert found is not None
        (folder / "desk").mkdir()
        desk = Desk(folder / "desk", found[1])
        with desk.http:
            desk.settle()
            yield desk


@contextlib.contextmanager
def _running(words: Sequence[str], folder: Path, environment: Mapping[str, str]) -> Iterator["_Program"]:
    output = folder / f"said-{time.time_ns()}"
    with (
        output.open("w") as file,
        output.with_suffix(".log").open("w") as log,
        subprocess.Popen(words, cwd=folder, env=environment, stdout=file, stderr=log, start_new_session=True) as process,  # noqa: S603
    ):
        try:
            yield _Program(process, output)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


@dataclass(frozen=True)
class _Program:
    process: subprocess.Popen[bytes]
    output: Path

    def until(self, pattern: str) -> str:
        """What it has said, as soon as it has said that, or logged that it serves; fails when it ends before."""
        last = time.monotonic() + DEADLINE_S
        while True:
            ended = self.process.poll() is not None
            said, logged = self.output.read_text(), self.output.with_suffix(".log").read_text()
            text = logged if pattern == SERVED else said
            if re.search(pattern, text):
                return text
            assert not ended, f"it ended: {said}{logged[-2000:]}"
            assert time.monotonic() < last, f"it did not say {pattern}: {said}{logged[-2000:]}"
            time.sleep(0.02)
