"""A segmenter saved and loaded again is the same; an altered folder is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from components.artefacts import DESCRIPTION, WEIGHTS
from components.errors import ArtefactError
from components.promptable.model_folder import load_segmenter
from components.promptable.segmenter import Segmenter
from tests.components.promptable.conftest import SIZE_PX, TINY, saved


@pytest.fixture
def folder(tiny: Segmenter, tmp_path: Path) -> Path:
    return saved(tmp_path / "model", tiny, TINY)


def test_round_trip_to_the_bit(tiny: Segmenter, folder: Path) -> None:
    loaded, description = load_segmenter(folder, kind="student")
    images = torch.randn(1, 3, SIZE_PX, SIZE_PX)
    with torch.inference_mode():
        assert torch.equal(loaded.encode(images).s16, tiny.encode(images).s16)
    assert len(description.digest) == 64
    assert description.phantom
    assert sorted(path.name for path in folder.iterdir()) == [DESCRIPTION, WEIGHTS]


def test_a_folder_that_states_its_hiera_as_the_first_ones_did(tiny: Segmenter, folder: Path) -> None:
    stated = json.loads((folder / DESCRIPTION).read_text())
    trunk = stated["config"].pop("trunk")
    assert trunk.pop("kind") == "hiera"
    stated["config"]["hiera"] = trunk
    (folder / DESCRIPTION).write_text(json.dumps(stated))
    loaded, _ = load_segmenter(folder, kind="student")
    images = torch.randn(1, 3, SIZE_PX, SIZE_PX)
    with torch.inference_mode():
        assert torch.equal(loaded.encode(images).s16, tiny.encode(images).s16)


@pytest.mark.parametrize("kind", ["conformer", None])
def test_an_unknown_kind_of_trunk_is_refused(folder: Path, kind: str | None) -> None:
    stated = json.loads((folder / DESCRIPTION).read_text())
    stated["config"]["trunk"]["kind"] = kind
    (folder / DESCRIPTION).write_text(json.dumps(stated))
    with pytest.raises(ArtefactError, match="`trunk`"):
        load_segmenter(folder, kind="student")


def test_altered_weights_are_refused(folder: Path) -> None:
    weights = folder / WEIGHTS
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(bytes(data))
    with pytest.raises(ArtefactError, match="sha256"):
        load_segmenter(folder, kind="student")


def test_another_kind_is_refused(folder: Path) -> None:
    with pytest.raises(ArtefactError, match="a teacher"):
        load_segmenter(folder, kind="teacher")


@pytest.mark.parametrize("missing", [DESCRIPTION, WEIGHTS])
def test_an_incomplete_folder_is_refused(folder: Path, missing: str) -> None:
    (folder / missing).unlink()
    with pytest.raises(ArtefactError, match=missing):
        load_segmenter(folder, kind="student")


def test_another_architecture_is_refused(folder: Path) -> None:
    text = (folder / DESCRIPTION).read_text()
    (folder / DESCRIPTION).write_text(text.replace('"embed_dim": 16', '"embed_dim": 32'))
    with pytest.raises(ArtefactError, match="don't fit"):
        load_segmenter(folder, kind="student")
