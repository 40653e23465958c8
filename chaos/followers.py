"""Clients of the channels of ticks and of books: every tick has the number after the last one, and no book is out of order or old."""

import random
from typing import Any, NoReturn

import msgspec
import trio

from chaos.streams import Gate, Habit
from chaos.truth import Truth, View
from chaos.wire import HungUpError, StreamClient

_SMALL_BUFFER = 8 * 1024
_DISORDERED = 4
"""Books one after the other whose rows are not in order: one may be seen in the middle of a change."""


class Follower:
    """One client that follows an instrument tick by tick and in depth, over as many connections as it takes."""

    def __init__(self, view: View, habit: Habit, truth: Truth, port: int, gate: Gate, seed: str, symbol: str) -> None:
        self.view = view
        self._habit = habit
        self._truth = truth
        self._port = port
        self._gate = gate
        self._random = random.Random(seed)
        self._symbol = symbol
        self._sequences: dict[str, int] = {}
        """The number of the newest of each channel, on this connection."""
        self._time = ""
        self._disordered = 0

    async def run(self) -> NoReturn:
        """Connect again and again."""
        while True:
            if self._gate.deserted:
                await self._gate.opened.wait()
            try:
                buffer = _SMALL_BUFFER if self._habit is Habit.SLOW else None
                stream = await StreamClient.open(self._port, "/ws/stream", receive_buffer=buffer)
            except (HungUpError, OSError) as exc:
                self._truth.blame("connection refused", self.view.client, str(exc))
                await trio.sleep(1)
                continue
            try:
                await self._talk(stream)
            except HungUpError as exc:
                self._truth.blame("stream closed", self.view.client, str(exc))
                await trio.sleep(1)
            finally:
                with trio.move_on_after(2, shield=True):
                    await stream.vanish()

    async def _talk(self, stream: StreamClient) -> None:
        self._sequences.clear()
        self._time = ""
        self.view.wanted[self._symbol] = self._truth.now
        await self._subscribe(stream)
        pause_at = trio.current_time() + self._random.uniform(3, 9)
        while not self._gate.deserted or self._gate.is_open:
            texts: list[str] = []
            with trio.move_on_after(1):
                texts = await stream.receive()
            for text in texts:
                await self._take(stream, msgspec.json.decode(text))
            if self._habit is Habit.SLOW and trio.current_time() > pause_at and self._gate.is_open:
                await trio.sleep(self._random.uniform(0.5, 4))
                pause_at = trio.current_time() + self._random.uniform(5, 12)

    async def _subscribe(self, stream: StreamClient) -> None:
        for members in ({"channel": "ticks", "kind": "bid_ask"}, {"channel": "depth", "rows": 5}):
            await stream.send(msgspec.json.encode({"action": "subscribe", "symbol": self._symbol} | members).decode())

    async def _take(self, stream: StreamClient, message: dict[str, Any]) -> None:
        self._truth.checked[f"{message['type']} of feeds"] += 1
        match message["type"]:
            case "tick" | "gap":
                self._take_tick(message)
            case "depth":
                self._take_book(message)
            case "error":
                # Something was broken as it was asked for; it is asked for again.
                await trio.sleep(1)
                await self._subscribe(stream)
                self._sequences.clear()
                self._time = ""

    def _take_tick(self, message: dict[str, Any]) -> None:
        before = self._sequences.get("ticks")
        step = message["lost"] or 1 if message["type"] == "gap" else 1
        if before is not None and message["sequence"] != before + step:
            what = f"{message['type']} {message['sequence']} after {before}"
            self._truth.blame("a tick is lost or double", self.view.client, f"{self._symbol}: {what}")
        self._sequences["ticks"] = message["sequence"]
        if message["type"] == "tick":
            if message["t"] < self._time:
                self._truth.blame("ticks out of order", self.view.client, f"{self._symbol}: {message['t']} after {self._time}")
            self._time = message["t"]

    def _take_book(self, book: dict[str, Any]) -> None:
        bids, asks = ([row["price"] for row in book[side]] for side in ("bids", "asks"))
        # Delivered in pieces, some rows of a change are there long before the others, and IB does not say which belong together.
        dripped = any(name.startswith(("drip", "after drip", "split", "after split")) for name in self._truth.active)
        in_order = bids == sorted(bids, reverse=True) and asks == sorted(asks) and not (bids and asks and bids[0] >= asks[0])
        self._disordered = 0 if in_order or dripped else self._disordered + 1
        if self._disordered >= _DISORDERED:
            self._truth.blame("not a book", self.view.client, f"{self._symbol}: {bids} {asks}")
        before = self._sequences.get("depth")
        if before is not None and book["sequence"] <= before:
            self._truth.blame("an old book", self.view.client, f"{self._symbol}: {book['sequence']} after {before}")
        self._sequences["depth"] = book["sequence"]
        if bids and asks and self._habit is Habit.PROMPT:
            received, symbol = self._truth.now, self._truth.symbols[self._symbol]
            void = self._truth.void_before(self._symbol, received)
            for side, bit, price in (("bid", 0, bids[0]), ("ask", 1, asks[0])):
                self._truth.check_price(self.view, symbol, side, bit, price, received, void)


def make_followers(truth: Truth, port: int, gate: Gate, seed: int) -> list[Follower]:
    """Two that read at once and one that pauses, on two stocks: few, as a login has few books."""
    stocks = sorted(name for name, symbol in truth.symbols.items() if symbol.sec_type == "STK")[:2]
    plan = [(stocks[0], Habit.PROMPT), (stocks[1], Habit.PROMPT), (stocks[0], Habit.SLOW)]
    return [
        Follower(View(client=f"follower {n}", prompt=habit is Habit.PROMPT), habit, truth, port, gate, f"{seed}:follower:{n}", name)
        for n, (name, habit) in enumerate(plan)
    ]
