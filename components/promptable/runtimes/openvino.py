"""Exported networks to a model that OpenVINO runs, where it is installed.

Compiling takes seconds to minutes; what was compiled is kept in a folder and read back in a fraction of a second. A
folder belongs to one precision, as OpenVINO reads it back without asking by which it was made. Computed in float32
unless another precision is asked for. Leaves out: reading their files (loading.py).
"""

from __future__ import annotations

import importlib
import logging
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import numpy as np

from components.errors import ParamsError
from components.promptable.embedding import Array
from components.promptable.runtimes.exported import Exported
from components.promptable.runtimes.loading import is_installed
from components.promptable.runtimes.runtime import THREADS, Facts

NAME: Literal["openvino"] = "openvino"
Precision = Literal["f32", "bf16"]
_TELEMETRY = "openvino_telemetry"
_importing = threading.Lock()
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Compiled:
    """One network in OpenVINO; each thread that runs it has a request of its own."""

    model: Any
    inputs: frozenset[str]
    _requests: threading.local = field(default_factory=threading.local, repr=False)

    def run(self, outputs: Sequence[str], given: Mapping[str, Array]) -> list[Array]:
        """The named outputs for given inputs."""
        request = getattr(self._requests, "request", None)
        if request is None:
            request = self._requests.request = self.model.create_infer_request()
        request.infer({name: np.ascontiguousarray(each) for name, each in given.items()})
        # Copies: the request writes its next outputs into the same memory.
        return [np.array(request.get_tensor(name).data) for name in outputs]


def open_model(
    encoder: bytes,
    decoder: bytes,
    image_size_px: int,
    *,
    precision: Precision = "f32",
    cache: Path | None = None,
    threads: int = THREADS,
) -> Exported:
    """A model of two serialised networks, ready to run; what is compiled is kept in `cache`, where given.

    Raises
    ------
    ArtefactError
        If they take other inputs than encoder and decoder do.
    ParamsError
        If OpenVINO isn't installed.
    """
    first, second = (compiled(each, precision=precision, cache=cache, threads=threads) for each in (encoder, decoder))
    facts = Facts(NAME, metadata.version(NAME), f"CPU, {precision}, {threads} threads")
    return Exported(first, second, image_size_px, facts)


def compiled(model: bytes, *, precision: Precision, cache: Path | None, threads: int) -> Compiled:
    """A serialised network, compiled for this processor."""
    openvino = imported()
    settings = {
        "INFERENCE_PRECISION_HINT": precision,
        "INFERENCE_NUM_THREADS": threads,
        "PERFORMANCE_HINT": "LATENCY",
        # On processors that share cores in pairs it would else use one of the two threads.
        "ENABLE_HYPER_THREADING": True,
        # Threads tied to cores wait for whoever else has those: beside other processes three quarters of the time.
        "ENABLE_CPU_PINNING": False,
    }
    core = openvino.Core()
    if cache is not None:
        folder = cache / f"{NAME}-{metadata.version(NAME)}-{precision}"
        try:
            # What lies there is run as it is found (docs/threat-model.md): nobody else may put anything into it.
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            logger.warning("%s can't be made, and the next start compiles again: %s", folder, error)
        else:
            core.set_property({"CACHE_DIR": str(folder)})
    network = core.compile_model(core.read_model(model), "CPU", settings)
    return Compiled(network, frozenset(name for given in network.inputs for name in given.names))


def imported() -> ModuleType:
    """OpenVINO without its telemetry, which would tell its maker of each import."""
    if not is_installed(NAME):
        raise ParamsError(
            "OpenVINO isn't installed", expected="the package openvino", remedy="install it, or choose another runtime"
        )
    with _importing:
        if NAME in sys.modules:
            return sys.modules[NAME]
        # A module that is None can't be imported: OpenVINO then takes its own stand-in, which sends nothing.
        sys.modules.setdefault(_TELEMETRY, None)  # type: ignore[arg-type]
        return importlib.import_module(NAME)
