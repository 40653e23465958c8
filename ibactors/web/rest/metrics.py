"""What `/metrics` tells Prometheus. Values are read off the running service when it asks; nothing is counted here.

Each metric is one row of a table: name, what it means, labels, and how to read it. Names and meanings are documented in
docs/debugging.md; the dashboard and the alert rules under deploy/ are made of them.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate

import trio
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from ibactors import __version__
from ibactors.actors.site import Site
from ibactors.bridge.tally import OTHER
from ibactors.inside.histogram import BOUNDS, Histogram
from ibactors.kernel.ref import AnyRef
from ibactors.kernel.status import State
from ibactors.model.sessions import SessionPhase
from ibactors.orders.order import Status
from ibactors.web.streams import WEBSOCKETS
from ibactors.web.system import System

Labels = tuple[str, ...]
Rows = Iterable[tuple[Labels, float]]
Histograms = Iterable[tuple[Labels, Histogram]]


@dataclass(frozen=True, slots=True)
class _Value:
    """A gauge, or a counter where the name ends in `_total`."""

    name: str
    meaning: str
    labels: Labels
    read: Callable[[System], Rows]

    def family(self, system: System) -> Metric:
        kind = CounterMetricFamily if self.name.endswith("_total") else GaugeMetricFamily
        family = kind(self.name, self.meaning, labels=self.labels)
        for labels, value in self.read(system):
            family.add_metric(labels, value)
        return family


@dataclass(frozen=True, slots=True)
class _OfGateway:
    """The same of each gateway; where there are several, the label `gateway` has its name."""

    name: str
    meaning: str
    labels: Labels
    read: Callable[[Site], Rows]

    def family(self, system: System) -> Metric:
        if not system.several:
            return _Value(self.name, self.meaning, self.labels, lambda _system: self.read(system.sites[0])).family(system)
        return _Value(self.name, self.meaning, ("gateway", *self.labels), self._of_each).family(system)

    def _of_each(self, system: System) -> Rows:
        return [((site.name, *labels), value) for site in system.sites for labels, value in self.read(site)]


@dataclass(frozen=True, slots=True)
class _Durations:
    """A histogram, in seconds."""

    name: str
    meaning: str
    labels: Labels
    read: Callable[[System], Histograms]

    def family(self, system: System) -> Metric:
        family = HistogramMetricFamily(self.name, self.meaning, labels=self.labels)
        for labels, histogram in self.read(system):
            bounds = [*map(str, BOUNDS), "+Inf"]
            family.add_metric(labels, list(zip(bounds, accumulate(histogram.counts), strict=True)), histogram.sum)
        return family


def _one(value: float) -> Rows:
    return [((), value)]


def _proof_age(site: Site) -> Rows:
    age = site.connection.proof_age
    return [] if age is None else _one(age)


def _epoch(site: Site) -> Rows:
    return _one(site.connection.sessions.value.epoch)


def _phases(site: Site) -> Rows:
    return [((phase.value,), float(site.connection.sessions.value.phase is phase)) for phase in SessionPhase]


def _orders(site: Site) -> Rows:
    numbers = site.orders.shown.numbers
    return [((status.value,), numbers[status]) for status in Status]


def _actors(system: System) -> Rows:
    numbers = Counter((ref.kind, ref.status.state) for ref in system.supervisor)
    kinds = sorted({kind for kind, _ in numbers})
    return [((kind, state.value), numbers[kind, state]) for kind in kinds for state in State]


def _by_kind(system: System, value: Callable[[AnyRef], int], combine: Callable[[Iterable[int]], int]) -> Rows:
    values: dict[str, list[int]] = {}
    for ref in system.supervisor:
        values.setdefault(ref.kind, []).append(value(ref))
    return [((kind,), combine(several)) for kind, several in sorted(values.items())]


def _waiting(ref: AnyRef) -> int:
    return ref.waiting


def _waiting_peak(ref: AnyRef) -> int:
    return ref.peak


_METRICS: tuple[_Value | _OfGateway | _Durations, ...] = (
    _Value("ibactors_info", "The running version.", ("version",), lambda _system: [((__version__,), 1)]),
    _Value("ibactors_start_time_seconds", "When the service started, Unix time.", (), lambda system: _one(system.started)),
    _OfGateway("ibactors_session_up", "1 while there is a usable API session.", (), lambda site: _one(site.connection.sessions.value.up)),
    _OfGateway("ibactors_session_phase", "1 for the phase that the API session is in.", ("phase",), _phases),
    _OfGateway(
        "ibactors_session_epoch",
        "Number of the API session; rises with each new one.",
        (),
        _epoch,
    ),
    _OfGateway("ibactors_lines_used", "Open market-data lines.", (), lambda site: _one(site.connection.lines)),
    _OfGateway(
        "ibactors_lines_free",
        "Market-data lines that may still be opened.",
        (),
        lambda site: _one(max(site.settings.max_lines - site.connection.lines, 0)),
    ),
    _OfGateway(
        "ibactors_budget_used",
        "How much is used of what a login has few of: lines, books, ticks and so on.",
        ("budget",),
        lambda site: [((usage.name,), usage.used) for usage in site.budgets],
    ),
    _OfGateway(
        "ibactors_budget_limit",
        "How much of it there may be.",
        ("budget",),
        lambda site: [((usage.name,), usage.limit) for usage in site.budgets],
    ),
    _OfGateway(
        "ibactors_gateway_messages_total",
        "Messages exchanged with the gateway.",
        ("direction",),
        lambda site: [(("in",), site.connection.tally.received), (("out",), site.connection.tally.sent)],
    ),
    _OfGateway(
        "ibactors_gateway_unsent",
        "Messages that wait for their turn at the gateway's message rate.",
        (),
        lambda site: _one(site.connection.unsent),
    ),
    _OfGateway(
        "ibactors_ib_errors_total",
        "IB's errors and notices by code (TWS message 4).",
        ("code",),
        lambda site: [
            ((str(code) if code != OTHER else "other",), number) for code, number in sorted(site.connection.tally.errors.items())
        ],
    ),
    _OfGateway("ibactors_orders", "Orders that are open or of the last day, by status.", ("status",), _orders),
    _OfGateway(
        "ibactors_trading_halted",
        "1 while trading is halted: nothing but cancels is sent.",
        (),
        lambda site: _one(float(site.orders.halted is not None)),
    ),
    _OfGateway(
        "ibactors_reconciled_timestamp_seconds",
        "When the orders were last compared with IB's lists, Unix time; no value before the first time.",
        (),
        lambda site: [] if (at := site.orders.reconciled.at) is None else _one(at),
    ),
    _OfGateway(
        "ibactors_journal_lag_seconds",
        "Seconds that the last write of the journal of orders took to be durable.",
        (),
        lambda site: _one(site.orders.read_lag()),
    ),
    _OfGateway("ibactors_journal_events_total", "Events in the journal of orders.", (), lambda site: _one(site.orders.sequence)),
    _Value(
        "ibactors_logins_total",
        "Logins of the gateway by outcome: api_ready, or the phase of a failure.",
        ("outcome",),
        lambda system: [((outcome,), number) for outcome, number in sorted(system.meters.logins.items())],
    ),
    _Value("ibactors_streams_open", "WebSocket streams open now.", (), lambda system: _one(system.streams.open[WEBSOCKETS])),
    _Value("ibactors_streams_total", "WebSocket streams opened.", (), lambda system: _one(system.streams.opened[WEBSOCKETS])),
    _Value(
        "ibactors_stream_messages_total",
        "Messages exchanged with WebSocket clients.",
        ("direction",),
        lambda system: [(("in",), system.meters.stream_received), (("out",), system.meters.stream_sent)],
    ),
    _Value(
        "ibactors_slow_reader_skips_total",
        "Updates that slow WebSocket clients did not get, because a newer one took their place.",
        (),
        lambda system: _one(system.meters.skips),
    ),
    _Value("ibactors_bus_edges", "Edges that the session hears at the bus.", (), lambda system: _one(system.meters.bus_edges)),
    _OfGateway("ibactors_bus_proof_age_seconds", "On an edge: how old what it knows of the session is at most.", (), _proof_age),
    _Value(
        "ibactors_quotes_served_total",
        "Quotes served, by way (rest, stream) and freshness (live, frozen, delayed, delayed_frozen, stale).",
        ("way", "freshness"),
        lambda system: sorted(system.meters.served.items()),
    ),
    _Durations(
        "ibactors_tick_to_client_seconds",
        "From a tick's arrival to its being written to a WebSocket client.",
        (),
        lambda system: [((), system.meters.tick_to_client)],
    ),
    _Durations(
        "ibactors_quote_age_seconds",
        "Age of the newest value of a quote when REST served it.",
        (),
        lambda system: [((), system.meters.quote_age)],
    ),
    _Durations(
        "ibactors_request_seconds",
        "Time to answer an HTTP request.",
        ("method", "route", "status"),
        lambda system: [((method, route, str(status)), taken) for (method, route, status), taken in sorted(system.meters.requests.items())],
    ),
    _Value("ibactors_actors", "Actors by kind and state.", ("kind", "state"), _actors),
    _Value(
        "ibactors_actor_restarts_total",
        "Restarts of actors after a crash.",
        ("kind",),
        lambda system: [((kind,), number) for kind, number in sorted(system.supervisor.restarts.items())],
    ),
    _Value("ibactors_mailbox_depth", "Waiting messages, all actors of a kind.", ("kind",), lambda system: _by_kind(system, _waiting, sum)),
    _Value(
        "ibactors_mailbox_peak",
        "The most messages that ever waited for one actor of a kind.",
        ("kind",),
        lambda system: _by_kind(system, _waiting_peak, max),
    ),
    _Value("ibactors_tasks", "Trio tasks alive.", (), lambda _system: _one(trio.lowlevel.current_statistics().tasks_living)),
    _Durations(
        "ibactors_loop_lag_seconds",
        "How late timers fire on the event loop; the clock's grain is 1 ms.",
        (),
        lambda system: [((), system.watch.lag)] if system.watch else [],
    ),
    _Value(
        "ibactors_loop_slow_steps_total",
        "Steps of a task that held up the event loop for longer than the limit.",
        (),
        lambda system: _one(system.watch.slow_steps) if system.watch else [],
    ),
)


class _SystemCollector(Collector):
    """Reads the service when it is asked."""

    def __init__(self, system: System) -> None:
        self._system = system

    def collect(self) -> Iterator[Metric]:
        for metric in _METRICS:
            yield metric.family(self._system)


def exposition(system: System, accept: str) -> tuple[bytes, str]:
    """All metrics of a service and of its process, in the format that the Accept header asks for, and its content type."""
    registry = CollectorRegistry()
    registry.register(_SystemCollector(system))
    ProcessCollector(registry=registry)
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


def metrics_table() -> list[tuple[str, Labels, str]]:
    """For the docs: name, labels, meaning."""
    return [(metric.name, metric.labels, metric.meaning) for metric in _METRICS]
