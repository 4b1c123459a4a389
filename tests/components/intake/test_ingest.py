"""The stage that brings an import to data/01_raw."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.errors import LayoutError
from components.intake.ingest import ingest


def test_the_stage_copies_an_imported_folder(tmp_path: Path) -> None:
    (tmp_path / "in/sub").mkdir(parents=True)
    (tmp_path / "in/sub/a").write_text("a")
    ingest(tmp_path / "in", out=tmp_path / "out")
    assert (tmp_path / "out/sub/a").read_text() == "a"
    with pytest.raises(LayoutError, match="dvc checkout"):
        ingest(tmp_path / "nowhere", out=tmp_path / "out")
    assert (tmp_path / "out/sub/a").exists()
