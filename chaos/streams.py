"""The WebSocket clients: most read at once, some pause now and then, some leave and come back."""

import random
from dataclasses import dataclass, field
from enum import Enum
from typing import NoReturn

import msgspec
import trio

from chaos.truth import RECOVERY_MS, Message, Truth, View
from chaos.wire import HungUpError, StreamClient

_SMALL_BUFFER = 8 * 1024
_BATCHING = 0.3
_POLITE = 0.5
"""Shares of the clients that take batches, and that say goodbye."""
_AGAIN_S = 1.0
"""How long a client waits before it repeats a refused request."""
_DECODER = msgspec.json.Decoder(Message | list[Message])


class Habit(Enum):
    """How a client behaves."""

    PROMPT = "prompt"
    SLOW = "slow"
    FICKLE = "fickle"


@dataclass(slots=True, kw_only=True)
class Gate:
    """Closed while resources are counted: nobody connects, leaves, pauses or asks."""

    opened: trio.Event = field(default_factory=trio.Event)
    deserted: bool = False
    """While it is closed not even the streams stay."""

    @property
    def is_open(self) -> bool:
        return self.opened.is_set()

    def open(self) -> None:
        self.deserted = False
        self.opened.set()

    def close(self, *, deserted: bool = False) -> None:
        self.opened = trio.Event()
        self.deserted = deserted


class Listener:
    """One client of /ws/stream, over as many connections as it takes."""

    def __init__(self, view: View, habit: Habit, truth: Truth, port: int, gate: Gate, seed: str) -> None:
        self.view = view
        self.habit = habit
        self.connected = False
        self._truth = truth
        self._port = port
        self._gate = gate
        self._random = random.Random(seed)
        self._batch = self._random.random() < _BATCHING
        self._refused: set[str] = set()

    async def run(self) -> NoReturn:
        """Connect again and again."""
        while True:
            if self._gate.deserted:
                await self._gate.opened.wait()
            try:
                stream = await StreamClient.open(
                    self._port,
                    f"/ws/stream{'?batch=1' if self._batch else ''}",
                    receive_buffer=_SMALL_BUFFER if self.habit is Habit.SLOW else None,
                )
            except (HungUpError, OSError) as exc:
                self._truth.blame("connection refused", self.view.client, str(exc))
                await trio.sleep(1)
                continue
            try:
                await self._talk(stream)
                if self._random.random() < _POLITE:
                    await stream.close()
            except HungUpError as exc:
                self._truth.blame("stream closed", self.view.client, str(exc))
                await trio.sleep(1)
            finally:
                self.connected = False
                self.view.wanted.clear()
                self.view.told.clear()
                self.view.newest.clear()
                self._refused.clear()
                with trio.move_on_after(2, shield=True):
                    await stream.vanish()

    async def _talk(self, stream: StreamClient) -> None:
        names = sorted(self._truth.symbols)
        chosen = self._random.sample(names, self._random.randint(3, min(25, len(names))))
        await self._subscribe(stream, chosen)
        self.connected = True
        again_at = trio.current_time()
        leave_at = trio.current_time() + self._random.uniform(5, 20) if self.habit is Habit.FICKLE else float("inf")
        pause_at = trio.current_time() + self._random.uniform(2, 8)
        self._truth.checked["connections"] += 1
        while trio.current_time() < leave_at or not self._gate.is_open:
            if self._gate.deserted and not self._gate.is_open:
                return
            with trio.move_on_after(1):
                for text in await stream.receive():
                    self._take(text)
            if self._refused and trio.current_time() > again_at:
                await self._subscribe(stream, sorted(self._refused))
                again_at = trio.current_time() + _AGAIN_S
            if self.habit is Habit.SLOW and trio.current_time() > pause_at and self._gate.is_open:
                await self._pause()
                pause_at = trio.current_time() + self._random.uniform(8, 14)

    async def _subscribe(self, stream: StreamClient, names: list[str]) -> None:
        self.view.wanted |= dict.fromkeys(names, self._truth.now)
        self._refused.difference_update(names)
        groups: dict[str, list[str]] = {}
        for name in names:
            groups.setdefault(msgspec.json.encode(self._truth.symbols[name].fields).decode(), []).append(name)
        for fields, members in groups.items():
            command = {"action": "subscribe", "symbols": members, "id": 1, **msgspec.json.decode(fields)}
            await stream.send(msgspec.json.encode(command).decode())

    async def _pause(self) -> None:
        self.view.wanted = dict.fromkeys(self.view.wanted, float("inf"))
        await trio.sleep(self._random.uniform(0.5, 4))
        # After the pause what is in the buffers on the way must be read first; then it has as long as everybody.
        self.view.wanted = dict.fromkeys(self.view.wanted, self._truth.now)

    def _take(self, text: str) -> None:
        received = self._truth.now
        self._truth.checked["messages"] += 1
        found = _DECODER.decode(text)
        for message in found if isinstance(found, list) else [found]:
            match message.type:
                case "quote":
                    self._truth.check_quote(self.view, message, received)
                case "stale":
                    self._truth.check_stale(self.view, message, received)
                case "status":
                    self._truth.sign("status")
                case "error":
                    self._on_error(message, received)

    def _on_error(self, message: Message, received: float) -> None:
        self._truth.sign("error")
        if not self._truth.excuses(message.symbol, received - 2000, received):
            self._truth.blame("error for nothing", self.view.client, f"{message.symbol}: {message.code}: {message.message}")
        if message.symbol in self.view.wanted:
            # An error ends a subscription; this client asks again, as one would that wants the symbol.
            del self.view.wanted[message.symbol]
            self._refused.add(message.symbol)

    def behind(self, since: float) -> list[str]:
        """Subscribed symbols of which nothing has come that was sent after `since` and after the subscription, and should have."""
        if not self.connected:
            return [] if self.habit is Habit.FICKLE else ["(not connected)"]
        grace = self._truth.now - RECOVERY_MS if self.habit is not Habit.PROMPT else float("inf")
        newest, still = self.view.newest, self._truth.still
        return sorted(self._refused) + [
            name for name, wanted in self.view.wanted.items() if wanted < grace and name not in still and newest.get(name, 0.0) < since
        ]

    def untold(self, begun: float, symbols: frozenset[str]) -> list[str]:
        """Symbols of which this client still holds a value from before a break and has not been told."""
        if not self.connected or not self.view.prompt:
            return []
        told, newest = self.view.told, self.view.newest
        return [
            name
            for name, wanted in self.view.wanted.items()
            if name in symbols and wanted < begun and 0 < newest.get(name, 0.0) < begun and told.get(name, 0.0) < begun
        ]


def make_listeners(count: int, truth: Truth, port: int, gate: Gate, seed: int) -> list[Listener]:
    """One in six is slow, one in six comes and goes."""
    listeners = []
    for number in range(count):
        habit = {4: Habit.SLOW, 5: Habit.FICKLE}.get(number % 6, Habit.PROMPT)
        view = View(client=f"ws{number:02}/{habit.value}", prompt=habit is not Habit.SLOW)
        listeners.append(Listener(view, habit, truth, port, gate, f"{seed}:ws{number}"))
    return listeners
