"""The project's settings of the service, the same with smaller limits, and a client on this machine."""

from __future__ import annotations

from pathlib import Path

from starlette.testclient import TestClient
from starlette.types import ASGIApp

from components.params import ServingParams
from serving.settings import read_settings

LOCAL = "http://127.0.0.1:3000"
SETTINGS = read_settings(Path(__file__).resolve().parents[2])


def with_limits(**limits: int) -> ServingParams:
    """The settings with other limits on what a request may hold."""
    return SETTINGS.model_copy(update={"limits": SETTINGS.limits.model_copy(update=limits)})


def with_cache(**cache: float) -> ServingParams:
    """The settings with another cache."""
    return SETTINGS.model_copy(update={"cache": SETTINGS.cache.model_copy(update=cache)})


def client_of(app: ASGIApp, *, url: str = LOCAL, address: str = "127.0.0.1") -> TestClient:
    """A client of an application that is reached at `url` from `address`; faults of the service come as a 500."""
    return TestClient(app, base_url=url, client=(address, 50000), raise_server_exceptions=False)
