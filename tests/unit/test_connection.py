"""The connection actor between its sessions, on trio's clock: what it says, what it refuses, and that it goes on."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any, NoReturn

import pytest
import trio
from structlog.testing import capture_logs
from structlog.typing import EventDict
from trio.testing import MockClock, wait_all_tasks_blocked

from ibactors.actors.connection import ConnectionRef, Request, Target
from ibactors.actors.connection_actor import SLOW_START, TRIES_PER_CLIENT_ID, RunSession, connection_builder
from ibactors.bridge.connectivity import Effect
from ibactors.bridge.contracts import find_contracts
from ibactors.bridge.quote_line import QuoteLine
from ibactors.bridge.requests import RequestSpec
from ibactors.bridge.session import Session, slow_start
from ibactors.bridge.terms import Endpoint
from ibactors.config import Settings
from ibactors.config.session import CLIENT_ID
from ibactors.errors import GatewayDisconnected, IbactorsError, InvalidRequest
from ibactors.kernel.backoff import Backoff
from ibactors.kernel.supervisor import open_supervisor
from ibactors.model.instruments import ContractInfo, Instrument
from ibactors.model.sessions import SessionPhase, SessionStatus
from tests.unit.unobserved import Unobserved

REFUSED = "Nothing listens at 127.0.0.1:4002: the gateway is down or not logged in."
HOUR = 3600
APPLE = Instrument(symbol="AAPL")
SEARCH = find_contracts(APPLE)
CONTRACT = ContractInfo(
    con_id=265598,
    symbol="AAPL",
    sec_type="STK",
    exchange="SMART",
    primary_exchange="NASDAQ",
    currency="USD",
    local_symbol="AAPL",
    trading_class="NMS",
    expiry="",
    strike=0.0,
    right="",
    multiplier="",
    min_tick=0.01,
    long_name="APPLE INC",
)


@pytest.fixture(autouse=True)
def logged() -> Iterator[list[EventDict]]:
    with capture_logs() as events:
        yield events


@asynccontextmanager
async def connection(
    run: RunSession, *, client_ids: int = 1, backoff: Backoff | None = None, connect_timeout: float = 30.0
) -> AsyncIterator[tuple[ConnectionRef, list[SessionStatus]]]:
    """The actor with sessions by *run*, and all that it publishes."""
    ref = ConnectionRef()
    told: list[SessionStatus] = []
    async with open_supervisor() as supervisor:
        with ref.sessions.listening(told.append):
            settings = Settings(client_ids=client_ids, connect_timeout=connect_timeout)
            await supervisor.start(ref, connection_builder(ref, settings, Unobserved(), run, backoff=backoff))
            yield ref, told
            assert ref.status.restarts == 0
            supervisor.stop(ref, reason="the test is over")
            await wait_all_tasks_blocked()


class Gateway:
    """Stands in for `run_session`: refuses, or is up for a while and then closes its socket."""

    def __init__(self, up: Callable[[int], float] = lambda _: 0.0, reason: Callable[[int], tuple[str, int | None]] | None = None) -> None:
        self.attempts: list[Endpoint] = []
        self.alive = True
        self._up = up
        self._reason = reason or (lambda _: (REFUSED, None))

    async def __call__(self, endpoint: Endpoint, *_: object, task_status: trio.TaskStatus[Session]) -> NoReturn:
        self.attempts.append(endpoint)
        seconds = self._up(len(self.attempts))
        if seconds:
            session: Any = Closing(self)
            task_status.started(session)
            await trio.sleep(seconds)
        reason, code = self._reason(len(self.attempts))
        raise GatewayDisconnected(reason, ib_code=code)


class NoDesk:
    """Where nobody trades."""

    @property
    def log(self) -> "NoDesk":
        return self

    def begin(self, _epoch: int) -> None:
        """A session has its number."""


class Closing:
    """A session as far as the actor looks at it; whoever uses its socket after the loss crashes, as ib_async does."""

    lost = silent = degraded = None
    accounts = ("DU1",)
    server_version = 178
    lines = waiting = 0
    orders = NoDesk()

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    @property
    def alive(self) -> bool:
        return self._gateway.alive

    def on_change(self, listener: Callable[[Effect], None]) -> None:
        pass

    def on_pause(self, listener: Callable[[str], None]) -> None:
        pass

    def subscribe(self, subscription: Any) -> int:
        if isinstance(subscription, IbactorsError):
            raise subscription
        return self._use_socket()

    def unsubscribe(self, _: int) -> None:
        self._use_socket()

    def watch_accounts(self, _: object) -> None:
        self._use_socket()

    async def request(self, _: RequestSpec[ContractInfo]) -> tuple[ContractInfo, ...]:
        self._use_socket()
        return (CONTRACT,)

    def _use_socket(self) -> int:
        if not self.alive:
            raise ConnectionError("Not connected")
        return 1


async def test_a_weekend_of_refused_connections_is_one_change_and_one_line(autojump_clock: MockClock, logged: list[EventDict]) -> None:
    gateway = Gateway()
    # A ceiling above the usual one, so that the test is done sooner: what is told does not depend on it.
    async with connection(gateway, backoff=Backoff(ceiling=120)) as (ref, told):
        await trio.sleep(48 * HOUR)
        assert ref.sessions.value.phase is SessionPhase.BACKING_OFF
        assert ref.sessions.value.reason == REFUSED
        assert len(gateway.attempts) > 48 * HOUR / 132
        assert [status.phase for status in told] == [SessionPhase.CONNECTING, SessionPhase.BACKING_OFF]
        assert [event["event"] for event in logged if event["event"].startswith("session")] == ["session_changed"] * 2


async def test_the_port_is_found_at_most_a_second_and_a_tenth_after_its_return(autojump_clock: MockClock) -> None:
    back_at = trio.current_time() + HOUR / 4
    gateway = Gateway(up=lambda _: HOUR if trio.current_time() >= back_at else 0.0)
    async with connection(gateway) as (ref, told):
        await trio.sleep_until(back_at + 1.1)
        assert ref.sessions.value.up
        assert ref.sessions.value.epoch == 1
        assert [status.phase for status in told][-1] is SessionPhase.SYNCING


@pytest.mark.parametrize("timeout", [30.0, 7.0])
async def test_api_that_starts_late_is_one_reason_that_names_the_setting(autojump_clock: MockClock, timeout: float) -> None:
    async def slow(endpoint: Endpoint, *_: object, **_status: object) -> NoReturn:
        await trio.sleep(timeout)
        raise GatewayDisconnected(slow_start(endpoint, timeout))

    async with connection(slow, connect_timeout=timeout) as (ref, told):
        await trio.sleep(SLOW_START + 0.1)
        assert f"IBACTORS_CONNECT_TIMEOUT_SECONDS above {timeout:g}" in (ref.sessions.value.reason or "")
        assert ref.sessions.value.phase is SessionPhase.CONNECTING
        await trio.sleep(HOUR)
        assert [status.phase for status in told] == [SessionPhase.CONNECTING, SessionPhase.CONNECTING, SessionPhase.BACKING_OFF]


async def test_session_that_is_up_before_is_not_called_slow(autojump_clock: MockClock) -> None:
    async with connection(Gateway(up=lambda _: HOUR)) as (_, told):
        await trio.sleep(SLOW_START * 2)
        assert [status.phase for status in told] == [SessionPhase.CONNECTING, SessionPhase.SYNCING]


async def test_another_reason_is_a_change(autojump_clock: MockClock) -> None:
    gateway = Gateway(reason=lambda attempt: (REFUSED if attempt < 100 else "The gateway did not start the API within 4 s.", None))
    async with connection(gateway) as (_, told):
        await trio.sleep(HOUR / 4)
        assert len(told) == 3


async def test_an_id_that_stays_in_use_is_left_for_the_next_and_all_of_them_again(autojump_clock: MockClock) -> None:
    gateway = Gateway(reason=lambda _: ("The client id is already in use by another program (326)", 326))
    async with connection(gateway, client_ids=2):
        await trio.sleep(60)
        ids = [endpoint.client_id for endpoint in gateway.attempts[: 3 * TRIES_PER_CLIENT_ID]]
        first, second = CLIENT_ID, CLIENT_ID + 1
        assert ids == [first] * TRIES_PER_CLIENT_ID + [second] * TRIES_PER_CLIENT_ID + [first] * TRIES_PER_CLIENT_ID


async def test_requests_in_the_instant_of_socket_loss_are_refused_and_crash_nothing(autojump_clock: MockClock) -> None:
    """The socket is gone, the session's end is not handled yet: whatever is asked now must not touch the socket."""
    gateway = Gateway(up=lambda _: 10.0)
    async with connection(gateway) as (ref, _):
        await wait_all_tasks_blocked()
        listener: Any = object()
        await ref.subscribe("owner", QuoteLine(APPLE, CONTRACT, listener))
        assert await ref.request(SEARCH) == (CONTRACT,)
        gateway.alive = False
        with pytest.raises(GatewayDisconnected):
            await ref.request(SEARCH)
        with pytest.raises(GatewayDisconnected):
            await ref.subscribe("other", QuoteLine(APPLE, CONTRACT, listener))
        ref.unsubscribe("owner")
        ref.watch_accounts(listener)
        await wait_all_tasks_blocked()
        assert ref.sessions.value.up, "the loss itself is still on its way"
        gateway.alive = True
        await trio.sleep(12)
        assert ref.sessions.value.epoch == 2
        assert await ref.request(SEARCH) == (CONTRACT,)


