"""What a measured choice of a runtime belongs to: the processor, how many cores may be used, versions and providers.

Leaves out: accelerators and the record of a benchmark (components/evaluation/speed.py).
"""

from __future__ import annotations

import importlib.util
import platform
from importlib import metadata
from pathlib import Path

from components.cores import usable_cores

VERSIONED = ("numpy", "openvino", "torch")


def describe_machine() -> dict[str, str | int | None]:
    """Processor, usable cores, system, and the versions of what computes; None for what isn't installed.

    ONNX Runtime is told by its module, with its execution providers: its builds for a GPU are packages of other names.
    """
    return {
        "cpu": _processor(),
        "cores": usable_cores(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "onnxruntime": _onnxruntime(),
        **{name: installed_version(name) for name in VERSIONED},
    }


def _processor() -> str:
    """The processor's name, and, where the system tells, what it can compute with: virtual ones share their names."""
    name, flags = read_processor()
    kinds = sorted(flag for flag in flags if flag.startswith(("avx", "amx", "fma")))
    return f"{name} {' '.join(kinds)}".strip()


def read_processor() -> tuple[str, frozenset[str]]:
    """The processor's name, and what it can do in the system's words; nothing where the system doesn't tell."""
    told = Path("/proc/cpuinfo")
    found: dict[str, str] = {}
    for line in told.read_text(encoding="utf-8").splitlines() if told.is_file() else ():
        key, _, value = line.partition(":")
        found.setdefault(key.strip(), value.strip())
    name = found.get("model name") or found.get("Model") or platform.processor() or platform.machine()
    return name, frozenset((found.get("flags") or found.get("Features") or "").split())


def installed_version(package: str) -> str | None:
    """The version of an installed package; None where it isn't."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _onnxruntime() -> str | None:
    if importlib.util.find_spec("onnxruntime") is None:
        return None
    import onnxruntime

    return f"{onnxruntime.__version__} {' '.join(onnxruntime.get_available_providers())}"
