"""Drives the official ibapi package, in each of its editions, through every step it has a call for."""

from __future__ import annotations

import builtins
import logging
import threading
import time

import ibapi.decoder
import steps_ibapi
import steps_ibapi_history  # noqa: F401 - its steps join the others
import steps_ibapi_lines  # noqa: F401 - its steps join the others
import steps_ibapi_orders  # noqa: F401 - its steps join the others
from ibapi.client import EClient
from ibapi.wrapper import EWrapper
from report import PACE_S, Complaints, Report, arguments, say

REPORT = Report()
LEFT_OVER: list = []


def watched_iter(*args):
    """The builtin, remembering the iterators of a frame's fields so that unread fields show."""
    iterator = builtins.iter(*args)
    LEFT_OVER.append(iterator)
    return iterator


ibapi.decoder.iter = watched_iter
plain_interpret = ibapi.decoder.Decoder.interpret


def interpret(self, fields, *rest):
    LEFT_OVER.clear()
    plain_interpret(self, fields, *rest)
    unread = [f for iterator in LEFT_OVER for f in iterator]
    if unread:
        say(unread=[f.decode() for f in unread], fields=[f.decode() for f in fields][:12])
    # Later editions hand the message id in; connect() calls with nothing to interpret.
    number = rest[0] if rest else int(fields[0]) if fields else 0
    if number:
        REPORT.note_message(number)


ibapi.decoder.Decoder.interpret = interpret


class Client(EWrapper, EClient):
    """The client as an application has it; callbacks of the base class only log."""

    def __init__(self):
        EWrapper.__init__(self)
        EClient.__init__(self, self)
        self.next_id = 100
        self.order_id = 0

    def error(self, req_id, *rest):
        # 9.81 gives code and text, later editions put a time before them.
        position = 1 if isinstance(rest[1], int) else 0
        REPORT.note_error(req_id, rest[position], rest[position + 1])

    def logAnswer(self, *_):  # noqa: N802 - ibapi's name; the base class formats every value for nothing
        pass

    def nextValidId(self, orderId):  # noqa: N802, N803 - ibapi's names
        self.order_id = orderId

    def new_id(self):
        self.next_id += 1
        return self.next_id


def main():
    port, client_id, plan = arguments()
    REPORT.configure(plan["messages"])
    logging.basicConfig(level=logging.ERROR, handlers=[])
    Complaints()
    client = Client()
    client.connect("127.0.0.1", port, client_id)
    reader = threading.Thread(target=run, args=(client,), daemon=True)
    reader.start()
    missing = REPORT.wait({"answers": ["managedAccts", "nextValidId", "errMsg"], "errors": [2158]})
    say(step="startApi", missing=missing)
    version = client.serverVersion() or 0
    for step in plan["steps"] if not missing else ():
        act = steps_ibapi.STEPS.get(step["name"])
        if act is None or step["since"] > version:
            continue
        REPORT.begin()
        undo = act(client)
        say(step=step["name"], missing=REPORT.wait(step))
        if callable(undo):
            undo()
        time.sleep(PACE_S)
    client.disconnect()
    reader.join(5)
    if reader.is_alive():
        say(log="the reader thread did not end")
    REPORT.finish(version)


def run(client):
    try:
        client.run()
    except Exception as error:  # noqa: BLE001 - whatever ends the reader is the finding
        say(log=f"run() ended with {type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
