"""The commands as a user runs them: processes, exit statuses, signals."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import httpx2 as httpx
import pytest
import trio

from tests.conftest import DEADLINE
from tests.service.keyed import LINES

IBACTORS = (sys.executable, "-m", "ibactors")


class Process:
    """A running command whose output is collected."""

    def __init__(self, process: trio.Process) -> None:
        self.process = process
        self.output = ""

    async def until(self, pattern: str) -> re.Match[str]:
        """Read output until it matches."""
        assert self.process.stdout is not None
        with trio.fail_after(4 * DEADLINE):
            while not (found := re.search(pattern, self.output)):
                chunk = await self.process.stdout.receive_some()
                assert chunk, self.output
                self.output += chunk.decode()
        return found

    async def ended(self) -> int:
        """Read until the end; the exit status."""
        assert self.process.stdout is not None
        with trio.fail_after(4 * DEADLINE):
            async for chunk in self.process.stdout:
                self.output += chunk.decode()
            return await self.process.wait()


@asynccontextmanager
async def command(*arguments: str, **environment: str) -> AsyncIterator[Process]:
    """Run `ibactors`; killed when the block ends."""
    async with trio.open_nursery() as nursery:
        start = partial(
            trio.run_process,
            [*IBACTORS, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            env={**os.environ, **environment},
        )
        yield Process(await nursery.start(start))
        nursery.cancel_scope.cancel(reason="the test is over")


async def test_demo_serves_and_stops_cleanly_on_sigterm() -> None:
    async with command("demo", "--port", "0") as demo:
        url = (await demo.until(r"ibactors demo: (http://[^/\s]+)"))[1]
        await demo.until("Stop with Ctrl-C")
        async with httpx.AsyncClient(base_url=url) as client:
            assert (await client.get("/market/quote/AAPL")).json()["bid"] > 0
            body = {"username": "demo", "password": "demo", "account_type": "paper"}
            login = await client.post("/auth/login", json=body)
            assert (login.status_code, login.json()["success"], login.json()["connected"]) == (200, True, True)
            with trio.fail_after(4 * DEADLINE):
                while (await client.get("/health")).json()["status"] != "healthy":
                    pass
        for place in ({"PORT": url.rsplit(":", 1)[1]}, {"IBACTORS_URL": url, "PORT": "1"}, {}):
            async with command("health", *([] if place else ["--url", url]), **place) as health:
                assert await health.ended() == 0
                assert json.loads(health.output)["ib_connected"] is True
        demo.process.send_signal(signal.SIGTERM)
        assert await demo.ended() == 0
        assert "Traceback" not in demo.output
        assert "exc_type" not in demo.output


@pytest.mark.slow
async def test_documented_example_client_gets_quotes() -> None:
    program = """
import asyncio, json, sys, websockets

async def stream_quotes():
    async with websockets.connect(sys.argv[1]) as websocket:
        await websocket.send(json.dumps({"action": "subscribe", "symbol": "AAPL"}))
        while True:
            message = json.loads(await websocket.recv())
            if message["type"] == "quote":
                print(json.dumps(message))
                return

