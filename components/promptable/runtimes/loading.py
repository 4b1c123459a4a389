"""A model folder and the name of a runtime to a model that is ready to run.

A runtime is imported as it is asked for. Leaves out: choosing one (choosing.py).
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

from components.artefacts import check_weights
from components.errors import ArtefactError, ParamsError
from components.params.serving import RUNTIME_NAMES, RuntimeName
from components.promptable.described import read_described
from components.promptable.runtimes.exported import Exported
from components.promptable.runtimes.runtime import Runtime
from components.promptable.runtimes.sealed import DECODER, ENCODER, EXPORT_AGAIN, has_exports, read_exported

PACKAGES: dict[RuntimeName, str] = {"onnxruntime": "onnxruntime", "openvino": "openvino", "pytorch": "torch"}


def load_runtime(folder: Path, name: RuntimeName, *, cache: Path | None = None, device: str = "cpu") -> Runtime:
    """Load a student's model folder into a runtime.

    Parameters
    ----------
    cache
        Where OpenVINO keeps what it has compiled; without one it compiles each time.
    device
        `cpu`; ONNX Runtime alone takes `cuda` too, whose masks nobody has judged: it is for measuring times.

    Raises
    ------
    ArtefactError
        If the folder is incomplete, altered, of another kind, made with another preprocessing, or holds no networks
        that this runtime runs.
    ParamsError
        If there is no such runtime, it isn't installed, or it doesn't run on that device.
    """
    _check_installed(name)
    _check_device(name, device)
    if name == "pytorch":
        from components.promptable.runtimes import pytorch

        return pytorch.load(folder)
    description = read_described(folder, kind="student")
    check_weights(folder, description)
    if not has_exports(folder):
        raise ArtefactError(
            f"{folder} lacks {ENCODER} or {DECODER}, which {name} runs: it wasn't packed, or before there were such",
            expected="both files",
            remedy=f"{EXPORT_AGAIN}, or choose the runtime `pytorch`, or `auto`, which takes that where no other runs",
        )
    encoder, decoder = (read_exported(folder, file, description) for file in (ENCODER, DECODER))
    return open_exported(encoder, decoder, description.image_size_px, name=name, cache=cache, device=device)


def open_exported(
    encoder: bytes,
    decoder: bytes,
    image_size_px: int,
    *,
    name: RuntimeName,
    cache: Path | None = None,
    device: str = "cpu",
) -> Exported:
    """Two serialised networks in a runtime that runs such.

    Raises
    ------
    ArtefactError
        If they take other inputs than encoder and decoder do.
    ParamsError
        If it doesn't, there is no such runtime, it can't be imported, or it doesn't run on that device.
    """
    _check_installed(name)
    _check_device(name, device)
    try:
        if name == "openvino":
            from components.promptable.runtimes import openvino

            return openvino.open_model(encoder, decoder, image_size_px, cache=cache)
        if name == "onnxruntime":
            from components.promptable.runtimes import onnxruntime

            return onnxruntime.open_model(encoder, decoder, image_size_px, device=device)
    except ImportError as error:
        raise ParamsError(
            f"the runtime {name} is installed and can't be imported: {error}",
            expected=f"the package {PACKAGES[name]}, whole, and the libraries of the system that it needs",
            remedy="install it again, or choose another runtime",
        ) from error
    raise ParamsError(f"{name} runs no ONNX", expected="onnxruntime or openvino", remedy="name one of them")


def is_installed(name: RuntimeName) -> bool:
    """Whether a runtime can be imported."""
    return importlib.util.find_spec(PACKAGES[name]) is not None


def runnable(folder: Path) -> tuple[RuntimeName, ...]:
    """The runtimes that are installed and run what a model folder holds, the project's own choice first."""
    exports = has_exports(folder)
    return tuple(name for name in RUNTIME_NAMES if is_installed(name) and (exports or name == "pytorch"))


def _check_installed(name: RuntimeName) -> None:
    if name not in RUNTIME_NAMES:
        names = ", ".join(RUNTIME_NAMES)
        raise ParamsError(f"no runtime {name!r}", expected=f"one of {names}", remedy="name one of them")
    if not is_installed(name):
        raise ParamsError(
            f"the runtime {name} isn't installed",
            expected=f"the package {PACKAGES[name]}",
            remedy="install it, or choose another runtime",
        )


def _check_device(name: RuntimeName, device: str) -> None:
    if device != "cpu" and name != "onnxruntime":
        raise ParamsError(f"{name} on {device!r}", expected="cpu", remedy="only ONNX Runtime runs on a GPU")
