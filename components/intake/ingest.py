"""The stage `ingest` for real data: an imported folder becomes data/01_raw/<dataset>, in one step.

What an interrupted copy has finished lies in a hidden folder beside it, and is used by the next. Leaves out:
phantoms, which the generator writes there itself, and imports (imports.py).
"""

from __future__ import annotations

from pathlib import Path

from components.artefacts import take_place
from components.errors import LayoutError
from components.intake.arrival.copies import copy_folder
from components.journal import work_folder


def ingest(source: Path, *, out: Path) -> None:
    """Copy an imported folder to `out`, replacing it in one step.

    Raises
    ------
    LayoutError
        If there is no such folder, or a link leads out of it.
    """
    if not source.is_dir():
        raise LayoutError(
            f"no folder {source}",
            expected="an imported dataset",
            remedy=f"restore it with `dvc checkout {source}.dvc`, or import it: `sonoforge data import`",
        )
    work = work_folder(out)
    work.mkdir(parents=True, exist_ok=True)
    copy_folder(source, work)
    take_place(work, out)
