"""What users of the client see during a run, judged as it comes: quotes that are followed and read, orders that are placed and told of."""

from collections.abc import Awaitable, Callable
from typing import NoReturn

import msgspec
import trio
from ibactors_client import (
    AsyncClient,
    ClientError,
    Gap,
    OpenOrders,
    Order,
    OrderEvent,
    OutcomeUnknown,
    Problem,
    Quote,
    Stale,
    new_order_id,
)

from chaos.order_run import OVER, Run, waits_for_an_admin
from chaos.truth import Message, Truth, View

SYMBOLS = ("MSFT", "TSLA", "KO")
FRESH = 5.0
"""Seconds after which a price that was not called stale must have been followed by another: each ticks four times a second."""
VERDICT = 60.0
"""Seconds of calm within which each order gets its verdict."""
_PASSING = frozenset({429, 502, 503, 504})
_AT_ONCE = 8


class Views:
    """All users of one client, and what they were told."""

    def __init__(self, run: Run, truth: Truth) -> None:
        self._run, self._truth = run, truth
        self._held: dict[str, float] = {}
        """Quotes that the stream's user takes for current, and since when."""
        self._told: set[str] = set()
        """Orders that the reader of events has heard of, by client_order_id."""
        self._nothing: set[str] = set()
        """Orders of which the client has said that nothing was done."""

    async def follow_quotes(self, ib: AsyncClient) -> None:
        """A stream, over all its connections."""
        view = View(client="stream", wanted=dict.fromkeys(SYMBOLS, 0.0))
        async with ib.stream(*SYMBOLS) as events:
            async for event in events:
                match event:
                    case Quote():
                        self._truth.check_quote(view, _message(event), self._truth.now)
                        self._held[event.symbol] = trio.current_time()
                        self._run.counts["quotes followed"] += 1
                    case Stale(symbol=None, code="client_disconnected"):
                        if self._held:
                            self._run.violated(f"The stream broke, and {[*self._held]} were not called stale.")
                        self._run.counts["breaks of the stream"] += 1
                    case Stale():
                        self._held.pop(event.symbol or "", None)

    async def look_for_old_prices(self) -> NoReturn:
        """What is held for current must be of now."""
        while True:
            await trio.sleep(0.2)
            for symbol in [symbol for symbol, since in self._held.items() if self._run.is_late(since, FRESH)]:
                self._run.violated(f"{symbol} was neither told anew for {FRESH:g} s nor called stale.")
                del self._held[symbol]

    async def follow_orders(self, ib: AsyncClient) -> None:
        """What happens to orders: each event once, none left out."""
        run = self._run
        async with ib.order_events() as events:
            async for event in events:
                match event:
                    case OrderEvent():
                        if run.counts["orders followed"] and event.previous != run.sequence:
                            run.violated(f"Behind event {run.sequence} came {event.sequence}, which says it is behind {event.previous}.")
                        run.sequence = event.sequence
                        run.counts["orders followed"] += 1
                        self._hear(event.client_order_id, event.order)
                        run.news.set()
                        run.news = trio.Event()
                    case OpenOrders():
                        if event.reset or run.counts["orders followed"]:
                            run.violated("The orders' stream began anew.")
                        for order in event.orders:
                            self._hear(order.client_order_id, order)
                    case Gap():
                        run.violated(f"The orders' stream has a gap: {event}")

    async def read(self, name: str, quote: Callable[[str], Awaitable[Quote]]) -> NoReturn:
        """Quotes, one after the other."""
        view = View(client=name)
        while True:
            for symbol in SYMBOLS:
                asked = self._truth.now
                try:
                    answer = await quote(symbol)
                except ClientError as exc:
                    self._run.counts["reads given up"] += 1
                    if isinstance(exc, Problem) and exc.status not in _PASSING:
                        self._run.violated(f"{name} was refused {symbol}: {exc.status} {exc}")
                else:
                    self._truth.check_quote(view, _message(answer), self._truth.now, asked=asked)
                    self._run.counts["quotes read"] += 1
                await trio.sleep(0.05)

    async def trade(self, ib: AsyncClient) -> NoReturn:
        """Orders that rest, each cancelled again."""
        while True:
            name = new_order_id()
            self._run.asked[name] = {}
            order = await self._ask(ib, name)
            if order is not None:
                try:
                    await ib.cancel_order(order.order_id)
                except ClientError:
                    self._run.counts["cancels given up"] += 1
            await trio.sleep(0.1)

    async def ask_again(self, ib: AsyncClient, run: Run) -> None:
        """Everything that has no verdict, until it has one."""
        waiting = [name for name in run.asked if name not in run.told]
        run.counts["asked again in the calm"] = len(waiting)
        limiter = trio.CapacityLimiter(_AT_ONCE)

        async def ask(name: str) -> None:
            async with limiter:
                with trio.move_on_after(VERDICT):
                    while name not in run.told:
                        await self._ask(ib, name)
                    return
                run.violated(f"{name} had no verdict within {VERDICT:g} s of calm.")

        async with trio.open_nursery() as nursery:
            for name in waiting:
                nursery.start_soon(ask, name)
        told = {name for name, (status, _) in run.told.items() if status}
        with trio.move_on_after(VERDICT):
            while not told <= self._told:
                await run.news.wait()
        if lost := told - self._told:
            run.violated(f"Of {len(lost)} orders no event was heard: {[*lost][:3]}")

    def judge(self) -> None:
        """Nothing was done where the client has said so, or that nobody asked for."""
        if strange := self._told - self._run.asked.keys():
            self._run.violated(f"Nobody asked for {[*strange][:3]}, which are orders.")
        if lied := self._nothing & self._told:
            self._run.violated(f"Nothing was done, the client has said of {[*lied][:3]}, which are orders.")

    async def _ask(self, ib: AsyncClient, name: str) -> Order | None:
        try:
            order = await ib.place_order("AAPL", "buy", 1, type="limit", limit_price=99.5, client_order_id=name)
        except OutcomeUnknown as exc:
            self._run.counts["outcomes unknown"] += 1
            if exc.order is not None and waits_for_an_admin(msgspec.to_builtins(exc.order)):
                self._run.told[name] = 202, msgspec.to_builtins(exc.order)
            return None
        except ClientError as exc:
            members = exc.members if isinstance(exc, Problem) else {}
            self._run.counts[f"refused: {members.get('code', type(exc).__name__)}"] += 1
            self._run.told[name] = 0, members
            if "order" not in members:
                self._nothing.add(name)
            return None
        self._run.counts["orders placed"] += 1
        self._run.told[name] = 201, msgspec.to_builtins(order)
        self._hear(None, order)
        return order

    def _hear(self, name: str | None, order: Order | None) -> None:
        if name is not None:
            self._told.add(name)
        if order is not None and order.status in OVER:
            self._run.claims[order.order_id].add(order.status)


def _message(quote: Quote) -> Message:
    return msgspec.convert(msgspec.to_builtins(quote), Message)
