"""Start and stop of the service: the root nursery, in order, on one screen.

Start: port, signals, (in the demo) simulator, actors, web. Stop, on SIGTERM, SIGINT or when `stop` is set: WebSockets are closed with
1001 and the web server ends, then the actors with the API session and the gateway, if it is ours, then the simulator.
"""

import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import NoReturn

import structlog
import trio

from ibactors.actors.account import ACCOUNT_TERMS, AccountTerms
from ibactors.actors.connection_actor import RunSession
from ibactors.actors.site import Site, start_site
from ibactors.bridge.session import run_session
from ibactors.config import Settings, read_settings
from ibactors.config.gateways import settings_of
from ibactors.errors import IbactorsError, StartupError
from ibactors.gateway.rehearsal import rehearsal
from ibactors.inside import tasktree
from ibactors.inside.watch import Watch, open_watch, waiting_for
from ibactors.kernel.supervisor import Supervisor, open_supervisor
from ibactors.kernel.topic import Topic
from ibactors.keys import Scope
from ibactors.limits import Attempts
from ibactors.model.encoded import Encoded
from ibactors.model.logins import LoginRequest
from ibactors.preflight import bind, certificate_of, check
from ibactors.sim import CannotListen, SimulatorOptions, SimulatorPorts, serve_simulator
from ibactors.web.app import ROUTES, create_app
from ibactors.web.choosing import Choices
from ibactors.web.contract.caller import Caller
from ibactors.web.contract.changes import StatusChange, publishing_status
from ibactors.web.contract.routes import RouteTable
from ibactors.web.edge.listener import serve
from ibactors.web.edge.seats import ADMIN_SEATS, Seats
from ibactors.web.edge.timeouts import TIMEOUTS, Timeouts
from ibactors.web.edge.tls import Certificate
from ibactors.web.fanout import Fanout
from ibactors.web.gate.access import Access
from ibactors.web.gate.gate import Gate
from ibactors.web.gate.terms import TERMS, GateTerms
from ibactors.web.meters import Meters
from ibactors.web.moving import Moves, moving
from ibactors.web.rest.login import LOGIN_WINDOW
from ibactors.web.streams import Streams
from ibactors.web.system import Phase, System
from ibactors.web.timeline import Timeline

log = structlog.get_logger(__name__)

GRACE = 3.0
"""Seconds that requests in flight have when the service stops."""
DEMO_LOGINS = 1000
"""Logins that the demo allows in 15 minutes, unless the settings say how many."""
DEMO_LOGIN_TIMEOUT = 5.0
"""Seconds that the demo's first login may take before HTTP begins all the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the service runs with that is no setting: how long it waits for others, for one."""

    edge: Timeouts = TIMEOUTS
    gate: GateTerms = TERMS
    account: AccountTerms = ACCOUNT_TERMS
    clock: Callable[[], float] = time.time
    """Unix time, by which bars are over."""
    simulated: bool = False
    """Whether the gateway is our own simulator."""


USUAL = Terms()


