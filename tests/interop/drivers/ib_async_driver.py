"""Drives ib_async, or ib_insync, which it descends from, through every step it has a call for."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import logging
import sys

import steps_ib_async_history  # noqa: F401 - its steps join the others
import steps_ib_async_orders  # noqa: F401
from report import STEP_LIMIT_S, Complaints, Report, arguments, say
from steps_ib_async import STEPS, Driven

REPORT = Report()


def watch(decoder_class):
    """Count the message ids that a decoder has dealt with, and report fields that nobody read."""
    plain_init = decoder_class.__init__

    def init(self, *args):
        plain_init(self, *args)
        self.handlers = {number: watched(number, handler) for number, handler in self.handlers.items()}

    decoder_class.__init__ = init


def watched(number, handler):
    wanted = field_count(handler)

    def handle(fields):
        if wanted is not None and len(fields) != wanted:
            say(unread=fields[wanted:], fields=fields[:12])
        handler(fields)
        REPORT.note_message(number)

    return handle


def field_count(handler):
    """How many fields the simple handlers take; the others unpack strictly or are checked through ibapi."""
    code = getattr(handler, "__code__", None)
    if code is None or "types" not in code.co_freevars:
        return None
    cells = dict(zip(code.co_freevars, handler.__closure__, strict=True))
    return cells["skip"].cell_contents + len(cells["types"].cell_contents)


async def main() -> None:
    port, client_id, plan = arguments()
    package, version = sys.argv[4], int(sys.argv[5])
    REPORT.configure(plan["messages"])
    logging.basicConfig(level=logging.ERROR, handlers=[])
    Complaints()
    module = importlib.import_module(package)
    watch(importlib.import_module(f"{package}.decoder").Decoder)
    ib = module.IB()
    ib.client.MaxClientVersion = version
    ib.errorEvent += lambda number, code, text, *_: REPORT.note_error(number, code, text)
    await ib.connectAsync("127.0.0.1", port, clientId=client_id, account="DU1234567")
    say(step="startApi", missing=REPORT.outstanding({"answers": ["managedAccts", "nextValidId", "acctDownloadEnd"], "errors": [2158]}))
    driven = Driven(ib, module)
    for step in plan["steps"]:
        if step["name"] in STEPS and step["since"] <= version:
            await perform(driven, step)
    ib.disconnect()
    REPORT.finish(ib.client.serverVersion() or version)


async def perform(driven: Driven, step: dict) -> None:
    news = asyncio.Event()
    REPORT.begin(news.set)
    undo = None
    missing = []
    try:
        async with asyncio.timeout(STEP_LIMIT_S):
            undo = STEPS[step["name"]](driven)
            if inspect.isawaitable(undo):
                undo = await undo
            while REPORT.outstanding(step):
                await news.wait()
                news.clear()
    except TimeoutError:
        missing = REPORT.outstanding(step) or ["the result of the call"]
    except AssertionError as error:
        missing = [f"a sensible result: {error}"]
    say(step=step["name"], missing=missing)
    if undo is not None:
        undo()


if __name__ == "__main__":
    asyncio.run(main())
