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


def _outs(root: Path, stage: str) -> Iterable[str]:
    entry = yaml.safe_load((root / "dvc.yaml").read_text(encoding="utf-8"))["stages"][stage]
    entry = entry.get("do", entry)
    for kind in ("outs", "metrics", "plots"):
        for item in entry.get(kind, ()):
            yield next(iter(item)) if isinstance(item, dict) else item
