"""What a running service holds, and all its endpoints share."""

from __future__ import annotations

from dataclasses import dataclass

from components.params import ServingParams
from serving.access.gate import Gate
from serving.engine.lanes import Lanes
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
    records: Records | None = None
    switching: Switching | None = None

    @classmethod
    def of(cls, settings: ServingParams) -> Bedside:
        """A service without a model yet."""
        models = Models(keep_s=settings.switch.keep_s)
        return cls(settings=settings, models=models, lanes=Lanes(settings.lanes), gate=Gate(settings.access))
