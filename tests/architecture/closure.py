"""Which files of the project a module needs to run: its imports, their imports, and the packages above them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import grimp

ROOT = Path(__file__).resolve().parents[2]


@cache
def graph() -> grimp.ImportGraph:
    """The project's own imports."""
    return grimp.build_graph("components", "pipelines", "serving", cache_dir=None)


def files_needed(module: str) -> set[str]:
    """The files, relative to the project's root, that are read when `module` runs."""
    modules = {module} | graph().find_upstream_modules(module)
    modules |= {".".join(parts[:depth]) for parts in (m.split(".") for m in modules) for depth in range(1, len(parts))}
    return {_file(module) for module in modules}


def _file(module: str) -> str:
    path = module.replace(".", "/")
    package = f"{path}/__init__.py"
    return package if (ROOT / package).is_file() else f"{path}.py"
