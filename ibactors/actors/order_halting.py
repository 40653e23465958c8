"""Halts: the flag comes first, then what waits is taken back, then the journal, then the cancels."""

import time
from collections.abc import Callable
from decimal import Decimal

import trio

from ibactors.actors.order_asks import HaltTrading, ResumeTrading
from ibactors.actors.order_audit import governed
from ibactors.actors.order_cancelling import Canceller
from ibactors.actors.order_keeper import Keeper
from ibactors.errors import IbactorsError
from ibactors.orders.errors import JournalFailed, TradingHalted
from ibactors.orders.exposure import to_cancel
from ibactors.orders.halts import Resume, resume
from ibactors.orders.permits import HALT


class Brake:
    """Stops trading as a whole, and lets it go on."""

    def __init__(self, keeper: Keeper, canceller: Canceller, positions: Callable[[], dict[tuple[str, int], Decimal]]) -> None:
        self._keeper = keeper
        self._canceller = canceller
        self._positions = positions
        self._one = trio.Lock()
        """A halt is carried out to its end, or a resume, before the next."""
        self._carried: HaltTrading | None = None

    async def look(self) -> None:
        """Carry out a halt that nobody asked for, of the keeper's own accord or by the file; or one whose caller is gone."""
        async with self._one:
            ref = self._keeper.ref
            why, asked = ref.why_halted, ref.asked
            if asked is not None and asked.reason != why:
                asked = ref.asked = None  # its halt is over, or another's
            if why is None or (asked is None and why == self._keeper.noted):
                return
            if asked is None:
                await self._stop("ibactors", why, "entries")
                return
            self._carried = asked
            await self._stop(asked.by, why, asked.cancel)
            ref.asked = None  # not before: a crash meanwhile leaves it to the next incarnation

    async def halt(self, msg: HaltTrading) -> None:
        """Stop trading."""
        ref = self._keeper.ref
        ref.halted = ref.halted or msg.reason
        if ref.halted != msg.reason:
            await self.look()  # what stopped it before has its own cancels
        async with self._one:
            if msg is not self._carried:
                await self._stop(msg.by, msg.reason, msg.cancel)
            if ref.asked is msg:
                ref.asked = None
        if ref.halt_noted is None and not ref.leave_halt_file():
            msg.reply.fail(
                JournalFailed("Trading is halted, and cancels go; but that could not be written down, and ends with this process.")
            )
            return
        msg.reply.send(None)

    async def _stop(self, by: str, reason: str, cancel: str) -> None:
        """The flag is set already; what waits is taken back, then it is written, then cancels go."""
        desk = self._keeper.desk
        if desk is not None:
            desk.withdraw_openings("trading_halted")
        governed("trading_halted", by, reason=reason, cancel=cancel)
        await self._keeper.write_halt(by, reason, cancel)
        if cancel == "all":
            self._canceller.everything()
        now, book = time.time(), self._keeper.book
        wanted = to_cancel(book.all, self._positions(), cancel, now)
        await self._canceller.want_all(filter(None, map(book.get, wanted)), now, by, HALT)

    async def resume(self, msg: ResumeTrading) -> None:
        """Go on, unless there is a reason that stands, or that the caller cannot know of yet."""
        async with self._one:
            keeper, ref = self._keeper, self._keeper.ref
            halted, why = ref.halted, "it was halted again meanwhile" if msg.halts != ref.halts else None
            if why is None:
                ref.halted = keeper.journal.broken or (ref.further.pop(0) if ref.further else None)
                why = ref.why_halted
            if why is not None:
                msg.reply.fail(TradingHalted(f"Trading stays halted: {why}."))
                return
            before, due = (keeper.noted, ref.halt_noted), ref.everything_due
            keeper.noted = ref.halt_noted = None
            ref.everything_due = False  # it would take the orders of after the resume
            try:
                await keeper.must_write(lambda tx: resume(tx, Resume(at=time.time(), by=msg.by)))
            except IbactorsError as error:
                if ref.halted is None:
                    ref.halted, (keeper.noted, ref.halt_noted) = halted, before
                ref.everything_due = due
                msg.reply.fail(error)
                return
        governed("trading_resumed", msg.by)
        msg.reply.send(None)
