# ruff: noqa: INP001
"""Keep the ticks of the bus in a stream of JetStream, and write what is kept as JSON lines (docs/cluster.md).

    python ticks.py keep [DAYS]
    python ticks.py replay [SUBJECT] > ticks.jsonl

Needs nats-py, and a nats-server that was started with -js. IBACTORS_BUS and IBACTORS_BUS_PREFIX say where, as for ibactors.
"""

import asyncio
import os
import sys

import nats
from nats.js import JetStreamContext

STREAM = "TICKS"
PREFIX = os.environ.get("IBACTORS_BUS_PREFIX", "ibactors.main")
DAY = 86400


async def keep(stream: JetStreamContext, days: str = "30") -> None:
    """From now on, for so long."""
    await stream.add_stream(name=STREAM, subjects=[f"{PREFIX}.tick.>"], max_age=float(days) * DAY)


async def replay(stream: JetStreamContext, subject: str = f"{PREFIX}.tick.>") -> None:
    """All that is kept of a subject, the oldest first."""
    last = (await stream.stream_info(STREAM)).state.last_seq
    ticks = await stream.subscribe(subject, stream=STREAM, ordered_consumer=True)
    while (await ticks.consumer_info()).num_pending or ticks.pending_msgs:
        tick = await ticks.next_msg(timeout=10)
        sys.stdout.write(tick.data.decode() + "\n")
        if tick.metadata.sequence.stream >= last:
            return


async def main(action: str, *arguments: str) -> None:
    """Do it."""
    bus = await nats.connect(os.environ.get("IBACTORS_BUS", "nats://127.0.0.1:4222").split(","))
    await {"keep": keep, "replay": replay}[action](bus.jetstream(), *arguments)
    await bus.close()


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in {"keep", "replay"}:  # noqa: PLR2004
        sys.exit(__doc__)
    asyncio.run(main(*sys.argv[1:]))