async def run_service(
    settings: Settings,
    *,
    stop: trio.Event,
    run: RunSession = run_session,
    updates: Topic[Settings] | None = None,
    login_wait: float = 0.0,
    terms: Terms = USUAL,
    task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve until *stop* is set; `started` gives the URL. Raises StartupError when the port is taken, or open to strangers by mistake.

    If the settings have credentials they are sent once, and HTTP begins *login_wait* seconds later, or as soon as the login is over.
    """
    check(settings)
    certificate = certificate_of(settings)
    with bind(settings.host, settings.port) as listener:
        async with open_watch(settings.slow_step) as watch, open_supervisor() as supervisor:
            system = await start_system(settings, supervisor, stop, run, watch=watch, certificate=certificate, terms=terms)
            await publish(system)
            keys_taken_up = (updates or Topic(settings)).listening(partial(take_up, system))
            with keys_taken_up, telling(system):
                async with trio.open_nursery() as logins:
                    for site in system.sites:
                        if site.settings.ib_username:
                            logins.start_soon(log_in, site, login_wait)
                await serve_web(system, listener, terms, task_status=task_status)


@contextmanager
def telling(system: System) -> Iterator[None]:
    """Inside the block, streams and timelines are told of sessions, streams and meters of logins."""
    logins = [site.gateway.logins for site in system.sites]
    with ExitStack() as listening:
        listening.enter_context(
            publishing_status(system.status, system.change, [*(site.connection.sessions for site in system.sites), *logins])
        )
        for topic in logins:
            listening.enter_context(topic.listening(system.meters.login_changed))
        for site in system.sites:
            timeline = system.timelines[site.name]
            timeline.note(site.session)
            listening.enter_context(site.connection.sessions.listening(timeline.note))
        yield


async def log_in(site: Site, wait: float) -> None:
    """Send the credentials of its settings, once."""
    with suppress(IbactorsError):  # its failure is shown by /health and /auth/status, where somebody can act on it
        await site.gateway.login(LoginRequest(account_type=site.settings.account_type), wait=wait)


def take_up(system: System, settings: Settings) -> None:
    """Act on what may change while the service runs: the certificate and the keys."""
    if system.certificate is not None:
        try:
            system.certificate.load()
        except StartupError as exc:
            log.error("certificate_kept", reason=str(exc))  # noqa: TRY400  # one line; where it was raised says nothing
    if system.access.secured and not settings.api_keys:
        log.error("keys_gone", reason="The settings have no keys any more: nobody gets in until they do, or until the next start.")
    revoked, valid = system.access.replace_keys(settings.api_keys), [key.name for key in settings.api_keys]
    if system.access.secured:
        for site in system.sites:
            site.history.keep_only(frozenset(valid))
    system.audit.keys_replaced(revoked, valid)


async def run_demo(
    settings: Settings,
    simulators: Mapping[str, SimulatorOptions],
    *,
    stop: trio.Event,
    updates: Topic[Settings] | None = None,
    task_status: trio.TaskStatus[tuple[str, list[SimulatorPorts]]] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve with an embedded simulator for each gateway, behind a stand-in for its program; `started` gives the URL and their ports."""
    if settings.login_attempts == Settings.login_attempts:
        # The limit is there for the user's sake at IB. Here it would only shut out who tries what the demo's many users stand for.
        settings = replace(settings, login_attempts=DEMO_LOGINS)
    settings = replace(settings, gateways=tuple(simulators))
    async with AsyncExitStack() as stack:
        ports = [await stack.enter_async_context(open_simulator(options)) for options in simulators.values()]
        first, *others = zip(simulators, ports, strict=True)
        there = stack.enter_context(rehearsal(settings, behind=first[1].port))
        further = {
            name: stack.enter_context(rehearsal(settings_of(name, there, {}), behind=other.port, ib_username=name))
            for name, other in others
        }
        service = partial(
            run_service,
            replace(there, further=further),
            stop=stop,
            updates=updates,
            login_wait=DEMO_LOGIN_TIMEOUT,
            terms=Terms(simulated=True),
        )
        async with trio.open_nursery() as nursery:
            url: str = await nursery.start(service, name="service")
            task_status.started((url, ports))


@asynccontextmanager
async def open_simulator(options: SimulatorOptions) -> AsyncIterator[SimulatorPorts]:
    """The simulator runs inside the block."""
    async with trio.open_nursery() as nursery:
        yield await start_simulator(nursery, options)
        nursery.cancel_scope.cancel(reason="the service stopped")


async def start_simulator(nursery: trio.Nursery, options: SimulatorOptions) -> SimulatorPorts:
    """Run the simulator in *nursery*. Raises StartupError when a port is taken."""
    try:
        ports: SimulatorPorts = await nursery.start(serve_simulator, options, name="simulator")
    except (OSError, ExceptionGroup) as exc:
        taken = _os_error(exc)
        if not isinstance(taken, CannotListen):
            raise
        raise StartupError(
            f"Cannot listen on {taken.host}:{taken.port}, the simulator's {taken.what} port: {taken.strerror}. "
            f"Choose another by --{'port' if taken.what == 'API' else 'control-port'}, or 0 for any free one."
        ) from exc
    return ports


def _os_error(exc: Exception) -> OSError | None:
    """The first OSError in a group, or the error itself."""
    if isinstance(exc, ExceptionGroup):
        return next((found for found in map(_os_error, exc.exceptions) if found is not None), None)
    return exc if isinstance(exc, OSError) else None


async def start_system(
    settings: Settings,
    supervisor: Supervisor,
    stop: trio.Event,
    run: RunSession,
    *,
    watch: Watch | None,
    certificate: Certificate | None,
    terms: Terms,
) -> System:
    """Start the actors, which work from here on, whether or not a gateway is there. Raises StartupError for wrong settings."""
    meters = Meters()
    fanout = Fanout(meters)
    sites = []
    for name, own in settings.by_gateway.items():
        try:
            sites.append(await start_site(name, own, supervisor, fanout, run, terms.account, terms.clock))
        except StartupError as exc:
            raise exc if own is settings else StartupError(f"Gateway {name!r}: {exc}") from exc
    first, choices = sites[0], Choices(tuple(sites))
    return System(
        settings=settings,
        supervisor=supervisor,
        sites=choices.sites,
        choices=choices,
        moves=Moves(choices) if len(sites) > 1 else None,
        access=Access(settings),
        certificate=certificate,
        fanout=fanout,
        status=Topic(Encoded(StatusChange.of(first.session, first.gateway.logins.value))),
        timelines={site.name: Timeline() for site in sites},
        meters=meters,
        watch=watch,
        logins=Attempts(settings.login_attempts, LOGIN_WINDOW),
        streams=Streams(most=settings.max_streams, most_per_key=settings.max_streams_per_key),
        stop=stop,
        simulated=terms.simulated,
    )


async def publish(system: System) -> None:
    """Have edges get what the session has, if there is a bus."""
    if system.settings.bus and system.settings.role != "edge":
        from ibactors.holder.actor import HolderRef, holder_builder  # noqa: PLC0415  # nothing of the bus is imported without one
        from ibactors.web.answering import Answering  # noqa: PLC0415  # as above

        ref = HolderRef()
        await system.supervisor.start(ref, holder_builder(ref, system, Answering(system)))


async def serve_web(
    system: System, listener: socket.socket, terms: Terms, *, task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED
) -> None:
    """Serve HTTP and WebSocket until `system.stop`; requests in flight get `GRACE` seconds."""
    host, port = listener.getsockname()[:2]
    app, table = create_app(system), RouteTable(ROUTES)
    gate = partial(Gate, app, table, system.access, system.settings, system.audit, terms=terms.gate)
    seats = Seats(most=system.settings.max_connections, most_per_address=system.settings.max_connections_per_address)
    async with system.fanout.running(), moving(system.moves), trio.open_nursery() as nursery:
        start = partial(serve, stop=system.stop, grace=GRACE, timeouts=terms.edge)
        await nursery.start(partial(start, gate(), listener=listener, seats=seats, certificate=system.certificate), name="web")
        if system.settings.admin_port is not None:
            admin = bind("127.0.0.1", system.settings.admin_port, "Set IBACTORS_ADMIN_PORT to a free port.")
            visitor = Caller(name="admin port", scopes=frozenset({Scope.ADMIN}))
            few = Seats(most=ADMIN_SEATS, most_per_address=ADMIN_SEATS)
            await nursery.start(partial(start, gate(visitor=visitor), listener=admin, seats=few), name="admin")
            log.info("serving_admin", url=f"http://127.0.0.1:{admin.getsockname()[1]}")
        system.phases.publish(Phase.READY)
        url = f"http{'s' if system.certificate else ''}://{f'[{host}]' if ':' in host else host}:{port}"
        log.info("serving", url=url)
        task_status.started(url)
        await system.stop.wait()
        system.phases.publish(Phase.STOPPING)


def _read_again(updates: Topic[Settings] | None) -> None:
    try:
        settings = read_settings()
    except StartupError as exc:
        log.error("settings_kept", reason=str(exc))  # noqa: TRY400  # one line; where it was raised says nothing
        return
    if updates is not None:
        updates.publish(settings)


async def watch_signals(
    stop: trio.Event,
    updates: Topic[Settings] | None = None,
    *,
    hangup_ends: bool = False,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> NoReturn:
    """SIGTERM and SIGINT end the service, SIGUSR1 writes the task tree to the log; SIGHUP publishes the settings read again, or ends it.

    Windows has the first two only.
    """

    def end() -> None:
        log.info("stopping")
        stop.set()

    def show_tree() -> None:
        log.info("task_tree", tree=tasktree.render(tasktree.snapshot(waiting_for=waiting_for)))

    actions: dict[int, Callable[[], None]] = {signal.SIGTERM: end, signal.SIGINT: end}
    if sys.platform != "win32":
        actions |= {signal.SIGHUP: end if hangup_ends else partial(_read_again, updates), signal.SIGUSR1: show_tree}
    with trio.open_signal_receiver(*map(signal.Signals, actions)) as received:
        task_status.started()
        async for number in received:
            actions[number]()
    raise AssertionError("signals never end")
