"""A symbol's actor crashes, because the bridge (the outermost edge) hands it something impossible."""

import traceback
from typing import Any, NoReturn, cast

import trio

from ibactors.bridge.quote_line import QuoteLine, QuoteListener
from ibactors.bridge.session import Session, run_session
from ibactors.bridge.subscriptions import Subscription
from ibactors.errors import IbactorsError
from ibactors.model.quotes import Quote
from tests.conftest import ErrorLog, running_service


class PoisonedListener:
    """Passes on what the bridge says; once armed, with a quote that no code can handle."""

    def __init__(self, listener: QuoteListener, hook: "Hook", symbol: str) -> None:
        self._listener = listener
        self._hook = hook
        self._symbol = symbol

    def ticked(self, quote: Quote) -> None:
        if self._hook.poisoned == self._symbol:
            self._hook.poisoned = None
            self._listener.ticked(cast("Quote", object()))
        else:
            self._listener.ticked(quote)

    def failed(self, error: IbactorsError) -> None:
        self._listener.failed(error)

    def interrupted(self, error: IbactorsError) -> None:
        self._listener.interrupted(error)

    def resumed(self) -> None:
        self._listener.resumed()


class Hook:
    """Runs real sessions with every line's listener wrapped."""

    def __init__(self) -> None:
        self.poisoned: str | None = None

    async def __call__(self, *how: Any, task_status: trio.TaskStatus[Session]) -> NoReturn:
        hook = self

        class Status:
            def started(self, session: Session) -> None:
                subscribe = session.subscribe

                def poisoned(subscription: Subscription[Any]) -> int:
                    if isinstance(subscription, QuoteLine):
                        subscription.listener = PoisonedListener(subscription.listener, hook, subscription.instrument.symbol)
                    return subscribe(subscription)

                session.subscribe = poisoned  # type: ignore[method-assign]
                task_status.started(session)

        await run_session(*how, task_status=cast("Any", Status()))


async def test_crash_of_one_symbol_is_an_error_to_its_callers_and_nobody_else(error_log: ErrorLog) -> None:
    hook = Hook()
    async with running_service(run=hook) as service, service.stream() as stream:
        await stream.send(action="subscribe", symbols=["AAPL", "MSFT"])
        await stream.expect("quote", symbol="AAPL")
        await stream.expect("quote", symbol="MSFT")
        hook.poisoned = "AAPL"
        stale = await stream.expect("stale", symbol="AAPL", within=10)
        assert stale["code"] == "actor_down"
        for bid in (11.0, 12.0, 13.0):
            await service.gateway.do(f"set MSFT {bid} {bid + 1} {bid}")
            await stream.expect("quote", symbol="MSFT", bid=bid)
        await stream.expect("quote", symbol="AAPL", within=10)
        assert (await service.get("/market/quote/AAPL"))["bid"] > 0
        actors = {actor["name"]: actor for actor in (await service.get("/debug/actors"))["actors"]}
        assert actors["symbol:AAPL"]["restarts"] == 1
        assert "TypeError" in actors["symbol:AAPL"]["last_error"]
        assert {actor["restarts"] for name, actor in actors.items() if name != "symbol:AAPL"} == {0}
        assert (await service.gateway.stats())["lines"] == {"AAPL": 1, "MSFT": 1}
        (record,) = error_log.take()
        event = cast("dict[str, Any]", record.msg)
        assert event["actor"] == "symbol:AAPL"
        text = "".join(traceback.format_exception(event["exc_info"]))
        assert "while actor 'symbol:AAPL' handled Ticked(" in text


async def test_caller_that_waits_for_a_crashing_symbol_gets_an_answer_at_once(error_log: ErrorLog) -> None:
    hook = Hook()
    async with running_service(run=hook) as service:
        hook.poisoned = "TSLA"
        with trio.fail_after(8):
            response = await service.http.get("/market/quote/TSLA")
        # The request is repeated once after a crash, as reading is harmless; by then the actor runs again or is still down.
        assert response.status_code in {200, 503}
        await service.until("/market/quote/TSLA", lambda response: response.status_code == 200)
        assert len(error_log.take()) == 1
