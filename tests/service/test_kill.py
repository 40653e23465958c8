"""The gateway's process is killed while many requests are open."""

import collections
import signal
from typing import Any

import trio

from tests.conftest import Gateway, eventually, running_service
from tests.service.test_commands import command

REQUESTS = 100


async def test_all_open_requests_are_answered_when_the_gateway_is_killed() -> None:
    async with command("simulate", "--port", "0", "--control-port", "0") as simulator:
        found = await simulator.until(r"TWS API at 127\.0\.0\.1:(\d+), control commands at 127\.0\.0\.1:(\d+)")
        port, control_port = int(found[1]), int(found[2])
        # Nothing but the kill ends a request, however long it takes until all are open.
        patient: dict[str, Any] = {"quote_timeout": 60.0, "request_timeout": 60.0, "probe_idle": 60.0}
        async with running_service(gateway_port=port, max_lines=200, stream_lines=0, **patient) as service:
            gateway = Gateway(ports=type(service.gateway.ports)(port=port, control_port=control_port))
            await gateway.do("mute")
            statuses: collections.Counter[int] = collections.Counter()
            killed_at = float("inf")

            async def ask(number: int) -> None:
                response = await service.http.get(f"/market/quote/NEW{number}")
                assert trio.current_time() - killed_at < 20
                statuses[response.status_code] += 1

            async def all_open() -> bool:
                actors = (await service.get("/debug/actors"))["actors"]
                return bool(sum(actor["open_asks"] for actor in actors if actor["name"].startswith("symbol:")) == REQUESTS)

            async with trio.open_nursery() as nursery:
                for number in range(REQUESTS):
                    nursery.start_soon(ask, number)
                await eventually(all_open)
                killed_at = trio.current_time()
                simulator.process.send_signal(signal.SIGKILL)
            assert set(statuses) <= {502, 503, 504}
            assert statuses.total() == REQUESTS
