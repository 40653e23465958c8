"""Ticks for other systems: published by instrument, kept by JetStream, and replayed over an end of the bus."""

import json
import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest
import trio

from ibactors.bus.link import Arrived, Bus, open_link
from ibactors.config import Settings
from tests.cluster.busses import connected, needs_server, running_bus
from tests.conftest import DEADLINE, eventually, running_gateway, serving

pytestmark = [needs_server, pytest.mark.cluster]
SCRIPT = Path(__file__).parents[2] / "deploy" / "nats" / "ticks.py"


async def scripted(bus: str, *arguments: str) -> str:
    with trio.fail_after(2 * DEADLINE):
        done = await trio.run_process([sys.executable, str(SCRIPT), *arguments], env={"IBACTORS_BUS": bus}, capture_stdout=True)
    return bytes(done.stdout).decode()


async def test_ticks_are_published_by_instrument_kept_and_replayed(tmp_path: Path) -> None:
    heard: list[Arrived] = []

    async def some_heard() -> bool:
        return len(heard) > 5

    async with running_bus("-js", "-sd", str(tmp_path)) as bus, running_gateway() as gateway:
        await scripted(bus.url, "keep", "7")
        held = Settings(port=0, gateway_port=gateway.ports.port, role="session", bus=bus.url, bus_ticks=True)
        async with serving(held, gateway) as session, open_link(Bus(url=bus.url), "recorder") as link:
            await connected(session)
            await link.subscribe("ibactors.main.tick.>", heard.append)
            async with session.stream() as stream:
                await stream.send(action="subscribe", symbols=["AAPL"])
                con_id = (await stream.expect("quote"))["con_id"]
                await eventually(some_heard)
        await bus.kill()
        await bus.start()
        assert {message.subject for message in heard} == {f"ibactors.main.tick.STK.{con_id}"}
        rows: list[dict[str, Any]] = [json.loads(line) for line in (await scripted(bus.url, "replay")).splitlines()]
    assert [json.loads(message.data) for message in heard] == rows[-len(heard) :]
    with sqlite3.connect(":memory:") as database:
        database.execute("create table ticks (symbol, timestamp, bid)")
        database.executemany("insert into ticks values (:symbol, :timestamp, :bid)", rows)
        assert database.execute("select count(*) from ticks where symbol = 'AAPL'").fetchone() == (len(rows),)
