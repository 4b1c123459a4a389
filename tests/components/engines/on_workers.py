"""Functions that workers of a cluster run in tests; a module of its own, so that they load little."""

from __future__ import annotations

import os
import time
from pathlib import Path

from components.errors import LayoutError

DOOMED = "doomed"
HANGS_S = 600


def where(item: int) -> tuple[int, str, int]:
    time.sleep(0.01)
    return item, str(Path.cwd()), os.getpid()


def refuses_three(item: int) -> int:
    if item == 3:
        raise LayoutError("item 3 is odd", expected="an even item", remedy="leave it out")
    return item


def begins(item: int, *, folder: Path) -> int:
    (folder / str(item)).touch()
    time.sleep(0.05)
    return item


def hangs_on_the_doomed(item: int, *, folder: Path) -> int:
    import ray

    here = ray.get_runtime_context().get_node_id()
    doomed = any(node["NodeID"] == here and DOOMED in node["Resources"] for node in ray.nodes())
    if not any(folder.glob("hung-*")):
        if doomed:
            (folder / f"hung-{item}").touch()
            time.sleep(HANGS_S)
        time.sleep(0.1)
    (folder / f"done-{item}").touch()
    return item
