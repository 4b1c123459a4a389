"""The model that serves now. Leaves out: loading it (serving/engine/predictor.py)."""

from __future__ import annotations

from serving.engine.predictor import Predictor


class Models:
    """Which predictor answers requests; None until one is installed."""

    def __init__(self) -> None:
        self._current: Predictor | None = None

    @property
    def current(self) -> Predictor | None:
        """The predictor that new requests go to; a request that has begun keeps the one that it began with."""
        return self._current

    def install(self, predictor: Predictor) -> None:
        """Let a predictor answer from now on."""
        self._current = predictor
