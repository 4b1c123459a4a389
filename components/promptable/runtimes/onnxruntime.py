"""Exported networks to a model that ONNX Runtime runs.

On the CPU unless a GPU is asked for. Sessions are shared by threads, and each has its number of them fixed: sums are
cut into as many parts on every machine. The one place that imports ONNX Runtime, so that it is never imported with its
telemetry. Leaves out: TensorRT, which takes these files but wasn't tried; reading their files (loading.py).
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from components.errors import ParamsError
from components.promptable.embedding import Array
from components.promptable.runtimes.exported import Exported
from components.promptable.runtimes.runtime import THREADS, Facts

# It would tell its maker of each import, and keep a number of the machine and what isn't sent yet under the user's
# cache. It looks at this as it is loaded, so that an import elsewhere could come too early.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
import onnxruntime

NAME = "onnxruntime"
CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"


@dataclass(frozen=True, slots=True)
class Session:
    """One network in ONNX Runtime."""

    session: onnxruntime.InferenceSession

    @property
    def inputs(self) -> frozenset[str]:
        """The names of its inputs."""
        return frozenset(given.name for given in self.session.get_inputs())

    def run(self, outputs: Sequence[str], given: Mapping[str, Array]) -> list[Array]:
        """The named outputs for given inputs."""
        # Copies: what it hands out lies in the session's arena, which whoever keeps an embedding would hold open.
        return [np.array(each) for each in self.session.run(list(outputs), dict(given))]


def open_model(
    encoder: bytes, decoder: bytes, image_size_px: int, *, threads: int = THREADS, device: str = "cpu"
) -> Exported:
    """A model of two serialised networks, ready to run.

    Raises
    ------
    ArtefactError
        If they take other inputs than encoder and decoder do.
    ParamsError
        As `open_network`.
    """
    networks = [open_network(each, threads=threads, device=device) for each in (encoder, decoder)]
    first = networks[0].session.get_providers()[0].removesuffix("ExecutionProvider")
    facts = Facts(NAME, onnxruntime.__version__, f"{first}, {threads} threads")
    return Exported(networks[0], networks[1], image_size_px, facts)


def open_network(model: bytes, *, threads: int = THREADS, device: str = "cpu") -> Session:
    """A serialised network, ready to run on the CPU or, with `device` "cuda", on an NVIDIA GPU in full float32.

    Raises
    ------
    ParamsError
        If ONNX Runtime takes no GPU here.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Threads that wait for each other by turning in circles take the cores from whoever else works: an image took
    # three times as long beside other processes (docs/speed.md).
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # By itself it would multiply in TF32, whose products have ten bits.
    taken = [CPU] if device == "cpu" else [(CUDA, {"use_tf32": "0"}), CPU]
    session = onnxruntime.InferenceSession(model, options, providers=taken) if takes(device) else None
    if session is None or (device != "cpu" and session.get_providers()[0] != CUDA):
        raise ParamsError(
            f"ONNX Runtime doesn't run on {device!r} here",
            expected="cpu; or cuda, with an NVIDIA GPU and the package onnxruntime-gpu",
            remedy="run it on the CPU",
        )
    return Session(session)


def takes(device: str) -> bool:
    """Whether the build of ONNX Runtime that is installed knows a device; the machine may lack it all the same."""
    return device == "cpu" or (device == "cuda" and CUDA in onnxruntime.get_available_providers())


def describe_build() -> str:
    """Its version and execution providers: builds for a GPU are packages of other names."""
    return f"{onnxruntime.__version__} {' '.join(onnxruntime.get_available_providers())}"
