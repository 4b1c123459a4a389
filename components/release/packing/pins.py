"""Pinned versions of everything to those that the service needs: what it imports, and whatever that needs.

Leaves out: what becomes of them (bento.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib import metadata

from packaging.requirements import InvalidRequirement, Requirement

from components.params.serving import RUNTIME_NAMES, RuntimeChoice
from components.promptable.runtimes.loading import PACKAGES

PINS = "requirements.lock.txt"
RUNTIME = (
    "anyio",
    "bentoml",
    "click",
    "einops",
    "filelock",
    "highdicom",
    "numpy",
    "onnxruntime",
    "opencv-python-headless",
    "pillow",
    "prometheus-client",
    "psutil",
    "pycocotools",
    "pydantic",
    "pydicom",
    "pyjpegls",
    "pylibjpeg",
    "pylibjpeg-openjpeg",
    "python-multipart",
    "pyyaml",
    "safetensors",
    "sam2",
    "scipy",
    "starlette",
    "torch",
    "typing-extensions",
)
"""What the service imports whatever runs its model; everything else that these need follows from their own metadata."""


def service_packages(runtime: RuntimeChoice) -> tuple[str, ...]:
    """What a service set to a runtime imports; with `auto` it may take any of them."""
    chosen = RUNTIME_NAMES if runtime == "auto" else (runtime,)
    return (*RUNTIME, *(PACKAGES[name] for name in chosen))


def runtime_pins(lock_text: str, roots: Iterable[str] = RUNTIME) -> list[str]:
    """The lines of a pinned list that `roots` and everything they need name; what isn't pinned is left out."""
    pins = {_normal(line.split("==")[0]): line for line in lock_text.splitlines() if "==" in line}
    wanted: set[str] = set()
    waiting = [_normal(root) for root in roots]
    while waiting:
        name = waiting.pop()
        if name in wanted or name not in pins:
            continue
        wanted.add(name)
        waiting += _needs(name)
    return [pins[name].strip() for name in sorted(wanted)]


def _needs(package: str) -> list[str]:
    try:
        required = metadata.requires(package) or []
    except metadata.PackageNotFoundError:
        return []
    names = []
    for line in required:
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            continue
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            names.append(_normal(requirement.name))
    return names


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name.strip()).lower()
