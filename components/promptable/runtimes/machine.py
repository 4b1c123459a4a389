"""What a measured choice of a runtime belongs to: the processor, how many cores may be used, versions and providers.

Leaves out: accelerators and the record of a benchmark (components/evaluation/speed.py).
"""

from __future__ import annotations

import importlib.util
import platform
from importlib import metadata

from components.cores import describe_processor, usable_cores

VERSIONED = ("numpy", "openvino", "torch")


def describe_machine() -> dict[str, str | int | None]:
    """Processor, usable cores, system, and the versions of what computes; None for what isn't installed.

    ONNX Runtime is told by its module, with its execution providers: its builds for a GPU are packages of other names.
    """
    return {
        "cpu": describe_processor(),
        "cores": usable_cores(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "onnxruntime": _onnxruntime(),
        **{name: installed_version(name) for name in VERSIONED},
    }


def installed_version(package: str) -> str | None:
    """The version of an installed package; None where it isn't."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _onnxruntime() -> str | None:
    if importlib.util.find_spec("onnxruntime") is None:
        return None
    try:
        from components.promptable.runtimes.onnxruntime import describe_build

        return describe_build()
    except Exception as error:  # noqa: BLE001 - whatever a broken installation raises; measuring it says more
        return f"can't be imported: {type(error).__name__}"
