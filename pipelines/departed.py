"""A folder of datasets to one without those that left the run.

DVC keeps an output's folder on disk when its stage leaves the graph; a stage that depends on the folder above it
would go on seeing that dataset, and a fresh clone wouldn't. Leaves out: DVC's cache, from which it comes back.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Collection
from pathlib import Path

log = logging.getLogger(__name__)


def clear_departed(folder: Path, *, keep: Collection[str]) -> None:
    """Remove the datasets' folders under `folder` whose names aren't in `keep`."""
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.is_dir() and not path.name.startswith(".") and path.name not in keep:
            log.info("%s isn't in params.yaml any more: removing %s", path.name, path)
            shutil.rmtree(path)
