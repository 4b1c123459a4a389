"""Entries and logs for the tests of the audit log."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from components.audit.entries import ImageSeen, ModelUsed, Outlined, PointGiven, Prediction, PromptGiven
from components.audit.log import AuditLog

Predicted = Callable[..., Prediction]


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def predicted(number: int = 1, *, who: str | None = "anna", model: str = "first", clicks: int = 1) -> Prediction:
    """A prediction whose ids follow from its number."""
    prompt = PromptGiven(
        box=(1.0, 2.0, 30.5, 40.0),
        points=tuple(PointGiven(x=float(n), y=2.5, positive=True) for n in range(clicks)),
        mask_sha256=sha("previous"),
    )
    outlined = Outlined(prompt=prompt, mask_sha256=sha(f"mask {number}"), area_px=12, quality=0.9, confidence=0.8)
    return Prediction(
        prediction=f"{number:032x}",
        who=who,
        role="use",
        model=ModelUsed(name="hiera_mini", version="1", digest=sha(model)),
        image=ImageSeen(id=sha(f"image {number}"), frame=0),
        objects=(outlined,),
    )


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed log of twelve predictions over some files; not to be changed."""
    folder = tmp_path_factory.mktemp("written") / "audit"
    with AuditLog.open(folder, max_file_bytes=4_000) as log:
        for number in range(12):
            log.append(predicted(number))
    assert len(list(folder.glob("audit-*.jsonl"))) > 2
    return folder


@pytest.fixture
def folder(written: Path, tmp_path: Path) -> Path:
    """A copy of that log."""
    shutil.copytree(written.parent, tmp_path, dirs_exist_ok=True)
    return tmp_path / "audit"
