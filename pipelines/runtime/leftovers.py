"""What killed runs left beside a stage's outputs, to nothing: hidden folders and files that never got their place.

Names are those of components/artefacts.py: `.NAME.<8 digits>.tmp` and `.NAME.<8 digits>.old.tmp`. Only the holder of
the stage's lock may sweep. Leaves out: `.NAME.partial.tmp`, with which the stage goes on.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from pathlib import Path

import yaml

# Of several processes that train together (pipelines/ranks.py), and the teacher's outputs: no step of a training.
_NO_WORK = ("ranks.", "teacher_outputs")
_VALUE = re.compile(r"\$\{[^}]*\}")
_DIGITS = r"\.[0-9a-f]{8}(\.old)?\.tmp"


def sweep(root: Path, stage: str, *, values: dict[str, str]) -> None:
    """Remove leftovers beside everything that `dvc.yaml` says the stage writes; `values` fill in for `${…}`."""
    for out in _outs(root, stage):
        for name, value in values.items():
            out = out.replace(f"${{{name}}}", value)
        place = root / out
        leftover = re.compile(re.escape(f".{place.name}") + _DIGITS)
        for path in place.parent.glob(".*.tmp"):
            if leftover.fullmatch(path.name):
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def goes_on(root: Path, stage: str, *, dataset: str) -> bool:
    """Whether an interrupted stage left something that it goes on with: a checkpoint, finished items."""
    scratch = root / ".cache" / "stages" / (f"{stage}@{dataset}" if dataset else stage)
    if any(
        path.is_file() and not path.relative_to(scratch).parts[0].startswith(_NO_WORK) for path in scratch.rglob("*")
    ):
        return True
    for out in _outs(root, stage):
        # Which role a dataset has doesn't matter: it lies in one folder.
        place = Path(_VALUE.sub("*", out.replace("${key}", dataset)))
        if any(root.glob(str(place.with_name(f".{place.name}.partial.tmp")))):
            return True
    return False


def _outs(root: Path, stage: str) -> Iterable[str]:
    entry = yaml.safe_load((root / "dvc.yaml").read_text(encoding="utf-8"))["stages"][stage]
    entry = entry.get("do", entry)
    for kind in ("outs", "metrics", "plots"):
        for item in entry.get(kind, ()):
            yield next(iter(item)) if isinstance(item, dict) else item
