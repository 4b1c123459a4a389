"""What a running service holds, and all its endpoints share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from prometheus_client.core import Metric

from components.params import ServingParams
from serving.access.gate import Gate
from serving.engine.lanes import Lanes
from serving.operation.metrics import Metrics, cache_metrics, lane_metrics, model_metrics, record_metrics
from serving.operation.models import Models
from serving.operation.records import Records
from serving.operation.switching import Switching


@dataclass(slots=True)
class Bedside:
    """The parts of a running service: its settings, the model that serves, the worker threads, who may ask.

    `records` are opened, and `switching` is begun, as the service starts: in the process that serves.
    """

    settings: ServingParams
    models: Models
    lanes: Lanes
    gate: Gate
    metrics: Metrics
    records: Records | None = None
    switching: Switching | None = None

    @classmethod
    def of(cls, settings: ServingParams) -> Bedside:
        """A service without a model yet."""
        bedside = cls(
            settings=settings,
            models=Models(keep_s=settings.switch.keep_s),
            lanes=Lanes(settings.lanes),
            gate=Gate(settings.access),
            metrics=Metrics(),
        )
        bedside.lanes.observe(bedside.metrics.served)
        bedside.metrics.watch(bedside.read)
        return bedside

    def read(self) -> Iterator[Metric]:
        """How all its parts are now, for `metrics`."""
        yield from lane_metrics(self.lanes.states())
        yield from model_metrics(self.models, self.switching)
        if self.models.current is not None:
            yield from cache_metrics(self.models.current.cache.counts)
        if self.records is not None:
            yield from record_metrics(self.records)
