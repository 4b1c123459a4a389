"""A MedSAM small enough for tests, and a picture to segment."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from components.artefacts import sha256_of
from components.evaluation.peers import medsam
from components.evaluation.peers.networks.sam1 import Sam1
from components.evaluation.peers.networks.vit import VisionTransformer, VitConfig
from components.params import PeerParams
from components.types import Image

SMALL = VitConfig(channels=16, depth=2, heads=2, global_blocks=(), input_px=256, patch_px=4, window=16)


@pytest.fixture
def small_medsam(monkeypatch: pytest.MonkeyPatch) -> dict[str, torch.Tensor]:
    """Make MedSAM's network small; its weights, which are random."""
    monkeypatch.setattr(medsam, "VIT_B", SMALL)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return Sam1(VisionTransformer(SMALL), input_px=SMALL.input_px).state_dict()


@pytest.fixture
def medsam_file(small_medsam: dict[str, torch.Tensor], tmp_path: Path) -> PeerParams:
    """The small MedSAM's weights in a file, as parameters name it."""
    path = tmp_path / "medsam.pth"
    torch.save(small_medsam, path)
    return PeerParams(model="medsam_vit_b", weights="medsam.pth", sha256=sha256_of(path))


@pytest.fixture
def picture() -> Image:
    """A picture wider than high (70 100 3), dark with a bright disc."""
    y, x = np.mgrid[:70, :100]
    grey = np.where(np.hypot(x - 40, y - 30) < 18, 120, 30).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)
