"""The guard's descriptions follow what is in the image, and its distance is one of hand-made numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from components.promptable.guard import (
    IMAGE_FEATURES,
    GuardFinding,
    PartFit,
    check_image,
    embedding_features,
    image_features,
)
from components.promptable.segmenter import Embedding
from tests.components.promptable.calibrations import CHANNELS, make_calibration

NOTHING = Embedding(torch.zeros(1, 32, 4, 4), torch.zeros(1, 64, 2, 2), torch.zeros(1, 256, 1, 2))


def features(image: np.ndarray) -> dict[str, float]:
    return dict(zip(IMAGE_FEATURES, image_features(image), strict=True))


def test_distance_is_the_root_mean_square_in_spreads_over_the_unit() -> None:
    part = PartFit(centre=(1.0, 2.0), spread=(0.5, 2.0), unit=5.0)
    assert part.distance(np.array([2.5, 10.0])) == pytest.approx(np.sqrt((3**2 + 4**2) / 2) / 5)
    with pytest.raises(ValueError, match="3,"):
        part.distance(np.zeros(3))
    for broken in ({"spread": (0.0, 1.0)}, {"spread": (1.0,)}, {"unit": 0.0}):
        with pytest.raises(ValidationError):
            PartFit(**({"centre": (1.0, 2.0), "spread": (0.5, 2.0), "unit": 5.0} | broken))


def test_image_features_see_colour_grey_and_direction() -> None:
    black = np.zeros((60, 80, 3), dtype=np.uint8)
    flat = features(black)
    assert flat["dark"] == 1 and flat["levels"] == flat["colour"] == flat["fine"] == flat["rough_down"] == 0
    red = black.copy()
    red[..., 0] = 200
    assert features(red)["colour"] == pytest.approx(np.log1p(200))
    stripes = black.copy()
    stripes[:, ::8] = stripes[:, 1::8] = stripes[:, 2::8] = stripes[:, 3::8] = 255
    seen = features(stripes)
    assert seen["rough_across"] > 1 > seen["rough_down"] == 0 and seen["bright"] > 0
    assert features(np.full_like(black, 128))["mean"] == 2


def test_embedding_features_are_each_channels_mean_and_spread() -> None:
    s4 = torch.zeros(1, 32, 4, 4)
    s4[0, 1, 0, 0] = 16.0
    found = embedding_features(Embedding(s4, NOTHING.s8, NOTHING.s16))
    assert found.shape == (CHANNELS,)
    assert found[1] == 1 and found[32 + 1] == pytest.approx(4.0) and found.sum() == pytest.approx(5.0)


def test_the_further_description_decides_and_is_told() -> None:
    white = np.full((20, 20, 3), 255, dtype=np.uint8)
    guard = make_calibration("a" * 64, limit=1.0).guard
    found = check_image(guard, white, NOTHING)
    assert found.furthest == "image" and found.flagged and "grey values" in found.told
    far = guard.model_copy(update={"embedding": guard.embedding.model_copy(update={"unit": 1e-9})})
    loud = Embedding(NOTHING.s4 + 1, NOTHING.s8, NOTHING.s16)
    assert check_image(far, white, loud).furthest == "embedding"
    broken = Embedding(NOTHING.s4 * float("nan"), NOTHING.s8, NOTHING.s16)
    lost = check_image(guard, np.zeros_like(white), broken)
    assert lost.flagged and lost.furthest == "embedding" and np.isfinite(lost.score)
    at_limit = GuardFinding(1.0, 1.0, "image")
    assert not at_limit.flagged and at_limit.told == ""
