"""What the service counts of itself, for Prometheus. No label holds anything that a client makes up.

Leaves out: what served traffic looks like (components/monitoring), and who asked what (components/audit).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from serving.engine.cache import CacheCounts
from serving.engine.lanes import LaneState, Served
from serving.engine.predictor import Predictor
from serving.operation.models import Models
from serving.operation.records import Records
from serving.operation.switching import Switching

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of the buckets of all durations."""
LANE_COUNTS = ("served", "busy", "slow", "left")
CACHE_COUNTS = ("hits", "misses", "encoded", "shared", "evicted_room", "evicted_age", "dropped")


class Metrics:
    """Counts of requests and of the lanes' work; gauges are read when somebody asks."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._requests = Counter(
            "sonoforge_requests", "Answered requests", ("endpoint", "method", "status"), registry=self._registry
        )
        self._request_s = Histogram(
            "sonoforge_request_seconds",
            "From the first byte of a request to the last of its answer",
            ("endpoint",),
            buckets=SECONDS,
            registry=self._registry,
        )
        self._waited_s = self._lane_histogram("waited", "In a lane's queue")
        self._worked_s = self._lane_histogram("worked", "In a lane's thread")

    def answered(self, endpoint: str, method: str, status: int, *, taken_s: float) -> None:
        """Count an answer. `endpoint` and `method` must be ours, never a client's words."""
        self._requests.labels(endpoint, method, str(status)).inc()
        self._request_s.labels(endpoint).observe(taken_s)

    @property
    def served(self) -> Served:
        """What lanes tell of each request that they have served."""

        def observe(lane: str, waited_s: float, taken_s: float) -> None:
            self._waited_s.labels(lane).observe(waited_s)
            self._worked_s.labels(lane).observe(taken_s)

        return observe

    def watch(self, read: Callable[[], Iterable[Metric]]) -> None:
        """Read more whenever somebody asks."""
        self._registry.register(_Read(read))

    def text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        return generate_latest(self._registry)

    def _lane_histogram(self, name: str, told: str) -> Histogram:
        return Histogram(
            f"sonoforge_lane_{name}_seconds", f"{told}, seconds", ("lane",), buckets=SECONDS, registry=self._registry
        )


class _Read:
    """A collector of prometheus_client."""

    def __init__(self, read: Callable[[], Iterable[Metric]]) -> None:
        self._read = read

    def collect(self) -> Iterable[Metric]:
        return self._read()

    def describe(self) -> Iterable[Metric]:
        return ()


def lane_metrics(states: dict[str, LaneState]) -> Iterator[Metric]:
    """Lanes as they are now, and what they have refused."""
    requests = CounterMetricFamily(
        "sonoforge_lane_requests", "Requests by what became of them in a lane", labels=("lane", "outcome")
    )
    waiting = GaugeMetricFamily("sonoforge_lane_waiting", "Requests in a lane's queue", labels=("lane",))
    in_flight = GaugeMetricFamily("sonoforge_lane_in_flight", "Requests in a lane's threads", labels=("lane",))
    for lane, state in states.items():
        waiting.add_metric((lane,), state.waiting)
        in_flight.add_metric((lane,), state.in_flight)
        for outcome in LANE_COUNTS:
            requests.add_metric((lane, outcome), getattr(state, outcome))
    yield from (requests, waiting, in_flight)


def cache_metrics(counts: CacheCounts) -> Iterator[Metric]:
    """The embeddings in memory."""
    found = CounterMetricFamily("sonoforge_embeddings", "Embeddings by what became of them", labels=("what",))
    for what in CACHE_COUNTS:
        found.add_metric((what,), getattr(counts, what))
    yield found
    yield GaugeMetricFamily("sonoforge_embeddings_bytes", "Bytes that embeddings take now", value=counts.held_bytes)
    yield GaugeMetricFamily("sonoforge_embeddings_kept", "Embeddings that are kept now", value=counts.entries)


def model_metrics(models: Models, switching: Switching | None) -> Iterator[Metric]:
    """Which model serves, and whether another one should."""
    serving = GaugeMetricFamily(
        "sonoforge_model",
        "1 for the model that serves, 0 for those kept",
        labels=("name", "version", "digest", "runtime"),
    )
    if models.current is not None:
        serving.add_metric(_labels(models.current), 1)
    for each in models.former:
        serving.add_metric(_labels(each), 0)
    yield serving
    failed = float(switching is not None and switching.failure is not None)
    yield GaugeMetricFamily("sonoforge_switch_failed", "1 while a model that should serve can't", value=failed)


def _labels(predictor: Predictor) -> tuple[str, ...]:
    model = predictor.model
    return model.name, model.version, model.digest, predictor.runtime.name


def record_metrics(records: Records) -> Iterator[Metric]:
    """The audit log, and the signals of served traffic."""
    yield CounterMetricFamily("sonoforge_audit_entries", "Entries of the audit log", value=records.audit.head.n)
    faulty = float(records.audit.fault is not None)
    yield GaugeMetricFamily("sonoforge_audit_fault", "1 while the audit log takes no entries", value=faulty)
    counts = records.signals.counts
    signals = CounterMetricFamily("sonoforge_signals", "Rows of signals by what became of them", labels=("what",))
    for what in ("written", "dropped", "lost"):
        signals.add_metric((what,), getattr(counts, what))
    yield signals
