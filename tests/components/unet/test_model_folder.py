"""A folder gives back the network that was written; another kind, or an altered one, is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from components.artefacts import DESCRIPTION, WEIGHTS, read_description, write_json
from components.errors import ArtefactError
from components.unet.model_folder import load_unet, save_unet
from components.unet.network import build_unet


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    network = build_unet((8, 16), image_size_px=64, seed=4)
    save_unet(tmp_path / "unet", network, phantom=True, trained_on=("busi",), provenance={"stage": "test"})
    return tmp_path / "unet"


def test_the_network_comes_back(folder: Path) -> None:
    network, described = load_unet(folder)
    assert not network.training and network.channels == (8, 16) and network.image_size_px == 64
    assert torch.equal(network.stem.weight, build_unet((8, 16), image_size_px=64, seed=4).stem.weight)
    assert (described.kind, described.name, described.phantom) == ("unet", "unet_box", True)
    assert described.exposure.of("busi") == "yes" and described.exposure.of("ddti") == "no"
    assert {path.name for path in folder.iterdir()} == {WEIGHTS, DESCRIPTION}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"kind": "student"}, "holds a student"),
        ({"preprocess_version": 0}, "preprocessing version 0"),
        ({"config": {}}, "don't fit its config"),
        ({"config": {"channels": [8, 8]}}, "don't fit its config"),
        ({"config": {"channels": []}}, "don't fit its config"),
        ({"weights_sha256": "0" * 64}, "has sha256"),
    ],
)
def test_what_is_no_such_folder_is_refused(folder: Path, changes: dict[str, object], says: str) -> None:
    described = read_description(folder).model_copy(update=changes)
    write_json(folder / DESCRIPTION, described.model_dump(mode="json"))
    with pytest.raises(ArtefactError, match=says):
        load_unet(folder)
