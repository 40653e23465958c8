"""The newest quote of a symbol, as far as it may be shown: to those who listen, to those who ask, and to those who wait for the first set.

The symbol actor (`symbol_actor.py`) keeps the line and puts here what comes over it. What is shown is published on `SymbolRef.updates` and
held ready on `SymbolRef.shown`; both are emptied or marked stale in the step in which it stops being current.
"""

from ibactors.actors.symbol import Failed, SymbolRef
from ibactors.errors import GatewayDisconnected, IbactorsError
from ibactors.kernel.ref import Reply
from ibactors.kernel.topic import Topic
from ibactors.model.encoded import Encoded
from ibactors.model.quotes import Quote, Stale
from ibactors.model.sessions import SessionStatus
from ibactors.model.times import now


class QuoteBoard:
    """What one incarnation of a symbol actor knows; it begins with nothing."""

    __slots__ = ("_first_set_over", "_hidden", "_quote", "_ref", "_sessions", "_waiting", "epoch")

    def __init__(self, ref: SymbolRef, sessions: Topic[SessionStatus]) -> None:
        self._ref = ref
        self._sessions = sessions
        self.epoch = 0
        """The session that the line belongs to."""
        self._quote: Encoded[Quote] | None = None
        self._first_set_over = False
        self._hidden = False
        """Whether listeners hold it for stale although it may be current."""
        self._waiting: list[Reply[Encoded[Quote]]] = []
        ref.problem = None

    @property
    def empty(self) -> bool:
        """Whether there is no quote."""
        return self._quote is None

    def put(self, quote: Quote) -> bool:
        """Show a newer quote; tells whether it is the first since the line was opened or interrupted. The hot path: each tick is here."""
        session = self._sessions.value
        if not session.current:
            # Though nobody may have been told that yet: what was shown before is not current either.
            self.hide(session.reason or "The gateway is silent.")
        is_first = self._quote is None
        self._ref.problem = self._ref.advisory = None
        self._quote = Encoded(quote)
        self._show()
        if session.current:
            self._ref.updates.publish(self._quote)
            if self._waiting:
                self._answer_waiting()
        return is_first

    def end_first_set(self) -> None:
        """What is not there by now will not come soon: answer with what is there."""
        self._first_set_over = True
        self._show()
        self._answer_waiting()

    def _show(self) -> None:
        """Let requests have the quote at once, if it is complete or as complete as it will be for now."""
        if self._quote is not None and (self._first_set_over or self._quote.value.complete):
            self._first_set_over = True  # a value that vanishes from now on is seen to be gone
            self._ref.shown = (self.epoch, self._quote)

    def hide(self, reason: str) -> None:
        """Until the gateway has answered, nobody knows whether what is known is current."""
        if self._quote is not None and not self._hidden:
            self._go_stale(GatewayDisconnected.code, reason)
        self._hidden = True

    def unhide(self) -> None:
        """The gateway has answered: what is known is current."""
        if self._hidden:
            self._hidden = False
            if self._quote is not None:
                self._ref.updates.publish(self._quote)

    def lose(self, error: IbactorsError | None) -> None:
        """Throw away what is known; *error* is why, or None when a new line is about to be opened. The next quote ends it."""
        had_quote = self._quote is not None
        self._quote = self._ref.shown = None
        self._first_set_over = False
        self._ref.problem = error
        if error is not None:
            self.refuse_waiting(error)
        if had_quote:
            self._go_stale(*((error.code, str(error)) if error else (GatewayDisconnected.code, "The session was replaced.")))

    def fail(self, error: IbactorsError) -> None:
        """IB has nothing for the symbol: tell everybody, and remember it."""
        self._ref.problem = error
        self._quote = self._ref.shown = None
        self.refuse_waiting(error)
        self._ref.updates.publish(Failed(error=error))

    def close(self) -> None:
        """Tell listeners that what they hold is not kept current any more."""
        if self._quote is not None:
            self._go_stale("actor_down", "The symbol's actor stopped.")

    def answer_or_wait(self, reply: Reply[Encoded[Quote]]) -> None:
        """Answer with the quote, or the reason why there is none; where one may still come, wait for it."""
        session = self._sessions.value
        if not session.up:
            reply.fail(GatewayDisconnected(session.reason or "There is no session with the gateway."))
        elif not session.current:
            reply.fail(GatewayDisconnected(session.reason or "The gateway is silent."))
        elif self._ref.problem is not None:
            reply.fail(self._ref.problem)
        elif self._quote is not None and self.epoch == session.epoch and (self._first_set_over or self._quote.value.complete):
            reply.send(self._quote)
        else:
            reply.defer()
            self._waiting = [waiting for waiting in self._waiting if not waiting.settled]
            self._waiting.append(reply)

    def refuse_waiting(self, error: IbactorsError) -> None:
        """Those who wait for the first quote need not wait any longer."""
        waiting, self._waiting = self._waiting, []
        for reply in waiting:
            reply.fail(error)

    def _answer_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        for reply in waiting:
            self.answer_or_wait(reply)

    def _go_stale(self, code: str, reason: str) -> None:
        names = self._ref.names
        names["symbol"] = names["symbol"] or self._ref.instrument.name
        self._ref.updates.publish(Encoded(Stale(**names, code=code, reason=reason, since=now())))
