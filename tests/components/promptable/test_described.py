"""Descriptions of the kind that is asked for, by this preprocessing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from components.artefacts import DESCRIPTION
from components.errors import ArtefactError
from components.promptable.described import read_described
from tests.components.promptable.conftest import Pair


def test_another_kind_or_preprocessing_is_refused(as_it_starts: Pair, tmp_path: Path) -> None:
    assert read_described(as_it_starts.folder, kind="student").name == "tiny"
    with pytest.raises(ArtefactError, match="holds a student"):
        read_described(as_it_starts.folder, kind="teacher")
    shutil.copy(as_it_starts.folder / DESCRIPTION, tmp_path)
    told = json.loads((tmp_path / DESCRIPTION).read_text())
    (tmp_path / DESCRIPTION).write_text(json.dumps(told | {"preprocess_version": 99}))
    with pytest.raises(ArtefactError, match="preprocessing version 99"):
        read_described(tmp_path, kind="student")
