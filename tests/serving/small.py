"""The project's settings of the service, and the same with smaller limits."""

from __future__ import annotations

from pathlib import Path

from components.params import ServingParams
from serving.settings import read_settings

SETTINGS = read_settings(Path(__file__).resolve().parents[2])


def with_limits(**limits: int) -> ServingParams:
    """The settings with other limits on what a request may hold."""
    return SETTINGS.model_copy(update={"limits": SETTINGS.limits.model_copy(update=limits)})


def with_cache(**cache: float) -> ServingParams:
    """The settings with another cache."""
    return SETTINGS.model_copy(update={"cache": SETTINGS.cache.model_copy(update=cache)})
