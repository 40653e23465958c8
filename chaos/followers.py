"""Clients of all channels but quotes: some read at once, one pauses, one leaves and goes on where it was."""

import random
from collections.abc import Callable
from typing import NoReturn

import msgspec
import trio

from chaos.feeds import Feed, Json
from chaos.market_feeds import Bars, Books, Ticks
from chaos.slow_feeds import Bulletins, Headlines, Portfolios, Profits, Scans
from chaos.streams import Gate, Habit
from chaos.truth import Symbol, Truth, View
from chaos.wire import HungUpError, StreamClient

HELD = "AAPL"
"""What the account holds, and no quote is asked for of: its profit and loss tells when its price was sent."""
_COINS = ("BTC", "ETH")
"""They trade on every day: bars form whenever a run is made."""
_STOCKS = ("S001", "S002")
_OF_ACCOUNTS = frozenset({"pnl", "portfolio"})
_SMALL_BUFFER = 8 * 1024
_AGAIN_S = 1.0


class Follower:
    """One client with some channels, over as many connections as it takes."""

    def __init__(self, name: str, habit: Habit, truth: Truth, port: int, gate: Gate, seed: str) -> None:
        self.name = name
        self.feeds: dict[str, Feed] = {}
        """By the id that its messages carry."""
        self._habit = habit
        self._truth = truth
        self._port = port
        self._gate = gate
        self._random = random.Random(f"{seed}:{name}")
        self._again: dict[str, float] = {}
        """Channels that an error has ended, and when to ask for them again."""

    def add(self, feed: Callable[..., Feed], wanted: Json, symbol: Symbol | None = None, **more: object) -> None:
        """One more channel."""
        about: Json = {} if symbol is None or wanted["channel"] in _OF_ACCOUNTS else {"symbol": symbol.name} | symbol.fields
        name = " ".join(str(part) for part in (wanted["channel"], symbol and symbol.name, wanted.get("bar")) if part)
        view = View(client=f"{self.name}/{self._habit.value}", prompt=self._habit is not Habit.SLOW)
        of = () if symbol is None else (symbol,)
        made = feed(name, about | wanted | {"action": "subscribe", "id": name}, self._truth, view, *of, **more)
        made.begin()
        self.feeds[name] = made

    def untold(self, begun: float) -> list[str]:
        """Channels of which a value from before a break of the session is held without a word."""
        return [name for name, feed in self.feeds.items() if self._habit is not Habit.SLOW and feed.untold(begun)]

    def behind(self, since: float) -> list[str]:
        """Channels that have brought nothing since, and should have."""
        return sorted(self._again) + [name for name, feed in self.feeds.items() if feed.steady and feed.newest < since]

    async def run(self) -> NoReturn:
        """Connect again and again."""
        while True:
            if self._gate.deserted:
                await self._gate.opened.wait()
            try:
                buffer = _SMALL_BUFFER if self._habit is Habit.SLOW else None
                stream = await StreamClient.open(self._port, "/ws/stream", receive_buffer=buffer)
            except (HungUpError, OSError) as exc:
                self._truth.blame("connection refused", self.name, str(exc))
                await trio.sleep(1)
                continue
            try:
                await self._talk(stream)
            except HungUpError as exc:
                self._truth.blame("stream closed", self.name, str(exc))
                await trio.sleep(1)
            finally:
                with trio.move_on_after(2, shield=True):
                    await stream.vanish()
            await trio.sleep(self._random.uniform(0, 3))

    async def _talk(self, stream: StreamClient) -> None:
        for feed in self.feeds.values():
            await self._send(stream, feed.resume())
        self._again.clear()
        leave_at = trio.current_time() + self._random.uniform(5, 20) if self._habit is Habit.FICKLE else float("inf")
        pause_at = trio.current_time() + self._random.uniform(3, 9)
        while not self._gate.is_open or trio.current_time() < leave_at:
            if self._gate.deserted and not self._gate.is_open:
                return
            texts: list[str] = []
            with trio.move_on_after(1):
                texts = await stream.receive()
            for text in texts:
                self._take(msgspec.json.decode(text))
            for name in [name for name, at in self._again.items() if at < trio.current_time()]:
                del self._again[name]
                self.feeds[name].begin()
                await self._send(stream, self.feeds[name].wanted)
            if self._habit is Habit.SLOW and trio.current_time() > pause_at and self._gate.is_open:
                await trio.sleep(self._random.uniform(0.5, 4))
                pause_at = trio.current_time() + self._random.uniform(5, 12)

    async def _send(self, stream: StreamClient, command: Json) -> None:
        await stream.send(msgspec.json.encode(command).decode())

    def _take(self, message: Json) -> None:
        kind, feed = message["type"], self.feeds.get(message.get("id") or "")
        if feed is None or kind in {"subscribed", "unsubscribed"}:
            return
        self._truth.checked[f"{kind} of {feed.wanted['channel']}"] += 1
        if kind == "error":
            # Something was broken as it was asked for; it is asked for again.
            self._again[feed.name] = trio.current_time() + _AGAIN_S
            asked = feed.symbol.name if feed.symbol and feed.symbol.name in self._truth.symbols else None
            if not self._truth.excuses(asked, self._truth.now - 2000, self._truth.now):
                feed.blame("error for nothing", f"{message['code']}: {message['message']}")
        else:
            feed.take(message)


def make_followers(truth: Truth, port: int, gate: Gate, seed: int, held: Symbol | None) -> list[Follower]:
    """Few, as a login has few books: two that read at once, one that pauses, one that leaves and comes again.

    Without *held* none has bars or what an account holds.
    """
    habits = (Habit.PROMPT, Habit.PROMPT, Habit.SLOW, Habit.FICKLE)
    first, second, slow, fickle = (Follower(f"follower {n}", habit, truth, port, gate, str(seed)) for n, habit in enumerate(habits))
    one, other, coin, second_coin = (truth.symbols[name] for name in (*_STOCKS, *_COINS))
    for follower, stock in ((first, one), (second, other), (slow, one), (fickle, one)):
        follower.add(Ticks, {"channel": "ticks", "kind": "bid_ask"}, stock)
        follower.add(Bulletins, {"channel": "bulletins"})
        if follower is not fickle:
            follower.add(Books, {"channel": "depth", "rows": 5}, stock)
    if held is not None:
        minutes = {"channel": "bars", "bar": "1m", "rth": False}
        for follower in (first, fickle):
            follower.add(Bars, minutes, coin, seconds=60, whole=True)
        second.add(Bars, minutes | {"bar": "5s"}, second_coin, seconds=5, whole=False)
        for follower in (first, slow):
            follower.add(Portfolios, {"channel": "portfolio"}, held)
        first.add(Profits, {"channel": "pnl", "con_id": held.con_id}, held)
    first.add(Headlines, {"channel": "news", "symbol": HELD})
    first.add(Scans, {"channel": "scanner", "code": "MOST_ACTIVE", "limit": 10})
    return [first, second, slow, fickle]
