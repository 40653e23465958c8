"""The examples of docs/orders.md that follow what happens, as they stand there, go on over a restart of themselves."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import trio

from tests.conftest import DEADLINE, Service, eventually
from tests.service.trading import place, trading_service

TEXT = (Path(__file__).parents[2] / "docs" / "orders.md").read_text()
AFTER = TEXT.partition("## What happened")[2]


def example(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", AFTER, re.DOTALL)
    assert found is not None
    return found[1]


async def printed(command: list[str], folder: Path, until: str) -> str:
    """What a program that has no end prints, until it has said *until*."""
    text = ""
    async with trio.open_nursery() as nursery:
        process = await nursery.start(_run, command, folder)
        with trio.fail_after(3 * DEADLINE):
            while until not in text:
                more = await process.stdout.receive_some()
                assert more, text
                text += more.decode()
        process.kill()
    return text


async def _run(command: list[str], folder: Path, task_status: trio.TaskStatus[trio.Process]) -> None:
    await trio.run_process(command, cwd=folder, stdout=subprocess.PIPE, check=False, task_status=task_status)


def at(service: Service, text: str) -> str:
    return text.replace("127.0.0.1:8000", service.url.removeprefix("http://")).replace(
        "localhost:8000", service.url.removeprefix("http://")
    )


async def test_python_example_goes_on_where_it_was(tmp_path: Path) -> None:
    async with trading_service(tmp_path / "state") as service:
        command = [sys.executable, "-c", at(service, example("python"))]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_place_when_kept, service, tmp_path / "orders.cursor")
            await printed(command, tmp_path, "accepted a pending_new")
        await place(service, "b")
        assert "accepted b pending_new" in await printed(command, tmp_path, "working b working")


async def _place_when_kept(service: Service, kept: Path) -> None:
    """The example has begun when it has written down from where."""
    await eventually(trio.Path(kept).exists, within=2 * DEADLINE)
    await place(service, "a")


async def test_curl_example_prints_what_came_behind_the_place(tmp_path: Path) -> None:
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("there is no curl")
    async with trading_service(tmp_path) as service:
        cursor = (await service.get("/orders/events"))["cursor"]
        await place(service)
        line = at(service, example("console")).removeprefix("$ curl ").strip()
        words = [
            word.strip("'") for word in re.findall(r"'[^']*'|\S+", line.replace("5f0c2a9d41be-1842", cursor).replace("ibk_…", "ibk_x"))
        ]
        text = await printed([curl, "-s", *words], tmp_path, '"event":"working"')
        assert re.findall(r"^id: \w+-(\d+)$", text, re.MULTILINE)[:3] == ["1", "2", "3"]


async def test_event_source_example(tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None or subprocess.run([node, "--experimental-eventsource", "-e", "0"], capture_output=True, check=False).returncode:  # noqa: ASYNC221, S603
        pytest.skip("there is no Node.js with an EventSource")
    async with trading_service(tmp_path) as service:
        code = f"{at(service, example('javascript'))}\nsource.onopen = () => console.log('open');"
        async with trio.open_nursery() as nursery:
            opened = trio.Event()

            async def place_when_open() -> None:
                await opened.wait()
                await place(service, "a")

            nursery.start_soon(place_when_open)
            process = await nursery.start(_run, [node, "--experimental-eventsource", "--no-warnings", "-e", code], tmp_path)
            text = ""
            with trio.fail_after(3 * DEADLINE):
                while "accepted a pending_new" not in text:
                    text += (await process.stdout.receive_some()).decode()
                    if "open" in text:
                        opened.set()
            process.kill()
