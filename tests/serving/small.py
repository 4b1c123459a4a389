"""The project's settings of the service, for PyTorch and with smaller limits; a client; models of other weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from starlette.testclient import TestClient
from starlette.types import ASGIApp

from components.artefacts import ModelDescription, load_tensors, read_description, save_model
from components.monitoring.writer import SignalWriter
from components.params import ServingParams
from components.params.settings import read_settings
from serving.bedside import Bedside
from serving.operation.records import open_records

LOCAL = "http://127.0.0.1:3000"
AS_SET = read_settings(Path(__file__).resolve().parents[2])
# A small model's networks are exported for few tests alone: that takes seconds.
SETTINGS = AS_SET.model_copy(update={"runtime": "pytorch"})


def with_limits(**limits: int) -> ServingParams:
    """The settings with other limits on what a request may hold."""
    return SETTINGS.model_copy(update={"limits": SETTINGS.limits.model_copy(update=limits)})


def with_cache(**cache: float) -> ServingParams:
    """The settings with another cache."""
    return SETTINGS.model_copy(update={"cache": SETTINGS.cache.model_copy(update=cache)})


def with_batches(*, embed: int, segment: int) -> ServingParams:
    """The settings with calls of the model that take so many items."""
    return SETTINGS.model_copy(
        update={"batches": SETTINGS.batches.model_copy(update={"embed": embed, "segment": segment})}
    )


def client_of(app: ASGIApp, *, url: str = LOCAL, address: str = "127.0.0.1") -> TestClient:
    """A client of an application that is reached at `url` from `address`; faults of the service come as a 500."""
    return TestClient(app, base_url=url, client=(address, 50000), raise_server_exceptions=False)


@contextmanager
def recorded(bedside: Bedside, folder: Path) -> Iterator[Bedside]:
    """A service with its log and signals in a folder."""
    signals = SignalWriter(folder / "signals", bedside.settings.signals)
    records = open_records(audit=folder / "audit", signals=signals, proposal_bytes=bedside.settings.proposals.bytes)
    bedside.records = records
    try:
        yield bedside
    finally:
        records.audit.close()
        signals.close()


def save_scaled(folder: Path, model_folder: Path, factor: float) -> ModelDescription:
    """Write a model folder that differs from another by the size of all its weights; returns its description."""
    description = read_description(model_folder)
    tensors = {name: value * factor for name, value in load_tensors(model_folder, description).items()}
    return save_model(folder, tensors, description)