async def test_subscription_that_cannot_be_sent_is_its_owners_problem_alone(autojump_clock: MockClock) -> None:
    async with connection(Gateway(up=lambda _: HOUR)) as (ref, _):
        await wait_all_tasks_blocked()
        unsendable: Any = InvalidRequest("A number of the request is infinite.")
        with pytest.raises(InvalidRequest):
            await ref.subscribe("owner", unsendable)
        assert (ref.sessions.value.up, ref.sessions.value.epoch) == (True, 1)


async def test_nothing_is_told_after_the_stop(autojump_clock: MockClock) -> None:
    """A session that breaks because the service stops must not show as one that is tried again."""

    async def breaks_when_cancelled(*_: object, **_status: object) -> NoReturn:
        try:
            await trio.sleep_forever()
        finally:
            raise GatewayDisconnected("The session was closed.")

    async with connection(breaks_when_cancelled) as (_, told):
        await wait_all_tasks_blocked()
    assert [status.phase for status in told] == [SessionPhase.CONNECTING, SessionPhase.STOPPED]


async def test_another_target_ends_the_session_before_the_teller_goes_on(autojump_clock: MockClock) -> None:
    gateway = Gateway(up=lambda _: HOUR)
    async with connection(gateway) as (ref, told):
        await wait_all_tasks_blocked()
        assert ref.sessions.value.up
        ref.retarget(Target(closed="logged out"))
        assert ref.session is None
        assert ref.sessions.value.phase is SessionPhase.LOGGED_OUT
        ref.retarget(Target(port=4711))
        assert ref.sessions.value.phase is SessionPhase.CONNECTING
        await wait_all_tasks_blocked()
        assert ref.sessions.value.epoch == 2
        assert gateway.attempts[-1].port == 4711
        assert [status.phase for status in told][-3:] == [SessionPhase.LOGGED_OUT, SessionPhase.CONNECTING, SessionPhase.SYNCING]


