"""What a running service holds, and all its endpoints share."""

from __future__ import annotations

from dataclasses import dataclass

from components.params import ServingParams
from serving.engine.lanes import Lanes
from serving.operation.models import Models


@dataclass(frozen=True, slots=True)
class Bedside:
    """The parts of a running service: its settings, the model that serves, the worker threads."""

    settings: ServingParams
    models: Models
    lanes: Lanes

    @classmethod
    def of(cls, settings: ServingParams) -> Bedside:
        """A service without a model yet."""
        return cls(settings=settings, models=Models(keep_s=settings.switch.keep_s), lanes=Lanes(settings.lanes.workers))
