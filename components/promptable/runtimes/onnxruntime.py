"""Exported networks to a model that ONNX Runtime runs.

On the CPU, or on an NVIDIA GPU where the build of ONNX Runtime that is installed takes one. Sessions are shared by
threads, and each has its number of them fixed: sums are cut into as many parts on every machine. Leaves out: reading
their files (loading.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import onnxruntime

from components.promptable.embedding import Array
from components.promptable.runtimes.exported import Exported
from components.promptable.runtimes.runtime import Facts

NAME = "onnxruntime"
THREADS = 2
PROVIDERS = ("TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider")
"""Of those that ONNX Runtime knows, the ones that are taken, the first that is there before the others."""


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
        found: list[Array] = self.session.run(list(outputs), dict(given))
        return found


def open_model(encoder: bytes, decoder: bytes, image_size_px: int, *, threads: int = THREADS) -> Exported:
    """A model of two serialised networks, ready to run."""
    networks = [open_network(each, threads=threads) for each in (encoder, decoder)]
    first = networks[0].session.get_providers()[0].removesuffix("ExecutionProvider")
    facts = Facts(NAME, onnxruntime.__version__, f"{first}, {threads} threads")
    return Exported(networks[0], networks[1], image_size_px, facts)


def open_network(model: bytes, *, threads: int = THREADS) -> Session:
    """A serialised network, ready to run."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Threads that wait for each other by turning in circles take the cores from whoever else works: an image took
    # three times as long beside other processes (docs/speed.md).
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    taken = providers(onnxruntime.get_available_providers())
    return Session(onnxruntime.InferenceSession(model, options, providers=taken))


def providers(available: Sequence[str]) -> list[str]:
    """Which execution providers a session is given, of those that are available, in this order."""
    return [name for name in PROVIDERS if name in available]