async def test_target_told_while_the_actor_is_busy_is_taken_next(autojump_clock: MockClock) -> None:
    gateway = Gateway(up=lambda _: HOUR)
    async with connection(gateway) as (ref, _):
        await wait_all_tasks_blocked()
        ref.tell(Request(spec=SEARCH))
        ref.retarget(Target(port=1))
        ref.retarget(Target(closed="logged out"))
        assert ref.sessions.value.up, "messages keep their order"
        await wait_all_tasks_blocked()
        assert ref.sessions.value.phase is SessionPhase.LOGGED_OUT
        assert len(gateway.attempts) == 1


async def test_target_told_before_the_start_and_after_a_crash_is_not_lost(autojump_clock: MockClock, logged: list[EventDict]) -> None:
    ref = ConnectionRef()
    ref.retarget(Target(closed="not logged in"))
    gateway = Gateway(up=lambda _: HOUR)
    async with open_supervisor() as supervisor:
        await supervisor.start(ref, connection_builder(ref, Settings(), Unobserved(), gateway))
        await wait_all_tasks_blocked()
        assert ref.sessions.value.phase is SessionPhase.LOGGED_OUT
        ref.retarget(Target(port=4711))
        await wait_all_tasks_blocked()

        def broken(_: SessionStatus) -> None:
            raise RuntimeError("a listener's bug")

        with ref.sessions.listening(broken):
            ref.retarget(Target(port=4712))  # raises nothing: the failure is the connection's
            await wait_all_tasks_blocked()
            assert ref.status.restarts == 1
            assert ref.status.last_error == "RuntimeError: a listener's bug"
        await trio.sleep(60)
        assert ref.sessions.value.up
        assert gateway.attempts[-1].port == 4712
    assert [event["actor"] for event in logged if event["event"] == "actor_crashed"] == ["connection"]