asyncio.run(stream_quotes())
"""
    async with command("demo", "--port", "0") as demo:
        url = (await demo.until(r"(ws://\S+)"))[1]
        with trio.fail_after(4 * DEADLINE):
            result = await trio.run_process([sys.executable, "-c", program, url], capture_stdout=True)
        quote = json.loads(result.stdout)
        assert quote["symbol"] == "AAPL"
        assert quote["bid"] > 0


@pytest.mark.slow
async def test_ctrl_c_stops_a_service_that_has_no_gateway() -> None:
    async with command("serve", "--port", "0", IBACTORS_GATEWAY_PORT="1") as serve:
        await serve.until("serving")
        url = (await serve.until(r"http://127\.0\.0\.1:\d+"))[0]
        for arguments, status in (((), 1), (("--live",), 0)):
            async with command("health", "--url", url, *arguments) as health:
                assert await health.ended() == status
                assert "degraded" in health.output
        serve.process.send_signal(signal.SIGINT)
        assert await serve.ended() == 0
        assert "Traceback" not in serve.output


@pytest.mark.slow
async def test_sigusr1_writes_the_task_tree_to_the_log() -> None:
    async with command("demo", "--port", "0") as demo:
        await demo.until("Stop with Ctrl-C")
        demo.process.send_signal(signal.SIGUSR1)
        await demo.until("actor:connection  at Mailbox.next")
        demo.process.send_signal(signal.SIGTERM)
        assert await demo.ended() == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["serve", "demo"])
async def test_taken_port_is_one_clear_line(name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        async with command(name, "--port", port) as process:
            assert await process.ended() == 2
            line = process.output.strip().splitlines()[-1]
            assert line.startswith(f"ibactors: Cannot listen on 127.0.0.1:{port}")
            assert "Traceback" not in process.output


@pytest.mark.slow
async def test_taken_simulator_port_is_one_clear_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        async with command("simulate", "--port", port) as process:
            assert await process.ended() == 2
            assert process.output.strip().splitlines()[-1].startswith(f"ibactors: Cannot listen on 127.0.0.1:{port}")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variable", "value", "form"),
    [
        ("IBACTORS_MAX_LINES", "many", "a whole number from 1 to 10000"),
        ("IBACTORS_MARKET_DATA_TYPE", "fast", "live or frozen or delayed or delayed_frozen"),
        ("IBACTORS_LINE_IDLE_SECONDS", "0", "seconds, from 1 to 86400"),
        ("PORT", "http", "a whole number from 0 to 65535"),
    ],
)
async def test_bad_setting_is_one_clear_line(variable: str, value: str, form: str) -> None:
    async with command("serve", **{variable: value}) as process:
        assert await process.ended() == 2
        assert process.output.strip() == f"ibactors: {variable} is {value!r}, but must be {form}."


@pytest.mark.slow
@pytest.mark.parametrize("name", ["serve", "demo"])
@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
async def test_service_that_others_could_reach_does_not_start_without_keys(name: str, host: str) -> None:
    async with command(name, "--port", "0", IBACTORS_HOST=host) as process:
        assert await process.ended() == 2
        line = process.output.strip().splitlines()[-1]
        assert line.startswith(f"ibactors: IBACTORS_HOST is {host!r}, which other machines can reach, but there are no API keys. ")
        assert "ibactors key new" in line
        assert "IBACTORS_ALLOW_ANONYMOUS=1" in line
        assert "Traceback" not in process.output


@pytest.mark.slow
@pytest.mark.parametrize("setting", [{"IBACTORS_API_KEYS": LINES["read"]}, {"IBACTORS_ALLOW_ANONYMOUS": "1"}])
async def test_service_that_others_can_reach_starts_with_keys_or_by_order(setting: dict[str, str]) -> None:
    async with command("serve", "--port", "0", IBACTORS_HOST="0.0.0.0", **setting) as process:
        await process.until("serving")
        process.process.send_signal(signal.SIGTERM)
        assert await process.ended() == 0


@pytest.mark.slow
async def test_simulator_rate_is_checked() -> None:
    async with command("simulate", "--port", "0", "--rate", "-1") as process:
        assert await process.ended() == 2
        assert "Traceback" not in process.output
        assert "rate" in process.output


@pytest.mark.slow
async def test_simulate_names_its_ports_and_stops_on_sigterm() -> None:
    async with command("simulate", "--port", "0", "--control-port", "0") as process:
        await process.until(r"TWS API at 127\.0\.0\.1:\d+, control commands at 127\.0\.0\.1:\d+")
        process.process.send_signal(signal.SIGTERM)
        assert await process.ended() == 0


@pytest.mark.slow
async def test_health_of_nothing_is_1() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = str(unused.getsockname()[1])
    async with command("health", PORT=port) as process:
        assert await process.ended() == 1
        assert "unhealthy" in process.output


@pytest.mark.slow
async def test_help_fits_a_screen_and_points_to_the_settings() -> None:
    for arguments in ((), ("serve",), ("demo",)):
        async with command(*arguments, "--help", COLUMNS="80") as process:
            assert await process.ended() == 0
            assert "ibactors settings" in process.output.replace("\n", " ")
            assert len(process.output.splitlines()) <= 30
            assert max(map(len, process.output.splitlines())) <= 80


@pytest.mark.slow
async def test_settings_are_listed_by_topic_in_lines_that_fit() -> None:
    async with command("settings", COLUMNS="60", IBACTORS_MAX_LINES="many") as process:
        assert await process.ended() == 0
        assert max(map(len, process.output.splitlines())) <= 60
        assert process.output.index("PORT") < process.output.index("gateway and the session") < process.output.index("IBACTORS_MAX_LINES")
        for variable in ("IBACTORS_GATEWAY_PORT", "IBACTORS_MARKET_DATA_TYPE", "PORT"):
            assert variable in process.output


@pytest.mark.slow
async def test_secret_file_that_is_missing_is_one_clear_line(tmp_path: Path) -> None:
    missing = str(tmp_path / "nothing")
    async with command("serve", IBACTORS_GATEWAY_HOST_FILE=missing) as process:
        assert await process.ended() == 2
        assert "IBACTORS_GATEWAY_HOST_FILE" in process.output


@pytest.mark.slow
async def test_tasks_prints_the_tree_of_a_running_service() -> None:
    async with command("demo", "--port", "0") as demo:
        url = (await demo.until(r"ibactors demo: (http://[^/\s]+)"))[1]
        await demo.until("Stop with Ctrl-C")
        port = url.rsplit(":", 1)[1]
        async with command("tasks", PORT=port) as tasks:
            assert await tasks.ended() == 0
            assert re.search(r"─ actor:connection  Mailbox\.next \(ibactors/kernel/mailbox\.py:\d+\)  for \d+\.\d s", tasks.output)
            assert "\x1b" not in tasks.output
        async with command("tasks", "--url", url, "--color", "always") as tasks:
            assert await tasks.ended() == 0
            assert "\x1b[32mactor:connection\x1b[0m" in tasks.output
        async with command("tasks", "--url", url, "--watch", "0.1") as tasks:
            await tasks.until(r"(?s)(<init>.*){3}")
            tasks.process.send_signal(signal.SIGINT)
            assert await tasks.ended() == 0
            assert "Traceback" not in tasks.output


@pytest.mark.slow
@pytest.mark.parametrize(
    ("url", "message"),
    [("http://127.0.0.1:1", "Nothing answers at http://127.0.0.1:1"), ("ftp://x", "not the address"), ("127.0.0.1:x", "Nothing answers")],
)
async def test_tasks_of_nothing_is_one_clear_line(url: str, message: str) -> None:
    async with command("tasks", "--url", url) as process:
        assert await process.ended() == 1
        assert message in process.output
        assert len(process.output.splitlines()) == 1
